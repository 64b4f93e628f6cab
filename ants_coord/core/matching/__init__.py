"""
Eligibility: who can do what.

index        which agents can do which tasks, as masks
members      agents as the index sees them
roster       the agents with adverts: what each can do, what it holds, and what keeps it from more
eligibility  adverts in, eligibility out
adverts      commands about adverts
order        the ready order by signature
teams        one task, several agents at once
routes       routing rules, which add requirements, set priorities and split tasks into parts
proofs       capabilities that count for nothing until the agent has passed the proof
explain      why nobody takes a task, and why this agent does not
"""
