"""
Commands on their way to a log: they wait in line for the lock, and the thread that has it writes for all.

That is flat combining: under load one transaction carries the commands of many threads, and one thread alone
writes at once.
"""

from __future__ import annotations

import datetime as dt
from collections import deque
from collections.abc import Sequence
from typing import Any, TypeVar

from ..commands.shared import Command, Refused, Submit
from ..core.machine import SAYS_RULES, Machine
from ..errors import CoordinationError, HeldError, JournalVersionError, SettingsError
from ..frozen import entity, evolve, record
from ..values.checks import Request, numbered
from .board_lock import EXITING, entering
from .engine import LOOK_AGAIN_NS, Engine

R = TypeVar("R")
UNNUMBERED = ("", 0)
BATCH = 512
"""most commands that are written at once"""


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


def dated(command: Submit, clock: Any) -> Submit:
    """Note in a command how far ahead the board's clock is, if a task names a date."""
    for task in command.tasks:
        if isinstance(task.delay, dt.datetime) or isinstance(task.finish_by, dt.datetime):
            return evolve(command, ahead_ns=clock.ahead_ns())
    return command


class Combining(Engine):
    """An engine in which commands wait in line for the lock, and whose holder takes many at once."""

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
