"""
The coordination tax: what it costs that several agents work on the same thing, in figures.

scaling      the Universal Scalability Law: fit, errors, the interval of its peak
"""

from .scaling import Scaling, fit

__all__ = ["Scaling", "fit"]
