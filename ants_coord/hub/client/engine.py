"""
RemoteEngine: the engine of a board that a hub serves.

What an engine does for its fronts is kept: leases are renewed by the client's own alarm (its renewals are its
sign of life: if the hub renewed, a process that stands still would hold for ever), waits end at the client's
own deadlines, whatever the hub does, and closing gives back what was granted here. What needs the board's
state is the hub's: it carries commands out, stands in the line for who waits, and says when a lease is lost.

No verb waits for the engine's lock: each has a connection of its own.
"""

from __future__ import annotations

import itertools
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

import attrs

from ...commands.shared import (
    Command,
    Complete,
    CompleteMany,
    Fail,
    Leases,
    Outcomes,
    Query,
    Refused,
    Release,
)
from ...core.machine import Machine
from ...engine.agreement import compare
from ...engine.door import dropped, weakly
from ...engine.engine import Drained, Engine, Kept
from ...engine.lobby import NEVER_NS, Waiter
from ...engine.log import Turn, Unopened
from ...errors import ClosedError, HeldError, JournalError
from ...journals.clocks import BootClock
from ...journals.ports import Clock
from ...values.checks import check_name
from ...values.settings import Settings
from ...values.tasks import Lease, Outcome
from . import wire
from .lanes import Dial, Lanes, Session
from .pushes import Pushes

__all__ = ["RemoteEngine"]

R = TypeVar("R")

_OPENING_S = 1.0
"""a hub that is being started again may be waited for; a wrong path is to be told soon"""
_PATIENCE_S = 10.0
_SAID = ("ready", "agent", "kinds", "ended", "names", "paths", "changes", "drained", "task", "passed")
"""what a hub needs to know of a waiter"""
_PRUNED = 64
"""grants that are remembered without a thought whether they have ended"""


@attrs.define(eq=False)
class _Wait:
    """A caller that waits at the hub; it gets one answer, or one for each end that it waits for."""

    number: int
    waiter: Waiter
    what: list[Any]
    """what the hub is to try, or to look at"""
    session: Session | None = None
    answers: deque[list[Any]] = attrs.field(factory=deque)
    told: threading.Event = attrs.field(factory=threading.Event)
    is_last: bool = False
    """its time is over: the hub tries once more, and answers whatever comes of it"""
    left: dict[str, None] | None = None
    """of a wait for many ends: those that were not told yet"""


class RemoteEngine(Engine):
    """
    A board that a hub serves. Thread-safe; see Engine.

    Args:
        machine: makes an empty machine of the strategy, of which only the settings are used.
        path: where the hub is.
        asked: the settings that the user named.
        clock: replaces the time source, for tests.

    """

    blocking = True

    def __init__(
        self, machine: Callable[[], Machine], path: str, asked: dict[str, Any], clock: Clock | None = None
    ) -> None:
        super().__init__(machine, Unopened(), asked)
        self._own_clock = clock
        self._dial = Dial(path, self._greeted)
        self._lanes = Lanes(self._dial)
        self._sessions: deque[Session] = deque()
        self._pushes: Pushes
        self._waits: dict[Waiter, _Wait] = {}
        self._by_number: dict[int, _Wait] = {}
        self._numbers = itertools.count(1)
        self._granted: dict[int, str] = {}
        """token -> task of what was granted here and not given back, as far as we know"""
        self._prune_at = _PRUNED
        self._hub_settings: Settings | None = None
        self.path = self._dial.shown

    # -- commands and queries -------------------------------------------------------------------

    def execute(self, command: Command[R], request_id: str | None = None) -> R:
        """Carry a command out and return its reply; a refusal is raised."""
        self._enter()
        named = None if request_id is None else (check_name(request_id, "request_id"), 0)
        reply = self._done(command, named)
        if reply.__class__ is Refused:
            raise reply.error
        return reply  # type: ignore[no-any-return]

    def _enter(self) -> None:
        """Do what an engine does at its door, without its lock."""
        if self._why_closed:
            raise ClosedError(self._why_closed)
        if not self._is_open:
            self._open_now()

    def _done(self, command: Command[Any], request: tuple[str, int] | None = None) -> Any:
        answer = self._lanes.do(command.__class__.__name__, wire.fields_of(command), request)
        reply = wire.unpack(answer)
        self._note(command, reply)
        return reply

    def _try(self, command: Command[R], request: tuple[str, int] | None = None) -> R | Refused:
        return self._done(command, request)  # type: ignore[no-any-return]

    def _note(self, command: Command[Any], reply: Any) -> None:
        """Remember what was granted here, which closing gives back."""
        kind = reply.__class__
        if kind is Lease:
            self._granted[reply.token] = reply.task
        elif kind is tuple:
            if reply and reply[0].__class__ is Lease:
                self._granted.update([(lease.token, lease.task) for lease in reply])
            elif command.__class__ is CompleteMany:
                for _, token, *_ in command.endings:
                    self._granted.pop(token, None)
        elif isinstance(command, (Complete, Fail, Release)):
            self._granted.pop(command.token, None)
        if len(self._granted) > self._prune_at:
            self._prune()

    def _prune(self) -> None:
        """Forget what has ended otherwise, now and then."""
        live = self._look(Leases(None))
        if not isinstance(live, Refused):
            alive = {lease.token for lease in live}
            for token in [token for token in list(self._granted) if token not in alive]:
                self._granted.pop(token, None)
            self._prune_at = max(_PRUNED, 2 * len(self._granted))

    def ask(self, query: Query[R]) -> R:
        """Answer a query from the state, or the log, as it is now."""
        self._enter()
        reply = self._look(query)
        if reply.__class__ is Refused:
            raise reply.error
        return reply  # type: ignore[return-value]

    def _look(self, query: Query[R]) -> R | Refused:
        return wire.unpack(self._lanes.ask(_asked(query)))  # type: ignore[no-any-return]

    def check(self) -> None:
        """Assert every invariant of the state, at the hub."""
        self._enter()
        self._lanes.ask(["check"])

    def digest(self) -> str:
        """Return a hash that is equal exactly for equal boards."""
        self._enter()
        return str(self._lanes.ask(["digest"]))

    def stands_still(self, waiter: Waiter, quiet_ns: int, idle: int = 0) -> str | None:
        """Say why what a caller waits for will not come; see `standing_still`."""
        self._enter()
        why: str | None = self._lanes.ask(["still", _about(waiter), quiet_ns, idle])
        return why

    def now_ns(self) -> int:
        """Return the board's time."""
        if not self._is_open:
            self._enter()
        return self._clock.now_ns()

    # -- waits ----------------------------------------------------------------------------------

    def try_or_enter(self, command: Command[R], waiter: Waiter, turn: Turn | None = None) -> R | None:
        """Try; if the reply is None (or a refusal that may pass), have the hub stand in the line."""
        self._enter()
        wait = self._waits.get(waiter)
        if wait is None:
            waiter.refuse_if_left()
            reply = self._try(command)
            if not _is_vain(reply):
                return _raised(reply)  # type: ignore[no-any-return]
            session = self._sessions.pop() if self._sessions else Session()
            session.number += 1
            what = [session.name, session.number, command.__class__.__name__, wire.fields_of(command)]
            wait = self._begin(waiter, what, session)
        answer = self._answer(wait)
        if answer is None:
            return None
        reply = _read(answer)
        self._note(command, reply)
        return _raised(reply)  # type: ignore[no-any-return]

    def look_or_enter(self, query: Query[R], done: Callable[[R], bool], waiter: Waiter) -> R | None:
        """Ask; return the answer if it is `done`, otherwise have the hub look for who waits."""
        self._enter()
        wait = self._waits.get(waiter)
        while True:
            if wait is None:
                waiter.refuse_if_left()
                reply = self._look(query)
                if reply.__class__ is Refused or done(reply):  # type: ignore[arg-type]
                    return _raised(reply)  # type: ignore[no-any-return]
                wait = self._begin(waiter, _asked(query), None)
            answer = self._answer(wait)
            if answer is None:
                return None
            reply = _read(answer)
            if reply.__class__ is Refused or done(reply):
                return _raised(reply)  # type: ignore[no-any-return]
            wait = None  # the hub took it for one that is done; it is asked once more

    def next_ended(self, waiter: Waiter) -> tuple[Outcome, ...] | None:
        """Return what has ended since the waiter was told last, or let it wait on."""
        self._enter()
        wait = self._waits.get(waiter)
        if wait is None:
            waiter.refuse_if_left()
            wait = self._begin(waiter, _asked(Outcomes(waiter.ended)), None)
        answer = self._answer(wait)
        if answer is None:
            return None
        found = _raised(_read(answer))
        assert wait.left is not None
        # after a reconnection some are told again
        found = tuple([outcome for outcome in found if outcome.task in wait.left])
        for outcome in found:
            wait.left.pop(outcome.task, None)
        return found or None

    def _begin(self, waiter: Waiter, what: list[Any], session: Session | None) -> _Wait:
        """Have the hub stand in the line for a waiter from now on."""
        is_over = waiter.is_over(self.now_ns())
        wait = _Wait(next(self._numbers), waiter, what, session, is_last=is_over)
        if waiter.heard is not None:
            wait.left, waiter.stands = dict.fromkeys(waiter.ended), True
        self._waits[waiter] = self._by_number[wait.number] = wait
        self._pushes.say(_said(wait))
        if waiter.until_ns < NEVER_NS and not is_over:
            self.time(waiter)
        return wait

    def _answer(self, wait: _Wait) -> list[Any] | None:
        """Return the next answer to a wait; None if there is none yet and the caller may go on waiting."""
        waiter = wait.waiter
        if not wait.answers and not waiter.has_left and not self._why_closed:
            is_over = waiter.timed_out or waiter.until_ns <= self.now_ns()
            if not is_over and not wait.is_last:
                return None
            if not wait.is_last:
                wait.is_last = True
                self._pushes.say(["last", wait.number])
            if not wait.told.wait(self._lanes.patience_s):
                raise JournalError(self._dial.shown, "no hub answers; start it with: ants-coord hub BOARD")
        try:
            answer = wait.answers.popleft()
        except IndexError:
            self._end(wait)
            if self._why_closed:
                raise ClosedError(self._why_closed) from None
            waiter.refuse_if_left()
            return None
        if wait.left is None or wait.is_last or not isinstance(answer[1], dict) or "t" not in answer[1]:
            self._end(wait)
        elif not wait.answers:
            wait.told.clear()
        if wait.session is not None and len(answer) > 2:
            wait.session.number = answer[2]
            self._sessions.append(wait.session)
        return answer

    def _end(self, wait: _Wait) -> None:
        self._waits.pop(wait.waiter, None)
        self._by_number.pop(wait.number, None)
        wait.waiter.stands = False
        self.untime(wait.waiter)

    def leave(self, waiter: Waiter) -> None:
        """Stop waiting for good, without waiting for anybody; what was granted meanwhile is given back."""
        waiter.has_left = True
        self.untime(waiter)
        wait = self._waits.get(waiter)
        if wait is not None:
            self._end(wait)
            self._pushes.say(["leave", wait.number])
            wait.told.set()
            self._give_back_unused(wait)

    def _give_back_unused(self, wait: _Wait) -> None:
        while True:
            try:
                answer = wait.answers.popleft()
            except IndexError:
                return
            self._give_back(answer)

    def _take_grants(self, wait: _Wait) -> None:
        """Take what was granted to who waits, and will be told that the coordinator is closed."""
        while wait.answers:
            reply = _read(wait.answers.popleft())
            if isinstance(reply, Lease):
                self._granted[reply.token] = reply.task

    def _give_back(self, answer: list[Any]) -> None:
        """Give a lease back, in the background, that was granted to nobody who waits."""
        reply = _read(answer)
        if isinstance(reply, Lease) and not self._why_closed:
            self._granted[reply.token] = reply.task
            try:
                self.threads().submit(self._try, Release(reply.task, reply.token))
            except (RuntimeError, ClosedError):
                return  # closing gives it back

    # -- what the hub says ----------------------------------------------------------------------

    def _hear(self, message: list[Any]) -> None:
        if message[0] == "lost":
            _, token, reason = message
            for kept in self._keeper.all():
                if kept.lease.token == token:
                    self._granted.pop(token, None)
                    self._lose(kept, reason)
            return
        wait = self._by_number.get(message[0])
        if wait is None:
            self._give_back(message)
            return
        wait.answers.append(message)
        wait.told.set()
        wait.waiter.wake()
        if wait.waiter.has_left:  # perhaps after it looked for answers
            self._give_back_unused(wait)

    def _holds(self) -> list[list[Any]]:
        """Return what a hub must know that has just been begun, or reached again."""
        every = list(self._by_number.values())
        waits = [_said(wait) for wait in every if not wait.answers or wait.left is not None]
        return [*waits, *[_watched(kept) for kept in self._keeper.all() if not kept.lease.names]]

    # -- leases ---------------------------------------------------------------------------------

    def keep(self, kept: Kept) -> None:
        """Renew a lease from now on, and have the hub say when it is lost."""
        super().keep(kept)
        if not kept.lease.names:  # of named locks a board has no news: that they are lost the renewal says
            self._pushes.say(_watched(kept))

    def unkeep(self, kept: Kept) -> None:
        """Stop renewing."""
        super().unkeep(kept)
        if not kept.lease.names and self._is_open and not self._why_closed:
            self._pushes.say(["unkeep", kept.lease.token])

    # -- opening and closing --------------------------------------------------------------------

    def _greeted(self, hello: list[Any]) -> None:
        """Take note of what a hub says of its board."""
        _, now_ns, settings = hello
        self._hub_settings = wire.unpack(settings)
        if self._own_clock is None:
            # never ahead of the hub's: the answer was on its way for a while
            anchor_ns = now_ns - BootClock.since_boot_ns()
            if isinstance(self._clock, BootClock):
                self._clock.anchor_ns = anchor_ns
            else:
                self._clock = BootClock(anchor_ns)
        else:
            self._clock = self._own_clock

    def _open_board(self) -> None:
        try:
            self._lanes.ask(["now"], _OPENING_S)  # a new connection tells all that is to know
            assert self._hub_settings is not None
            self._machine.ledger.settings = self._hub_settings
            compare(self._machine.ledger, self._asked)
        except BaseException:
            self._lanes.drop()
            raise
        self._lanes.patience_s = min(_PATIENCE_S, self._hub_settings.lease_ttl / 3)
        self._pushes = Pushes(self._dial, weakly(self._hear), weakly(self._holds))

    def _close_board(self) -> None:
        if not self._is_open:
            self._lanes.close()
            return
        try:
            self._pushes.close()
            # who closes beside a hub that is gone waits as short as who opens: what is held runs out
            self._lanes.ask(["bye", self._dial.client], _OPENING_S)
            for wait in list(self._by_number.values()):
                self._take_grants(wait)
            if not self.keeps_leases:
                for token, task in sorted(self._granted.items()):
                    self._try(Release(task, token))
        except JournalError:
            return  # they run out by themselves
        finally:
            self._lanes.close()

    def _shut(self, why: str) -> None:
        super()._shut(why)
        self._wake_waiters()

    def _wake_waiters(self) -> None:
        for wait in list(self._by_number.values()):
            wait.told.set()
            wait.waiter.wake()

    def backup(self, to: str) -> None:
        """Refuse: a copy is made of the board itself."""
        raise ValueError("a hub makes no copies: ants-coord backup BOARD, with the board that it serves")

    def __del__(self) -> None:
        """Warn of an open board that nobody closed, and hang up."""
        if not self.__dict__.get("_is_open") or self._why_closed:
            return
        super().__del__()
        pushes, lanes = self._pushes, self._lanes

        def hang_up() -> None:  # without `self`, which is gone
            pushes.close()
            lanes.close()

        dropped(f"the board {self.path!r}", hang_up)

    def held_in_forks(self) -> list[Any]:
        """Return the locks that a fork takes first."""
        return [*super().held_in_forks(), self._dial.making]

    def _forked(self) -> None:
        self._dial.abandon()
        self._lanes.abandon()
        if self._is_open and not self._why_closed:
            self._pushes.abandon()
        self._waits, self._by_number = {}, {}
        super()._forked()


def _asked(query: Query[Any]) -> list[Any]:
    return ["?", query.__class__.__name__, wire.fields_of(query)]


def _about(waiter: Waiter) -> dict[str, Any]:
    told = {name: getattr(waiter, name) for name in _SAID if getattr(waiter, name)}
    if waiter.heard is not None:
        told["heard"] = True
    return told


def _said(wait: _Wait) -> list[Any]:
    about = _about(wait.waiter)
    if wait.left is not None:
        about["ended"] = list(wait.left)
    return ["wait", wait.number, wait.is_last, wait.what, about]


def _watched(kept: Kept) -> list[Any]:
    return ["keep", kept.lease.token, kept.lease.task]


def _read(answer: list[Any]) -> Any:
    """Return a reply that came as the answer to a wait."""
    packed = answer[1]
    if isinstance(packed, dict):
        if "late" in packed:
            return Refused(TimeoutError(packed["late"]))  # type: ignore[arg-type]
        if "drained" in packed:
            return Refused(Drained())  # type: ignore[arg-type]
        if "say" in packed:
            return Refused(wire.mistake(packed))  # type: ignore[arg-type]
    return wire.unpack(packed)


def _is_vain(reply: Any) -> bool:
    return reply is None or (reply.__class__ is Refused and isinstance(reply.error, HeldError))


def _raised(reply: Any) -> Any:
    if reply.__class__ is Refused:
        raise reply.error
    return reply
