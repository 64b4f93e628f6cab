# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
An outbox: tasks and endings that are written in a user's own transaction, with the user's rows.

A board and a user's database cannot commit together. So a request to the board is stored as a row beside the
user's rows: it exists exactly if they do. Afterwards any process relays it to the board, under its request id
and so exactly once.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any, Protocol
from uuid import uuid4

from ..commands.shared import Command, Complete, submission
from ..errors import ClosedError, CoordinationError, JournalError, LeaseLostError
from ..fronts import arguments
from ..fronts.arguments import LeaseLike
from ..fronts.outbox_tables import Backlog, Tables, tables_for
from ..frozen import evolve
from ..journals.codec import decode_entry, encode
from ..values.tasks import Task
from .bridge import settled

if TYPE_CHECKING:
    from .board import Board

_log = logging.getLogger("ants_coord")

_FORGOTTEN_S = 60.0
_SOME = 100


class Connection(Protocol):
    """A connection of sqlite3 or psycopg."""

    def cursor(self) -> Any:
        """Return a cursor."""
        ...

    def commit(self) -> Any:
        """Commit."""
        ...

    def rollback(self) -> Any:
        """Roll back."""
        ...


class Outbox:
    """
    The outbox of one board in one database, made by the board's `outbox`.

    `submit` and `complete` write into the open transaction, and only read the board. After the commit,
    `relay` carries out what waits, including what other processes have left behind.

    """

    def __init__(self, board: Board, connection: Connection) -> None:
        if board.path is None:
            raise ValueError("a board in memory forgets what an outbox remembers; give the board a path")
        self._board, self._connection = board, connection
        self._name: str = board.path
        self._tables: Tables = tables_for(connection)
        self._has_warned = False

    def open(self) -> None:
        """Make the tables if there are none; called by the board's `outbox`."""
        self._outside()
        for statement in self._tables.made_by:
            self._run(statement)
        settled(self._connection.commit())
        self._warn()

    def submit(self, task: Task) -> str:
        """
        Add a task if the open transaction is committed, and not if it is rolled back.

        Args:
            task: the task; without an id it gets one.

        Returns:
            The task's id.

        Raises:
            ValueError: no transaction is open, so the task could not be written with your rows; begin one.

        """
        self._put(submission((task,)), "")
        return task.id

    def complete(self, lease: LeaseLike, result: object = None) -> None:
        """
        End a task with its result if the open transaction is committed.

        The lease's token is stored beside your rows: a holder that was replaced is refused here, so its rows
        are rolled back with the error. A committed ending is final, even if the lease ends before it is
        relayed: until then every other ending of the task is refused. Renew the lease meanwhile with
        `keep_alive`, which does not end the task.

        Args:
            lease: the lease, its scope or its handle.
            result: any JSON value.

        Raises:
            LeaseLostError: the lease is no longer yours, or an ending was committed already; roll back.
            ValueError: no transaction is open; begin one.

        """
        command = arguments.complete(lease, result, "accept", self._board._engine.secret)  # noqa: SLF001
        record = self._board.find(command.task)
        if record is None or record.lease is None or record.lease.token != command.token:
            raise LeaseLostError(command.task, command.token, "superseded" if record else "unknown")
        self._inside()
        newest = self._run(self._tables.fence, (self._name, command.task, command.token))
        if newest.rowcount != 1:
            raise LeaseLostError(command.task, command.token, "finished")
        self._put(command, record.lease.agent)

    def relay(self) -> int:
        """
        Carry out committed requests, oldest first. Any process may do this, and several at once.

        A request that the board refuses is kept with the reason (see `backlog`), and the others continue.

        Returns:
            How many were carried out.

        Raises:
            ValueError: your transaction is still open; commit it first.
            JournalError: the board could not be reached; the requests stay; call `relay` again later.

        """
        self._outside()
        carried = last = 0
        while rows := self._rows(self._tables.oldest, (self._name, last, _SOME)):
            for number, body, agent in rows:
                carried += self._relay(number, bytes(body), agent)
                last = number
        return carried

    def backlog(self) -> Backlog:
        """Return how many requests wait, for how long, and which were refused."""
        (count, oldest), *_ = self._rows(self._tables.waiting, (self._name,))
        refused = self._rows(self._tables.refused, (self._name,))
        return Backlog(
            count,
            max(0.0, time.time() - oldest) if count else 0.0,
            tuple([f"{decode_entry(bytes(body))[1]!r}: {why}" for body, why in refused]),
        )

    # -- below the verbs ------------------------------------------------------------------------

    def _relay(self, number: int, body: bytes, agent: str) -> bool:
        (request_id, _), command, _ = decode_entry(body)
        refusal = ""
        try:
            self._board.execute(command, request_id=request_id)
        except (JournalError, ClosedError):
            raise
        except LeaseLostError as lost:
            if not isinstance(command, Complete):
                raise
            if not self._take_and_end(command, agent):
                return False  # another agent holds the task, and its own ending will be refused: try later
            _log.info("the ending of %r was delivered after its lease: %s", command.task, lost)
        except CoordinationError as problem:
            refusal = str(problem)
        if refusal:
            self._run(self._tables.refuse, (refusal, number))
        else:
            self._run(self._tables.drop, (number,))
        if isinstance(command, Complete):
            self._run(self._tables.deliver, (self._name, command.task))
        settled(self._connection.commit())
        return not refusal

    def _take_and_end(self, command: Complete, agent: str) -> bool:
        """
        End a task whose rows exist although its lease is over; return False while somebody else holds it.
        """
        record = self._board.find(command.task)
        if record is None or record.state.is_final:
            return True  # an earlier try arrived, and was answered longer ago than the board remembers
        lease = self._board.claim_nowait(agent, task=command.task)
        if lease is None:
            return False
        self._board.execute(evolve(command, token=lease.token))
        return True

    def _put(self, command: Command[Any], agent: str) -> None:
        self._inside()
        body = encode((uuid4().hex, 0), command)
        self._run(self._tables.put, (self._name, body, agent, time.time()))
        self._warn()

    def _warn(self) -> None:
        """Warn once that nobody relays: rows that wait for ever are tasks that nobody does."""
        if self._has_warned:
            return
        (count, oldest), *_ = self._rows(self._tables.waiting, (self._name,))
        if count and time.time() - oldest > _FORGOTTEN_S:
            self._has_warned = True
            _log.warning(
                "%d entries of the outbox for %s wait, the oldest for %.0f s: call relay() after each commit",
                count,
                self._name,
                time.time() - oldest,
            )

    def _rows(self, statement: str, values: tuple[object, ...]) -> list[Any]:
        was_inside = self._tables.is_inside(self._connection)
        found = self._run(statement, values)
        rows: list[Any] = settled(found.fetchall())
        if not was_inside:
            settled(self._connection.commit())  # psycopg starts a transaction in order to look
        return rows

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> Any:
        cursor = self._tables.cursor(self._connection)
        settled(cursor.execute(statement, values))
        return cursor

    def _inside(self) -> None:
        if not self._tables.can_be_inside(self._connection):
            raise ValueError("no transaction is under way: begin one, and write your own rows in it, too")

    def _outside(self) -> None:
        if self._tables.is_inside(self._connection):
            raise ValueError("a transaction is under way: commit it first, or roll it back")
