"""
What crosses the border: plain, checked values without behaviour. No commands, no rules.

checks        names, ids, seconds, counts
payloads      JSON values: checked, normalised and copied in one walk
frozen        cheap frozen values; classes that are cheap to make: commands, queries, errors
tasks         Task, Lease, Outcome, Ticket and what one reads about them
briefing      what an agent should know that begins
events        what happened, for whoever follows
settings      everything that changes what a board decides
adverts       what an agent can do
marks         trails and their kinds
entries       the shared state under paths
reactions     what turns a change into a task
routes        rules that rewrite tasks at submit
rules         what a rule over tasks can ask
trust         what follows from standing
verification  how a result is checked, and a capability proved
"""
