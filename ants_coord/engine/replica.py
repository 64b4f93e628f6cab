"""
A replica: a journal and a machine, kept in step.

Commands are appended first and applied in log order, other people's and our
own alike; the answer to a command is what applying it says. Threads that wait
to append hand their commands to whoever gets the lock first, which writes the
whole batch in one transaction (flat combining: 13 to 35 times the rate of one
fsync each). A command keeps its request id until it is answered, so a batch
that was interrupted half-way is simply appended again: what had been written
is recognised and answered with its first reply.

An idle claim appends nothing: the caught-up machine is asked first.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import gc
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import attrs

from ..commands.shared import ClaimMany, Command, Configure, Query, Refused, Release, Submit, Upgrade, Wakeup
from ..core.machine import Machine
from ..core.snapshot import Cut, restore
from ..core.state.rules import RulesMissing
from ..errors import JournalCorruptError, JournalError, JournalVersionError, LimitError, SettingsError
from ..journals.codec import FORMAT, decode_entry, decode_piece, encode, encode_piece
from ..journals.ports import Clock, Entry, Journal
from ..values.checks import check_name, fresh_session
from ..values.settings import Settings
from ..values.tasks import Lease
from .engine import Engine

__all__ = ["LogEngine"]

R = TypeVar("R")
log = logging.getLogger("ants_coord")

_RECORDS = 40
"""records of a snapshot written with each command: more live long enough to set off a full garbage
collection, which stops a board of 100,000 tasks for a tenth of a second"""
_PIECE_BYTES = 1 << 20
"""what a piece of a snapshot should weigh at most"""
_FAR = 250
"""entries of others that take long to carry out (some 25 ms)"""
_LOG_BYTES = 8 << 20
"""entries that weigh this much are trimmed, however few they are"""
_BATCH = 512
_MEANINGLESS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_UNNUMBERED = ("", 0)
_MOVED = 4
"""how often a log may be trimmed under a reader that reloads before something is wrong"""


@attrs.define(eq=False)
class _Slot:
    """One command on its way, and its answer."""

    command: Command[Any]
    request: tuple[str, int]
    """_UNNUMBERED until it is written: a number that was drawn early could be overtaken by more commands
    than a session remembers, and the command would be refused as too old"""
    reply: Any = None
    done: bool = False


NO_BOARD = "there is no board; make one with ClaimQueue, Matchmaker or Blackboard"


class LogEngine(Engine):
    """
    A board whose log is in a journal. Thread-safe; see Engine.

    Args:
        machine: makes an empty machine of the strategy.
        open_journal: opens the journal; called at the first verb, not before.
        asked: the settings that the user named.
        snapshot_every: entries between snapshots, at least.
        must_exist: open a board that is there, and make none.

    """

    blocking = True

    def __init__(
        self,
        machine: Callable[[], Machine],
        open_journal: Callable[[], Journal],
        asked: dict[str, Any],
        *,
        snapshot_every: int = 10_000,
        must_exist: bool = False,
    ) -> None:
        super().__init__(machine, _Unopened(), asked)
        self._open_journal = open_journal
        self._journal: Journal
        self._snapshot_every = snapshot_every
        self._must_exist = must_exist
        self._session = ""
        self._numbers = itertools.count(1)
        self._pending: deque[_Slot] = deque()
        self._granted: set[int] = set()
        self._cut: Cut | None = None
        self._parts = 0
        self._stride = _RECORDS
        self._snapshot_at = 0
        self._weight = self._weight_at_cut = 0
        """bytes of the entries since the last snapshot, and of those that the one in progress covers"""
        self._snapshot_bytes = 0
        self._lag = 0
        """how many entries of others the last look found, if they were many"""
        self._is_outrun = False
        self._is_adrift = False
        """whether the board's clock may differ from the wall clock, by which users name dates"""
        self._stop_watching: Callable[[], None] | None = None
        self._unreadable: JournalVersionError | None = None
        """why this process must not answer any more: it lacks code that the board needs"""

    # -- commands -------------------------------------------------------------------------------

    def execute(self, command: Command[R], request_id: str | None = None) -> R:
        """Carry a command out and return its reply; a refusal is raised."""
        slot = self._slot(command, request_id)
        self._pending.append(slot)
        try:
            with self._lock:
                self._ready_or_raise()
                if not slot.done:
                    self._flush(slot)
        except BaseException:
            self._forget(slot)
            raise
        if slot.reply.__class__ is Refused:
            raise slot.reply.error
        return slot.reply  # type: ignore[no-any-return]

    def _slot(self, command: Command[Any], request_id: str | None) -> _Slot:
        if command.__class__ is Configure and (missing := self._machine.lacks(command)):
            # written, it would stop every reader; refused before, it stops nobody
            raise SettingsError({"strategy": (self._machine.ledger.settings.strategy, ", ".join(missing))})
        if request_id is not None:
            return _Slot(command, (check_name(request_id, "request_id"), 0))
        return _Slot(command, _UNNUMBERED)

    def _forget(self, slot: _Slot) -> None:
        try:
            self._pending.remove(slot)
        except ValueError:
            return  # it was taken, or put back never

    def _flush(self, mine: _Slot) -> None:
        """Write and apply what is pending, ours among it, in as few transactions as possible."""
        try:
            while not mine.done:
                # ours may have been lost on the way by whoever took it and was interrupted
                self._write_together(self._take(_BATCH) or [mine], mine)
        finally:
            self._spread()

    def _take(self, count: int) -> list[_Slot]:
        """Take the longest pending; other threads may be adding some at this moment."""
        return [self._pending.popleft() for _ in range(min(count, len(self._pending)))]

    def _write_together(self, batch: list[_Slot], mine: _Slot) -> None:
        try:
            self._write(batch)
        except BaseException:
            # whoever waits for these will find them pending again
            self._pending.extendleft(slot for slot in reversed(batch) if not slot.done and slot is not mine)
            raise

    def _write(self, batch: list[_Slot]) -> None:
        active = self._answer_idle(batch)
        if self._is_outrun:
            self._wait_up()
        bodies = self._bodies(active)
        if bodies:
            entries = self._journal.append(self._position, bodies)
            written = active if len(bodies) == len(active) else [slot for slot in active if not slot.done]
            self._absorb(entries, written)
            self._snapshot()

    def _answer_idle(self, batch: list[_Slot]) -> list[_Slot]:
        """
        Answer the first commands as long as they have nothing to do; return the others.

        Behind a command that has, nothing is idle: that one may make work, and
        whoever waits on this answer would miss the wake-up.
        """
        may_be_idle = self._machine.may_be_idle
        for number, slot in enumerate(batch):
            # first: a claim that is repeated after its reply was lost would often find nothing to do
            if slot.request is not _UNNUMBERED and self._is_known(slot):
                continue
            if not may_be_idle(slot.command) or not self._has_nothing_to_do(slot.command):
                return batch[number:] if number else batch
            slot.reply = () if isinstance(slot.command, ClaimMany) else None
            slot.done = True
        return []

    def _is_known(self, slot: _Slot) -> bool:
        """Answer a request that was answered before."""
        self._catch_up()
        known = self._machine.answer(slot.request, slot.command)
        if known is not None:
            slot.reply, slot.done = known[0], True
        return slot.done

    def _has_nothing_to_do(self, command: Command[Any]) -> bool:
        # a look at the file is cheap; a claim written in vain, when several wake for one task, is not
        self._catch_up()
        return self._machine.is_idle(command, self._clock.now_ns())

    def _bodies(self, active: list[_Slot]) -> list[bytes]:
        """Return the entries of commands; one that may not be written is refused, the others go on."""
        seen: tuple[int, int] | None = (self._position, self._machine.ledger.refusals)
        bodies = []
        for slot in active:
            if slot.request is _UNNUMBERED:
                slot.request = (self._session, next(self._numbers))
            if slot.command.__class__ is Submit and self._is_adrift:
                slot.command = self._dated(slot.command)
            try:
                bodies.append(encode(slot.request, slot.command, seen))
            except LimitError as refusal:
                slot.reply, slot.done = Refused(refusal), True
            else:
                seen = None  # one a batch is enough
        return bodies

    def _dated(self, command: Submit) -> Submit:
        """Say how far the board's clock is ahead, if a task names a date."""
        for task in command.tasks:
            if isinstance(task.delay, dt.datetime) or isinstance(task.finish_by, dt.datetime):
                return attrs.evolve(command, ahead_ns=self._clock.ahead_ns())  # type: ignore[attr-defined]
        return command

    def _try(self, command: Command[R]) -> R | Refused:
        slot = self._slot(command, None)
        try:
            # the last of its batch: nothing is applied after it that a waiter would miss
            self._write_together([*self._take(_BATCH - 1), slot], slot)
        finally:
            self._spread()
        return slot.reply  # type: ignore[no-any-return]

    # -- following the log ----------------------------------------------------------------------

    @property
    def _position(self) -> int:
        if self._machine.ledger.undo.entries:
            self._machine.ledger.mend()
        return self._machine.ledger.position

    def _wait_up(self) -> None:
        """
        Follow the log in turns with those who write it, until we are there.

        A process carries its own commands out without decoding them, so it may write faster than another
        can follow. What the other finds then grows with each verb: it was seen to wait for seconds, until
        the first one stopped. Taking the lock while some hundred entries are carried out makes the faster
        one wait its turn.
        """
        self._is_outrun, self._lag = False, 0
        follow = getattr(self._journal, "follow", None)
        while follow is not None and follow(self._position, _FAR, self._absorb_others):
            pass

    def _absorb_others(self, entries: list[Entry]) -> None:
        if entries:
            self._absorb(entries, [])

    def _catch_up(self) -> None:
        if self._is_outrun:
            self._wait_up()
        entries = self._journal.read(self._position)
        if entries:
            self._absorb(entries, [])

    def _absorb(self, entries: list[Entry], mine: list[_Slot]) -> None:
        """Apply entries in order; the last `len(mine)` of what append returned are ours: no decoding."""
        for entry in entries:
            self._weight += len(entry.body)
        foreign = len(entries) - len(mine)
        if foreign > _FAR:
            self._is_outrun, self._lag = self._lag > 0, foreign
        else:
            self._lag = 0
        if len(entries) == len(mine) and entries[0].position == self._position + 1:
            for entry, slot in zip(entries, mine, strict=True):  # nobody else has written
                self._settle(slot, entry)
            return
        own = {e.position: slot for e, slot in zip(entries[-len(mine) :], mine, strict=True)} if mine else {}
        for _ in range(_MOVED):
            if not entries or entries[0].position == self._position + 1:
                break
            # the log was trimmed past us while we were not looking
            self._reload()
            entries = self._journal.read(self._position)
        # not those that callers named: another agent may use the same word at this moment
        waiting = {slot.request: slot for slot in mine if slot.request[1]}
        for entry in entries:
            ours = own.get(entry.position)
            if ours is not None:
                self._settle(ours, entry)
                continue
            request, command = self._decode(entry)
            try:
                reply = self._machine.apply(
                    command, now_ns=entry.stamp_ns, request=request, position=entry.position
                )
            except _MEANINGLESS as odd:
                # what no front would have written, under a checksum that fits
                raise JournalCorruptError(
                    self._name, f"a command that means nothing here ({odd!r})", entry.position
                ) from odd
            if request in waiting:
                self._answer(waiting[request], reply)
        for slot in mine:
            if not slot.done:  # trimmed before we read it: the state remembers the answer
                known = self._machine.answer(slot.request, slot.command)
                slot.reply = None if known is None else known[0]
                slot.done = True

    def _settle(self, slot: _Slot, entry: Entry) -> None:
        """Apply a command of ours where the log has it: no decoding."""
        reply = self._machine.apply(
            slot.command, now_ns=entry.stamp_ns, request=slot.request, position=entry.position
        )
        self._answer(slot, reply)

    def _answer(self, slot: _Slot, reply: Any) -> None:
        if not slot.done:
            self._note_grant(reply)
            slot.reply, slot.done = reply, True

    def _decode(self, entry: Entry) -> tuple[tuple[str, int], Command[Any]]:
        try:
            request, command, seen = decode_entry(entry.body)
        except RulesMissing as missing:
            raise self._stop(missing, entry.position) from missing
        except (ValueError, TypeError, KeyError, RecursionError) as problem:
            raise JournalCorruptError(
                self._name, f"an entry that this version cannot read ({problem})", entry.position
            ) from problem
        lacked = self._machine.lacks(command)
        if lacked:
            raise self._stop(RulesMissing(lacked), entry.position)
        if seen is not None:
            self._compare(*seen, entry.position)
        return request, command

    def _stop(self, missing: RulesMissing, position: int) -> JournalVersionError:
        """Answer nothing from here on: whoever goes on without a rule grants what others hold."""
        self._unreadable = JournalVersionError(
            self._name,
            f"needs at position {position} what is not here: {missing}; upgrade ants_coord, or import what "
            "registers it, before you open the board; nothing was changed",
        )
        return self._unreadable

    def _compare(self, position: int, refusals: int, at: int) -> None:
        ours = self._machine.ledger.refusals_until(position)
        if ours is not None and ours != refusals:
            raise JournalCorruptError(
                self._name,
                f"its writer had refused {refusals} commands up to position {position}, and here it is "
                f"{ours}: the two follow different rules",
                at,
            )

    def _reload(self) -> None:
        """Start over from the newest snapshot."""
        loaded = self._journal.load()
        if loaded is None:
            raise JournalError(self._name, "entries are missing and there is no snapshot")
        position, pieces = loaded
        machine = self._make_machine()
        try:
            with _no_garbage():
                restore(machine, self._records(pieces))
        except RulesMissing as missing:
            raise self._stop(missing, position) from missing
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as problem:
            raise JournalCorruptError(self._name, f"the snapshot ({problem})", position) from problem
        if machine.ledger.position != position:
            raise JournalCorruptError(self._name, "the snapshot is of another position", position)
        self._drop_cut()
        machine.news.is_wanted = self._machine.news.is_wanted
        self._machine = machine
        self._snapshot_at, self._weight = position, 0
        self._lobby.wake_all()

    def _records(self, pieces: Any) -> Iterator[list[Any]]:
        self._snapshot_bytes = 0
        for piece in pieces:
            self._snapshot_bytes += len(piece)
            yield from decode_piece(piece)

    @property
    def _name(self) -> str:
        return str(getattr(self._journal, "path", "journal"))

    def _note_grant(self, reply: Any) -> None:
        if reply.__class__ is Lease:
            self._granted.add(reply.token)
        elif reply.__class__ is tuple and reply and reply[0].__class__ is Lease:
            self._granted.update(lease.token for lease in reply)
        else:
            return
        if len(self._granted) > 64 and len(self._granted) > 2 * self._machine.ledger.alarms.live:
            self._granted = self._granted.intersection(self._live_tokens())

    def _live_tokens(self) -> dict[int, str]:
        ledger = self._machine.ledger
        live = dict.fromkeys(ledger.locks, "lock:")
        for agent in ledger.agents.values():
            live.update((token, row.spec.id) for token, row in agent.leases.items())
        return live

    def backup(self, to: str) -> None:
        """Write a copy of the board's file; others are not kept waiting, nor is this process."""
        with self._lock:
            self._ready_or_raise()
            copy = getattr(self._journal, "backup", None)
        if copy is None:
            super().backup(to)
        else:
            copy(to)

    # -- queries --------------------------------------------------------------------------------

    def ask(self, query: Query[R]) -> R:
        """Answer a query from the log as it is now."""
        with self._lock:
            self._ready_or_raise()
            reply = self._look(query)
        if reply.__class__ is Refused:
            raise reply.error
        return reply  # type: ignore[return-value]

    def _look(self, query: Query[R]) -> R | Refused:
        self._catch_up()
        may_write = not getattr(self._journal, "is_read_only", False)  # such a board can be looked at
        if may_write and not self._machine.is_idle(Wakeup(), self._clock.now_ns()):
            self._try(Wakeup())
        else:
            self._spread()
        return self._machine.ask(query, now_ns=self._clock.now_ns())

    # -- snapshots ------------------------------------------------------------------------------

    def _snapshot(self) -> None:
        """Go on with a snapshot, some records per append; begin one when it is due."""
        if self._cut is None:
            count = self._position - self._snapshot_at
            if count < self._snapshot_every and self._weight < _LOG_BYTES:  # nearly always: no call
                return
            if not self._is_snapshot_due(count):
                return
            newest = self._journal.load()
            if newest is not None and newest[0] > self._snapshot_at:
                self._snapshot_at, self._weight = newest[0], 0
                return
            self._begin_cut()
        self._step_cut(self._stride)

    def _is_snapshot_due(self, count: int) -> bool:
        # twice what a snapshot would write: then trimming writes at most half as much again as the log itself
        if count >= self._snapshot_every and count >= 2 * len(self._machine.ledger.tasks):
            return True
        return self._weight >= _LOG_BYTES and self._weight >= 2 * self._snapshot_bytes

    def _begin_cut(self) -> None:
        self._cut, self._parts = Cut(self._machine), 0
        self._weight_at_cut, self._snapshot_bytes = self._weight, 0

    def _step_cut(self, count: int) -> None:
        assert self._cut is not None
        records = self._cut.step(count)
        position = self._cut.position
        if records:
            piece = encode_piece(records)
            self._journal.save(position, self._parts, piece)
            self._parts += 1
            self._snapshot_bytes += len(piece)
            if len(piece) > _PIECE_BYTES:
                self._stride = max(1, self._stride // 2)
            elif len(piece) < _PIECE_BYTES // 4:
                self._stride = min(_RECORDS, 2 * self._stride)
        else:
            self._journal.save(position, self._parts, None)
            self._snapshot_at = position
            self._weight -= self._weight_at_cut
            self._cut = None

    def _drop_cut(self) -> None:
        if self._cut is not None:
            self._cut.drop()
            self._cut = None

    # -- opening and closing --------------------------------------------------------------------

    def _open_board(self) -> None:
        self._journal = self._open_journal()
        self._clock = self._journal.clock
        self._is_adrift = hasattr(self._clock, "ahead_ns")
        # drawn here and not in the constructor: an unopened board may be copied by a fork, and two processes
        # under one name would be answered with each other's replies
        self._session = self._session or fresh_session()
        try:
            with _no_garbage():
                if self._journal.load() is not None:
                    self._reload()
                self._catch_up()
            if not self._machine.ledger.configured:
                self._write_settings()
            elif not self._machine.ledger.rules:
                self._upgrade()
            self._compare_settings()
        except BaseException:
            self._journal.close()
            self._machine = self._make_machine()
            raise

    def _write_settings(self) -> None:
        if self._must_exist:
            raise JournalError(self._name, NO_BOARD)
        # `first`: if two processes open a new board at once, one of them wins
        # and the other compares its settings like anybody who comes later
        settings = Settings(**self._asked)
        rules = self._machine.rules_of(settings.strategy)
        self._write([self._slot(Configure(settings, first=True, rules=rules), None)])

    def _ready_or_raise(self) -> None:
        if self._unreadable is not None:
            raise self._unreadable
        super()._ready_or_raise()

    def _upgrade(self) -> None:
        """
        Bring a board of format 1 to this one, once: replayed, its leases revoked, sealed by a snapshot.

        A process of the release before that still has it open stops at the Upgrade, which it cannot read.
        """
        rules = self._machine.rules_of(self._machine.ledger.settings.strategy)
        self._write([self._slot(Upgrade(rules), None)])
        if self._cut is None:
            self._cut, self._parts = Cut(self._machine), 0
        while self._cut is not None:
            self._step_cut(5_000)
        log.warning("%s was upgraded to format %d: live leases and locks were revoked", self._name, FORMAT)

    def _close_board(self) -> None:
        if not self._is_open:
            return
        try:
            # a log that cannot be written any more need not be: leases run out by
            # themselves, and a snapshot that was begun is begun again
            with contextlib.suppress(JournalError):
                self._release_granted()
                while self._cut is not None:
                    self._step_cut(125 * self._stride)
        finally:
            self._drop_cut()
            if self._stop_watching is not None:
                self._stop_watching()
                self._stop_watching = None
            self._journal.close()

    def _release_granted(self) -> None:
        self._catch_up()
        live = self._live_tokens()
        ours = sorted(token for token in self._granted if token in live)
        if ours:
            self._write([self._slot(Release(live[token], token), None) for token in ours])

    # -- waiting across processes ---------------------------------------------------------------

    def _stay(self, waiter: Any) -> None:
        if self._stop_watching is None:
            self._stop_watching = self._journal.watch(self._changed)
            # wanted from here on: the look below may read what this waiter waits for
            self._machine.news.is_wanted = True
            # what was written before the watch began is seen by this look
            self._catch_up()
            super()._stay(waiter)
            self._spread()
        else:
            super()._stay(waiter)

    def _changed(self) -> None:
        """Somebody else may have appended: look, and wake whom it concerns."""
        if not len(self._lobby):
            return
        with self._lock:
            if self._is_open and not self._why_closed:
                try:
                    self._catch_up()
                except JournalError:
                    self._lobby.wake_all()  # each will meet the error at its own verb
                self._spread()

    def _forked(self) -> None:
        if self._is_open and not self._why_closed:
            abandon = getattr(self._journal, "abandon", None)
            if abandon is not None:
                abandon()
        super()._forked()


@contextlib.contextmanager
def _no_garbage() -> Iterator[None]:
    """Read a board without looking for garbage: there is none yet, and looking takes half of the time."""
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()


class _Unopened(Clock):
    """Stands in for the journal's clock until the journal is open."""

    def now_ns(self) -> int:
        """Fail: nothing may read this clock."""
        raise AssertionError("the journal is not open")

    def alarm(self, ring: Callable[[], None]) -> Any:
        """Fail: nothing may set an alarm on this clock."""
        raise AssertionError("the journal is not open")
