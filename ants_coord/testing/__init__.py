"""
Tools for testing coordination: controlled time, faults on demand, every order of events.

conformance  what every coordinator and every journal must do
simulation   a colony of agents in virtual time, with faults
history      calls of real threads: could they have happened one by one?
schedules    every order in which short scripts can interleave
strategies   Hypothesis strategies for tasks, adverts, marks and commands
exclusivity  the two promises of every coordinator, tested by Hypothesis
"""

from typing import TYPE_CHECKING, Any

from ..fronts.hold import SimulatedCrash
from .conformance import ConformanceError, check_coordinator
from .conformance.journal import check_journal
from .conformance.journal_faults import JournalFaults
from .history import AsyncRecorder, Operation, Recorder, check_history
from .schedules import Interleaving, interleavings
from .simulation import characters
from .simulation.clock import ManualClock
from .simulation.colony import Colony
from .simulation.loop import StuckError, VirtualLoop, run
from .simulation.report import Faults, Report
from .simulation.story import assert_done, assert_held, assert_lost, assert_no_double_grant, story
from .simulation.world import Resource

if TYPE_CHECKING:
    from .exclusivity import ExclusivityMachine

__all__ = [
    "AsyncRecorder",
    "Colony",
    "ConformanceError",
    "ExclusivityMachine",
    "Faults",
    "Interleaving",
    "JournalFaults",
    "ManualClock",
    "Operation",
    "Recorder",
    "Report",
    "Resource",
    "SimulatedCrash",
    "StuckError",
    "VirtualLoop",
    "assert_done",
    "assert_held",
    "assert_lost",
    "assert_no_double_grant",
    "characters",
    "check_coordinator",
    "check_history",
    "check_journal",
    "interleavings",
    "run",
    "story",
]


def __getattr__(name: str) -> Any:
    if name == "ExclusivityMachine":  # it needs hypothesis; the rest of the kit does not
        from .exclusivity import ExclusivityMachine  # noqa: PLC0415

        return ExclusivityMachine
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
