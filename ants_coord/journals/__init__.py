"""Journals: where the log of a board lives. Each is a dumb ordered log behind `abc.Journal`."""

from .memory import MemoryJournal
from .sqlite import SQLiteJournal

__all__ = ["MemoryJournal", "SQLiteJournal"]
