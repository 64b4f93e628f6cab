"""
A replica: a journal and a machine, kept in step.

Commands are appended first and applied in log order, other people's and our own alike; the answer to a
command is the result of applying it. Threads that wait to append hand their commands to the thread that gets
the lock first, which writes the whole batch in one transaction (flat combining: 13 to 35 times the rate of
one fsync each). A command keeps its request id until it is answered, so a batch that was interrupted half-way
is simply appended again: commands that had been written are recognised and answered with their first reply.
An idle claim appends nothing: the caught-up machine is asked first.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import Any, TypeVar

from ..commands.shared import Adopt, ClaimMany, Command, Configure, Query, Refused, Submit, Upgrade, Wakeup
from ..core.machine import MAY_BE_IDLE, SAYS_RULES, Machine
from ..core.short_log import follow, is_idle
from ..core.state.rule_versions import OLD_RULES, RulesMissing
from ..core.state.timeline import RAW
from ..errors import JournalCorruptError, JournalError, JournalRewoundError, JournalVersionError, LimitError
from ..journals.clocks import report
from ..journals.codec import FORMAT, decode_entry, encode
from ..journals.ports import Entry, Journal
from ..values.settings import Settings
from ..values.tasks import Lease
from .board_lock import dropped, entering, weakly
from .combining import BATCH, UNNUMBERED, Combining, Slot, dated
from .engine import VAIN_NS
from .log import Log, Unopened, compare, compare_refusals
from .openings import Openings, live
from .snapshots import Snapshots, without_garbage

R = TypeVar("R")

_MEANINGLESS = (ArithmeticError, AssertionError, AttributeError, LookupError, TypeError, ValueError)
_UNREADABLE = (RulesMissing, ValueError, TypeError, KeyError, RecursionError)
_MOVED = 4
"""how often a log may be trimmed under a reader that reloads, before something must be wrong"""


NO_BOARD = "there is no board; make one with ClaimQueue, Matchmaker or Blackboard"


class LogEngine(Openings, Combining):
    """
    A board whose log is in a journal. Thread-safe; see Engine.

    Args:
        machine: makes an empty machine of the strategy.
        open_journal: opens the journal; called at the first verb, not before.
        asked: the settings that the user named.
        snapshot_every: entries between snapshots, at least.
        must_exist: open an existing board, and make none.

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
        super().__init__(machine, Unopened(), asked)
        self._open_journal = open_journal
        self._journal: Journal
        self._log: Log
        self._snapshots = Snapshots(snapshot_every)
        self._must_exist = must_exist
        self._session = ""
        self._numbers = itertools.count(1)
        self._vain_until_ns = 0
        self._is_adrift = False
        """whether the board's clock may differ from the wall clock, by which users give dates"""
        self._stop_watching: Callable[[], None] | None = None

    # -- commands -------------------------------------------------------------------------------

    def _write(self, batch: list[Slot]) -> None:
        active, log = self._answer_idle(batch), self._log
        if log.is_outrun:
            log.take_turns(lambda: self._position, lambda entries: self._absorb(entries, []))
        bodies = self._bodies(active)
        if bodies:
            after = self._machine.ledger.position
            try:
                entries = log.append(after, bodies)
            except JournalRewoundError:
                self._start_over()
                raise
            count = len(bodies)
            written = active if count == len(active) else [slot for slot in active if not slot.done]
            if count == len(entries) and entries[0][0] == after + 1:
                self._settle(entries, written)
            else:
                self._absorb(entries, written)
            self._snapshots.go_on(self._machine, log)

    def _write_alone(self, slot: Slot) -> bool:
        """Do what `_write` does with a usual command, in one function (benchmark "SQLite NORMAL: cycle")."""
        machine, log = self._machine, self._log
        command: Any = slot.command
        ledger, kind = machine.ledger, command.__class__
        request = slot.request
        if not (request is UNNUMBERED or request[1]) or ledger.undo.entries or log.is_outrun or kind is Adopt:
            return False  # an id that a caller chose is looked up first
        if kind in MAY_BE_IDLE or kind in ledger.idlers:
            # as of the last command, which saves a look at the clock; if it finds nothing, `_write` looks
            if not log.is_ahead or is_idle(machine, command, ledger.timeline.reading[RAW]):
                return False
        elif kind is Submit and (len(command.tasks) != 1 or not command.tasks[0].is_plain):
            return False
        after = ledger.position
        if request is UNNUMBERED:
            request = (self._session, next(self._numbers))
        try:
            body = encode(request, command, (after, ledger.refusals))
            slot.request = request
            entries = log.append(after, [body])
        except LimitError:
            return False
        except JournalRewoundError:
            self._start_over()
            raise
        position, stamp_ns, _ = entries[0]
        if len(entries) == 1 and position == after + 1:
            self._snapshots.weight += len(body)
            reply = follow(machine, command, stamp_ns, request, position)
            if slot.is_ours and kind is not Submit:
                self._grants.note(reply, ledger)
            slot.reply, slot.done = reply, True
        else:
            self._absorb(entries, [slot])
        self._snapshots.go_on(machine, log)
        return True

    def _answer_idle(self, batch: list[Slot]) -> list[Slot]:
        """
        Answer the leading commands as long as they have nothing to do; return the others.

        A command behind one that has something to do is never idle: that one may make work, and a caller that
        waits on this answer would miss the wake-up.
        """
        may_be_idle = self._machine.may_be_idle
        for number, slot in enumerate(batch):
            # first: a claim that is repeated after its reply was lost would often find nothing to do
            idles = may_be_idle(slot.command)
            if idles and self._has_work(slot.command):  # a repeat is answered where it is applied
                return batch[number:] if number else batch
            if slot.request is not UNNUMBERED and (idles or not slot.request[1]) and self._is_known(slot):
                continue
            if not idles or not self._has_nothing_to_do(slot.command):
                return batch[number:] if number else batch
            slot.reply = () if isinstance(slot.command, ClaimMany) else None
            slot.done = True
        return []

    def _is_known(self, slot: Slot) -> bool:
        """Answer a request that was answered before."""
        self._catch_up()
        known = self._machine.answer(slot.request, slot.command)
        if known is not None:
            slot.reply, slot.done = known[0], True
        return slot.done

    def _has_work(self, command: Command[Any]) -> bool:
        """Tell whether a command finds something to do in the state as it is known, without a look."""
        return self._log.is_ahead and not self._machine.is_idle(command, self._clock.now_ns())

    def _has_nothing_to_do(self, command: Command[Any]) -> bool:
        # a look at a file is cheap; a claim written in vain, when several wake for one task, is not. Over a
        # network a look is a round trip, useless if nobody else writes: so only before answering "nothing"
        self._catch_up()
        is_idle = self._machine.is_idle(command, self._clock.now_ns())
        if is_idle and self._end_the_gone():
            is_idle = self._machine.is_idle(command, self._clock.now_ns())
        return is_idle

    def _bodies(self, active: list[Slot]) -> list[bytes]:
        """Return the entries of commands; one that may not be written is refused, the others go on."""
        seen: tuple[int, int] | None = (self._position, self._machine.ledger.refusals)
        bodies = []
        for slot in active:
            if slot.request is UNNUMBERED:
                slot.request = (self._session, next(self._numbers))
            if slot.command.__class__ is Submit and self._is_adrift:
                slot.command = dated(slot.command, self._clock)
            elif slot.command.__class__ is Adopt:
                slot.command = self._naming_the_gone(slot.command)
            try:
                bodies.append(encode(slot.request, slot.command, seen))
            except LimitError as refusal:
                slot.reply, slot.done = Refused(refusal), True
            else:
                seen = None  # one per batch is enough
        return bodies

    def _try(self, command: Command[R], request: tuple[str, int] | None = None) -> R | Refused:
        slot = self._slot(command, request)
        try:
            # the last of its batch: nothing is applied after it that a waiter would miss
            batch = [*self._take(BATCH - 1), slot]
            try:
                if len(batch) > 1 or not self._write_alone(slot):
                    self._write(batch)
            except BaseException:
                self._put_back(batch, slot)
                raise
            if request is None and slot.reply.__class__ is Refused:
                self._once_more(slot)
        finally:
            self._spread()
        return slot.reply  # type: ignore[no-any-return]

    # -- following the log ----------------------------------------------------------------------

    @property
    def _position(self) -> int:
        if self._machine.ledger.undo.entries:
            self._machine.ledger.mend()
        return self._machine.ledger.position

    def _catch_up(self) -> None:
        if self._log.is_outrun:
            self._log.take_turns(lambda: self._position, lambda entries: self._absorb(entries, []))
        try:
            entries = self._log.read(self._position)
        except JournalRewoundError:
            self._start_over()
            raise
        if entries:
            self._absorb(entries, [])

    def _start_over(self) -> None:
        """Go on with the log as it is, though it lacks entries that we read; the first caller is told."""
        if self._log.load() is not None:
            self._reload()
        else:
            self._take_over(self._make_machine(), 0)
        entries = self._log.read(self._position)
        if entries:
            self._absorb(entries, [])
        alive = live(self._machine.ledger)
        for kept in self._keeper.all():
            if kept.lease.token not in alive:
                self._lose(kept, "rewound")
        self._lobby.wake_all()

    def _settle(self, entries: list[Entry], slots: list[Slot]) -> None:
        """Apply our own commands at their places in the log, without decoding; nobody else has written."""
        machine, snapshots = self._machine, self._snapshots
        for (position, stamp_ns, body), slot in zip(entries, slots, strict=True):
            snapshots.weight += len(body)
            reply = follow(machine, slot.command, stamp_ns, slot.request, position)
            self._answer(slot, reply)

    def _absorb(self, entries: list[Entry], mine: list[Slot]) -> None:
        """Apply entries in order; the last `len(mine)` are ours, and need no decoding."""
        self._snapshots.weight += sum([len(body) for _, _, body in entries])
        self._log.note_foreign(len(entries) - len(mine))
        own = {e.position: slot for e, slot in zip(entries[-len(mine) :], mine, strict=True)} if mine else {}
        for _ in range(_MOVED):
            if not entries or entries[0].position == self._position + 1:
                break
            # the log was trimmed past our position while we were not looking
            self._reload()
            entries = self._log.read(self._position)
        else:
            raise JournalError(self._name, "the log is trimmed faster than its snapshot can be read")
        # not requests that callers named: another agent may be using the same id at this moment
        waiting = {slot.request: slot for slot in mine if slot.request[1]}
        machine = self._machine
        ledger, refused = machine.ledger, machine.ledger.refused_at
        for position, stamp_ns, body in entries:
            if own and position in own:
                slot = own[position]
                self._answer(slot, follow(machine, slot.command, stamp_ns, slot.request, position))
                continue
            try:
                request, command, seen = decode_entry(body)
            except _UNREADABLE as problem:
                raise self._unread(problem, position) from problem
            if type(command) in SAYS_RULES:
                self._follow_rules(command, position)
            if seen is not None and (seen[1] != ledger.refusals or (refused and refused[-1] > seen[0])):
                compare_refusals(ledger, self._log, seen, position)
            try:
                reply = follow(machine, command, stamp_ns, request, position)
            except _MEANINGLESS as odd:
                # an entry that no front would have written, under a valid checksum
                raise JournalCorruptError(
                    self._name, f"a command that means nothing here ({odd!r})", position
                ) from odd
            if waiting and request in waiting:
                self._answer(waiting[request], reply)
        for slot in mine:
            if not slot.done:  # trimmed before we read it: the state remembers the answer
                known = self._machine.answer(slot.request, slot.command)
                slot.reply = None if known is None else known[0]
                slot.done = True

    def _answer(self, slot: Slot, reply: Any) -> None:
        if not slot.done:
            if slot.is_ours and (reply.__class__ is Lease or reply.__class__ is tuple):
                self._grants.note(reply, self._machine.ledger)
            slot.reply, slot.done = reply, True

    def _unread(self, problem: Exception, position: int) -> JournalError:
        if isinstance(problem, RulesMissing):
            return self._stop(problem, position)
        why = f"an entry that this version cannot read ({problem})"
        return JournalCorruptError(self._name, why, position)

    def _follow_rules(self, command: Command[Any], position: int) -> None:
        """Stop where the log says that its readers must have what is not here."""
        if command.__class__ is Configure and not command.rules and not self._machine.ledger.configured:
            command.rules = OLD_RULES  # the first entry of a log of format 1
        if lacked := self._machine.lacks(command):
            raise self._stop(RulesMissing(lacked), position)

    def _stop(self, missing: RulesMissing, position: int) -> JournalVersionError:
        """Answer nothing from here on: a reader that lacks a rule would grant what others hold."""
        self._unreadable = JournalVersionError(
            self._name,
            f"needs at position {position} what is not here: {missing}; upgrade ants_coord, or import what "
            "registers it, before you open the board; nothing was changed",
        )
        return self._unreadable

    def _reload(self) -> None:
        """Start over from the newest snapshot."""
        loaded = self._log.load()
        if loaded is None:
            raise JournalError(self._name, "entries are missing and there is no snapshot")
        position, pieces = loaded
        try:
            machine = self._snapshots.restored(self._make_machine(), self._name, position, pieces)
        except RulesMissing as missing:
            raise self._stop(missing, position) from missing
        self._take_over(machine, position)
        self._lobby.wake_all()

    def _take_over(self, machine: Machine, position: int) -> None:
        self._snapshots.start_over(position)
        machine.news.is_wanted = self._machine.news.is_wanted
        self._machine = machine

    @property
    def _name(self) -> str:
        return self._log.name

    def backup(self, to: str) -> None:
        """Write a copy of the board's file, without keeping others or this process waiting."""
        self.open()
        copy = getattr(self._journal, "backup", None)
        if copy is None:
            super().backup(to)
        else:
            copy(to)

    # -- queries --------------------------------------------------------------------------------

    def _look(self, query: Query[R]) -> R | Refused:
        self._catch_up()
        self._look_around(query)
        now = self._clock.now_ns()
        may_write = not getattr(self._journal, "is_read_only", False)  # a read-only board can still be read
        if may_write and now >= self._vain_until_ns and not self._machine.is_idle(Wakeup(), now):
            self._try(Wakeup())
            if not self._machine.is_idle(Wakeup(), now):  # our clock is ahead of the journal's
                self._vain_until_ns = now + VAIN_NS
        else:
            self._spread()
        return self._machine.ask(query, now_ns=self._clock.now_ns())

    # -- opening and closing --------------------------------------------------------------------

    def _open_board(self) -> None:
        self._journal = self._open_journal()
        try:
            self._log = Log(self._journal)
            self._clock = self._journal.clock
            self._is_adrift = hasattr(self._clock, "ahead_ns")
            # drawn here and not in the constructor: a fork may copy an unopened board, and two processes
            # under one name would get each other's replies
            self._name_session()
            with without_garbage():
                if self._log.load() is not None:
                    self._reload()
                self._catch_up()
            if not self._machine.ledger.configured:
                self._write_settings()
            elif self._machine.ledger.is_old:
                self._upgrade()
            compare(self._machine.ledger, self._asked)
        except BaseException:
            self._journal.close()
            self._machine = self._make_machine()
            raise

    def _write_settings(self) -> None:
        if self._must_exist:
            raise JournalError(self._name, NO_BOARD)
        # `first`: if two processes open a new board at once, one of them wins, and the other compares its
        # settings like any later one
        settings = Settings(**self._asked)
        rules = self._machine.rules_of(settings.strategy)
        self._write([self._slot(Configure(settings, first=True, rules=rules), None)])

    def _ready_or_raise(self) -> None:
        if self._unreadable is not None:
            raise JournalVersionError(*self._unreadable.args)  # one error raised again and again would grow
        super()._ready_or_raise()

    def _upgrade(self) -> None:
        """
        Upgrade a board of format 1, once: replay it, revoke its leases, seal it with a snapshot.

        A process of the previous release that has it open stops at the Upgrade, which it cannot read.
        """
        rules = self._machine.rules_of(self._machine.ledger.settings.strategy)
        self._write([self._slot(Upgrade(rules), None)])
        self._snapshots.write_now(self._machine, self._log)
        import logging  # noqa: PLC0415 - only trouble needs it

        log = logging.getLogger("ants_coord")
        log.warning("%s was upgraded to format %d: live leases and locks were revoked", self._name, FORMAT)

    def _close_board(self) -> None:
        if not self._is_open:
            return
        try:
            # a log that cannot be written any more need not be: leases expire by themselves, and an
            # unfinished snapshot is started again
            with contextlib.suppress(JournalError):
                self._catch_up()
                self._write([self._slot(command, None) for command in self._last_words()])
                self._snapshots.finish(self._log)
        finally:
            self._snapshots.drop()
            if self._stop_watching is not None:
                self._stop_watching()
                self._stop_watching = None
            self._journal.close()

    # -- waiting across processes ---------------------------------------------------------------

    def _stay(self, waiter: Any) -> None:
        if self._stop_watching is None:
            self._stop_watching = self._log.watch(weakly(self._changed))
            # wanted from here on: the look below may read what this waiter waits for
            self._machine.news.is_wanted = True
            # what was written before the watch began is seen by this look
            self._catch_up()
            super()._stay(waiter)
            self._spread()
        else:
            super()._stay(waiter)

    def _changed(self) -> None:
        """Read what another process may have appended, and wake waiters; called by the journal."""
        if not len(self._lobby) or self._is_inside:
            return  # the second case: called by the journal itself, during our own append
        try:
            self._hear()
        except Exception:  # noqa: BLE001 - the journal's thread serves others, too
            report("what others have written could not be read")

    @entering
    def _hear(self) -> None:
        if not self._is_open or self._why_closed:
            return
        try:
            entries = self._log.heard(self._position)
            if entries is None:
                self._catch_up()
            elif entries:
                self._absorb(entries, [])
            self._end_the_gone()
            self._spread()
        except Exception as problem:  # noqa: BLE001
            self._bear(problem)

    def __del__(self) -> None:
        """Warn of an open board that nobody closed, and close its file."""
        if not self.__dict__.get("_is_open") or self._why_closed:
            return
        super().__del__()
        journal, stop = self._journal, self._stop_watching

        def let_go() -> None:  # without `self`, which is gone
            try:
                if stop is not None:
                    stop()
                journal.close()
            except Exception:  # noqa: BLE001 - nobody is there to hear it
                report("a dropped board could not be closed")

        dropped(f"the board {self._name!r}", let_go)

    def _forked(self) -> None:
        if self._is_open and not self._why_closed:
            abandon = getattr(self._journal, "abandon", None)
            if abandon is not None:
                abandon()
        super()._forked()
