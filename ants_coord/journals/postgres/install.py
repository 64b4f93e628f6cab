"""Checking a server, and making the tables in it: the owner of a database does this once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

import psycopg

from ...errors import JournalError
from .dsn import address_of
from .schema import grants, statements
from .server import Server

OLDEST = 130_000
"""the oldest server that is tried, as its server_version_num"""
_PATIENCE_S = 10.0


def check_server(connection: psycopg.Connection[Any], name: str, *, durable: bool) -> bool:
    """
    Refuse a server that cannot keep the promises of a log.

    Returns:
        Whether it has our tables.

    """
    about = connection.execute(
        "SELECT current_setting('server_version_num')::int, pg_is_in_recovery(), "
        "current_setting('server_encoding'), current_setting('fsync'), "
        "current_setting('default_transaction_isolation'), "
        "to_regclass('ants_coord.installed') IS NOT NULL"
    ).fetchone()
    assert about is not None
    version, is_standby, encoding, fsync, isolation, is_installed = about
    if is_standby:
        raise psycopg.errors.ReadOnlySqlTransaction("it is a standby")
    if version < OLDEST:
        raise JournalError(name, f"is PostgreSQL {version // 10_000}; {OLDEST // 10_000} or newer is needed")
    if encoding != "UTF8":
        raise JournalError(name, f"is a database in {encoding}; create one with ENCODING 'UTF8'")
    if durable and fsync != "on":
        raise JournalError(
            name, "has fsync off and cannot promise durability='power'; turn it on, or use 'process'"
        )
    if isolation != "read committed":
        raise JournalError(
            name,
            f"gives this role {isolation} transactions; run: ALTER ROLE ... SET "
            "default_transaction_isolation = 'read committed'",
        )
    return bool(is_installed)


def make_tables(connection: psycopg.Connection[Any], roles: Sequence[str] = ()) -> None:
    """Make tables and functions, or update them, and let roles use them; all or nothing."""
    with connection.transaction():
        for statement in [*statements(), *[one for role in roles for one in grants(role)]]:
            connection.execute(statement.encode())


def install(dsn: str, roles: Sequence[str] = ()) -> str:
    """
    Prepare a database for boards; repeating this changes nothing.

    Args:
        dsn: `postgresql://owner@host/database`; the owner of the functions may read and write the tables.
        roles: roles that may read boards and append to them, and nothing else.

    Returns:
        The address without a password.

    Raises:
        ValueError: the address is malformed.
        JournalError: the server cannot be reached or used, or a role is unknown.

    """
    address = address_of(dsn)
    greet = partial(check_server, name=address.shown, durable=False)
    server = Server(address, (), _PATIENCE_S, greet)
    try:
        server.repeat(lambda connection: make_tables(connection, roles))
    finally:
        server.close()
    return address.shown.partition("#")[0]
