"""Building a coordinator from what a user typed: machine, journal, clock, settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

from ..core.machine import Machine
from ..engine.direct import DirectEngine
from ..engine.engine import Engine
from ..errors import JournalError
from ..frozen import as_dict, fields
from ..journals.clocks import SystemClock
from ..journals.ports import Clock, Journal
from ..values.checks import check_path, seconds
from ..values.settings import Settings
from ..values.tasks import Backoff
from .arguments import Seconds

if TYPE_CHECKING:
    from ..values.entries import Namespace
    from ..values.marks import MarkKind
    from ..values.routes import Route
    from ..values.trust import TrustPolicy
    from ..values.verification import Proof

Where = str | os.PathLike[str] | Journal | None
"""None keeps the board in memory; a path opens (or makes) a SQLite file; "hub:PATH" asks a hub; or a
journal."""

_HUB = "hub:"
_POSTGRES = ("postgresql://", "postgres://")
_SCHEME = re.compile("(?!file:)[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PATIENCE_S = 10.0
"""how long a server may be silent before a verb gives up; less on boards with short leases"""


def changed(settings: Settings, changes: Mapping[str, Any]) -> Settings:
    """Return settings with some of them changed; unknown names are refused by name."""
    _check_names(changes)
    _check_routes(changes.get("routes"))
    return Settings(**{**as_dict(settings), **changes})


def _meant(name: str, known: Iterable[str]) -> str:
    """Return the setting that was probably meant, otherwise all settings."""
    from difflib import get_close_matches  # noqa: PLC0415 - only to say it

    # a common beginning is a better guess than general similarity: lease, lease_ttl
    close = [one for one in sorted(known) if one.startswith(name)] or get_close_matches(name, known, 1)
    return f"; did you mean {close[0]}?" if close else f"; there are {', '.join(sorted(known))}"


def _check_names(settings: Iterable[str]) -> None:
    known = {field.name for field in fields(Settings)} - {"strategy"}
    unknown = sorted(set(settings) - known)
    if unknown:
        raise TypeError(f"no such setting: {', '.join(unknown)}{_meant(unknown[0], known)}")


def _check_routes(routes: object) -> None:
    """Refuse routes whose condition asks for something no rule can see; old boards may have some."""
    for route in routes if isinstance(routes, (list, tuple)) else ():
        if isinstance(getattr(route, "when", None), str):
            from ..values.rules import checked_rule  # noqa: PLC0415 - most boards have no routes

            checked_rule(route.when, "when")


class _Common(TypedDict, total=False):
    lease_ttl: Seconds | None
    stall_after: Seconds | None
    max_attempts: int | None
    backoff: Backoff | None
    retention: Seconds | None
    retention_count: int | None
    id_retention: Seconds | None
    id_retention_count: int | None
    event_count: int | None
    session_retention: Seconds | None
    trust: TrustPolicy | None
    options: Mapping[str, Any] | None


class _Matching(TypedDict, total=False):
    routes: Iterable[Route] | None
    proofs: Iterable[Proof] | None
    bench_after: int | None
    team_hold: Seconds | None


class SharedSettings(_Common, total=False):
    """The settings that every strategy has, ClaimQueue included; see settings.Settings."""

    aging: Seconds | None


class MatchSettings(SharedSettings, _Matching, total=False):
    """The settings of a Matchmaker."""


class BoardSettings(_Common, _Matching, total=False):
    """The settings of a Blackboard: no `aging`, because its order follows the trails."""

    half_life: Seconds | None
    faint: float | None
    kinds: Iterable[MarkKind] | None
    namespaces: Iterable[Namespace] | None
    quota: int | None
    indifference: float | None
    stimulus: float | None
    explore: float | None
    learning: float | None


class AnySettings(MatchSettings, BoardSettings, total=False):
    """The settings of all strategies together, for a machine of your own."""


def foreign_verb(board: object, name: str, strategies: Iterable[type]) -> str:
    """Say why a coordinator has no such verb, and which of these strategies has it."""
    mine = type(board).__name__
    for strategy in strategies:
        if hasattr(strategy, name):
            other = strategy.__name__
            return f"{name!r} is a verb of a {other}; open the board with {other}(...), not {mine}(...)"
    return f"{mine!r} object has no attribute {name!r}"


def build(
    machine: Callable[[], Machine],
    where: Where,
    *,
    clock: Clock | None,
    durability: Literal["power", "process"],
    secret: bytes | None,
    asked: dict[str, Any],
    must_exist: bool = False,
) -> Engine:
    """Make the engine. Nothing is opened yet: that happens at the first verb."""
    if must_exist and where is None:
        raise ValueError(
            "Board opens a board that exists, and in memory there is none: give a path or a journal, "
            "or make a board with ClaimQueue(), Matchmaker() or Blackboard()"
        )
    settings = {name: value for name, value in asked.items() if value is not None}
    _check_names(set(settings) - {"strategy"})
    _check_routes(settings.get("routes"))
    engine = _engine(machine, where, clock, durability, settings, must_exist=must_exist)
    if secret is not None:
        if not isinstance(secret, bytes) or len(secret) < 8:
            raise ValueError("secret must be at least 8 bytes, such as secrets.token_bytes(16)")
        engine.secret = secret
    return engine


def _engine(
    machine: Callable[[], Machine],
    where: Where,
    clock: Clock | None,
    durability: Literal["power", "process"],
    settings: dict[str, Any],
    *,
    must_exist: bool,
) -> Engine:
    if where is None:
        return DirectEngine(machine, SystemClock() if clock is None else clock, settings)
    if isinstance(where, (str, os.PathLike)) and os.fspath(where).startswith(_HUB):
        from ..hub.client.engine import RemoteEngine  # noqa: PLC0415 - neither a log nor its codec

        path = check_path(os.fspath(where)[len(_HUB) :])
        return RemoteEngine(machine, os.path.abspath(path), settings, clock)
    # cattrs and sqlite3 take 80 ms to import; a board in memory needs neither
    from ..engine.replica import NO_BOARD, LogEngine  # noqa: PLC0415

    if isinstance(where, (str, os.PathLike)):
        named = os.fspath(where)
        if named.startswith(_POSTGRES):
            return _on_postgres(machine, named, clock, durability, settings, must_exist=must_exist)
        if _SCHEME.match(named):  # as a path it would make folders of that name, including the password
            raise ValueError(
                f"no journal for {named.split(':', 1)[0]!r}; use a file path, or postgresql://user@host/database"
            )
        path = check_path(named)

        def open_file() -> Journal:
            from ..journals.sqlite import SQLiteJournal  # noqa: PLC0415

            if must_exist and not os.path.exists(path):
                # before the journal makes the file
                raise JournalError(path, NO_BOARD)
            return SQLiteJournal(path, durability=durability, clock=clock)

        engine = LogEngine(machine, open_file, settings, must_exist=must_exist)
        engine.path = os.path.abspath(path)
        return engine
    if clock is not None:
        raise ValueError("a journal has its own clock; give clock= to the journal")
    journal = where
    return LogEngine(machine, lambda: journal, settings, must_exist=must_exist)


def _on_postgres(
    machine: Callable[[], Machine],
    dsn: str,
    clock: Clock | None,
    durability: Literal["power", "process"],
    settings: dict[str, Any],
    *,
    must_exist: bool,
) -> Engine:
    from ..engine.replica import LogEngine  # noqa: PLC0415
    from ..journals.postgres.dsn import address_of  # noqa: PLC0415

    if clock is not None:
        raise ValueError("a board in PostgreSQL has the server's clock; leave clock= out")
    address = address_of(dsn)
    lease_s = seconds(settings.get("lease_ttl", 30.0), "lease_ttl")

    def open_log() -> Journal:
        try:
            from ..journals.postgres.journal import PostgresJournal  # noqa: PLC0415
        except ModuleNotFoundError as missing:
            raise JournalError(
                address.shown, f"needs {missing.name}; pip install 'ants-coord[postgres]'"
            ) from missing
        return PostgresJournal(
            dsn, durability=durability, patience=min(_PATIENCE_S, lease_s / 3), create=not must_exist
        )

    engine = LogEngine(machine, open_log, settings, must_exist=must_exist)
    engine.path = address.shown
    return engine
