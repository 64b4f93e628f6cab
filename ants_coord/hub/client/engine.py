"""
RemoteEngine: the engine of a board that a hub serves.

It does for its fronts what every engine does. Leases are renewed by the client's own alarm, because renewals
are its sign of life: if the hub renewed, a process that stands still would hold its leases for ever. Waits
end at the client's own deadlines, whatever the hub does. Closing gives back what was granted here. The hub
does everything that needs the board's state: it carries out commands, keeps waiters in its lines, and reports
lost leases.

No verb waits for the engine's lock: each has a connection of its own.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable
from typing import Any, TypeVar

from ...commands.reading import Leases, Outcomes
from ...commands.shared import Command, Complete, CompleteMany, Fail, Granting, Query, Refused, Release
from ...core.machine import Machine
from ...engine.board_lock import dropped, weakly
from ...engine.combining import Turn, is_vain
from ...engine.engine import Engine
from ...engine.keeper import Kept
from ...engine.lobby import NEVER_NS, Waiter
from ...engine.log import Unopened, compare
from ...errors import ClosedError, CoordinationError, JournalError
from ...journals.clocks import BootClock
from ...journals.ports import Clock
from ...values.checks import check_name
from ...values.settings import Settings
from ...values.tasks import Lease, Outcome
from .. import wire
from .lanes import Dial, Lanes, Session
from .pushes import Pushes
from .waits import Wait, about, asked, raised, read, said, told_of, watched

R = TypeVar("R")

_OPENING_S = 1.0
"""a hub that is restarting may be waited for; a wrong path should be reported soon"""
_PATIENCE_S = 10.0
_PRUNED = 64
"""number of grants that are remembered without checking whether they have ended"""


class RemoteEngine(Engine):
    """
    A board that a hub serves. Thread-safe; see Engine.

    Args:
        machine: makes an empty machine of the strategy; only its settings are used.
        path: path of the hub.
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
        self._lanes = Lanes(self._dial, weakly(self._withdraw))
        self._sessions: deque[Session] = deque()
        self._pushes: Pushes
        self._waits: dict[Waiter, Wait] = {}
        self._by_number: dict[int, Wait] = {}
        self._numbers = itertools.count(1)
        self._withdrawn: dict[tuple[str, int], int] = {}
        """abandoned requests -> the number of the wait that sent them, or 0; until the hub has given back
        what it granted for them"""
        self._granted: dict[int, str] = {}
        """token -> task of grants that were made here and not given back, as far as we know"""
        self._prune_at = _PRUNED
        self._hub_settings: Settings | None = None
        self.path = self._dial.shown

    # -- commands and queries -------------------------------------------------------------------

    def execute(self, command: Command[R], request_id: str | None = None) -> R:
        """Carry a command out and return its reply; a refusal is raised."""
        self._enter()
        named = None if request_id is None else (check_name(request_id, "request_id"), 0)
        return raised(self._try(command, named))  # type: ignore[no-any-return]

    def _enter(self) -> None:
        """Do what an engine does on entering, without its lock."""
        if self._why_closed:
            raise ClosedError(self._why_closed)
        if not self._is_open:
            self._open_now()

    def _try(self, command: Command[R], request: tuple[str, int] | None = None) -> R | Refused:
        def heard(answer: Any) -> Any:
            reply = wire.unpack(answer)
            self._note(command, reply)
            return reply

        may_grant = isinstance(command, Granting)
        name, fields = command.__class__.__name__, wire.fields_of(command)
        reply = self._lanes.do(name, fields, request, heard, may_grant)
        if may_grant and self._why_closed and reply.__class__ is Refused:
            raise ClosedError(self._why_closed)  # closing took the number: the refusal is that of a Release
        return reply  # type: ignore[no-any-return]

    def _note(self, command: Command[Any], reply: Any) -> None:
        """Remember what was granted here; closing gives it back."""
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
        """Forget grants that have ended, now and then."""
        try:
            live = self._look(Leases(None))
        except CoordinationError:
            return  # not the caller's trouble, which has just been granted something
        if not isinstance(live, Refused):
            alive = {lease.token for lease in live}
            for token in [token for token in list(self._granted) if token not in alive]:
                self._granted.pop(token, None)
            self._prune_at = max(_PRUNED, 2 * len(self._granted))

    def ask(self, query: Query[R]) -> R:
        """Answer a query from the state, or the log, as it is now."""
        self._enter()
        return raised(self._look(query))  # type: ignore[no-any-return]

    def _look(self, query: Query[R]) -> R | Refused:
        return wire.unpack(self._lanes.ask(asked(query)))  # type: ignore[no-any-return]

    def check(self) -> None:
        """Assert every invariant of the state, at the hub."""
        self._enter()
        self._lanes.ask(["check"])

    def digest(self) -> str:
        """Return a hash that is equal exactly for equal boards."""
        self._enter()
        return str(self._lanes.ask(["digest"]))

    def stands_still(self, waiter: Waiter, quiet_ns: int, idle: int = 0) -> str | None:
        """Say why a wait will never end; see `standing_still`."""
        self._enter()
        why: str | None = self._lanes.ask(["still", about(waiter), quiet_ns, idle])
        return why

    def show_key(self, agent: str, key: str) -> None:
        """
        Show the hub an agent's key, unless it has accepted this one already.

        Raises:
            WrongKeyError: it is not the agent's key. ValueError: nobody can tell.

        """
        self._enter()
        if self._dial.keys.get(agent) == key:
            return
        answer = raised(wire.unpack(self._lanes.ask(["key", agent, key])))
        if not answer[2] and self.secret is None:
            raise ValueError(
                f"{self.path} asks for no keys, so it cannot check that of {agent!r}: start it with --keys, "
                "or give this coordinator the secret= to check it here"
            )
        self._dial.keys[agent] = key  # in place: a copy might lose what another thread adds
        self._pushes.show(["key", agent, key])

    def now_ns(self) -> int:
        """Return the board's time."""
        if not self._is_open:
            self._enter()
        return self._clock.now_ns()

    # -- waits ----------------------------------------------------------------------------------

    def try_or_enter(self, command: Command[R], waiter: Waiter, turn: Turn | None = None) -> R | None:
        """Try; if the reply is None (or a temporary refusal), have the hub wait in the line."""
        self._enter()
        wait = self._waits.get(waiter)
        if wait is None:
            waiter.refuse_if_left()
            reply = self._try(command)
            if not is_vain(reply):
                return raised(reply)  # type: ignore[no-any-return]
            session = self._sessions.pop() if self._sessions else Session()
            session.number += 1
            what = [session.name, session.number, command.__class__.__name__, wire.fields_of(command)]
            wait = self._begin(waiter, what, session)
        answer = self._answer(wait)
        if answer is None:
            return None
        reply = read(answer)
        self._note(command, reply)
        # after that: if this is cut short earlier, the wait is withdrawn, together with what was granted
        if not self._take(wait):
            waiter.refuse_if_left()  # the hub gives it back, and only the hub: an entry must not return twice
        return raised(reply)  # type: ignore[no-any-return]

    def look_or_enter(self, query: Query[R], done: Callable[[R], bool], waiter: Waiter) -> R | None:
        """Ask; return the answer if it is `done`, otherwise have the hub watch for it."""
        self._enter()
        wait = self._waits.get(waiter)
        while True:
            if wait is None:
                waiter.refuse_if_left()
                reply = self._look(query)
                if reply.__class__ is Refused or done(reply):  # type: ignore[arg-type]
                    return raised(reply)  # type: ignore[no-any-return]
                wait = self._begin(waiter, asked(query), None)
            answer = self._answer(wait)
            if answer is None:
                return None
            self._take(wait)
            reply = read(answer)
            if reply.__class__ is Refused or done(reply):
                return raised(reply)  # type: ignore[no-any-return]
            wait = None  # the hub took it for a final answer; ask once more

    def next_ended(self, waiter: Waiter) -> tuple[Outcome, ...] | None:
        """Return what has ended since the waiter was last told, or let it wait on."""
        self._enter()
        wait = self._waits.get(waiter)
        if wait is None:
            waiter.refuse_if_left()
            wait = self._begin(waiter, asked(Outcomes(waiter.ended)), None)
        answer = self._answer(wait)
        if answer is None:
            return None
        self._take(wait)
        found = raised(read(answer))
        assert wait.left is not None
        # after a reconnection some are reported again
        found = tuple([outcome for outcome in found if outcome.task in wait.left])
        for outcome in found:
            wait.left.pop(outcome.task, None)
        return found or None

    def _begin(self, waiter: Waiter, what: list[Any], session: Session | None) -> Wait:
        """Have the hub wait in the line for a waiter from now on."""
        is_over = waiter.is_over(self.now_ns())
        wait = Wait(next(self._numbers), waiter, what, session, is_last=is_over)
        if waiter.heard is not None:
            wait.left, waiter.stands = dict.fromkeys(waiter.ended), True
        self._waits[waiter] = self._by_number[wait.number] = wait
        self._pushes.say(said(wait))
        if waiter.until_ns < NEVER_NS and not is_over:
            self.time(waiter)
        return wait

    def _answer(self, wait: Wait) -> list[Any] | None:
        """Return the next answer to a wait, still untaken; None if there is none and it may go on waiting."""
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
        if wait.answers:
            return wait.answers[0]
        self._abandon(wait)
        if self._why_closed:
            raise ClosedError(self._why_closed)
        waiter.refuse_if_left()
        return None

    def _take(self, wait: Wait) -> bool:
        """Take the next answer, and end the wait if it is the last; return False if it had ended before."""
        answer, is_ours = wait.answers[0], True
        if wait.left is None or wait.is_last or not isinstance(answer[1], dict) or "t" not in answer[1]:
            # first: a wait that seems to have no answer is sent again to the next hub
            is_ours = self._end(wait, "taken")
        wait.answers.popleft()
        if not wait.answers:
            wait.told.clear()
        if wait.session is not None:
            wait.session.number = answer[2]
            if is_ours:  # otherwise its next number gives back what was granted
                self._sessions.append(wait.session)
        return is_ours

    def _end(self, wait: Wait, how: str) -> bool:
        """End a wait; return whether it ends like this: "taken" and "left" may come at the same time."""
        is_so = wait.ended.setdefault("how", how) == how  # one atomic step
        self._waits.pop(wait.waiter, None)
        self._by_number.pop(wait.number, None)
        wait.waiter.stands = False
        self.untime(wait.waiter)
        return is_so

    def leave(self, waiter: Waiter) -> None:
        """Stop waiting for good, without waiting for anybody; grants that arrive meanwhile are given back."""
        waiter.has_left = True
        self.untime(waiter)
        wait = self._waits.get(waiter)
        if wait is not None:
            self._abandon(wait)
            wait.told.set()

    def _abandon(self, wait: Wait) -> None:
        """Abandon a wait; what was granted meanwhile, whether received or not, is given back."""
        if wait.session is None:
            self._end(wait, "left")
            if not self._why_closed:
                self._pushes.say(["leave", wait.number])
            return
        request = wait.session.name, wait.session.number
        self._withdrawn[request] = wait.number  # first: closing looks at both
        if self._end(wait, "left"):
            self._withdraw(*request, wait.number)
        else:
            self._withdrawn.pop(request, None)  # its answer has just been taken

    def _withdraw(self, session: str, number: int, wait: int = 0) -> None:
        """Have the hub give back, once, what it has granted, or may still grant, to an abandoned request."""
        self._withdrawn[session, number] = wait
        if not self._why_closed:
            self._pushes.say(["withdraw", [[session, number, wait]]])

    # -- what the hub says ----------------------------------------------------------------------

    def _hear(self, message: Any) -> None:
        if message.__class__ is dict:
            return  # the board is in trouble: withdrawals are sent again to the next hub, and at closing
        if message[0] == "key":
            return
        if message[0] == "lost":
            _, token, reason = message
            for kept in self._keeper.all():
                if kept.lease.token == token:
                    self._granted.pop(token, None)
                    self._lose(kept, reason)
            return
        if message[0] == "withdrawn":
            for session, number, _ in message[1]:
                self._withdrawn.pop((session, number), None)
            return
        wait = self._by_number.get(message[0])
        if wait is None:
            return  # it was withdrawn, or has left, and the hub will be told
        wait.answers.append(message)
        wait.told.set()
        wait.waiter.wake()

    def _holds(self) -> list[list[Any]]:
        """Return everything that a new or reconnected hub must know."""
        every = list(self._by_number.values())
        # keys first: waits need them
        waits: list[list[Any]] = [["key", *each] for each in list(self._dial.keys.items())]
        waits += [said(wait) for wait in every if not wait.answers or wait.left is not None]
        if self._withdrawn:
            waits.append(["withdraw", told_of(self._withdrawn)])
        return [*waits, *[watched(kept) for kept in self._keeper.all() if not kept.lease.names]]

    # -- leases ---------------------------------------------------------------------------------

    def keep(self, kept: Kept) -> None:
        """Renew a lease from now on, and have the hub report its loss."""
        super().keep(kept)
        if not kept.lease.names:  # a board has no news about named locks: a failed renewal reports their loss
            self._pushes.say(watched(kept))

    def unkeep(self, kept: Kept) -> None:
        """Stop renewing."""
        super().unkeep(kept)
        if not kept.lease.names and self._is_open and not self._why_closed:
            self._pushes.say(["unkeep", kept.lease.token])

    # -- opening and closing --------------------------------------------------------------------

    def _greeted(self, hello: list[Any]) -> None:
        """Record what a hub says about its board."""
        _, now_ns, settings = hello
        self._hub_settings = wire.unpack(settings)
        if self._own_clock is None:
            # never ahead of the hub's: the answer took some time to arrive
            anchor_ns = now_ns - BootClock.since_boot_ns()
            if isinstance(self._clock, BootClock):
                self._clock.anchor_ns = anchor_ns
            else:
                self._clock = BootClock(anchor_ns)
        else:
            self._clock = self._own_clock

    def _open_board(self) -> None:
        try:
            self._lanes.ask(["now"], _OPENING_S)  # a new connection tells everything there is to know
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
        last = Lanes(self._dial, lambda *_: None)
        try:
            self._pushes.close()
            self._lanes.close()
            farewell = self._farewell()
            if farewell is not None:
                # closing waits for a missing hub only as long as opening does: what is held expires
                last.ask(farewell, _OPENING_S)
        except JournalError:
            return
        finally:
            last.close()
            self._pushes.close()
            self._lanes.close()

    def _farewell(self) -> list[Any] | None:
        """
        Return the last message, which gives back everything that was granted here; None if that is nothing.
        """
        # in this order: a claim in progress is granted, or given up, and is always in at least one of them
        requests = dict.fromkeys(self._lanes.claims(), 0)
        for wait in list(self._by_number.values()):
            if wait.session is not None:
                requests[wait.session.name, wait.session.number] = wait.number
        requests |= self._withdrawn
        granted = {} if self.keeps_leases else self._granted
        back = [[task, token] for token, task in sorted(granted.items())]
        if not requests and not back:
            return None
        return ["bye", self._dial.client, told_of(requests), back]

    def _shut(self, why: str) -> None:
        self._why_closed = why
        self._wake_waiters()  # first: if this is cut short later, it must not look done
        super()._shut(why)

    def _wake_waiters(self) -> None:
        for wait in list(self._by_number.values()):
            wait.told.set()
            wait.waiter.wake()

    def backup(self, to: str) -> None:
        """Refuse: a backup is made from the board itself."""
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
        self._waits, self._by_number, self._withdrawn = {}, {}, {}
        super()._forked()
