"""
A board in memory without a log: commands go straight to the machine. The fast path.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, TypeVar

from ..commands.shared import Command, Configure, Query, Refused, Wakeup
from ..core.machine import Machine
from ..journals.clocks import parts_of
from ..journals.ports import Clock
from ..values.checks import numbered
from ..values.settings import Settings
from .board_lock import EXITING
from .engine import Engine

R = TypeVar("R")

_SPINS = 1_000
"""in memory the lock is held for microseconds, so a thread that yields this often will have had a turn"""


class DirectEngine(Engine):
    """A board in memory: commands go straight to the machine, under the lock."""

    def __init__(self, machine: Callable[[], Machine], clock: Clock, asked: dict[str, Any]) -> None:
        super().__init__(machine, clock, asked)
        self._ticks, self._ahead_ns = parts_of(clock)

    def _hurdle(self) -> None:
        """
        Let other threads run before blocking.

        This keeps 8 threads at the throughput of one; blocking at once makes every hand-over of the lock a
        system call.
        """
        super()._hurdle()
        for _ in range(_SPINS):
            time.sleep(0)
            if not self._is_busy:
                return

    def execute(self, command: Command[R], request_id: str | None = None) -> R:
        """Carry a command out and return its reply; a refusal is raised."""
        # what `entering` does, written out, because this is the fast path of the whole package
        if self._is_busy or EXITING:
            self._hurdle()
        try:
            with self._lock:
                self._is_busy = True
                try:
                    if self._why_closed or not self._is_open:
                        self._ready_or_raise()
                    machine = self._machine
                    reply = machine.apply(
                        command,
                        now_ns=self._clock.now_ns(),
                        request=None if request_id is None else numbered(request_id),
                    )
                    self.is_short = machine.ledger.is_short
                    if machine.news.is_wanted:
                        self._spread()
                except BaseException:
                    self._spread_soon()
                    raise
                finally:
                    self._is_busy = False
        finally:
            if self._close_wanted:
                self.close()
        if reply.__class__ is Refused:
            raise reply.fresh_error()
        return reply  # type: ignore[return-value]

    def short(self, verb: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """Carry out a verb of core/work/short.py, if nothing is due."""
        if self._is_busy or EXITING:
            self._hurdle()
        try:
            with self._lock:
                self._is_busy = True
                try:
                    if not self.is_short:  # also when the board is closed, or not open yet
                        return NotImplemented
                    ledger = self._machine.ledger
                    reply = verb(ledger, self._ticks() + self._ahead_ns, args)
                    if ledger.news.is_wanted:
                        self._spread()
                except BaseException:
                    self._spread_soon()
                    raise
                finally:
                    self._is_busy = False
        finally:
            if self._close_wanted:
                self.close()
        return reply

    def _try(self, command: Command[R], request: tuple[str, int] | None = None) -> R | Refused:
        try:
            reply = self._machine.apply(command, now_ns=self._clock.now_ns(), request=request)
            self._spread()
        except BaseException:
            self._spread_soon()
            raise
        return reply

    def _look(self, query: Query[R]) -> R | Refused:
        wait_ns = self._wakeup_in_ns()
        if wait_ns is not None and wait_ns <= 0:
            self._try(Wakeup())
        return self._machine.ask(query, now_ns=self._clock.now_ns())

    def _open_board(self) -> None:
        settings = Settings(**self._asked)
        rules = self._machine.rules_of(settings.strategy)
        reply = self._machine.apply(Configure(settings, rules=rules), now_ns=self._clock.now_ns())
        if isinstance(reply, Refused):
            raise reply.fresh_error()

    def _close_board(self) -> None:
        """Do nothing: nothing outlives the process, so there is nothing to give back."""
