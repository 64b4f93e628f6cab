"""
The machine: commands in, replies out, time as an argument.

`Machine` joins a ledger with the parts of its strategy. An embedder needs nothing else: no clock, no thread,
no file. Applying the same commands with the same stamps gives the same state in every process, on every
platform, under any hash seed; that is what lets a journal be a dumb ordered log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from ..commands.purses import SetPurse, Spend
from ..commands.shared import (
    Adopt,
    Cancel,
    Claim,
    ClaimMany,
    Command,
    Complete,
    CompleteMany,
    Configure,
    Decline,
    EndOpening,
    Fail,
    LockNames,
    Note,
    Pause,
    Query,
    Refused,
    Release,
    ReleaseAll,
    Renew,
    Requeue,
    Resume,
    SetLimit,
    Split,
    Submit,
    Upgrade,
    Vouch,
    Wakeup,
)
from ..errors import NotSupportedError
from .state.ledger import Ledger, rewind
from .state.parts import Strategy
from .state.records import News
from .state.rule_versions import Rules, lacking, rules_of
from .state.timeline import CALENDAR, RAW
from .strategies import STRATEGIES, common_parts
from .work import leases as claiming
from .work import submitting, switches
from .work.lifecycle import pass_time

R = TypeVar("R")


class Later:
    """
    A function of the core that is imported at its first call, because most boards never need it.

    Args:
        where: module and function, such as "work.locking:lock".

    """

    __slots__ = ("_function", "_where")

    def __init__(self, where: str) -> None:
        self._where = where
        self._function: Callable[..., Any] | None = None

    def __call__(self, *args: Any) -> Any:
        """Call it."""
        if self._function is None:
            from importlib import import_module  # noqa: PLC0415 - an eighth of a millisecond

            module, _, name = self._where.partition(":")
            self._function = getattr(import_module(f".{module}", __package__), name)
        return self._function(*args)


def _first_request(ledger: Ledger, request: tuple[str, int], command: Command[Any]) -> tuple[Any] | None:
    """Import the memory of requests with the first of them: a board in memory may never see one."""
    global _answer_again, _remember_reply
    from .repeated_requests import answer_again, remember_reply  # noqa: PLC0415

    _answer_again, _remember_reply = answer_again, remember_reply
    return answer_again(ledger, request, command)


_answer_again: Callable[[Ledger, tuple[str, int], Command[Any]], tuple[Any] | None] = _first_request
_remember_reply: Callable[[Ledger, tuple[str, int], Command[Any], Any], None]


def _wakeup(ledger: Ledger, command: Wakeup) -> None:
    """Do nothing: time has passed before every command."""


COMMANDS: dict[type, Callable[[Ledger, Any], Any]] = {
    Adopt: Later("work.openings:adopt"),
    Cancel: switches.cancel,
    Claim: claiming.claim,
    ClaimMany: claiming.claim_many,
    Complete: claiming.complete,
    CompleteMany: claiming.complete_many,
    Configure: switches.configure,
    Decline: Later("work.declining:decline"),
    EndOpening: Later("work.openings:end_opening"),
    Fail: claiming.fail,
    LockNames: Later("work.locking:lock"),
    Note: Later("work.holding:note"),
    Pause: switches.pause,
    Release: claiming.release,
    ReleaseAll: Later("work.openings:release_all"),
    Renew: Later("work.holding:renew"),
    Requeue: submitting.requeue,
    Resume: switches.resume,
    SetLimit: switches.set_limit,
    SetPurse: Later("work.purses:set_purse"),
    Spend: Later("work.purses:spend"),
    Split: Later("work.splitting:split"),
    Submit: submitting.submit,
    Upgrade: switches.upgrade,
    Vouch: Later("trust.principals:vouch"),
    Wakeup: _wakeup,
}
"""command type -> the function that carries it out, under every strategy"""


def _refuse(ledger: Ledger, message: object) -> Refused:
    return Refused(NotSupportedError(type(message).__name__, ledger.settings.strategy))


SAYS_RULES = (Configure, Upgrade)
"""commands that state what readers of the log must have; see `Machine.lacks`"""
MAY_BE_IDLE = (Claim, ClaimMany, Wakeup)
"""commands that often have nothing to do, besides those of the parts; see `Machine.is_idle`"""


class Machine:
    """
    A deterministic coordinator without any I/O. Not thread-safe.

    The board's settings name its strategy, so any machine can replay any board. A new machine is a claim
    queue until it is configured.

    Args:
        strategies: name -> function that makes the parts. Pass it to add a strategy of your own.

    Example:
        >>> from ants_coord.core import Machine
        >>> from ants_coord.commands.shared import Claim, submission
        >>> from ants_coord.values.tasks import Task
        >>> machine = Machine()
        >>> machine.apply(submission((Task("a"),)), now_ns=1)[0].created
        True
        >>> machine.apply(Claim("w"), now_ns=2).task
        'a'
        >>> machine.next_wakeup_in_ns  # the lease of 30 s
        30000000000

    """

    __slots__ = ("ledger", "news")

    def __init__(self, strategies: Mapping[str, Callable[[], Strategy]] = STRATEGIES) -> None:
        self.ledger = Ledger(strategies, COMMANDS, common_parts)
        self.news: News = self.ledger.news
        """hints about which waiters to wake: set `is_wanted`, and clear the lists after reading"""

    def apply(
        self,
        command: Command[R],
        *,
        now_ns: int,
        request: tuple[str, int] | None = None,
        position: int | None = None,
    ) -> R | Refused:
        """
        Advance time to `now_ns`, then carry out a command.

        Args:
            command: what to do; it must not be changed afterwards.
            now_ns: the raw stamp, ns; it may go back, see core/state/timeline.py.
            request: (session, number) of the caller, or (request id, 0); a repeat is answered with the
                first reply.
            position: the command's position in its log; the next one by default.

        Returns:
            The command's reply, or Refused; a refused command changes nothing
            but the time.

        """
        ledger = self.ledger
        # `look_again`, without a call: this command may change anything
        ledger.quiet_until_ns, ledger.is_bare = 0, False
        undo = ledger.undo.entries
        if undo:
            ledger.mend()
        # the first undo entry makes the list non-empty: from here to `clear`, an exception leaves a torn
        # command, which the next call takes back
        undo.append(
            (
                rewind,
                ledger,
                ledger.ring,
                len(ledger.ring[1]),
                ledger.timeline.reading,
                ledger.last_token,
                ledger.last_seq,
                ledger.position,
                ledger.refusals,
            )
        )
        ledger.position = here = ledger.position + 1 if position is None else position
        kind = type(command)  # of many kinds in one place: CPython has no fast path to their `__class__`
        if kind is Wakeup and command.late_ns:  # type: ignore[attr-defined]
            for hook in ledger.on_pause:
                hook(ledger, now_ns, command.late_ns)  # type: ignore[attr-defined]
        pass_time(ledger, now_ns)
        known = None if request is None else _answer_again(ledger, request, command)
        if known is None:
            reply = ledger.commands.get(kind, _refuse)(ledger, command)
            # a search that found nothing is repeated when it is asked again: only what was done is done once
            if request is not None and (request[1] or reply or not self.may_be_idle(command)):
                _remember_reply(ledger, request, command, reply)
            if type(reply) is Refused:
                ledger.note_refusal()
        else:
            reply = known[0]
        if not here & 127:  # a function of the position: every replica trims at the same commands
            ledger.trim_ring()
        undo.clear()
        return reply  # type: ignore[no-any-return]

    def may_be_idle(self, command: Command[Any]) -> bool:
        """Tell whether commands of this type may have nothing to do."""
        return command.__class__ in MAY_BE_IDLE or command.__class__ in self.ledger.idlers

    def is_idle(self, command: Command[R], now_ns: int) -> bool:
        """Tell whether applying this command at `now_ns` would grant nothing and change nothing."""
        if not self.may_be_idle(command):
            return False
        wait_ns, stamp = self.next_wakeup_in_ns, self.ledger.timeline.reading[RAW]
        if wait_ns is not None and now_ns - stamp >= wait_ns:
            return False
        if isinstance(command, Wakeup):
            return True
        undo, idle = self.ledger.undo, self.ledger.idlers.get(command.__class__)
        undo.look()
        if idle is not None:
            answer: bool = idle(self.ledger, command)
        else:
            assert isinstance(command, (Claim, ClaimMany))
            answer = claiming.pick(self.ledger, command) is None
        undo.entries.clear()
        return answer

    def lacks(self, command: Command[Any]) -> list[str]:
        """Return what a reader of a log with this command needs and lacks here; empty if nothing."""
        ledger = self.ledger
        if command.__class__ is Configure:
            return lacking(ledger.strategies, command.settings.strategy, command.rules)
        if command.__class__ is Upgrade:
            return lacking(ledger.strategies, ledger.settings.strategy, command.rules)
        return []

    def rules_of(self, strategy: str) -> Rules:
        """Return the rules that a board of this strategy follows here; empty if there is no such strategy."""
        if strategy not in self.ledger.strategies:
            return ()  # Configure reports it, by name
        return rules_of(self.ledger.strategies, strategy)

    def answer(self, request: tuple[str, int], command: Command[Any]) -> tuple[Any] | None:
        """Return the remembered reply to a request (or the refusal of a second use) in a 1-tuple, or None."""
        if self.ledger.undo.entries:
            self.ledger.mend()
        return _answer_again(self.ledger, request, command)

    def last_answer(self, session: str) -> tuple[int, Any] | None:
        """Return (number, reply) of the last remembered request of a session, or None."""
        if self.ledger.undo.entries:
            self.ledger.mend()
        from .repeated_requests import last_answer  # noqa: PLC0415 - see _first_request

        return last_answer(self.ledger, session)

    def ask(self, query: Query[R], *, now_ns: int | None = None) -> R | Refused:
        """
        Answer a query from the state as it is; nothing changes.

        Args:
            query: what to ask.
            now_ns: the stamp of this instant, for values that fade with time; the last command's by default.

        """
        ledger = self.ledger
        if ledger.undo.entries:
            ledger.mend()
        kind = query.__class__
        function = ledger.queries.get(kind)
        if function is None:
            from .reading import QUERIES  # noqa: PLC0415 - a queue that only works is never asked

            function = ledger.queries[kind] = QUERIES.get(kind, _refuse)
        calendar = ledger.timeline.reading[CALENDAR]
        ledger.asked_ns = calendar if now_ns is None or now_ns < calendar else now_ns
        return function(ledger, query)  # type: ignore[no-any-return]

    @property
    def next_wakeup_in_ns(self) -> int | None:
        """Nanoseconds from the last stamp until time alone changes something; None for never."""
        if self.ledger.undo.entries:
            self.ledger.mend()
        alarms = self.ledger.alarms
        _, lease_now, calendar_now = self.ledger.timeline.reading
        lease, due = alarms.next_lease(), alarms.next_task()
        waits = []
        if lease is not None:
            waits.append(lease[0] - lease_now)
        if due is not None:
            waits.append(due[0] - calendar_now)
        if self.ledger.declines.alarms:
            self.ledger.undo.look()
            ends = self.ledger.declines.next_ns(self.ledger)
            self.ledger.undo.entries.clear()
            if ends is not None:
                waits.append(ends - lease_now)
        if self.ledger.timed:
            undo = self.ledger.undo
            undo.look()
            for part in self.ledger.timed:
                wait_ns = part.wakeup_in_ns(self.ledger.timeline.reading)
                if wait_ns is not None:
                    waits.append(wait_ns)
            undo.entries.clear()
        return max(0, min(waits)) if waits else None

    def check(self) -> None:
        """Assert every invariant, for tests and for embedders in doubt. O(everything)."""
        if self.ledger.undo.entries:
            self.ledger.mend()
        from .state.invariants import check_invariants  # noqa: PLC0415 - most boards are never doubted

        check_invariants(self.ledger)
