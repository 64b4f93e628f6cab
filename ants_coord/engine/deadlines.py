"""
Deadlines that must be announced on time, whatever else hangs.

A board's lock is held while its journal writes, and a journal may hang. So the time-outs of waiters, handlers
and leases have an alarm of their own, which waits for none of our locks: ending a wait only sets a flag and
rings a bell.

There is no lock here either: the table is a dict, whose single operations are atomic, and each entry is asked
for its deadline at the moment it is announced.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from ..commands.shared import Command
from ..errors import ClosedError
from ..frozen import entity
from ..journals.clocks import report
from ..journals.ports import Clock
from .board_lock import LockedBoard, weakly

if TYPE_CHECKING:
    from .keeper import Keeper, Kept

NEVER_NS = 1 << 62
_STUCK_S = 0.2
"""if the lock cannot be had for this long, its holder is waiting for a journal that does not answer"""


class Timed(Protocol):
    """Something that has a deadline."""

    @property
    def due_ns(self) -> int:
        """When it must be announced; this may change."""
        ...

    def ring(self, now_ns: int) -> None:
        """Announce it, and move `due_ns` on; must not block."""
        ...


@entity
class Limit:
    """
    The end of a caller's patience; announced once.

    Args:
        due_ns: when.
        end: called then; must not block.

    """

    due_ns: int
    end: Callable[[], object]
    is_over: bool = False

    def ring(self, now_ns: int) -> None:
        """Announce that it is over."""
        self.due_ns, self.is_over = NEVER_NS, True
        self.end()


class Deadlines:
    """
    The deadlines of one engine.

    Args:
        clock: the clock that they refer to.

    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timed: dict[int, Timed] = {}
        self._alarm = clock.alarm(weakly(self.ring))

    def add(self, timed: Timed) -> None:
        """Announce it from now on when it is due."""
        self._timed[id(timed)] = timed
        if timed.due_ns < NEVER_NS:
            self._alarm.set(timed.due_ns)

    def drop(self, timed: Timed) -> None:
        """Forget it; it need not be known."""
        self._timed.pop(id(timed), None)

    def ring(self) -> None:
        """Announce everything that is due. O(everything that has a deadline)."""
        now = self._clock.now_ns()
        for timed in sorted(self._timed.values(), key=lambda one: one.due_ns):
            if timed.due_ns > now:
                break
            try:
                timed.ring(now)
            except Exception:  # noqa: BLE001 - one that fails must not keep the others waiting
                report("a deadline could not be told")
                self.drop(timed)
        least = min([one.due_ns for one in list(self._timed.values())], default=NEVER_NS)
        if least < NEVER_NS:
            self._alarm.set(least)

    def close(self) -> None:
        """Announce nothing any more."""
        self._timed.clear()
        self._alarm.close()


class NoLeases:
    """The kept leases of an engine that keeps none yet; `keeper` is imported with the first."""

    def __init__(self) -> None:
        self.next: dict[str, Keeper] = {}
        """the Keeper that is used from here on, once it has been made"""

    def __len__(self) -> int:
        return 0

    @property
    def at_ns(self) -> int:
        """When the next renewal is due."""
        return NEVER_NS

    def drop(self, kept: Kept) -> bool:
        """Renew it no longer; returns whether it was kept."""
        return False

    def drop_all(self) -> list[Kept]:
        """Forget everything; returns what was kept."""
        return []

    def all(self) -> list[Kept]:
        """Return what is kept."""
        return []

    def ended(self, tasks: Iterable[str]) -> list[Kept]:
        """Return, and forget, what was kept of tasks that have ended."""
        return []

    def end_attempts(self, now_ns: int, try_: Callable[[Command[Any]], Any]) -> None:
        """Carry out what ends attempts that took too long; tried again while the lease lives."""

    def renew(self, now_ns: int, try_: Callable[[Command[Any]], Any]) -> list[tuple[Kept, str]]:
        """Renew what is due, and with it what is due soon; returns what is lost, and why."""
        return []


class Keeping(LockedBoard):
    """A locked board with leases that are renewed, and with deadlines that are announced whatever hangs."""

    _keeper: NoLeases
    _deadlines: Deadlines | None
    _why_closed: str

    @abstractmethod
    def open(self) -> None:
        """Open the board now instead of at the first verb."""

    def outlive(self) -> None:
        """Let grants from here on outlive this instance, even if others could detect its end."""

    @abstractmethod
    def _want_news(self) -> None:
        """Have commands note what they change, for the waiters."""

    @abstractmethod
    def _set_alarm_at(self, at_ns: int) -> None:
        """Set the alarm to this time or earlier."""

    def time(self, timed: Timed) -> None:
        """Announce a deadline on time, whatever hangs."""
        assert self._deadlines is not None
        self._deadlines.add(timed)

    def untime(self, timed: Timed) -> None:
        """Drop a deadline; a waiter that leaves, and a lease that is no longer kept, need no announcement."""
        if self._deadlines is not None:
            self._deadlines.drop(timed)

    def keep(self, kept: Kept) -> None:
        """Renew a lease from now on, together with all others, a third of its ttl before each deadline."""
        self.open()
        assert self._deadlines is not None
        keeper = self._keeping()
        kept.due = keeper.due
        try:
            keeper.add(kept)
            self._deadlines.add(kept)
            self._want_news()
            self._set_alarm_at(kept.renew_ns)
            # another thread has closed the board meanwhile, and may not have seen this lease
            if self._why_closed:
                raise ClosedError(self._why_closed)  # noqa: TRY301
        except BaseException:  # an interrupt, or no thread could be started
            self.unkeep(kept)
            raise

    def _keeping(self) -> Keeper:
        """Return the Keeper, which is made for the first lease."""
        # no lock, as above: if two are made at once, one is used, and the other has kept nothing yet
        keeper: Any = self._keeper
        if keeper.__class__ is NoLeases:
            from .keeper import Keeper  # noqa: PLC0415 - with the first scope

            self._keeper = keeper = keeper.next.setdefault("it", Keeper(weakly(self._kept_due)))
        return keeper  # type: ignore[no-any-return]

    def unkeep(self, kept: Kept) -> None:
        """Stop renewing."""
        self._keeper.drop(kept)
        self.untime(kept)

    def _kept_due(self, kept: Kept, now_ns: int) -> None:
        """Tell a scope that its time is over, or that its lease ran out while nothing could be written."""
        if kept.scope() is None:
            self.unkeep(kept)
            return
        if kept.stop_ns <= now_ns:
            self._keeping().stop(kept, now_ns)
        if kept.until_ns <= now_ns:
            if self._is_stuck():
                self._lose(kept, "expired")
                return
            self._keeping().ask_soon(kept, now_ns)
        self._set_alarm_at(now_ns)

    def _is_stuck(self) -> bool:
        """Tell whether the holder of the lock waits for something that does not answer."""
        if self._lock.acquire(timeout=_STUCK_S):
            self._lock.release()
            return False
        return True

    def _lose(self, kept: Kept, reason: str) -> None:
        self.unkeep(kept)
        scope = kept.scope()
        if scope is None:
            return
        try:
            kept.on_lost(scope, reason)
        except Exception:  # noqa: BLE001 - the others must hear it, too
            report(f"the holder of {kept.lease.handle} could not be told that it is lost")
