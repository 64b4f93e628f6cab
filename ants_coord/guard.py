"""
Guards: the other half of fencing, on the side of the resource.

A lease can end while its holder is paused and does not know it. Only the resource itself can stop that holder
from writing late. A guard remembers the highest fencing token it has seen for each resource and refuses every
lower one, so the late write of a paused holder is stopped (Kleppmann 2016; sequencers in Chubby, Burrows
2006).
"""

from __future__ import annotations

import os
import re
import sqlite3
import threading
from contextlib import closing
from typing import Any

import attrs

from .errors import CoordinationError, JournalConflictError, JournalError
from .values.checks import check_id, check_path, count, quoted

__all__ = ["Guard", "SQLGuard", "StaleTokenError"]

_WAIT_S = 30.0
_FOREIGN = "this file belongs to something else; give the guard one of its own"


@attrs.define(eq=False, str=False, repr=False, slots=False)
class StaleTokenError(CoordinationError):
    """Raised when somebody with a newer lease has written to the resource already: stop writing."""

    resource: str
    token: int
    newest: int

    def _told(self) -> str:
        return (
            f"token {self.token} for {self.resource!r} is stale: {self.newest} has been seen; "
            "your lease is lost, stop writing"
        )


def _checked(resource: str, token: int) -> tuple[str, int]:
    return check_id(resource, "resource"), count(token, "token", most=(1 << 63) - 1)


_ours = 0x616E7467  # "antg"
_seen: dict[str, int] = {}
_lock = threading.Lock()


def _after_fork() -> None:
    global _lock  # noqa: PLW0603 - another thread of the parent may have held it
    _lock = threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class Guard:
    """
    A guard of resources by name. Its memory outlives it: every Guard of a path shares it.

    A check and the write after it are two steps, so a holder that is paused between them still writes late.
    If the resource is a database, `SQLGuard` makes them one step.

    Args:
        path: a file of its own, which all processes of this machine share and which outlives them; it is made
            if it does not exist. With None, only this process remembers.

    Example:
        >>> Guard().check("page 1", 17)   # the first holder
        >>> Guard().check("page 1", 18)   # the next one
        >>> Guard().check("page 1", 17)   # the first wakes up late
        Traceback (most recent call last):
        ...
        ants_coord.guard.StaleTokenError: token 17 for 'page 1' is stale: 18 has been seen; \
your lease is lost, stop writing

    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self._path = None if path is None else check_path(path)

    def check(self, resource: str, token: int) -> None:
        """
        Accept a token that is at least the newest one seen, and remember it.

        Args:
            resource: name of the resource to be written, 1 to 512 bytes.
            token: the fencing token of the lease: `job.token`, `lease.token`.

        Raises:
            StaleTokenError: somebody with a newer lease has written already; stop writing.
            JournalConflictError: the file belongs to something else.

        """
        resource, token = _checked(resource, token)
        if self._path is not None:
            self._check_in_file(self._path, resource, token)
            return
        with _lock:
            newest = _seen.get(resource, 0)
            if token < newest:
                raise StaleTokenError(resource, token, newest)
            _seen[resource] = token

    def _check_in_file(self, path: str, resource: str, token: int) -> None:
        if os.path.exists(path + "-wal"):
            # a board in use: closing it again would release the locks that this process may hold on it
            raise JournalConflictError(path, _FOREIGN)
        # one connection per check: none is inherited by a fork, kept by a thread, or left open
        try:
            with closing(sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)) as file:
                file.execute("BEGIN IMMEDIATE")
                self._own(file, path)
                _in_file.check(file, resource, token)
                file.execute("COMMIT")
        except sqlite3.OperationalError as problem:
            why = str(problem)
            if os.path.isdir(path):
                why = "it is a directory; name a file in it"
            elif not os.path.isdir(os.path.dirname(path)):
                why = "no such directory; create it first"
            raise JournalError(path, f"the guard cannot use this file: {why}") from problem
        except sqlite3.DatabaseError as problem:
            raise JournalConflictError(path, f"{_FOREIGN} ({problem})") from problem

    def _own(self, file: sqlite3.Connection, path: str) -> None:
        owner = file.execute("PRAGMA application_id").fetchone()[0]
        if owner == _ours:
            return
        if owner or file.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
            raise JournalConflictError(path, _FOREIGN)
        file.execute(f"PRAGMA application_id = {_ours}")
        _in_file.create(file)


class SQLGuard:
    """
    A guard in a table of your own database, inside your own transaction.

    The check writes the token in the transaction that makes the change, so both are committed or neither. It
    works with any DB-API connection.

    Args:
        table: name of the guard's table; `create` makes it.
        placeholder: how the driver writes parameters: "?" (sqlite3) or "%s" (psycopg, MySQL).

    """

    def __init__(self, table: str = "fencing", *, placeholder: str = "?") -> None:
        if not isinstance(table, str) or re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", table) is None:
            raise ValueError(f"table must be a plain SQL name, not {quoted(table)}")
        if placeholder not in ("?", "%s"):
            raise ValueError(f"placeholder must be '?' or '%s', not {quoted(placeholder)}")
        self._create = (
            f"CREATE TABLE IF NOT EXISTS {table} (resource VARCHAR(512) PRIMARY KEY, token BIGINT NOT NULL)"
        )
        p = placeholder
        self._raise = f"UPDATE {table} SET token = {p} WHERE resource = {p} AND token <= {p}"  # noqa: S608
        self._insert = f"INSERT INTO {table} (resource, token) VALUES ({p}, {p})"  # noqa: S608
        self._select = f"SELECT token FROM {table} WHERE resource = {p}"  # noqa: S608

    def create(self, connection: Any) -> None:
        """Make the table if it does not exist."""
        connection.cursor().execute(self._create)

    def check(self, connection: Any, resource: str, token: int) -> None:
        """Accept a token in the open transaction, or raise StaleTokenError (then roll back)."""
        resource, token = _checked(resource, token)
        cursor = connection.cursor()
        cursor.execute(self._raise, (token, resource, token))
        if cursor.rowcount == 1:
            return
        cursor.execute(self._select, (resource,))
        row = cursor.fetchone()
        if row is None:
            # two first holders at once: the primary key admits one of them
            cursor.execute(self._insert, (resource, token))
        else:
            raise StaleTokenError(resource, token, row[0])


_in_file = SQLGuard()
