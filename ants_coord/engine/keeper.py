"""
Keeping leases alive: they are renewed together, and a holder hears in time that its lease is lost.

Starting and stopping to keep a lease wait for no lock, since a scope must be able to begin and end while a
journal hangs: the tables are dicts, whose single operations are atomic. Everything that needs the board's
lock is done by its alarm.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from ..commands.shared import Command, Lost, Refused, Renew
from ..errors import JournalConflictError, JournalCorruptError, JournalVersionError
from ..frozen import entity, field
from ..journals.clocks import report
from ..values.tasks import Lease
from .deadlines import NEVER_NS, NoLeases

_ASK_AGAIN_NS = 100_000_000
"""a lease whose time is up although the board seems to answer is asked about, and given up this much later"""

Call = Callable[[], object]


@entity
class Kept:
    """
    A lease that is renewed until its scope stops it, until the scope is gone, or until it is lost.

    Args:
        lease: the lease.
        scope: a weak reference to the scope it is kept for. An interrupt can come before the first line of
            the scope's end, which then never runs; so nothing is renewed for a scope that is gone.
        on_lost: called with the scope and the reason when the lease is lost, from any thread, possibly under
            the board's lock; must not block.
        ttl_ns: length of the lease.
        until_ns: when it ends, as far as we know.
        renew_ns: when to renew it.
        stop_ns: when `on_stop` is called.
        on_stop: called once, with the scope, from any thread, when the scope's time is over; must not block.
            It returns the command that ends the attempt, which is carried out in the background and retried
            while the lease lives.

    """

    lease: Lease
    scope: Callable[[], Any]
    on_lost: Callable[[Any, str], None]
    ttl_ns: int
    until_ns: int
    renew_ns: int
    stop_ns: int = NEVER_NS
    on_stop: Callable[[Any], Command[Any] | None] | None = None
    due: Callable[[Kept, int], object] | None = None
    asked_ns: int = 0
    agent: str | None = None
    """who keeps it; None is the board itself, on behalf of the lease's holder"""
    number: int = field(factory=itertools.count(1).__next__)
    """scopes may be nested around one lease (a lock that is re-entered), so tokens do not identify them"""

    @property
    def due_ns(self) -> int:
        """When its holder may have to be notified."""
        return min(max(self.until_ns, self.asked_ns), self.stop_ns)

    def ring(self, now_ns: int) -> None:
        """Have it examined."""
        assert self.due is not None
        self.due(self, now_ns)


class Keeper(NoLeases):
    """
    The kept leases of one engine.

    Args:
        due: examines one whose time is up; must not keep the engine alive.

    """

    def __init__(self, due: Callable[[Kept, int], object]) -> None:
        super().__init__()
        self.due = due
        self._kept: dict[int, Kept] = {}
        self._of_task: dict[str, Kept] = {}
        self._endings: deque[tuple[Kept, Command[Any]]] = deque()

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def at_ns(self) -> int:
        """When the next renewal is due."""
        return min([kept.renew_ns for kept in list(self._kept.values())], default=NEVER_NS)

    def add(self, kept: Kept) -> None:
        """Renew it from now on."""
        self._kept[kept.number] = kept
        self._of_task[kept.lease.task] = kept

    def drop(self, kept: Kept) -> bool:
        """Stop renewing it; return whether it was kept."""
        was = self._kept.pop(kept.number, None) is not None
        if self._of_task.get(kept.lease.task) is kept:
            self._of_task.pop(kept.lease.task, None)
        return was

    def drop_all(self) -> list[Kept]:
        """Forget everything; return what was kept."""
        every = list(self._kept.values())
        self._kept, self._of_task = {}, {}
        self._endings.clear()
        return every

    def all(self) -> list[Kept]:
        """Return what is kept."""
        return list(self._kept.values())

    def ended(self, tasks: Iterable[str]) -> list[Kept]:
        """Return, and forget, the kept leases of tasks that have ended."""
        if not self._of_task:
            return []
        return [kept for kept in [self._of_task.get(task) for task in tasks] if kept and self.drop(kept)]

    def stop(self, kept: Kept, now_ns: int) -> None:
        """Tell a scope that its time is over, and collect the command that ends its attempt."""
        kept.stop_ns, scope = NEVER_NS, kept.scope()
        command = kept.on_stop(scope) if kept.on_stop is not None and scope is not None else None
        if command is not None:
            self.drop(kept)
            self._endings.append((kept, command))

    def ask_soon(self, kept: Kept, now_ns: int) -> None:
        """Have a lease whose time is up renewed at once: the board may know better than our clock."""
        kept.asked_ns = now_ns + _ASK_AGAIN_NS
        kept.renew_ns = min(kept.renew_ns, now_ns)

    # -- under the board's lock -----------------------------------------------------------------

    def end_attempts(self, now_ns: int, try_: Callable[[Command[Any]], Any]) -> None:
        """Carry out the commands that end overlong attempts; retried while the lease lives."""
        for _ in range(len(self._endings)):
            kept, command = self._endings[0]
            try:
                try_(command)  # a refusal is an answer, too: somebody else has ended it
            except Exception:
                if kept.until_ns > now_ns:
                    raise
                report(f"{kept.lease.handle} ran out before its time-out could be written")
            self._endings.popleft()

    def renew(self, now_ns: int, try_: Callable[[Command[Any]], Any]) -> list[tuple[Kept, str]]:
        """Renew what is due, together with what is due soon; return what is lost, and why."""
        for kept in self.all():
            if kept.scope() is None:
                self.drop(kept)
        every = self.all()
        if not any(kept.renew_ns <= now_ns for kept in every):
            return []
        # everything due within the next sixth of its ttl is included: one batch instead of a command for each
        # lease
        due = [kept for kept in every if kept.renew_ns <= now_ns + kept.ttl_ns // 6]
        try:
            leases = tuple([(kept.lease.task, kept.lease.token) for kept in due])
            speakers = tuple([kept.agent for kept in due])
            answers = try_(Renew(leases, agents=speakers if any(speakers) else ()))
            if isinstance(answers, Refused):
                raise answers.fresh_error()  # noqa: TRY301 - to be handled with the rest
        except (JournalConflictError, JournalCorruptError, JournalVersionError):
            raise  # nothing will be renewed any more, or everything must be read again
        except Exception:  # noqa: BLE001 - of any kind: it must not end the thread that renews all leases
            report("leases could not be renewed; it is tried again until they run out")
            for kept in due:
                kept.renew_ns = now_ns + max(kept.ttl_ns // 10, 1_000_000)
            return [(kept, "expired") for kept in due if kept.until_ns <= now_ns]
        lost = []
        for kept, answer in zip(due, answers, strict=True):
            if isinstance(answer, Lost):
                lost.append((kept, answer.reason))
            else:
                kept.until_ns = now_ns + kept.ttl_ns
                kept.renew_ns = now_ns + kept.ttl_ns // 3
        return lost


def kept_from(
    lease: Lease,
    now_ns: int,
    scope: Callable[[], Any],
    on_lost: Callable[[Any, str], None],
    stop_after_ns: int | None = None,
    on_stop: Callable[[Any], Command[Any] | None] | None = None,
) -> Kept:
    """Prepare to keep a lease whose remaining time follows from its own deadline."""
    left = max(0, lease.expires_ns - now_ns)
    stop = NEVER_NS if stop_after_ns is None else now_ns + stop_after_ns
    renew = now_ns + max(0, left - 2 * lease.ttl_ns // 3)
    return Kept(lease, scope, on_lost, lease.ttl_ns, now_ns + left, renew, stop, on_stop)
