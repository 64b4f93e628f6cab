"""
Fixtures for pytest: `ants_clock`, `ants_board`, `ants_colony`. Installed with the package.

Nothing is imported before a test asks for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ..sync import ClaimQueue
    from .clock import ManualClock
    from .simulation.colony import Colony

__all__ = ["ants_board", "ants_clock", "ants_colony"]


@pytest.fixture
def ants_clock() -> ManualClock:
    """Return a clock that only moves when it is told to."""
    from .clock import ManualClock  # noqa: PLC0415

    return ManualClock()


@pytest.fixture
def ants_board(ants_clock: ManualClock) -> Iterator[ClaimQueue]:
    """Yield a ClaimQueue in memory on `ants_clock`; at the end its invariants and promises are checked."""
    from ..sync import ClaimQueue  # noqa: PLC0415
    from .story import assert_no_double_grant  # noqa: PLC0415

    with ClaimQueue(clock=ants_clock) as board:
        yield board
        if not board._engine.is_closed:  # noqa: SLF001 - the kit's own
            board.check()
            assert_no_double_grant(board)


@pytest.fixture
def ants_colony() -> Callable[..., Colony]:
    """`Colony`, for tests that like fixtures: `ants_colony(seed=1, faults=...)`."""
    from .simulation.colony import Colony  # noqa: PLC0415

    def make(*args: Any, **options: Any) -> Colony:
        return Colony(*args, **options)

    return make
