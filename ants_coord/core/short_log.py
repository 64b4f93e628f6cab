"""
The short way of the commands of a log: for replay, and for cycles on a file.

What core/work/short.py does for boards in memory, with what a log adds: a request id, whose reply is
remembered, and the opening that holds what is granted. A command of a known session, while nothing is due,
goes straight to the rules that every command uses. Either it is carried out as `Machine.apply` would carry
it out at the same stamp, or nothing is touched and the long way is taken, which says what is wrong. The first
undo entry is that of every command, so an exception in the middle is undone in the same way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..commands.shared import Claim, Command, Complete, Renew, Renewed, Submit
from ..values.tasks import Lease, Outcome, Task, Ticket
from .machine import Machine
from .repeated_requests import MOST_KEPT, condense, unremember
from .state.ledger import Ledger, rewind
from .state.records import LEASED, SessionRow
from .state.timeline import RAW
from .work import holding
from .work.leases import grant
from .work.lifecycle import finish
from .work.openings import give, share
from .work.short import look_ahead
from .work.submitting import add


def follow(machine: Machine, command: Command[Any], raw: int, request: tuple[str, int], position: int) -> Any:
    """Carry out a command of a log as `machine.apply` does, by the short way where it is open."""
    ledger, (name, number) = machine.ledger, request
    timeline, entries = ledger.timeline, ledger.undo.entries
    try:
        verb, session = _SHORT[command.__class__], ledger.sessions[name]
    except KeyError:
        return machine.apply(command, now_ns=raw, request=request, position=position)
    reading = timeline.reading
    if (
        not ledger.is_short
        or entries
        or not reading[RAW] <= raw < (ledger.quiet_until_ns or look_ahead(ledger))
        or not position & 127  # the events are trimmed there, see Machine.apply
        or not number  # an id that a caller chose belongs to one exact command
        or number <= session.low
        or number in (replies := session.replies)
        or len(replies) >= MOST_KEPT
    ):
        return machine.apply(command, now_ns=raw, request=request, position=position)
    ring = ledger.ring
    entries.append((
        _back, session, session.seen_ns, number, ledger, ring, len(ring[1]), reading,
        ledger.last_token, ledger.last_seq, ledger.position, ledger.refusals,
    ))  # fmt: skip
    timeline.reading = (raw, raw + ledger.lead_ns, raw)
    reply = verb(ledger, command, name)
    if reply is NotImplemented:  # it has touched nothing, so this is all there is to take back
        timeline.reading = reading
        entries.clear()
        return machine.apply(command, now_ns=raw, request=request, position=position)
    ledger.position, session.seen_ns = position, raw
    replies[number] = reply if reply.__class__ is tuple else condense(reply)  # tickets, renewals: as they are
    entries.clear()
    return reply


def is_idle(machine: Machine, command: Command[Any], now_ns: int) -> bool:
    """Tell what `machine.is_idle` tells, without a look at the alarms while nothing is due."""
    ledger = machine.ledger
    entries = ledger.undo.entries
    if (
        command.__class__ is not Claim
        or Claim in ledger.idlers
        or command.task is not None
        or not ledger.is_short
        or entries
        or not ledger.timeline.reading[RAW] <= now_ns < (ledger.quiet_until_ns or look_ahead(ledger))
    ):
        return machine.is_idle(command, now_ns)
    agent, kinds = command.agent, command.kinds
    ledger.undo.look()
    signatures = ledger.signatures or ledger.eligibility.open_to(agent)
    is_vain = ledger.order.first(agent, signatures, kinds) is None
    entries.clear()
    return is_vain


def _back(session: SessionRow, seen_ns: int, number: int, *others: Any) -> None:
    unremember(session, seen_ns, number)
    rewind(*others)


def _submit(ledger: Ledger, command: Submit, _: str) -> tuple[Ticket] | Any:
    """Add a new task that waits for nothing."""
    tasks = command.tasks
    if len(tasks) != 1:
        return NotImplemented
    task = tasks[0]
    if not task.is_plain or task.id in ledger.tasks or task.id in ledger.tombstones:
        return NotImplemented
    return (add(ledger, task, command.payloads[0]),)


def _claim(ledger: Ledger, command: Claim, name: str) -> Lease | Any | None:
    """Grant the first task in order; None if there is none."""
    agent = command.agent
    if command.task is not None:
        return NotImplemented
    row = ledger.order.first(agent, ledger.signatures or ledger.eligibility.open_to(agent), command.kinds)
    if row is None:
        return None
    lease = grant(ledger, row, agent, command.ttl_ns)
    if lease.expires_ns < ledger.quiet_until_ns:  # noqa: PLR1730 - `min` is a call
        ledger.quiet_until_ns = lease.expires_ns
    if name[:1] == "@":  # what `note_holder` does with a lease
        give(ledger, name, lease)
    return lease


def _complete(ledger: Ledger, command: Complete, _: str) -> Outcome | Any:
    """End a leased task whose result nobody checks, and that nothing waits for."""
    task, agent = command.task, command.agent
    row = ledger.tasks.get(task)
    if (
        row is None
        or row.token != command.token
        or row.state is not LEASED
        or (agent is not None and agent != row.agent)
        # a task that needs others, or is needed, may start or end the retention of several tasks
        or (row.spec.__class__ is not Task and (row.spec.verify is not None or row.spec.needs))
        or task in ledger.dependents
        or len(ledger.idle) >= ledger.forget_beyond
    ):
        return NotImplemented
    outcome = finish(ledger, row, command.result)
    if ledger.forget_from_ns < ledger.quiet_until_ns:  # noqa: PLR1730 - `min` is a call
        ledger.quiet_until_ns = ledger.forget_from_ns
    return outcome


def _renew(ledger: Ledger, command: Renew, name: str) -> tuple[Any, ...]:
    """Move deadlines; a shorter lease may end before anything else was due."""
    answers, openings = holding.renew(ledger, command), ledger.tables["openings"]
    for (task, token), answer in zip(command.leases, answers, strict=True):
        if answer.__class__ is not Renewed:
            continue
        if answer.expires_ns < ledger.quiet_until_ns:  # noqa: PLR1730 - `min` is a call
            ledger.quiet_until_ns = answer.expires_ns
        if token in openings and openings[token][0] != name:  # what `note_holder` does with renewals
            share(ledger, name, token, task)
    return answers


_SHORT: dict[type, Callable[[Ledger, Any, str], Any]] = {
    Submit: _submit,
    Claim: _claim,
    Complete: _complete,
    Renew: _renew,
}
"""command type -> its short way: (ledger, command, session) -> reply; NotImplemented: nothing is touched"""
