"""The SQL of an outbox in a user's database: SQLite through sqlite3, PostgreSQL through psycopg."""

from __future__ import annotations

import sqlite3
from typing import Any

from ..frozen import frozen


@frozen
class Backlog:
    """The contents of an outbox."""

    waiting: int
    """entries that nobody has relayed yet"""
    oldest_s: float
    """seconds for which the oldest of them has waited"""
    refused: tuple[str, ...]
    """what the board refused, and why; delete the rows of ants_coord_outbox when you have dealt with it"""


class Tables:
    """
    The statements in one database's dialect.

    Args:
        number, blob, real: types of columns.
        mark: the placeholder of a value.

    """

    def __init__(self, number: str, blob: str, real: str, mark: str) -> None:
        def dialect(statement: str) -> str:
            return statement.replace("?", mark)

        self.made_by: list[str] = [
            (
                f"CREATE TABLE IF NOT EXISTS ants_coord_outbox (number {number}, board TEXT NOT NULL, "
                f"command {blob} NOT NULL, agent TEXT NOT NULL, at {real} NOT NULL, refused TEXT)"
            ),
            (
                "CREATE TABLE IF NOT EXISTS ants_coord_outbox_fence (board TEXT NOT NULL, "
                "task TEXT NOT NULL, token BIGINT NOT NULL, delivered INTEGER NOT NULL, "
                "PRIMARY KEY (board, task))"
            ),
        ]
        self.put: str = dialect(
            "INSERT INTO ants_coord_outbox (board, command, agent, at) VALUES (?, ?, ?, ?)"
        )
        self.oldest: str = dialect(
            "SELECT number, command, agent FROM ants_coord_outbox WHERE board = ? AND refused IS NULL "
            "AND number > ? ORDER BY number LIMIT ?"
        )
        self.waiting: str = dialect(
            "SELECT count(*), coalesce(min(at), 0) FROM ants_coord_outbox WHERE board = ? AND refused IS NULL"
        )
        self.refused: str = dialect(
            "SELECT command, refused FROM ants_coord_outbox WHERE board = ? AND refused IS NOT NULL "
            "ORDER BY number"
        )
        self.refuse: str = dialect("UPDATE ants_coord_outbox SET refused = ? WHERE number = ?")
        self.drop: str = dialect("DELETE FROM ants_coord_outbox WHERE number = ?")
        # changes no row if an ending of the task was committed and waits, or a newer holder's ending has
        # arrived
        self.fence: str = dialect(
            "INSERT INTO ants_coord_outbox_fence (board, task, token, delivered) VALUES (?, ?, ?, 0) "
            "ON CONFLICT (board, task) DO UPDATE SET token = excluded.token, delivered = 0 WHERE "
            "ants_coord_outbox_fence.delivered = 1 AND ants_coord_outbox_fence.token < excluded.token"
        )
        self.deliver: str = dialect(
            "UPDATE ants_coord_outbox_fence SET delivered = 1 WHERE board = ? AND task = ?"
        )

    def cursor(self, connection: Any) -> Any:
        """Return a cursor whose rows are tuples, whatever row type the user has chosen."""
        raise NotImplementedError

    def is_inside(self, connection: Any) -> bool:
        """Whether a transaction is under way."""
        raise NotImplementedError

    def can_be_inside(self, connection: Any) -> bool:
        """Whether what is written now waits for a commit."""
        raise NotImplementedError


class _InSQLite(Tables):
    def cursor(self, connection: Any) -> Any:
        cursor = connection.cursor()
        cursor.row_factory = None
        return cursor

    def is_inside(self, connection: Any) -> bool:
        return bool(connection.in_transaction)

    def can_be_inside(self, connection: Any) -> bool:
        begins = getattr(connection, "autocommit", -1)
        by_itself = connection.isolation_level is not None if begins == -1 else not begins
        return by_itself or bool(connection.in_transaction)


class _InPostgres(Tables):
    def cursor(self, connection: Any) -> Any:
        from psycopg.rows import tuple_row  # noqa: PLC0415 - the connection is psycopg's, so it is there

        return connection.cursor(row_factory=tuple_row)

    def is_inside(self, connection: Any) -> bool:
        return int(connection.info.transaction_status) != 0

    def can_be_inside(self, connection: Any) -> bool:
        return not connection.autocommit or self.is_inside(connection)


_SQLITE = _InSQLite("INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB", "REAL", "?")
_POSTGRES = _InPostgres("BIGSERIAL PRIMARY KEY", "BYTEA", "DOUBLE PRECISION", "%s")


def tables_for(connection: object) -> Tables:
    """Return the dialect of a connection; raises TypeError if it is of an unknown kind."""
    if isinstance(connection, sqlite3.Connection):
        return _SQLITE
    if any(cls.__module__.partition(".")[0] == "psycopg" for cls in type(connection).__mro__):
        return _POSTGRES
    raise TypeError(f"an outbox needs a connection of sqlite3 or psycopg, not {type(connection).__name__}")
