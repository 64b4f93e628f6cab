"""
A connection that answers in time or is given up, and safe repeats.

Every request has our own deadline, because a stopped server does not fire its own time-outs. After a lost
connection the same call is sent again until the patience ends; this is a time and not a count, because a
restart takes as long as it takes. A command that was written twice is recognised by its request id, so a
repeat is carried out exactly once.
"""

from __future__ import annotations

import contextlib
import selectors
import time
from collections.abc import Callable, Generator, Sequence
from typing import Any, ClassVar, TypeVar

import psycopg
from psycopg import pq

from ...errors import JournalConflictError, JournalError, JournalRewoundError
from .dsn import Address
from .schema import AHEAD, DROPPED

R = TypeVar("R")

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.02, 0.5
_NOBODY_S = 2.0
"""how long the first call waits for somebody to listen: enough for a server that starts, short for a mistyped
port"""
_AGAIN = ("08", "57P01", "57P02", "57P03", "40001", "40P01", "53300", "25006", "55P03")
"""SQLSTATEs (or classes) after which the same call may succeed: a restart, a failover, too many clients"""
_NOT_OURS = ("26000", "42P05")
"""a prepared statement is missing or exists already: the session belongs to a pooler"""
_WAYS_OUT = {
    "42501": "this role may not use or make boards here; ask the database's owner to run: "
    "ants-coord init DSN --role ROLE",
    **dict.fromkeys(
        ("3F000", "42883", "42P01"),
        "this database holds no boards yet; ask its owner to run: ants-coord init DSN",
    ),
    "3D000": "there is no such database on the server",
    "28P01": "the server did not take the password",
    "28000": "the server does not let this user in",
    "53100": "the server's disk is full; make room and try again; nothing was changed",
}
_STILL = {
    "25006": "is a standby and cannot be written; give the primary's address, or several hosts with "
    "?target_session_attrs=read-write",
    "53300": "has no connection left; raise max_connections, use fewer processes, or let them share a hub",
    "57P03": "is starting up, shutting down or recovering; try again later",
}
"""conditions that persist when the patience has ended, and mean that nothing was written"""


_FOR_GOOD = (
    "does not exist", "authentication failed", "no pg_hba.conf entry", "invalid", "no password supplied",
    "not known", "failed to resolve", "permission denied",
)  # fmt: skip
_SAID = {
    "too many clients": "53300", "too many connections": "53300", "remaining connection slots": "53300",
    "is starting up": "57P03",
    "is shutting down": "57P03", "in recovery mode": "57P03", "not yet accepting": "57P03",
}  # fmt: skip
"""libpq's messages about refused sessions: it gives no SQLSTATE"""


class Statement:
    """A statement with the types of its parameters; prepared once in each session of our own."""

    def __init__(self, name: str, text: str, types: Sequence[int]) -> None:
        self.name, self.text, self.types = name.encode(), text.encode(), list(types)


class _Timely(psycopg.Connection[Any]):
    """A connection with a deadline for every answer, because a stopped server keeps none of its own."""

    answer_s: ClassVar[float]

    def wait(self, gen: Generator[Any, Any, R], *how: Any, **limits: Any) -> R:
        """Wait for an answer, or raise OperationalError."""
        return super().wait(self._limited(gen), *how, **limits)

    def _limited(self, gen: Generator[Any, Any, R]) -> Generator[Any, Any, R]:
        until = time.monotonic() + self.answer_s
        try:
            wanted = next(gen)
            while True:
                ready = yield wanted
                if ready:
                    until = time.monotonic() + self.answer_s
                elif time.monotonic() > until:
                    self.pgconn.finish()  # otherwise leaving a transaction would wait as long again
                    raise psycopg.OperationalError(f"no answer in {self.answer_s:g} s")
                wanted = gen.send(ready)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


class _Silence:
    """A wait for a socket that lasts as long as there is any traffic."""

    def __init__(self, socket: int, limit_s: float) -> None:
        self._socket, self._limit_s, self._events = socket, limit_s, selectors.EVENT_READ
        self._selector = selectors.DefaultSelector()
        self._selector.register(socket, self._events)

    def wait(self, events: int) -> None:
        """Wait until one of these is possible; raises OperationalError if there was silence for too long."""
        if events != self._events:
            self._selector.modify(self._socket, events)
            self._events = events
        if not self._selector.select(self._limit_s):
            raise psycopg.OperationalError(f"no answer in {self._limit_s:g} s")

    def close(self) -> None:
        """Release the selector, not the socket."""
        self._selector.close()


class Server:
    """
    One session at a time with a PostgreSQL server. Not thread-safe.

    Args:
        address: where.
        prepared: statements that are used often.
        patience: seconds after which a call is given up.
        greet: called with each new connection first; raises if the server will not do.

    """

    def __init__(
        self,
        address: Address,
        prepared: Sequence[Statement],
        patience: float,
        greet: Callable[[psycopg.Connection[Any]], object],
    ) -> None:
        self._address, self._prepared, self.patience, self._greet = address, prepared, patience, greet
        self.answer_s = patience / 2
        """seconds of silence after which a session is given up, and the request repeated in a new one"""
        self._timely: type[_Timely] = type("_Timely", (_Timely,), {"answer_s": self.answer_s})
        self._was_open = False
        self._connection: psycopg.Connection[Any] | None = None
        self.is_pooled = False
        """whether there is a pooler between us and the server: then nothing may belong to a session"""
        self._is_closed = False

    # -- connecting -----------------------------------------------------------------------------

    def connect(self, purpose: str) -> psycopg.Connection[Any]:
        """Open a session; behind a pooler, one without its own settings."""
        wait = max(1, min(5, round(self.patience)))
        if not self.is_pooled:
            options = (
                "-c default_transaction_isolation=read\\ committed -c client_min_messages=warning -c jit=off "
                f"-c statement_timeout={round(self.answer_s * 1_000)} "
                f"-c idle_in_transaction_session_timeout={round(self.patience * 1_000)}"
            )
            try:
                return self._timely.connect(
                    self._address.dsn,
                    autocommit=True,
                    options=options,
                    connect_timeout=wait,
                    application_name=f"ants_coord {purpose}",
                    keepalives_idle=5,
                    keepalives_interval=2,
                    keepalives_count=3,
                    tcp_user_timeout=round(self.patience * 1_000),
                )
            except psycopg.OperationalError as problem:
                if "unsupported startup parameter" not in str(problem):
                    raise
                self.is_pooled = True
        return self._timely.connect(
            self._address.dsn, autocommit=True, connect_timeout=wait, prepare_threshold=None
        )

    def _open(self) -> psycopg.Connection[Any]:
        if self._connection is not None:
            return self._connection
        connection = self.connect("log")
        try:
            self._greet(connection)
            if not self.is_pooled:
                for statement in self._prepared:
                    _checked(connection.pgconn.prepare(statement.name, statement.text, statement.types))
        except BaseException:
            connection.close()
            raise
        self._silence = _Silence(connection.pgconn.socket, self.answer_s)
        self._connection, self._was_open = connection, True
        return connection

    # -- asking ---------------------------------------------------------------------------------

    def repeat(self, do: Callable[[psycopg.Connection[Any]], R]) -> R:
        """
        Do something with the connection; if it is lost, reconnect and repeat until the patience ends.

        Raises:
            JournalError: the server did not answer in time, or refused for good; the message says what to do.

        """
        began = time.monotonic()
        pause = _FIRST_PAUSE_S
        while True:
            if self._is_closed:
                raise JournalError(self._address.shown, "is closed")
            try:
                return do(self._open())
            except psycopg.Error as problem:
                self.drop()
                state = problem.sqlstate or _said(problem)
                if state in _NOT_OURS and not self.is_pooled:
                    self.is_pooled = True
                else:
                    self._bear(problem, state, time.monotonic() - began + pause)
            except BaseException:
                self.drop()  # an answer that is still on its way would be taken for that of the next request
                raise
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE_S)

    def _bear(self, problem: psycopg.Error, state: str, spent_s: float) -> None:
        """Return if the same call may still succeed; otherwise raise the error for the caller."""
        name = self._address.shown
        if state == AHEAD:
            raise JournalRewoundError(name, _words(problem)) from problem
        if state == DROPPED:
            raise JournalConflictError(name, "was dropped") from problem
        if not _may_pass(problem, state):
            raise JournalError(name, _WAYS_OUT.get(state, _words(problem))) from problem
        if not self._was_open and not state and spent_s > _NOBODY_S:
            raise JournalError(name, f"cannot be reached: {_words(problem)}") from problem
        if spent_s <= self.patience:
            return
        if state in _STILL:
            raise JournalError(name, _STILL[state]) from problem
        if not self._was_open:
            raise JournalError(name, f"cannot be opened: {_words(problem)}") from problem
        raise JournalError(
            name,
            f"was silent for {spent_s:.1f} s ({_words(problem)}). Whether the last command was written is "
            "not known: repeat it with the same request_id",
        ) from problem

    def ask(
        self, connection: psycopg.Connection[Any], statement: Statement, values: Sequence[bytes]
    ) -> pq.abc.PGresult:
        """Query for binary rows, with our own deadline; raises OperationalError without an answer."""
        self._send(connection.pgconn, statement, values)
        self._flush(connection.pgconn)
        answer = self._answer(connection.pgconn)
        while self._next(connection.pgconn) is not None:
            pass
        return answer

    def ask_and_then(
        self,
        connection: psycopg.Connection[Any],
        statement: Statement,
        values: Sequence[bytes],
        then: Statement,
    ) -> tuple[pq.abc.PGresult, int]:
        """
        Send two requests in one round trip, each in its own transaction.

        Returns:
            The first answer, and when it came, as time.monotonic_ns(); the second has arrived, too.

        """
        pg = connection.pgconn
        pg.enter_pipeline_mode()
        for one, with_ in ((statement, values), (then, ())):
            self._send(pg, one, with_)
            pg.pipeline_sync()
        self._flush(pg)
        answers, got = [], 0
        for _ in range(2):
            answers.append(self._answer(pg))
            got = got or time.monotonic_ns()
            end, sync = self._next(pg), self._next(pg)
            if end is not None or sync is None or sync.status != pq.ExecStatus.PIPELINE_SYNC:
                raise psycopg.OperationalError("the connection was lost")
        pg.exit_pipeline_mode()
        return answers[0], got

    def _send(self, pg: pq.abc.PGconn, statement: Statement, values: Sequence[bytes]) -> None:
        formats = [pq.Format.BINARY] * len(values)
        if self.is_pooled:
            pg.send_query_params(statement.text, values, statement.types, formats, pq.Format.BINARY)
        else:
            pg.send_query_prepared(statement.name, values, formats, pq.Format.BINARY)

    def _flush(self, pg: pq.abc.PGconn) -> None:
        while pg.flush():
            self._silence.wait(selectors.EVENT_READ | selectors.EVENT_WRITE)
            pg.consume_input()  # the output of a server that complains is not read to the end

    def _next(self, pg: pq.abc.PGconn) -> pq.abc.PGresult | None:
        while pg.is_busy():
            self._silence.wait(selectors.EVENT_READ)
            pg.consume_input()
        return pg.get_result()

    def _answer(self, pg: pq.abc.PGconn) -> pq.abc.PGresult:
        answer = self._next(pg)
        if answer is None:
            raise psycopg.OperationalError("the connection was lost")
        return _checked(answer)

    # -- letting go -----------------------------------------------------------------------------

    def drop(self) -> None:
        """Close the session without a farewell."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self._silence.close()
            with contextlib.suppress(Exception):
                connection.close()

    def close(self) -> None:
        """Close for good; may be called again."""
        self._is_closed = True
        self.drop()

    def abandon(self) -> object:
        """Abandon the connection unclosed: in a forked child, closing it would end the parent's session."""
        connection, self._connection = self._connection, None
        self._is_closed = True
        return connection


def _checked(result: pq.abc.PGresult) -> pq.abc.PGresult:
    if result.status not in (pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK):
        raise _error_of(result)
    return result


def _error_of(result: pq.abc.PGresult) -> psycopg.Error:
    state = (result.error_field(pq.DiagnosticField.SQLSTATE) or b"").decode()
    text = (result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or result.error_message or b"").decode()
    try:
        # without a state it does not come from a server: libpq makes such a result when the connection is
        # lost
        kind = psycopg.errors.lookup(state) if state else psycopg.OperationalError
    except KeyError:
        kind = psycopg.DatabaseError
    problem = kind(text)
    problem.sqlstate = state
    return problem


def _said(problem: psycopg.Error) -> str:
    text = str(problem)
    return next((state for words, state in _SAID.items() if words in text), "")


def _may_pass(problem: psycopg.Error, state: str) -> bool:
    if state:
        return state.startswith(_AGAIN)
    # without a state it does not come from a server: the connection was lost, or nobody listens (yet)
    return isinstance(problem, (psycopg.OperationalError, psycopg.InterfaceError)) and not any(
        word in str(problem) for word in _FOR_GOOD
    )


def _words(problem: psycopg.Error) -> str:
    """Return the first line of an error, without its origin; libpq shows no password in it."""
    lines = str(problem).strip().splitlines()
    return lines[0].rpartition("FATAL:")[2].strip() if lines else type(problem).__name__
