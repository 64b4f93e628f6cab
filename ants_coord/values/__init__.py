"""
The values that go in and out: plain and checked, without behaviour. No commands, no rules.

checks        names, ids, seconds, counts
payloads      JSON values: checked, normalised and copied in one walk
frozen        cheap frozen values, and classes that are cheap to define: commands, queries, errors
tasks         Task, Lease, Outcome, Ticket and the records of tasks
briefing      what an agent should know when it starts
events        what happened, for readers that follow a board
settings      everything that influences what a board decides
adverts       what an agent can do
marks         trails and their kinds
entries       the shared state under paths
reactions     rules that turn a change into a task
routes        rules that rewrite tasks at submit
rules         what a rule over tasks can ask
trust         the consequences of standing
verification  how results are checked, and capabilities proved
"""
