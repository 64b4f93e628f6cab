"""
Standing: what was seen of an agent, and the consequences.

evidence    the fold over history
skills      the same by capability
principals  on whose behalf an agent acts
effects     what a standing allows
checks      results that other agents check
opinions    tasks that wait for such a check
"""
