"""
The requirement language: what a task requires of an agent, and an agent of a task.

::

    gpu and gpu_mem >= 16                      a capability, and an attribute at least this large
    doc.parse                                  doc.parse itself or anything below it (doc.parse.pdf)
    python:>=3.10 and not legacy               a version; "python:3.11" takes 3.11 and 3.11.x
    region in {"eu", "us"} or (free and load < 0.5)

A bare name asks for a capability (or for an attribute that is true). Adverts list all capabilities, so a
missing one is *false*; a missing attribute is *unknown*, like a comparison of a text with a number. Unknown
is not true, and `not unknown` is unknown: these are Kleene's three values, as in ClassAds (Raman, Livny,
Solomon 1998), without their ERROR. Nothing is ever evaluated by Python itself.

The canonical form is equal for requirements that differ only in order, spelling, duplicates and the position
of `not`. Tasks with the same canonical form share a queue.

reader     from text to tree
canonical  one form for all spellings of a requirement
atoms      single tests, and their three-valued evaluation
"""

from __future__ import annotations

from .atoms import Atom, Facts, Node, Requirement, Value, evaluate, facts_of
from .canonical import parse, show

__all__ = ["Atom", "Facts", "Node", "Requirement", "Value", "evaluate", "facts_of", "parse", "show"]
