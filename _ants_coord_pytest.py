"""
Fixtures for pytest: `ants_clock`, `ants_board`, `ants_colony`. Installed with ants_coord.

Every pytest of an environment loads this file, whether it tests agents or not. So it lies outside the
package, whose import costs as much as pytest itself, and imports it only when a test asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ants_coord.sync import ClaimQueue
    from ants_coord.testing.simulation.clock import ManualClock
    from ants_coord.testing.simulation.colony import Colony

__all__ = ["ants_board", "ants_clock", "ants_colony"]


@pytest.fixture
def ants_clock() -> ManualClock:
    """Return a clock that only moves when it is told to."""
    from ants_coord.testing.simulation.clock import ManualClock  # noqa: PLC0415

    return ManualClock()


@pytest.fixture
def ants_board(ants_clock: ManualClock) -> Iterator[ClaimQueue]:
    """Yield a ClaimQueue in memory on `ants_clock`; at the end its invariants and promises are checked."""
    from ants_coord.sync import ClaimQueue  # noqa: PLC0415
    from ants_coord.testing.simulation.story import assert_no_double_grant  # noqa: PLC0415

    with ClaimQueue(clock=ants_clock) as board:
        yield board
        if not board.is_closed:
            board.check()
            assert_no_double_grant(board)


@pytest.fixture
def ants_colony() -> Callable[..., Colony]:
    """`Colony`, for tests that like fixtures: `ants_colony(seed=1, faults=...)`."""
    from ants_coord.testing.simulation.colony import Colony  # noqa: PLC0415

    def make(*args: Any, **options: Any) -> Colony:
        return Colony(*args, **options)

    return make
