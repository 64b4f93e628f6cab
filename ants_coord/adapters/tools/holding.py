"""
What an agent holds between two calls of its tools, and for how long.

A model may think for minutes between two calls, so its leases are renewed meanwhile. But an agent that has
stopped must not hold them for ever: after `idle` seconds without a call nothing is renewed any more, and the
leases run out. The board's alarm takes care of this (`Attention`); there is no thread and no clock here.

Calls are signs of work, like progress notes: if a task has `stall_after`, one call in each third of that time
is recorded as a note.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable
from typing import Any

import attrs

from ...engine.deadlines import NEVER_NS
from ...engine.engine import Engine
from ...engine.keeper import Kept, kept_from
from ...errors import LeaseLostError
from ...values.checks import fresh_session
from ...values.tasks import Lease
from .arguments import Refusal

_REMEMBERED = 500
"""endings whose repeats are answered; a model may repeat a recent call"""
_LENGTHS = 10
"""lease lengths of silence after which a board reports that an agent shows no sign of work"""


class Attention:
    """The toolboxes of one board whose agents are alive; every method is called under the board's lock."""

    def __init__(self) -> None:
        self._awake: dict[Holding, None] = {}

    @property
    def at_ns(self) -> int:
        """When the next agent counts as gone, unless it calls earlier."""
        return min([one.until_ns for one in self._awake], default=NEVER_NS)

    def watch(self, holding: Holding) -> None:
        """Watch an agent from now on."""
        self._awake[holding] = None

    def forget(self, holding: Holding) -> None:
        """Stop watching an agent."""
        self._awake.pop(holding, None)

    def run(self, now_ns: int, try_: Callable[[Any], Any]) -> None:
        """Let agents fall silent that have not called for long."""
        for one in [one for one in self._awake if one.until_ns <= now_ns]:
            del self._awake[one]
            one.fall_silent()

    def close(self, try_: Callable[[Any], Any]) -> None:
        """Forget all agents: the board gives back what was claimed through it."""
        self._awake.clear()


@attrs.define(eq=False)
class Held:
    """A lease that the agent holds through its tools."""

    lease: Lease
    kept: Kept
    depth: int = 1
    """how often a lock was entered; it must be left as often"""
    signed_ns: int = 0
    sign_every_ns: int | None = None
    """how often to record that the agent works; None until it is known"""


class Holding:
    """
    The leases of one toolbox, by name, and the answers to repeated calls.

    Args:
        engine: the board's engine.
        agent: name of the agent.
        idle_ns: how long an agent without a call counts as alive.

    """

    def __init__(self, engine: Engine, agent: str, idle_ns: int) -> None:
        self._engine = engine
        self.agent = agent
        self.idle_ns = idle_ns
        self.session: str = fresh_session()
        """the holder of its locks: other sessions of the same agent are other holders"""
        self.until_ns: int = NEVER_NS
        self.is_watched = False
        self.membership: Any = None
        self._held: dict[str, Held] = {}
        self._answers: OrderedDict[str, tuple[str, dict[str, Any]]] = OrderedDict()
        self._lost: OrderedDict[str, LeaseLostError] = OrderedDict()
        # a hub reports the end of a lease in its own thread, while the answer to the ending is on its way:
        # one must not be recorded in the middle of the other
        self._noting = threading.RLock()

    # -- life -----------------------------------------------------------------------------------

    def show_life(self) -> None:
        """Note that the agent has called, and so is alive."""
        if self.is_watched:
            self.until_ns = self._engine.now_ns() + self.idle_ns

    def attend(self, attention: Attention) -> None:
        """Have the board's alarm watch this agent; leases held before it fell silent are kept again."""
        self.until_ns = self._engine.now_ns() + self.idle_ns
        attention.watch(self)
        self.is_watched = True

    def leave(self, attention: Attention) -> None:
        """Stop the watching."""
        attention.forget(self)
        self.is_watched = False

    def fall_silent(self) -> None:
        """Renew nothing any more: leases run out by themselves, and so does the advert."""
        self.is_watched = False
        for held in list(self._held.values()):
            self._engine.unkeep(held.kept)
        if self.membership is not None and self.membership._kept is not None:
            # the engine's lock for adverts is held at this moment
            self.membership._kept.refresh_ns = NEVER_NS

    def resume(self) -> None:
        """Renew again what an agent still holds after it was silent."""
        for held in list(self._held.values()):
            self._engine.keep(held.kept)

    # -- holding --------------------------------------------------------------------------------

    def keep(self, lease: Lease) -> None:
        """Renew a lease from now on, as long as the agent is alive."""
        before = self._held.get(lease.handle)
        if before is not None:  # a lock that was re-entered
            before.depth, before.lease = before.depth + 1, lease
            return
        now = self._engine.now_ns()

        def lost(me: Holding, reason: str) -> None:
            me.lose(LeaseLostError(lease.task, lease.token, reason))

        kept = kept_from(lease, now, weakref.ref(self), lost)
        kept.agent = self.agent
        self._held[lease.handle] = Held(lease, kept, signed_ns=now)
        if self.is_watched:  # otherwise nobody would ever stop it: the call that ends now takes care of it
            self._engine.keep(kept)

    def lose(self, error: LeaseLostError) -> None:
        """Forget a lost lease, but remember why it was lost."""
        handle = f"{error.task_id}#{error.token}"
        with self._noting:
            held = self._held.pop(handle, None)
            if held is None:
                return
            for name in _names_of(held.lease):
                self._answers.pop(name, None)
                _remember(self._lost, name, error)
        self._engine.unkeep(held.kept)

    def end(self, held: Held, what: str, answer: dict[str, Any]) -> None:
        """Forget a lease that the agent has ended, and remember the answer for repeats."""
        with self._noting:
            self._held.pop(held.lease.handle, None)
            for name in _names_of(held.lease):
                self._lost.pop(name, None)
                _remember(self._answers, name, (what, answer))
        self._engine.unkeep(held.kept)

    def take_all(self) -> list[Held]:
        """Forget everything that is held, and return it."""
        every = list(self._held.values())
        self._held.clear()
        for held in every:
            self._engine.unkeep(held.kept)
        return every

    @property
    def leases(self) -> list[Lease]:
        """What is held, the oldest first."""
        return [held.lease for held in list(self._held.values())]

    # -- names ----------------------------------------------------------------------------------

    def _of(self, *, locks: bool) -> list[Held]:
        return [held for held in list(self._held.values()) if bool(held.lease.names) is locks]

    def task(self, name: str) -> Held | None:
        """
        Return the task lease that a model means.

        Args:
            name: its handle or the task's id; may be empty if only one is held.

        Raises:
            Refusal: it could be one of several.

        """
        tasks = self._of(locks=False)
        if name:
            return next((one for one in tasks if name in (one.lease.handle, one.lease.task)), None)
        if len(tasks) > 1:
            several = ", ".join(one.lease.task for one in tasks)
            raise Refusal(f"You hold several tasks: {several}. Say which as lease.")
        return tasks[0] if tasks else None

    def locks(self, name: str) -> list[Held]:
        """Return the locks that a model means: by handle, id or file; all of them if it names none."""
        return [
            one
            for one in self._of(locks=True)
            if name in ("", one.lease.handle, one.lease.task, *one.lease.names)
        ]

    def answered(self, name: str, *, locks: bool = False) -> tuple[str, dict[str, Any]] | None:
        """Return how a lease of this name was ended, and the answer; None if it was not."""
        return self._answers.get(name or _LAST[locks])

    def raise_if_lost(self, name: str, *, locks: bool = False) -> None:
        """Raise the reason if a lease of this name is lost."""
        error = self._lost.get(name or _LAST[locks])
        if error is not None:
            raise error

    # -- signs of work --------------------------------------------------------------------------

    def unmeasured(self) -> list[Held]:
        """Return the task leases for which it is unknown how often the agent must show that it works."""
        return [held for held in self._of(locks=False) if held.sign_every_ns is None]

    def measure(self, held: Held, stall_after: float) -> None:
        """Note for how long (seconds; 0 means for ever) a task may go without a sign of work."""
        longest = min(self.idle_ns, _LENGTHS * held.lease.ttl_ns)
        if stall_after:
            longest = min(longest, round(stall_after * 1e9))
        held.sign_every_ns = longest // 3

    def to_sign(self) -> list[Held]:
        """Return the leases for which a sign of work is due, and note that it is given."""
        now = self._engine.now_ns()
        due = [
            held
            for held in self._of(locks=False)
            if held.sign_every_ns is not None and held.signed_ns + held.sign_every_ns <= now
        ]
        for held in due:
            held.signed_ns = now
        return due


_LAST = ("\0task", "\0locks")
"""the last task and the last locks, for a call that names nothing; no name contains a NUL"""


def _names_of(lease: Lease) -> tuple[str, ...]:
    return (lease.handle, lease.task, _LAST[bool(lease.names)], *lease.names)


def _remember(table: OrderedDict[str, Any], name: str, value: Any) -> None:
    table[name] = value
    table.move_to_end(name)
    while len(table) > _REMEMBERED:
        table.popitem(last=False)
