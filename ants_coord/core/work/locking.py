"""
Named resource locks.

A lock is a lease without a task: it has the same tokens, deadlines and renewals. Several names are locked
together or not at all, so two agents that want the same names in different orders cannot deadlock.

Names are paths: the holder of "src/" (or "src") holds everything below it, and nobody else gets it while
somebody holds a part of it. A lock has a holder, which is more specific than its agent: one agent may have
two sessions, which must not be inside together. Only the same holder may re-enter.

Every granted set is a row of its own that pins all its names, including those that its holder had before: a
resource is held as long as one row names it. (Rows with only the new names were tried first: the inner scope
lost what the outer one released.)
"""

from __future__ import annotations

from collections.abc import Iterator

from ...commands.shared import LockNames, Refused
from ...errors import HeldError, QuarantinedError
from ...values.checks import lock_key, paths_above
from ...values.tasks import Lease
from ..state.ledger import Ledger, ns
from ..state.records import LockRow
from ..state.timeline import LEASE
from .leases import next_token


def holders(ledger: Ledger, name: str) -> Iterator[LockRow]:
    """Yield the live locks of a name, of what contains it, and of what is below it. O(depth + found)."""
    key, lock_of = lock_key(name), ledger.lock_of
    for path in (key, *paths_above(key)):
        yield from lock_of.get(path, ())
    # "0" is the character after "/"; the empty key is the root, which contains everything
    first, last = (key + "/", key + "0") if key else ("", None)
    for path in lock_of.irange(first, last, (bool(key), False)):
        yield from lock_of[path]


def lock(ledger: Ledger, command: LockNames) -> Lease | Refused:
    """
    Lock all names or none.

    If one of the holder's locks covers the names, that lock is re-entered, and each release leaves it once.
    Otherwise a new lock is made.
    """
    barred = None if ledger.restraint is None else ledger.restraint.quarantined(ledger, command.agent)
    if barred is not None:
        return Refused(QuarantinedError(command.agent, barred))
    mine, now = (command.agent, command.holder), ledger.timeline.reading[LEASE]
    for name in command.names:
        for row in holders(ledger, name):
            if (row.agent, row.holder) != mine and not (row.shared and command.shared):
                left = (row.deadline_ns - now) / 1e9
                return Refused(HeldError(name, row.agent, left, row.agent == command.agent))
    ttl_ns = ns(ledger.settings.lease_ttl) if command.ttl_ns is None else command.ttl_ns
    outer = _entered(ledger, command)
    if outer is not None:
        ledger.undo.touch_lock(outer)
        outer.depth += 1
        # the longer of the two: re-entering must not shorten what the outer scope relies on
        outer.ttl_ns = max(outer.ttl_ns, ttl_ns)
        outer.deadline_ns = max(outer.deadline_ns, now + ttl_ns)
        return lock_lease(ledger, outer)
    row = LockRow(command.names, next_token(ledger), command.agent, now + ttl_ns, ttl_ns)
    row.holder, row.shared = command.holder, command.shared
    ledger.undo.put(ledger.locks, row.token, row)
    ledger.index_lock(row)
    ledger.alarms.lease(row.deadline_ns, row.token, row)
    detail = {"names": list(row.names), "shared": True} if row.shared else {"names": list(row.names)}
    ledger.emit("locked", None, command.agent, row.token, detail)
    return lock_lease(ledger, row)


def _entered(ledger: Ledger, command: LockNames) -> LockRow | None:
    """Return the latest lock of the same holder that covers every name in the mode asked for."""
    mine = (command.agent, command.holder)
    found = None
    for row in holders(ledger, command.names[0]):
        if (row.agent, row.holder) == mine and (command.shared or not row.shared):
            covered = {lock_key(name) for name in row.names}
            if all(_is_below(lock_key(name), covered) for name in command.names) and (
                found is None or row.token > found.token
            ):
                found = row
    return found


def _is_below(key: str, covered: set[str]) -> bool:
    return key in covered or not covered.isdisjoint(paths_above(key))


def lock_lease(ledger: Ledger, row: LockRow) -> Lease:
    """Build the value of a live lock."""
    raw, lease_now, _ = ledger.timeline.reading
    return Lease(
        "lock:" + ",".join(row.names),
        row.token,
        row.agent,
        "lock",
        None,
        {},
        row.depth,
        raw + row.deadline_ns - lease_now,
        row.ttl_ns,
        row.names,
    )
