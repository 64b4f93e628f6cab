"""
Journals: where the log of a board is stored. Each is a dumb ordered log behind `ports.Journal`.

ports          the protocols of a journal, a clock and an alarm
clocks         the stamps and alarms of boards on one machine
codec          commands as bytes, and back
memory         a log in a list in memory, for tests and simulations
sqlite         a log in a SQLite file, shared by processes
board_file     a board's open file: its connection and its lock
backup         copies of a board, made while it is in use, and restored
identity       which file a board is, and how far its log had come
chain          the hash chain of a log
postgres       a log in PostgreSQL: one board for several machines
file_wakeups   wake-ups between processes that share a file
files          what a file needs from the operating system
machine_facts  which boot this is, and what a file system is
forks          what a forked child must not use
sqlite_errors  errors of SQLite and of the system, translated
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .memory import MemoryJournal
    from .sqlite import SQLiteJournal

__all__ = ["MemoryJournal", "SQLiteJournal"]


# boards in memory use the clocks of this package, and importing sqlite3 takes time
_HOMES = {"MemoryJournal": "memory", "SQLiteJournal": "sqlite"}


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(import_module(f".{_HOMES[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
