"""
The demos.

colony     several agents index a real source tree, without a manager
board      the same by stigmergy: marks attract agents to the modules that most others depend on
match      the same by capability matching: agents that differ, one that lies, one that leaves
trust      the same with standing: one agent never works, one invents its results
bazaar     34 agents in six processes that join, leave, decline, hang, lie and die
index_job  the job: an index of a source tree, as functions that know nothing of agents
skill_job  the job divided by skill: five small jobs per file
watch      the live view and the summary, and `status`
"""
