"""
One agent's verbs as plain functions, for any agent framework: `Toolbox`.

toolbox    Toolbox: an agent's tools as the plain functions that frameworks take
aio        the tools, for event loops: each public method is one
sync       the same for threads, generated from aio
holding    what an agent holds between two calls, and for how long
arguments  arguments from a model
sentences  refusals for a model: what is wrong, and which tool to call next
"""

from .toolbox import Toolbox, slug

__all__ = ["Toolbox", "slug"]
