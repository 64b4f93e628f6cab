"""Tools for testing coordination logic: time as an argument, faults on demand, every order of events."""

from ..fronts.hold import SimulatedCrash
from . import characters
from .clock import ManualClock
from .colony import Colony, Faults, Report
from .conformance import ConformanceError, check_coordinator
from .conformance_journal import check_journal
from .history import AsyncRecorder, Operation, Recorder, check_history
from .loop import StuckError, VirtualLoop, run
from .schedules import Interleaving, interleavings
from .scripted import ScriptedAgent
from .story import assert_done, assert_held, assert_lost, assert_no_double_grant, story

__all__ = [
    "AsyncRecorder",
    "Colony",
    "ConformanceError",
    "Faults",
    "Interleaving",
    "ManualClock",
    "Operation",
    "Recorder",
    "Report",
    "ScriptedAgent",
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
