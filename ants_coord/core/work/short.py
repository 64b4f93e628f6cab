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


def _begin(ledger: Ledger, raw: int) -> bool:
    """Take the next stamp, if the short way is open there; the command ends with `entries.clear()`."""
    reading, position, entries = ledger.timeline.reading, ledger.position, ledger.undo.entries
    if (
        not reading[RAW] <= raw < (ledger.quiet_until_ns or look_ahead(ledger))
        or position & 127 == 127  # the events are trimmed there, see Machine.apply
        or entries
    ):
        return False
    ring = ledger.ring
    entries.append(
        (
            ledger.rewind,
            ring,
            len(ring[1]),
            reading,
            ledger.last_token,
            ledger.last_seq,
            position,
            ledger.refusals,
        )
    )
    ledger.timeline.reading = (raw, raw + ledger.lead_ns, raw)
    ledger.position = position + 1
    return True


def submit(ledger: Ledger, raw: int, task: Task, payload: Any) -> Ticket | Any:
    """Add a new task that waits for nothing (its `is_plain`)."""
    if task.id in ledger.tasks or task.id in ledger.tombstones or not _begin(ledger, raw):
        return NotImplemented
    ticket = add(ledger, task, payload)
    ledger.undo.entries.clear()
    return ticket


def claim(ledger: Ledger, raw: int, agent: str) -> Lease | Any | None:
    """Grant the first task in order, or None if there is none."""
    if not _begin(ledger, raw):
        return NotImplemented
    row = ledger.order.first(agent, ledger.eligibility.open_to(agent), None)
    lease = None
    if row is not None:
        lease = grant(ledger, row, agent, None)
        ledger.quiet_until_ns = min(ledger.quiet_until_ns, lease.expires_ns)
    ledger.undo.entries.clear()
    return lease


def complete(ledger: Ledger, raw: int, task: str, token: int, result: Any) -> Outcome | Any:
    """End a leased task whose result nobody checks, and that nothing waits for."""
    row = ledger.tasks.get(task)
    if (
        row is None
        or row.token != token
        or row.state is not LEASED
        or row.spec.verify is not None
        or row.spec.needs  # as `dependents`: several tasks may begin or end their time then
        or task in ledger.dependents
        or len(ledger.idle) >= ledger.forget_beyond
        or not _begin(ledger, raw)
    ):
        return NotImplemented
    outcome = finish(ledger, row, result)
    ledger.quiet_until_ns = min(ledger.quiet_until_ns, ledger.forget_from_ns)
    ledger.undo.entries.clear()
    return outcome
