"""
The engine room: one machine, one lock, one lobby, one alarm. Both colours stand on it.

`Engine` does what is the same everywhere: who waits, whose leases are kept
alive, what the alarm has to do. How a command reaches the machine is the one
thing that differs: `DirectEngine` (in memory.py) applies it under the lock,
`LogEngine` (in replica.py) appends it to a journal first.

Lock discipline: everything below runs under `_lock`; wake callbacks must not
block; nothing that a user wrote is called with the lock held.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

from ..commands.shared import Command, Configure, Lost, Query, Refused, Renew, Wakeup
from ..core.machine import Machine
from ..core.snapshot import digest
from ..core.state.ledger import Hint
from ..errors import ClosedError, CoordinationError, HeldError, SettingsError
from ..journals.ports import Alarm, Chore, Clock
from ..values.settings import Settings
from ..values.tasks import Lease
from .awaited import in_vain
from .lobby import NEVER_NS, Lobby, Waiter

__all__ = ["Drained", "Engine", "Kept"]

R = TypeVar("R")

_LATE_NS = 1_000_000_000
"""an alarm that rings later than this was not slow: the process stood still"""
_FORK_PATIENCE_S = 5.0
_IO_THREADS = 16
"""enough for a good batch per fsync; threads only wait here"""


class Drained(Exception):  # noqa: N818 - an answer, not an error
    """No task is unfinished, which is what the waiter also waited for."""


@attrs.define(eq=False)
class Kept:
    """A lease that the engine renews until it is told to stop, or until it is lost."""

    lease: Lease
    on_lost: Callable[[str], None]
    ttl_ns: int
    until_ns: int
    renew_ns: int
    stop_ns: int = NEVER_NS
    on_stop: Callable[[], None] | None = None
    number: int = attrs.field(factory=itertools.count(1).__next__)
    """scopes may be nested around one lease (a lock that is entered again): tokens do not tell them apart"""
    agent: str | None = None
    """who keeps it; None is the board itself, for whoever holds the lease"""


C = TypeVar("C", bound=Chore)


class Engine(ABC):
    """
    What a coordinator is made of, without a colour. Thread-safe.

    Args:
        machine: makes an empty machine of the strategy.
        clock: stamps and alarms.
        asked: the settings that the user named; the others are the board's own.

    """

    blocking = False
    """whether a command may wait for a disk or a network (then never on an event loop)"""

    def __init__(self, machine: Callable[[], Machine], clock: Clock, asked: dict[str, Any]) -> None:
        self._make_machine = machine
        self._machine = machine()
        self._clock = clock
        self._asked = asked
        Settings(**asked)  # refuse bad settings at the constructor
        self._number = next(_numbers)
        self._lock = threading.RLock()
        self._lobby = Lobby(self._surplus)
        self._kept: dict[int, Kept] = {}
        self._kept_of: dict[str, Kept] = {}
        self._chores: dict[type, Chore] = {}
        self._alarm: Alarm | None = None
        self._alarm_at_ns = NEVER_NS
        self._is_open = False
        self._why_closed = ""
        self._pool: ThreadPoolExecutor | None = None
        self.path: str | None = None
        """the board's file, if it has one"""
        self.secret: bytes | None = None
        """decides which results are checked; never logged"""
        _engines.add(self)

    # -- what a front calls ---------------------------------------------------------------------

    @abstractmethod
    def execute(self, command: Command[R], request_id: str | None = None) -> R:
        """Carry a command out and return its reply; a refusal is raised."""

    @abstractmethod
    def ask(self, query: Query[R]) -> R:
        """Answer a query from the state of this instant."""

    @abstractmethod
    def _try(self, command: Command[R]) -> R | Refused:
        """Carry a command out with the lock already held."""

    def now_ns(self) -> int:
        """Return the board's time."""
        return self._clock.now_ns()

    def draw(self, task: str, token: int) -> float | None:
        """Return a number in [0, 1) that only who knows the secret can foretell; None without one."""
        if self.secret is None:
            return None
        import hmac  # noqa: PLC0415 - 4 ms, for boards with a secret only

        # the same for a repeated call: who is not content with a draw cannot draw again
        digest = hmac.digest(self.secret, f"{task}#{token}".encode(), "sha256")
        return (int.from_bytes(digest[:8]) >> 11) / (1 << 53)

    def threads(self) -> ThreadPoolExecutor:
        """Return the threads in which an event loop's file I/O is done, made at the first call."""
        with self._lock:
            if self._why_closed:
                raise ClosedError(self._why_closed)
            if self._pool is None:
                from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - 8 ms, event loops only

                self._pool = ThreadPoolExecutor(_IO_THREADS, "ants_coord journal")
            return self._pool

    def open(self) -> None:
        """Open the board now instead of at the first verb."""
        with self._lock:
            self._ready_or_raise()

    def close(self) -> None:
        """Wake every waiter with ClosedError and let go of everything. May be called again."""
        with self._lock:
            if self._why_closed:
                return
            try:
                if self._is_open:
                    for chore in self._chores.values():
                        with contextlib.suppress(CoordinationError):
                            chore.close(self._try)
                self._close_board()
            finally:
                self._shut("the coordinator is closed; open a new one")

    def backup(self, to: str) -> None:
        """Write a copy of the board's file, if it has one."""
        raise ValueError("a board in memory has no file to back up; give it a path when you make it")

    @property
    def is_closed(self) -> bool:
        """Whether close() has been called (or a fork has cut this copy off)."""
        return bool(self._why_closed)

    def check(self) -> None:
        """Assert every invariant of the state."""
        with self._lock:
            self._machine.check()

    def digest(self) -> str:
        """Return a hash that is equal exactly for equal boards."""
        with self._lock:
            self._ready_or_raise()
            self._catch_up()
            return digest(self._machine)

    # -- waiting --------------------------------------------------------------------------------

    def try_or_enter(self, command: Command[R], waiter: Waiter) -> R | None:
        """
        Try; if the reply is None (or a refusal that may pass), enter the lobby in the same step.

        Trying and entering under one hold of the lock is what makes a lost
        wake-up impossible. Raises what is final: ClosedError, a TimeoutError
        of a waiter whose time is over, any other refusal.
        """
        with self._lock:
            self._ready_or_raise()
            waiter.refuse_if_left()
            reply: R | Refused | None = self._try(command)
            if isinstance(reply, Refused):
                if not isinstance(reply.error, HeldError):
                    self._lobby.leave(waiter, claimed=None)
                    raise reply.error
            elif reply is not None:
                self._lobby.leave(waiter, claimed=reply.task if isinstance(reply, Lease) else "")
                return reply
            if waiter.drained and not self._machine.ledger.unfinished:
                self._lobby.leave(waiter, claimed=None)
                raise Drained
            self._stay(waiter)
            return None

    def look_or_enter(self, query: Query[R], done: Callable[[R], bool], waiter: Waiter) -> R | None:
        """Ask; return the answer if it is `done`, otherwise enter the lobby in the same step."""
        with self._lock:
            self._ready_or_raise()
            waiter.refuse_if_left()
            answer = self._look(query)
            if answer.__class__ is Refused:
                self._lobby.leave(waiter, claimed=None)
                raise answer.error
            if done(answer):  # type: ignore[arg-type]
                self._lobby.leave(waiter, claimed="")
                return answer  # type: ignore[return-value]
            self._stay(waiter)
            return None

    def leave(self, waiter: Waiter) -> None:
        """Stop waiting, for whatever reason and for good; an unused hint is passed on."""
        with self._lock:
            waiter.has_left = True
            self._lobby.leave(waiter, claimed=None)

    def _stay(self, waiter: Waiter) -> None:
        if waiter.is_over(self._clock.now_ns()):
            self._lobby.leave(waiter, claimed=None)
            raise TimeoutError(in_vain(self._machine, waiter, self._clock.now_ns()))
        self._lobby.enter(waiter)
        self._machine.news.is_wanted = True
        self._set_alarm_at(waiter.until_ns)
        self._set_alarm_for_time()

    def with_machine(self, look: Callable[[Machine, int], R]) -> R:
        """Look at the state of this instant, under the lock; `look` must change nothing."""
        with self._lock:
            self._ready_or_raise()
            self._catch_up()
            return look(self._machine, self._clock.now_ns())

    # -- keeping leases alive -------------------------------------------------------------------

    def keep(self, kept: Kept) -> None:
        """Renew a lease from now on, together with all others, a third of its ttl before each deadline."""
        with self._lock:
            self._ready_or_raise()
            self._kept[kept.number] = kept
            self._kept_of[kept.lease.task] = kept
            self._machine.news.is_wanted = True
            self._set_alarm_at(min(kept.renew_ns, kept.stop_ns))

    def unkeep(self, kept: Kept) -> None:
        """Stop renewing."""
        with self._lock:
            self._kept.pop(kept.number, None)
            if self._kept_of.get(kept.lease.task) is kept:
                del self._kept_of[kept.lease.task]

    def kept_from(
        self,
        lease: Lease,
        on_lost: Callable[[str], None],
        *,
        stop_after_ns: int | None = None,
        on_stop: Callable[[], None] | None = None,
    ) -> Kept:
        """Prepare to keep a lease whose remaining time is read off its own deadline."""
        now = self._clock.now_ns()
        left = max(0, lease.expires_ns - now)
        stop = NEVER_NS if stop_after_ns is None else now + stop_after_ns
        return Kept(
            lease,
            on_lost,
            lease.ttl_ns,
            now + left,
            now + max(0, left - 2 * lease.ttl_ns // 3),
            stop,
            on_stop,
        )

    def with_chore(self, kind: type[C], do: Callable[[C], R]) -> R:
        """Do something with the board's one chore of a kind, under the lock, and be there when it is due."""
        with self._lock:
            self._ready_or_raise()
            chore = self._chores.get(kind)
            if chore is None:
                chore = self._chores[kind] = kind()
            answer = do(chore)  # type: ignore[arg-type]
            self._set_alarm_at(chore.at_ns)
            return answer

    def _ring(self) -> None:
        """Do what is due: time-outs, renewals, and time itself while somebody waits for it."""
        calls: list[Callable[[], None]] = []
        with self._lock:
            if self._why_closed or not self._is_open:
                return
            now = self._clock.now_ns()
            late_ns, self._alarm_at_ns = now - self._alarm_at_ns, NEVER_NS
            try:
                self._renew(now, calls)
                for chore in self._chores.values():
                    if chore.at_ns <= now:
                        chore.run(now, self._try)
                if len(self._lobby):
                    self._catch_up()
                    self._spread()  # it may be our own last command, whose reply was lost
                    wait_ns = self._wakeup_in_ns()
                    if wait_ns is not None and wait_ns <= 0:
                        self._try(Wakeup(late_ns if late_ns >= _LATE_NS else 0))
            except CoordinationError:
                # the next verb will meet the same trouble and raise it where
                # somebody can act; renewals are tried again until the deadline
                self._set_alarm_at(now + 100_000_000)
            self._lobby.time_out(now)
            self._set_alarm()
        for call in calls:
            call()

    def _renew(self, now: int, calls: list[Callable[[], None]]) -> None:
        for kept in list(self._kept.values()):
            if kept.stop_ns <= now and kept.on_stop is not None:
                kept.stop_ns = NEVER_NS
                calls.append(kept.on_stop)
        if not any(kept.renew_ns <= now for kept in self._kept.values()):
            return
        # everything due within the next sixth of its ttl goes along: one
        # batch instead of a command for each lease
        due = [kept for kept in self._kept.values() if kept.renew_ns <= now + kept.ttl_ns // 6]
        try:
            leases = tuple([(kept.lease.task, kept.lease.token) for kept in due])
            speakers = tuple([kept.agent for kept in due])
            answers = self._try(Renew(leases, agents=speakers if any(speakers) else ()))
            assert not isinstance(answers, Refused)
        except CoordinationError:
            for kept in due:
                if kept.until_ns <= now:
                    self._lose(kept, "expired", calls)
                else:
                    kept.renew_ns = now + max(kept.ttl_ns // 10, 1_000_000)
            return
        for kept, answer in zip(due, answers, strict=True):
            if isinstance(answer, Lost):
                self._lose(kept, answer.reason, calls)
            else:
                kept.until_ns = now + kept.ttl_ns
                kept.renew_ns = now + kept.ttl_ns // 3

    def _lose(self, kept: Kept, reason: str, calls: list[Callable[[], None]]) -> None:
        self._kept.pop(kept.number, None)
        if self._kept_of.get(kept.lease.task) is kept:
            del self._kept_of[kept.lease.task]
        calls.append(lambda: kept.on_lost(reason))

    # -- under the lock -------------------------------------------------------------------------

    def _surplus(self, agent: str, hint: Hint) -> int | None:
        """Tell the lobby how well a task would fit a waiting agent; None if it may not take it."""
        ledger = self._machine.ledger
        if ledger.declines.bars(ledger, agent, hint[2]):
            return None
        opinions = ledger.checking.opinions
        if hint[2] in opinions.rows:
            surplus = 0 if opinions.may(ledger, agent, ledger.tasks[hint[2]]) else None
        else:
            surplus = ledger.eligibility.surplus(agent, hint)
        restraint = ledger.restraint
        if surplus is None or restraint is None:
            return surplus
        if restraint.holds_back(ledger, agent) is not None:
            return None
        if hint[2] not in opinions.rows and restraint.owes(ledger, agent):
            return None
        return restraint.rank(ledger, agent, hint[2], surplus)

    def _spread(self) -> None:
        """Tell waiters and holders what the last commands changed, if there are any."""
        news = self._machine.news
        if not news.is_wanted:
            return
        if self._kept_of and news.ended:
            for task_id in news.ended:
                kept = self._kept_of.get(task_id)
                if kept is not None:
                    self._kept.pop(kept.number, None)
                    del self._kept_of[task_id]
                    record = self._machine.ledger.tasks.get(task_id)
                    kept.on_lost(record.lost or "finished" if record is not None else "finished")
        ledger = self._machine.ledger
        self._lobby.spread(news, ledger.unfinished, ledger.ring[0] + len(ledger.ring[1]))
        if len(self._lobby):
            self._set_alarm_for_time()
        elif not self._kept:
            news.is_wanted = False

    def _wakeup_in_ns(self) -> int | None:
        """Nanoseconds from now until time alone changes something."""
        wait_ns = self._machine.next_wakeup_in_ns
        if wait_ns is None:
            return None
        return wait_ns - (self._clock.now_ns() - self._machine.ledger.timeline.reading[0])

    def _set_alarm(self) -> None:
        """Set the alarm for everything; O(kept + waiters), so only the alarm itself does it."""
        at = min((min(kept.renew_ns, kept.stop_ns) for kept in self._kept.values()), default=NEVER_NS)
        at = min([at, *[chore.at_ns for chore in self._chores.values()]])
        self._set_alarm_at(min(at, self._lobby.next_timeout_ns))
        self._set_alarm_for_time()

    def _set_alarm_for_time(self) -> None:
        """While somebody waits, be there when time alone changes something."""
        if len(self._lobby):
            wait_ns = self._wakeup_in_ns()
            if wait_ns is not None:
                self._set_alarm_at(self._clock.now_ns() + max(0, wait_ns))

    def _set_alarm_at(self, at_ns: int) -> None:
        if at_ns >= NEVER_NS:
            return
        if self._alarm is None:
            self._alarm = self._clock.alarm(self._ring)
        self._alarm_at_ns = min(self._alarm_at_ns, at_ns)
        self._alarm.set(at_ns)

    def _ready_or_raise(self) -> None:
        if self._why_closed:
            raise ClosedError(self._why_closed)
        if not self._is_open:
            self._open_board()
            self._is_open = True

    def _compare_settings(self) -> None:
        """Refuse a board whose settings differ from the ones that were asked for by name."""
        has = self._machine.ledger.settings
        different = {
            name: (getattr(has, name), asked)
            for name, asked in attrs.asdict(Settings(**self._asked), recurse=False).items()
            if name in self._asked and getattr(has, name) != asked
        }
        wanted = self._asked.get("strategy", has.strategy)
        strategies = self._machine.ledger.strategies
        if set(different) == {"strategy"} and has.strategy in strategies[wanted]().takes_over:
            self._try(Configure(attrs.evolve(has, strategy=wanted)))  # a logged upgrade
        elif different:
            raise SettingsError(different)

    def _shut(self, why: str) -> None:
        self._why_closed = why
        if self._alarm is not None:
            self._alarm.close()
        kept, self._kept, self._kept_of = self._kept, {}, {}
        for one in kept.values():
            one.on_lost("revoked")
        self._lobby.wake_all()
        if self._pool is not None:
            self._pool.shutdown(wait=False)

    def _catch_up(self) -> None:  # noqa: B027 - nobody else writes to a direct engine
        """Read what others have written."""

    @abstractmethod
    def _look(self, query: Query[R]) -> R | Refused:
        """Answer a query with the lock already held."""

    @abstractmethod
    def _open_board(self) -> None:
        """Make the machine ready for its first command."""

    @abstractmethod
    def _close_board(self) -> None:
        """Give back what this instance holds."""

    def _forked(self) -> None:
        """Cut a copy off that a fork has made: its locks and threads are not there any more."""
        self._lock = threading.RLock()
        self._alarm = None
        self._kept, self._kept_of, self._chores = {}, {}, {}
        self._lobby = Lobby(self._surplus)
        self._pool = None
        if self._is_open and not self._why_closed:
            self._why_closed = (
                "this coordinator was opened before a fork and belongs to the parent process; "
                "spawn, or close it before forking"
            )


_engines: weakref.WeakSet[Engine] = weakref.WeakSet()
_numbers = itertools.count(1)


_held_for_fork: dict[int, list[Any]] = {}
"""locks that a forking thread has taken, by thread: two may fork at once"""


def _before_fork() -> None:
    # a fork in the middle of a write would copy SQLite's own locks as they stand in that moment, and the
    # child could open no database at all. Always in one order: two threads may fork at once
    ours = sorted((engine._number, engine._lock) for engine in list(_engines))  # noqa: SLF001 - same module
    held = _held_for_fork[threading.get_ident()] = []
    # for all together: a journal that hangs must not stop a fork
    deadline = time.monotonic() + _FORK_PATIENCE_S
    for _, lock in ours:
        if lock.acquire(timeout=max(0.0, deadline - time.monotonic())):
            held.append(lock)


def _after_fork_in_parent() -> None:
    for lock in _held_for_fork.pop(threading.get_ident(), ()):
        lock.release()


def _after_fork_in_child() -> None:
    _held_for_fork.clear()
    for engine in list(_engines):
        engine._forked()  # noqa: SLF001 - same module


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork_in_child
    )
