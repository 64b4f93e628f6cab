"""
Guards: the other half of fencing, on the side of the resource.

A lease can end while its holder is paused and does not know it; nothing can
stop that holder from writing late, except the resource itself. A guard
remembers the highest fencing token it has seen per resource and refuses every
lower one, so the late write of a paused holder is stopped at the door
(Kleppmann 2016; sequencers in Chubby, Burrows 2006).
"""

from __future__ import annotations

import re
import threading
from typing import Any

import attrs

from .errors import CoordinationError
from .values.checks import check_id, count

__all__ = ["Guard", "SQLGuard", "StaleTokenError"]


@attrs.define(eq=False, str=False, repr=False, slots=False)
class StaleTokenError(CoordinationError):
    """Say that somebody with a newer lease has written to the resource already."""

    resource: str
    token: int
    newest: int

    def __str__(self) -> str:
        return (
            f"token {self.token} for {self.resource!r} is stale: {self.newest} has been seen; "
            "your lease is lost, stop writing"
        )


def _checked(resource: str, token: int) -> tuple[str, int]:
    return check_id(resource, "resource"), count(token, "token", most=(1 << 63) - 1)


class Guard:
    """
    Guard resources of this process. Thread-safe.

    Example:
        >>> guard = Guard()
        >>> guard.check("report.txt", 17)   # the first holder
        >>> guard.check("report.txt", 18)   # the next one
        >>> guard.check("report.txt", 17)   # the first wakes up late
        Traceback (most recent call last):
        ...
        ants_coord.guard.StaleTokenError: token 17 for 'report.txt' is stale: 18 has been seen; \
your lease is lost, stop writing

    """

    def __init__(self) -> None:
        self._newest: dict[str, int] = {}
        self._lock = threading.Lock()

    def check(self, resource: str, token: int) -> None:
        """Let a token pass that is at least the newest seen; raises StaleTokenError otherwise. O(1)."""
        resource, token = _checked(resource, token)
        with self._lock:
            newest = self._newest.get(resource, 0)
            if token < newest:
                raise StaleTokenError(resource, token, newest)
            self._newest[resource] = token


class SQLGuard:
    """
    Guard resources in a table of your own database, inside your own transaction.

    Because the check writes the token in the transaction that makes the change,
    both commit or neither does. Works with any DB-API connection.

    Args:
        table: name of the guard's table; `create` makes it.
        placeholder: how the driver writes parameters: "?" (sqlite3) or "%s" (psycopg, MySQL).

    """

    def __init__(self, table: str = "fencing", *, placeholder: str = "?") -> None:
        if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]{0,62}", table) is None:
            raise ValueError(f"table must be a plain SQL name, not {table!r}")
        if placeholder not in ("?", "%s"):
            raise ValueError(f"placeholder must be '?' or '%s', not {placeholder!r}")
        self._create = (
            f"CREATE TABLE IF NOT EXISTS {table} (resource VARCHAR(512) PRIMARY KEY, token BIGINT NOT NULL)"
        )
        p = placeholder
        self._raise = f"UPDATE {table} SET token = {p} WHERE resource = {p} AND token <= {p}"  # noqa: S608
        self._insert = f"INSERT INTO {table} (resource, token) VALUES ({p}, {p})"  # noqa: S608
        self._select = f"SELECT token FROM {table} WHERE resource = {p}"  # noqa: S608

    def create(self, connection: Any) -> None:
        """Make the table, unless it is there."""
        connection.cursor().execute(self._create)

    def check(self, connection: Any, resource: str, token: int) -> None:
        """Let a token pass in the open transaction, or raise StaleTokenError (then roll back)."""
        resource, token = _checked(resource, token)
        cursor = connection.cursor()
        cursor.execute(self._raise, (token, resource, token))
        if cursor.rowcount == 1:
            return
        cursor.execute(self._select, (resource,))
        row = cursor.fetchone()
        if row is None:
            # two first holders at once: the primary key lets one of them in
            cursor.execute(self._insert, (resource, token))
        else:
            raise StaleTokenError(resource, token, row[0])
