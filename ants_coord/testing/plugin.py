"""The fixtures of pytest under the name that older installations of a checkout load them by."""

from _ants_coord_pytest import ants_board, ants_clock, ants_colony

__all__ = ["ants_board", "ants_clock", "ants_colony"]
