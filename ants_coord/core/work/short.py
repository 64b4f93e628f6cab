"""
The short way: a fast path for the commonest verbs, which skips questions whose answer has not changed.

Every command first lets time pass, and looks up the function that carries it out. That is wasted effort if
nothing is due, no part of the board acts on each command, and the caller did not ask for a repeatable answer.
So `look_ahead` computes once up to which stamp nothing is due. Until then the functions here go straight to
the rules that every command uses: `add`, `grant` and `finish`. After any command that went the long way, the
short way looks ahead again.

Each function either does what `Machine.apply` would do with its command at the same stamp, or touches nothing
and returns NotImplemented. Then the long way is taken, and says what is wrong. The first undo entry is that
of every command, so an exception in the middle is undone in the same way.
"""

from __future__ import annotations

from typing import Any

from ...values.tasks import Lease, Outcome, Task, Ticket
from ..state.ledger import FAR_NS, Ledger, rewind
from ..state.records import LEASED
from ..state.timeline import RAW
from .leases import grant
from .lifecycle import finish
from .submitting import add


def look_ahead(ledger: Ledger) -> int:
    """
    Compute, store and return the stamp before which nothing is due; far in the past if the way is closed.
    """
    raw, lease, calendar = ledger.timeline.reading
    tables, until = ledger.tables, -FAR_NS  # before any stamp, even of a clock with another epoch
    if (
        ledger.is_short
        and raw == calendar > 0  # no clock was set back: then all three readings advance together
        and not (ledger.paused or ledger.gates or ledger.declines.alarms)
        and not (ledger.checking.open or tables["handed"] or tables["declines"])
        and len(ledger.idle) <= ledger.forget_beyond
    ):
        alarms, until = ledger.alarms, min(ledger.forget_from_ns, FAR_NS)
        if alarms.leases:
            until = min(until, alarms.leases[0][0] - lease + raw)
        if alarms.due:
            until = min(until, alarms.due[0][0])
        ledger.lead_ns = lease - raw
    ledger.quiet_until_ns = until
    return until


def submit(ledger: Ledger, raw: int, args: tuple[Task, Any]) -> Ticket | Any:
    """Add a new task that waits for nothing (its `is_plain`)."""
    task, payload = args
    timeline, position, entries = ledger.timeline, ledger.position, ledger.undo.entries
    reading = timeline.reading
    if (
        entries
        or not reading[RAW] <= raw < (ledger.quiet_until_ns or look_ahead(ledger))
        or position & 127 == 127  # the events are trimmed there, see Machine.apply
        or task.id in ledger.tasks
        or task.id in ledger.tombstones
    ):
        return NotImplemented
    # repeated in each verb, as in Machine.apply: a call would cost as much as this saves
    ring = ledger.ring
    entries.append((
        rewind, ledger, ring, len(ring[1]), reading,
        ledger.last_token, ledger.last_seq, position, ledger.refusals,
    ))  # fmt: skip
    timeline.reading, ledger.position = (raw, raw + ledger.lead_ns, raw), position + 1
    ticket = add(ledger, task, payload)
    entries.clear()
    return ticket


def claim(ledger: Ledger, raw: int, args: tuple[str]) -> Lease | Any | None:
    """Grant the first task in order to a known agent; None if there is no task."""
    (agent,) = args
    timeline, position, entries = ledger.timeline, ledger.position, ledger.undo.entries
    reading = timeline.reading
    if (
        entries
        or not reading[RAW] <= raw < (ledger.quiet_until_ns or look_ahead(ledger))
        or position & 127 == 127
        or agent.__class__ is not str  # the name of a new agent is checked first, see arguments.claim
        or agent not in ledger.agents
    ):
        return NotImplemented
    ring = ledger.ring
    entries.append((
        rewind, ledger, ring, len(ring[1]), reading,
        ledger.last_token, ledger.last_seq, position, ledger.refusals,
    ))  # fmt: skip
    timeline.reading, ledger.position = (raw, raw + ledger.lead_ns, raw), position + 1
    row, lease = ledger.order.first(agent, ledger.signatures or ledger.eligibility.open_to(agent), None), None
    if row is not None:
        lease = grant(ledger, row, agent, None)
        if lease.expires_ns < ledger.quiet_until_ns:  # noqa: PLR1730 - `min` is a call
            ledger.quiet_until_ns = lease.expires_ns
    entries.clear()
    return lease


def complete(ledger: Ledger, raw: int, args: tuple[str, int, Any]) -> Outcome | Any:
    """End a leased task whose result nobody checks, and that nothing waits for."""
    task, token, result = args
    timeline, position, entries = ledger.timeline, ledger.position, ledger.undo.entries
    reading = timeline.reading
    row = ledger.tasks.get(task)
    if (
        entries
        or not reading[RAW] <= raw < (ledger.quiet_until_ns or look_ahead(ledger))
        or position & 127 == 127
        or row is None
        or row.token != token
        or row.state is not LEASED
        # a task that needs others, or is needed, may start or end the retention of several tasks
        or (row.spec.__class__ is not Task and (row.spec.verify is not None or row.spec.needs))
        or task in ledger.dependents
        or len(ledger.idle) >= ledger.forget_beyond
    ):
        return NotImplemented
    ring = ledger.ring
    entries.append((
        rewind, ledger, ring, len(ring[1]), reading,
        ledger.last_token, ledger.last_seq, position, ledger.refusals,
    ))  # fmt: skip
    timeline.reading, ledger.position = (raw, raw + ledger.lead_ns, raw), position + 1
    outcome = finish(ledger, row, result)
    if ledger.forget_from_ns < ledger.quiet_until_ns:  # noqa: PLR1730 - `min` is a call
        ledger.quiet_until_ns = ledger.forget_from_ns
    entries.clear()
    return outcome
