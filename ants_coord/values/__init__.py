"""
The values that go in and out: plain, and checked when they are made. What they lead to is decided in core.

checks        names, ids, seconds, counts
payloads      JSON values: checked, normalised and copied in one walk
tasks         Task, Lease, Outcome, Ticket and the records of tasks
briefing      what an agent should know when it starts
events        what `events()` yields
settings      everything that influences what a board decides
adverts       what an agent can do, and what is offered to it
marks         marks and trails: what agents leave at places
entries       values under paths, and their changes
reactions     rules that turn a change into a task
routes        rules that rewrite a task when it is submitted
rules         what a rule about tasks can ask
trust         the consequences of standing
verification  how results are checked, and capabilities proved
"""
