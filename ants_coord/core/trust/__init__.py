"""
Standing: what was seen of an agent, and what follows from it.

evidence    the fold over history
principals  on whose behalf an agent speaks
effects     what a standing allows
checks      results that others check
"""
