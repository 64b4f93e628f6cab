"""
The short way: the verbs of most cycles, without asking again what has not changed.

Every command first lets time pass, and looks up who carries it out. Where nothing is due, no part of the
board has anything to do at each command, and nobody asked for a repeatable answer, all of that comes to
nothing. So `look_ahead` works out once until which stamp nothing is due, and up to then the functions
here go straight to the rules: `add`, `grant` and `finish`, which every command calls. After any
command that went the long way the short way looks ahead again.

Each function does what `Machine.apply` would do with its command at the same stamp, or touches nothing
and returns NotImplemented: then the long way is taken, and says what is wrong. The first undo entry is
that of every command, so an exception in the middle is taken back in the same way.
"""

from __future__ import annotations

from typing import Any

from ...values.tasks import Lease, Outcome, Task, Ticket
from ..state.ledger import FAR_NS, Ledger
from ..state.records import LEASED
from ..state.timeline import RAW
from .leases import finish, grant
from .submitting import add

__all__ = ["claim", "complete", "look_ahead", "submit"]


def look_ahead(ledger: Ledger) -> int:
    """Return, and keep, the stamp before which nothing is due; one in the far past if the way is closed."""
    raw, lease, calendar = ledger.timeline.reading
    tables, until = ledger.tables, -FAR_NS  # before any stamp, even of a clock that counts from elsewhere
    if (
        ledger.is_short
        and raw == calendar > 0  # no clock was set back: then all three readings go on in step
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
    # written out in each verb, as it stands in Machine.apply: a call costs as much as what it would save
    ring = ledger.ring
    entries.append((
        ledger.rewind, ring, len(ring[1]), reading,
        ledger.last_token, ledger.last_seq, position, ledger.refusals,
    ))  # fmt: skip
    timeline.reading, ledger.position = (raw, raw + ledger.lead_ns, raw), position + 1
    ticket = add(ledger, task, payload)
    entries.clear()
    return ticket


def claim(ledger: Ledger, raw: int, args: tuple[str]) -> Lease | Any | None:
    """Grant the first task in order to an agent that is known, or None if there is none."""
    (agent,) = args
    timeline, position, entries = ledger.timeline, ledger.position, ledger.undo.entries
    reading = timeline.reading
    if (
        entries
        or not reading[RAW] <= raw < (ledger.quiet_until_ns or look_ahead(ledger))
        or position & 127 == 127
        or agent.__class__
        is not str  # the name of an agent that is new is checked first, see arguments.claim
        or agent not in ledger.agents
    ):
        return NotImplemented
    ring = ledger.ring
    entries.append((
        ledger.rewind, ring, len(ring[1]), reading,
        ledger.last_token, ledger.last_seq, position, ledger.refusals,
    ))  # fmt: skip
    timeline.reading, ledger.position = (raw, raw + ledger.lead_ns, raw), position + 1
    row, lease = ledger.order.first(agent, ledger.eligibility.open_to(agent), None), None
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
        # several tasks may begin or end their time with one that is needed, or needs others
        or (row.spec.__class__ is not Task and (row.spec.verify is not None or row.spec.needs))
        or task in ledger.dependents
        or len(ledger.idle) >= ledger.forget_beyond
    ):
        return NotImplemented
    ring = ledger.ring
    entries.append((
        ledger.rewind, ring, len(ring[1]), reading,
        ledger.last_token, ledger.last_seq, position, ledger.refusals,
    ))  # fmt: skip
    timeline.reading, ledger.position = (raw, raw + ledger.lead_ns, raw), position + 1
    outcome = finish(ledger, row, result)
    if ledger.forget_from_ns < ledger.quiet_until_ns:  # noqa: PLR1730 - `min` is a call
        ledger.quiet_until_ns = ledger.forget_from_ns
    entries.clear()
    return outcome
