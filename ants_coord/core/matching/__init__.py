"""
Eligibility: who can do what.

index        requirements against agents, as bit masks
members      agents as the index sees them
eligibility  the part itself
adverts      commands about adverts
order        the ready order by signature
teams        one task, several agents at once
routes       tasks rewritten at submit
proofs       capabilities that must be proved before they count
explain      why a task waits, and why an agent gets nothing
"""
