"""
A journal as the engine sees it: its errors become JournalErrors, and its answers are checked.

A journal may be written by anybody. What it raises reaches callers as a JournalError with the cause chained.
If a journal lies (returns entries that nobody appended, or that were read before), the positions show it
before anything is applied.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ..commands.shared import Command, Refused, Submit
from ..core.machine import SAYS_RULES, Machine
from ..errors import (
    CoordinationError,
    HeldError,
    JournalCorruptError,
    JournalError,
    JournalVersionError,
    SettingsError,
)
from ..frozen import entity, evolve, record
from ..journals.ports import Clock, Entry, Journal
from ..values.checks import Request, numbered
from .board_lock import EXITING, entering
from .engine import LOOK_AGAIN_NS, Engine

R = TypeVar("R")
UNNUMBERED = ("", 0)

_ALONE = 64
"""looks and appends in a row that found nothing of others, after which we consider ourselves alone"""
BATCH = 512
_FAR = 250
"""this many entries of others take long to carry out (some 25 ms)"""


def is_vain(reply: Any) -> bool:
    """Tell whether a try was in vain, so that the waiter goes on waiting."""
    return reply is None or (reply.__class__ is Refused and isinstance(reply.error, HeldError))


@record
class Turn:
    """The tries of one waiting caller, one at a time; each has the next number of a session."""

    session: str
    number: int
    answer: Any = None

    def has_answer(self, machine: Machine) -> bool:
        """Tell whether a try was answered and only the answer was lost; otherwise number the next try."""
        if not self.number:  # a request id, by which the core recognises every try
            return False
        last = machine.last_answer(self.session)
        if last is None or last[0] < self.number:
            return False
        self.number, self.answer = last
        if is_vain(self.answer):
            self.number += 1
            return False
        return True


@entity
class Slot:
    """One command on its way, and its answer."""

    command: Command[Any]
    request: tuple[str, int]
    """UNNUMBERED until it is written: a number drawn early could be overtaken by more commands than a session
    remembers, and the command would be refused as too old"""
    is_ours: bool = True
    """whether what it grants belongs to this opening, and is given back when it closes"""
    reply: Any = None
    done: bool = False


class Log:
    """
    One journal.

    Args:
        journal: the journal.

    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.is_remote = bool(getattr(journal, "is_remote", False))
        """whether a look is a round trip over a network, and dearer than a claim written in vain"""
        self._lag = 0
        """how many entries of others the last look found, if there were many"""
        self.is_outrun = False
        """whether others write faster than we follow"""
        self.undisturbed = 0
        """how many looks and appends in a row found nothing of others"""

    @property
    def name(self) -> str:
        """Its name in error messages."""
        return str(getattr(self._journal, "path", "journal"))

    @property
    def is_ahead(self) -> bool:
        """
        Whether a grantable claim is better written at once, without a look for others' entries.

        Over a network a look is a round trip. And if nobody else has written for a while, a look would
        probably find nothing. If this is wrong, one claim is written in vain, and we look again before the
        next ones.
        """
        return self.is_remote or self.undisturbed >= _ALONE

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append all bodies, or none, and return every entry after `after`, including ours."""
        try:
            entries = self._journal.append(after, bodies)
        except CoordinationError:
            raise
        except Exception as problem:
            raise self._error(problem) from problem
        if len(entries) == 1 == len(bodies):  # as it nearly always is
            ((position, _, body),) = entries
            if position == after + 1 and body == bodies[0]:
                self.undisturbed += 1
                self._lag = 0
                return entries
        self._check(entries, after)
        others = len(entries) - len(bodies)
        if not others:
            self.note_foreign(0)
        for number, body in enumerate(bodies, others):
            if number < 0 or entries[number].body != body:
                raise JournalCorruptError(self.name, "what was appended is not what it returned", after + 1)
        return entries

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position."""
        try:
            entries = self._journal.read(after)
        except CoordinationError:
            raise
        except Exception as problem:
            raise self._error(problem) from problem
        if entries:
            self._check(entries, after)
        return entries

    def heard(self, after: int) -> list[Entry] | None:
        """Return the entries after a position that the journal was notified of; None if it must be read."""
        tell = getattr(self._journal, "heard", None)
        entries: list[Entry] | None = None if tell is None else self._named(tell, after)
        if entries:
            self._check(entries, after)
        return entries

    def note_foreign(self, count: int) -> None:
        """Note how many entries of others were found at once."""
        self.undisturbed = 0 if count else self.undisturbed + 1
        if count > _FAR:
            self.is_outrun, self._lag = self._lag > 0, count
        else:
            self._lag = 0

    def take_turns(self, position: Callable[[], int], absorb: Callable[[list[Entry]], None]) -> None:
        """
        Follow the log, taking turns with its writers, until we have caught up.

        A process carries out its own commands without decoding them, so it may write faster than another can
        follow. The backlog of the other one then grows with each verb; it was seen to wait for seconds, until
        the first one stopped. Holding the lock while some hundred entries are carried out makes the faster
        one wait its turn.
        """
        self.is_outrun, self._lag = False, 0
        follow = getattr(self._journal, "follow", None)

        def some(entries: list[Entry]) -> None:
            if entries:
                absorb(entries)

        while follow is not None and self._named(follow, position(), _FAR, some):
            pass

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest whole snapshot as (position, pieces), or None."""
        return self._named(self._journal.load)

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep one piece of a snapshot; None says that it is complete."""
        self._named(self._journal.save, position, part, piece)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever another process may have appended; return a function that stops this."""
        return self._named(self._journal.watch, changed)

    def close(self) -> None:
        """Close the journal."""
        self._named(self._journal.close)

    def _check(self, entries: Sequence[Entry], after: int) -> None:
        if not entries:
            return
        first, last = entries[0].position, entries[-1].position
        if first <= after:
            raise JournalCorruptError(self.name, "an entry was handed out again", first)
        if last - first != len(entries) - 1:
            raise JournalCorruptError(self.name, "the entries have a gap in them", first)

    def _named(self, call: Callable[..., R], *args: object) -> R:
        try:
            return call(*args)
        except CoordinationError:
            raise
        except Exception as problem:
            raise self._error(problem) from problem

    def _error(self, problem: Exception) -> JournalError:
        return JournalError(self.name, f"{type(problem).__name__}: {problem}")


def dated(command: Submit, clock: Any) -> Submit:
    """Note in a command how far ahead the board's clock is, if a task names a date."""
    for task in command.tasks:
        if isinstance(task.delay, dt.datetime) or isinstance(task.finish_by, dt.datetime):
            return evolve(command, ahead_ns=clock.ahead_ns())
    return command


class Unopened(Clock):
    """A stand-in for the journal's clock until the journal is open."""

    def now_ns(self) -> int:
        """Fail: nothing may read this clock."""
        raise AssertionError("the journal is not open")

    def alarm(self, ring: Callable[[], None]) -> Any:
        """Fail: nothing may set an alarm on this clock."""
        raise AssertionError("the journal is not open")


class Line(Engine):
    """The part of a LogEngine in which commands wait in line for the lock, and which takes many at once."""

    _unreadable: JournalVersionError | None = None
    """why this process must not answer any more: it lacks code that the board needs"""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._pending: deque[Slot] = deque()

    def _write(self, batch: list[Slot]) -> None:
        raise NotImplementedError

    def _write_alone(self, slot: Slot) -> bool:
        raise NotImplementedError

    def _once_more(self, slot: Slot) -> None:
        raise NotImplementedError

    def execute(self, command: Command[R], request_id: str | None = None) -> R:
        """Carry a command out and return its reply; a refusal is raised."""
        slot = self._slot(command, request_id)
        if self._is_busy or EXITING:
            self._hurdle()  # before it is pending: a verb inside another must not leave a command behind
        try:
            self._pending.append(slot)
            with self._lock:  # `_carry_out`, without its calls (benchmark "SQLite NORMAL: cycle")
                self._is_busy = True
                try:
                    self._write_pending(slot)
                finally:
                    self._is_busy = False
        except BaseException:
            self._forget(slot)
            raise
        finally:
            if self._left:
                self._see_off_now()
            if self._close_wanted:
                self.close()
        if slot.reply.__class__ is Refused:
            raise slot.reply.fresh_error()
        return slot.reply  # type: ignore[no-any-return]

    @entering
    def _carry_out(self, mine: Slot) -> None:
        """Write and apply the pending commands, including ours."""
        self._write_pending(mine)

    def _write_pending(self, mine: Slot) -> None:
        """Write and apply the pending commands, including ours, in as few transactions as possible."""
        if self._why_closed or not self._is_open or self._untold or self._unreadable:
            self._ready_or_raise()
        if mine.done and mine.reply.__class__ is not Refused:
            return
        try:
            while not mine.done:
                # ours may have been lost by a thread that took it and was interrupted
                batch = self._take(BATCH) or [mine]
                try:
                    if len(batch) > 1 or not self._write_alone(batch[0]):
                        self._write(batch)
                except BaseException:
                    self._put_back(batch, mine)
                    raise
            if mine.reply.__class__ is Refused:
                self._once_more(mine)
        finally:
            if self._machine.news.is_wanted:
                self._spread()

    def _put_back(self, batch: list[Slot], mine: Slot) -> None:
        """Let the callers of a batch that could not be written find their commands pending again."""
        self._pending.extendleft(slot for slot in reversed(batch) if not slot.done and slot is not mine)
        if len(self._lobby):  # it may have been written all the same, and somebody may wait for it
            self._set_alarm_at(self._clock.now_ns() + LOOK_AGAIN_NS)

    def _slot(self, command: Command[Any], request: Request) -> Slot:
        if command.__class__ in SAYS_RULES and (missing := self._machine.lacks(command)):
            # once written, it would stop every reader; refused before, it stops nobody
            raise SettingsError({"strategy": (self._machine.ledger.settings.strategy, ", ".join(missing))})
        return Slot(command, UNNUMBERED if request is None else numbered(request))

    def _forget(self, slot: Slot) -> None:
        try:
            self._pending.remove(slot)
        except ValueError:
            return  # it was taken, or never put back

    def _take(self, count: int) -> list[Slot]:
        """Take the commands that have been pending longest; other threads may be adding some meanwhile."""
        pending = self._pending
        taken: list[Slot] = []
        try:
            while pending and len(taken) < count:
                taken.append(pending.popleft())
        except IndexError:  # the last one was interrupted, and is out of the line again
            pass
        return taken

    def carry_out(self, batch: Sequence[tuple[Request, Command[Any]]]) -> list[Any]:
        """Carry out (request, command) pairs for others, in as few transactions as possible."""
        slots = [self._slot(command, request) for request, command in batch]
        for slot in slots:
            slot.is_ours = False
        trouble: CoordinationError | None = None
        try:
            self._pending.extend(slots)
            for slot in slots:  # the first one takes the others along
                self._carry_out(slot)
        except CoordinationError as problem:
            trouble = problem
        finally:
            for slot in slots:
                if not slot.done:  # a finished one has been taken; searching for it is expensive
                    self._forget(slot)
        # what is not done by then may have been written or not: nobody can tell, so each gets the error
        return [slot.reply if slot.done or trouble is None else Refused(trouble) for slot in slots]
