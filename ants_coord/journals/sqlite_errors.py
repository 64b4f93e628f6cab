"""Errors of SQLite and of the system, translated: the path, what happened, and a way out."""

from __future__ import annotations

import sqlite3

from ..errors import JournalConflictError, JournalCorruptError, JournalError


class Naming:
    """A scope in which SQLite's and the system's errors become ours, with the path and a way out."""

    def __init__(self, path: str) -> None:
        self._path = path

    def __enter__(self) -> None:
        """Begin."""

    def __exit__(self, _: object, problem: BaseException | None, __: object) -> None:
        """Translate."""
        found = self.of(problem)
        if found is not None:
            raise found from problem

    def of(self, problem: BaseException | None) -> JournalError | None:
        """Translate an error of SQLite or of the system; None if it is neither's."""
        if isinstance(problem, sqlite3.DatabaseError):
            text = str(problem)
            if "not a database" in text or "file is encrypted" in text:
                return JournalConflictError(self._path, "is not a board; choose another path")
            if "malformed" in text:
                return JournalCorruptError(self._path, text, 0)
            return JournalError(self._path, _advice(text))
        if isinstance(problem, OSError):
            return JournalError(self._path, _advice(problem.strerror or str(problem)))
        return None


def _advice(text: str) -> str:
    ways = {
        "disk is full": "make room and try again; nothing was changed",
        "No space left": "make room and try again; nothing was changed",
        "readonly": "give this user write permission to the file and its directory",
        "unable to open": "check that the directory exists and is writable",
        "Permission denied": "give this user write permission to the file and its directory",
        "Read-only file system": "put the board on a writable file system",
        "No such file": "create the directory first",
    }
    way = next((way for key, way in ways.items() if key in text), None)
    return text if way is None else f"{text}; {way}"
