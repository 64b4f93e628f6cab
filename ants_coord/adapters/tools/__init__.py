"""
One agent's verbs as plain functions, for any agent framework: `Toolbox`.

toolbox    Toolbox: the functions that a framework is given
aio        what the tools do, for event loops
sync       the same for threads, generated from aio
holding    what an agent holds between two calls, and how long it is kept for it
given      what a model gave as arguments
sentences  refusals as sentences that name the next tool
"""

from .toolbox import Toolbox, slug

__all__ = ["Toolbox", "slug"]
