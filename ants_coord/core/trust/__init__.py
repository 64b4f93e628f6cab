"""
Standing: what was seen of an agent, and the consequences.

evidence    what agents have delivered, as evidence that fades
skills      evidence by capability
principals  who vouches for which agent
effects     the consequences of standing on a board with a TrustPolicy
checks      checking results before they count
opinions    tasks that wait for another opinion
"""
