"""
The engine: one machine, one lock, one lobby, two alarms. Both colours use it.

`Engine` has everything that is common: who waits, whose leases are renewed, what the alarm does. Only the way
of a command to the machine differs: `DirectEngine` (in direct.py) applies it under the lock, `LogEngine` (in
replica.py) appends it to a journal first, `RemoteEngine` (in hub/client/) sends it to a hub.

Lock discipline: everything that changes the board runs under `_lock`; wake callbacks must not block; no user
code is called with the lock held. The lock may be held for as long as a journal takes, so nothing that has a
deadline of its own waits for it: starting and stopping to keep a lease, leaving the lobby, and announcing
their deadlines. A second entry by the same thread (a signal handler, `__del__`) is refused by name.
"""

from __future__ import annotations

import contextlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from ..commands.reading import Outcomes
from ..commands.shared import Command, Query, Refused, Wakeup
from ..core.machine import Machine
from ..core.state.records import Hint
from ..core.state.rule_versions import Rules
from ..core.state.timeline import RAW
from ..errors import (
    ClosedError,
    CoordinationError,
    HeldError,
    JournalConflictError,
    JournalCorruptError,
    JournalRewoundError,
    JournalVersionError,
)
from ..journals.clocks import report
from ..journals.ports import Alarm, Chore, Clock
from ..values.checks import Request, numbered
from ..values.settings import Settings
from ..values.tasks import Lease, Outcome
from .board_lock import CLOSED, FORKED, LAST_S, entering, weakly
from .deadlines import Deadlines, Keeping, NoLeases
from .lobby import NEVER_NS, Drained, Lobby, Waiter

if TYPE_CHECKING:
    from .combining import Turn
    from .io_threads import IOThreads

R = TypeVar("R")

_LATE_NS = 1_000_000_000
"""an alarm that rings later than this was not merely slow: the process stood still"""
_IO_THREADS = 16
"""enough for a good batch per fsync; threads only wait here"""
_PAUSES_NS = (100_000_000, 200_000_000, 400_000_000, 1_000_000_000)
"""between the retries of the alarm while a journal fails"""
LOOK_AGAIN_NS = 100_000_000
"""when to look for the changes of a command that was interrupted"""
VAIN_NS = 10_000_000
"""the first pause after a wake-up that changed nothing, because the journal's clock is behind"""
_MOST_VAIN_NS = 500_000_000
_FINAL = (JournalCorruptError, JournalVersionError, JournalConflictError)

C = TypeVar("C", bound=Chore)


class Engine(Keeping, ABC):
    """
    The part of a coordinator that both colours share. Thread-safe.

    Args:
        machine: makes an empty machine of the strategy.
        clock: stamps and alarms.
        asked: the settings that the user named; all others are the board's own.

    """

    blocking = False
    """whether a command may wait for a disk or a network (then it never runs on an event loop)"""
    # class attributes: an instance with few attributes is faster in CPython, and a meter adds seven
    last_start = 0
    """the incarnation given to the last agent that joined"""
    path: str | None = None
    """the board's file, if it has one"""
    keeps_leases = False
    """whether closing leaves in place what this instance holds, until it expires"""
    secret: bytes | None = None
    """decides which results are checked; never logged"""
    _failures = 0
    _vain_ns = 0
    _is_shut = False
    """whether closing is complete; if an interrupt cut it short, it is done again"""

    def __init__(self, machine: Callable[[], Machine], clock: Clock, asked: dict[str, Any]) -> None:
        self._make_machine = machine
        self._machine = machine()
        self._clock = clock
        self._asked = asked
        Settings(**asked)  # refuse bad settings in the constructor
        self._lobby = Lobby(weakly(self._surplus))
        self._keeper = NoLeases()
        self._chores: dict[type, Chore] = {}
        self._alarm: Alarm | None = None
        self._alarm_at_ns = NEVER_NS
        self._deadlines: Deadlines | None = None
        self._untold: CoordinationError | None = None
        """a rewound log that has not been reported yet"""
        self._is_open = False
        self._why_closed = ""
        self._pool: IOThreads | None = None
        self.is_short: bool = False
        """whether the short way may be open: only a hint when read without the lock; see `short`"""
        super().__init__()

    # -- what a front calls ---------------------------------------------------------------------

    @abstractmethod
    def execute(self, command: Command[R], request_id: str | None = None) -> R:
        """Carry a command out and return its reply; a refusal is raised."""

    def give_back(self, reply: Any, agent: str | None = None) -> None:
        """Give back what a reply that nobody has heard hands over; in an agent's name if one is given."""
        from ..commands.granting import given_back  # noqa: PLC0415

        for command in given_back(reply, self.now_ns(), agent):
            with contextlib.suppress(CoordinationError):
                self.execute(command)

    def short(self, verb: Callable[..., Any], args: tuple[Any, ...]) -> Any:
        """
        Carry out a verb of core/work/short.py, if this engine can and nothing is due.

        Args:
            verb: the function.
            args: its arguments after the ledger and the stamp, as one tuple.

        Returns:
            Its reply; NotImplemented if nothing was done and the command must be executed.

        """
        return NotImplemented

    def ask(self, query: Query[R]) -> R:
        """Answer a query from the present state, or from the log."""
        reply = self._ask(query)
        if isinstance(reply, Refused):
            raise reply.fresh_error()
        return reply

    @entering
    def _ask(self, query: Query[R]) -> R | Refused:
        self._ready_or_raise()
        return self._look(query)

    @abstractmethod
    def _try(self, command: Command[R], request: tuple[str, int] | None = None) -> R | Refused:
        """Carry a command out with the lock already held."""

    @entering
    def carry_out(self, batch: Sequence[tuple[Request, Command[Any]]]) -> list[Any]:
        """Carry out (request, command) pairs for others; return the replies, including refusals."""
        self._ready_or_raise()
        return [self._try(command, numbered(request) if request else None) for request, command in batch]

    def now_ns(self) -> int:
        """Return the board's time."""
        return self._clock.now_ns()

    def threads(self) -> IOThreads:
        """Return the threads in which an event loop's file I/O runs; they are made at the first call."""
        if self._why_closed:
            raise ClosedError(self._why_closed)
        # no lock: a journal that hangs may hold it. If two are made at once, one is used, and the other has
        # no thread yet
        if self._pool is None:
            from .io_threads import IOThreads  # noqa: PLC0415 - 8 ms, event loops only

            self.__dict__.setdefault("_made_pool", IOThreads(_IO_THREADS, "ants_coord journal"))
            self._pool = self.__dict__["_made_pool"]
            if self._why_closed:
                self._pool.shutdown()
        return self._pool

    def open(self) -> None:
        """Open the board now instead of at the first verb."""
        if not self._is_open or self._why_closed or self._close_wanted:
            self._open_now()

    def _wake_waiters(self) -> None:
        for waiter in self._lobby.all():
            waiter.wake()

    def _close_locked(self) -> None:
        if self._is_shut:
            return
        try:
            if self._is_open and not self._why_closed:
                for chore in self._chores.values():
                    with contextlib.suppress(CoordinationError):
                        chore.close(self._try)
            self._close_board()
        finally:
            self._shut(self._why_closed or CLOSED)

    @entering
    def _open_now(self) -> None:
        self._ready_or_raise()

    def backup(self, to: str) -> None:
        """Write a copy of the board's file, if it has one."""
        raise ValueError("a board in memory has no file to back up; give it a path when you make it")

    @property
    def is_closed(self) -> bool:
        """Whether close() was called (or a fork has cut this copy off)."""
        return bool(self._why_closed)

    @entering
    def check(self) -> None:
        """Assert every invariant of the state."""
        self._machine.check()

    @entering
    def digest(self) -> str:
        """Return a hash that is equal exactly for equal boards."""
        from ..core.snapshot import digest  # noqa: PLC0415 - for tests and comparisons

        self._ready_or_raise()
        self._catch_up()
        return digest(self._machine)

    # -- waiting --------------------------------------------------------------------------------

    @entering
    def try_or_enter(self, command: Command[R], waiter: Waiter, turn: Turn | None = None) -> R | None:
        """
        Try; if the reply is None (or a temporary refusal), enter the lobby in the same step.

        Trying and entering under one hold of the lock is what makes a lost wake-up impossible. Raises what is
        final: ClosedError, a TimeoutError if the waiter's time is over, any other refusal. With a `turn`, a
        try whose answer was lost is answered with that answer.
        """
        self._ready_or_raise()
        waiter.refuse_if_left()
        reply: R | Refused | None = self._try(command) if turn is None else self._try_in(turn, command)
        if isinstance(reply, Refused):
            if not isinstance(reply.error, HeldError):
                self._lobby.leave(waiter, claimed=None)
                raise reply.fresh_error()
        elif reply is not None:
            self._lobby.leave(waiter, claimed=reply.task if isinstance(reply, Lease) else "")
            return reply
        if waiter.drained and not self._machine.ledger.unfinished:
            self._lobby.leave(waiter, claimed=None)
            raise Drained
        self._stay(waiter)
        return None

    def _try_in(self, turn: Turn, command: Command[R]) -> R | Refused:
        self._catch_up()
        if turn.has_answer(self._machine):
            return turn.answer  # type: ignore[no-any-return]
        return self._try(command, (turn.session, turn.number))

    @entering
    def look_or_enter(self, query: Query[R], done: Callable[[R], bool], waiter: Waiter) -> R | None:
        """Ask; return the answer if it is `done`, otherwise enter the lobby in the same step."""
        self._ready_or_raise()
        waiter.refuse_if_left()
        answer = self._look(query)
        if answer.__class__ is Refused:
            self._lobby.leave(waiter, claimed=None)
            raise answer.fresh_error()
        if done(answer):  # type: ignore[arg-type]
            self._lobby.leave(waiter, claimed="")
            return answer  # type: ignore[return-value]
        self._stay(waiter)
        return None

    @entering
    def next_ended(self, waiter: Waiter) -> tuple[Outcome, ...] | None:
        """Return what has ended since the waiter was last told, or let it wait on. O(that)."""
        self._ready_or_raise()
        waiter.refuse_if_left()
        assert waiter.heard is not None
        stood = waiter.stands
        ids = tuple(waiter.heard) if stood else waiter.ended
        found = self._look(Outcomes(ids))
        if isinstance(found, Refused):
            self._lobby.leave(waiter, claimed=None)
            raise found.fresh_error()
        ended = {task: outcome for task, outcome in zip(ids, found, strict=True) if outcome is not None}
        if stood:
            del waiter.heard[: len(ids)]
        else:
            waiter.ended = tuple([task for task in ids if task not in ended])
            waiter.heard.clear()
            if waiter.ended and ended:
                self._lobby.enter(waiter)
                self._machine.news.is_wanted = True
        if ended or not waiter.ended:
            return tuple(ended.values())
        if waiter.heard:  # noted by the look itself
            waiter.wake()
        self._stay(waiter)
        return None

    def leave(self, waiter: Waiter) -> None:
        """Stop waiting for good, without waiting for the lock; pass an unused hint on."""
        waiter.has_left = True
        self.untime(waiter)
        self._left.append(waiter)
        if not self._see_off_now() and self._is_open and not self._why_closed:
            self._set_alarm_at(self._clock.now_ns())

    def _see_off_now(self) -> bool:
        if self._is_inside or not self._have_lock(0 if self.blocking else LAST_S):
            return False
        with self._lock:
            self._lock.release()
            self._see_off()
        return True

    def _see_off(self) -> None:
        while self._left:
            self._lobby.leave(self._left[0], claimed=None)
            self._left.popleft()

    def _stay(self, waiter: Waiter) -> None:
        if waiter.is_over(self._clock.now_ns()):
            from .timeout_text import in_vain  # noqa: PLC0415 - only to say it

            self._lobby.leave(waiter, claimed=None)
            raise TimeoutError(in_vain(self._machine, waiter, self._clock.now_ns()))
        waiter.refuse_if_left()
        self._lobby.enter(waiter)
        self._machine.news.is_wanted = True
        if waiter.until_ns < NEVER_NS:
            self.time(waiter)
        self._set_alarm_for_time()

    @entering
    def stands_still(self, waiter: Waiter, quiet_ns: int, idle: int = 0) -> str | None:
        """Say why a wait will never end; see `standing_still`."""
        from .timeout_text import standing_still  # noqa: PLC0415 - only for long waits

        self._ready_or_raise()
        self._catch_up()
        return standing_still(self._machine, waiter, self._clock.now_ns(), quiet_ns, idle)

    # -- chores and alarms -----------------------------------------------------------------------

    @entering
    def with_chore(self, kind: type[C], do: Callable[[C], R]) -> R:
        """Do something with the board's one chore of a kind, under the lock, and set the alarm for it."""
        self._ready_or_raise()
        chore = self._chores.get(kind)
        if chore is None:
            chore = self._chores[kind] = kind()
        answer = do(chore)  # type: ignore[arg-type]
        self._set_alarm_at(chore.at_ns)
        return answer

    @entering
    def _ring(self) -> None:
        """Do what is due: renewals, chores, and time itself while somebody waits for it."""
        if self._why_closed or not self._is_open:
            return
        now = self._clock.now_ns()
        late_ns, self._alarm_at_ns = now - self._alarm_at_ns, NEVER_NS
        self._see_off()
        try:
            for kept, reason in self._keeper.renew(now, self._try):
                self._lose(kept, reason)
            self._keeper.end_attempts(now, self._try)
            for chore in list(self._chores.values()):
                if chore.at_ns <= now:
                    chore.run(now, self._try)
            if len(self._lobby):
                self._catch_up()
                self._spread()  # it may be our own last command, whose reply was lost
                self._let_time_pass(late_ns)
        except Exception as problem:  # noqa: BLE001 - whatever it is, this thread serves everybody
            self._bear(problem)
        else:
            self._failures = 0
            self._set_alarm()

    def _let_time_pass(self, late_ns: int) -> None:
        wait_ns = self._wakeup_in_ns()
        if wait_ns is None or wait_ns > 0:
            return
        self._try(Wakeup(late_ns if late_ns >= _LATE_NS else 0))
        wait_ns = self._wakeup_in_ns()
        is_vain = wait_ns is not None and wait_ns <= 0
        self._vain_ns = min(_MOST_VAIN_NS, max(VAIN_NS, 2 * self._vain_ns)) if is_vain else 0

    def _bear(self, problem: Exception) -> None:
        """Survive an error in the background: it is retried, or it closes the board."""
        if isinstance(problem, _FINAL) and not isinstance(problem, JournalRewoundError):
            report("the board is closed")
            try:
                self._close_board()
            except Exception:  # noqa: BLE001 - it is broken already
                report("the board could not be closed in order")
            finally:
                self._shut(f"the coordinator was closed: {problem}")
            return
        if isinstance(problem, JournalRewoundError):
            self._untold = problem
        if not self._failures:
            report("the board does not answer; it is tried again")
        pause = _PAUSES_NS[min(self._failures, len(_PAUSES_NS) - 1)]
        self._failures += 1
        self._set_alarm_at(self._clock.now_ns() + pause)

    # -- under the lock -------------------------------------------------------------------------

    def _surplus(self, agent: str, hint: Hint) -> int | None:
        from ..core.reading import surplus  # noqa: PLC0415 - asked by those who wait

        return surplus(self._machine.ledger, agent, hint)

    def _spread(self) -> None:
        """Tell waiters and holders what the last commands changed, if anything."""
        news = self._machine.news
        if not news.is_wanted:
            return
        for kept in self._keeper.ended(news.ended):
            record = self._machine.ledger.tasks.get(kept.lease.task)
            self._lose(kept, record.lost or "finished" if record is not None else "finished")
        ledger = self._machine.ledger
        if self._left:
            self._see_off()
        self._lobby.spread(news, ledger.unfinished, ledger.cursor)
        if len(self._lobby):
            self._set_alarm_for_time()
        elif not len(self._keeper):
            news.is_wanted = False
            if len(self._keeper):  # added by another thread, without the lock, between these lines
                news.is_wanted = True

    def _spread_soon(self) -> None:
        """Make the alarm look, after an interrupt: somebody may wait for what it cut short."""
        if self._machine.news.is_wanted:
            self._set_alarm_at(self._clock.now_ns() + LOOK_AGAIN_NS)

    def _wakeup_in_ns(self) -> int | None:
        """Nanoseconds from now until time alone changes something."""
        wait_ns = self._machine.next_wakeup_in_ns
        if wait_ns is None:
            return None
        return wait_ns - (self._clock.now_ns() - self._machine.ledger.timeline.reading[RAW])

    def _set_alarm(self) -> None:
        """Set the alarm for everything. O(kept), so only the alarm itself does it."""
        at = min([self._keeper.at_ns, *[chore.at_ns for chore in self._chores.values()]])
        self._set_alarm_at(at)
        self._set_alarm_for_time()

    def _set_alarm_for_time(self) -> None:
        """Set the alarm for the time when time alone changes something, if somebody waits."""
        if len(self._lobby):
            wait_ns = self._wakeup_in_ns()
            if wait_ns is not None:
                self._set_alarm_at(self._clock.now_ns() + max(self._vain_ns, wait_ns))

    def _want_news(self) -> None:
        self._machine.news.is_wanted = True

    def _set_alarm_at(self, at_ns: int) -> None:
        if at_ns >= NEVER_NS or self._alarm is None:
            return
        self._alarm_at_ns = min(self._alarm_at_ns, at_ns)
        self._alarm.set(at_ns)

    def _ready_or_raise(self) -> None:
        if self._why_closed:
            raise ClosedError(self._why_closed)
        if self._untold is not None:
            problem, self._untold = self._untold, None
            raise problem
        if not self._is_open:
            self._open_board()
            self._alarm = self._clock.alarm(weakly(self._ring))
            self._deadlines = Deadlines(self._clock)
            self._is_open = True

    def rules_of(self, strategy: str) -> Rules:
        """Return the rules that a board of this strategy follows here."""
        return self._machine.rules_of(strategy)

    def _shut(self, why: str) -> None:
        self._why_closed, self.is_short = why, False
        self._stop_threads()
        for kept in self._keeper.drop_all():
            self._lose(kept, "revoked")
        self._lobby.wake_all()
        self._is_shut = True

    def _stop_threads(self) -> None:
        if self._alarm is not None:
            self._alarm.close()
        if self._deadlines is not None:
            self._deadlines.close()
        if self._pool is not None:
            self._pool.shutdown()

    def _catch_up(self) -> None:
        """Read what others have written; nobody else writes to a board in memory."""

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
        """Disable a copy made by a fork: its locks and threads do not exist any more."""
        self._hang_new()
        self._alarm = self._deadlines = None
        self._keeper, self._chores = NoLeases(), {}
        self._lobby = Lobby(weakly(self._surplus))
        self._left.clear()
        self._pool = None
        self.__dict__.pop("_made_pool", None)
        if self._is_open and not self._why_closed:
            self._why_closed, self._is_shut, self.is_short = FORKED, True, False

    def __del__(self) -> None:
        """Stop the threads of a board that nobody closed."""
        if self.__dict__.get("_is_open") and not self._why_closed:
            self._stop_threads()
