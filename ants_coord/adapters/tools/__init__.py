"""
One agent's verbs as plain functions, for any agent framework: `Toolbox`.

toolbox    Toolbox: the functions for a framework
aio        the tools, for event loops
sync       the same for threads, generated from aio
holding    what an agent holds between two calls, and for how long
given      arguments from a model
sentences  refusals as sentences that name the next tool
"""

from .toolbox import Toolbox, slug

__all__ = ["Toolbox", "slug"]
