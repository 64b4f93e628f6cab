"""
Named resource locks, and the switches of the whole board.

A lock is a lease without a task: same tokens, same deadlines, same renewals.
Several names are taken all or none, so two agents that want the same names in
different orders cannot deadlock.
"""

from __future__ import annotations

from ...commands.shared import Cancel, Configure, LockNames, Pause, Refused, Resume, SetLimit, Upgrade
from ...errors import HeldError, IllegalTransitionError, QuarantinedError, SettingsError, TaskNotFoundError
from ...values.settings import Settings
from ...values.tasks import FINAL, Lease, TaskState
from ..state.ledger import ANY, Ledger, ns
from ..state.records import CANCELLED, LEASED, LockRow
from .leases import hand_back, next_token
from .lifecycle import drop_lock, end

__all__ = ["cancel", "configure", "lock", "lock_lease", "pause", "resume", "set_limit", "upgrade"]


def lock(ledger: Ledger, command: LockNames) -> Lease | Refused:
    """
    Lock all names or none.

    Names that the agent holds already stay under their first lease; asking
    for nothing new enters that lease once more, and each release leaves once.
    """
    barred = None if ledger.restraint is None else ledger.restraint.quarantined(ledger, command.agent)
    if barred is not None:
        return Refused(QuarantinedError(command.agent, barred))
    mine: list[LockRow] = []
    fresh: list[str] = []
    for name in command.names:
        row = ledger.lock_of.get(name)
        if row is None:
            fresh.append(name)
        elif row.agent == command.agent:
            mine.append(row)
        else:
            left = (row.deadline_ns - ledger.timeline.reading[1]) / 1e9
            return Refused(HeldError(name, row.agent, left))
    ttl_ns = ns(ledger.settings.lease_ttl) if command.ttl_ns is None else command.ttl_ns
    deadline = ledger.timeline.reading[1] + ttl_ns
    if not fresh and all(row is mine[0] for row in mine):
        row = mine[0]
        ledger.undo.touch_lock(row)
        row.depth += 1
        row.deadline_ns = max(row.deadline_ns, deadline)
        return lock_lease(ledger, row)
    row = LockRow(tuple(fresh), next_token(ledger), command.agent, deadline, ttl_ns)
    ledger.undo.put(ledger.locks, row.token, row)
    for name in fresh:
        ledger.lock_of[name] = row
    ledger.alarms.lease(deadline, row.token, row)
    ledger.emit("locked", None, command.agent, row.token, {"names": fresh})
    return lock_lease(ledger, row)


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


def cancel(ledger: Ledger, command: Cancel) -> TaskState | Refused:
    """Drop a task at once, leased or not; its holder learns at its next call."""
    row = ledger.tasks.get(command.task)
    if row is None:
        return Refused(TaskNotFoundError(command.task, command.task in ledger.tombstones))
    if row.state is CANCELLED:
        return CANCELLED
    if row.state in FINAL:
        return Refused(IllegalTransitionError(command.task, row.state, "cancelled"))
    ledger.undo.touch(row)
    token = row.token if row.state is LEASED else 0
    end(ledger, row, "cancel", lost="cancelled", reason=command.reason)
    ledger.emit("cancelled", command.task, row.agent if token else None, token, command.reason)
    return row.state


def set_limit(ledger: Ledger, command: SetLimit) -> None:
    """Set how many tasks with this limit name may be leased at once."""
    ledger.undo.put(ledger.limits, command.name, command.n)
    ledger.order.reopen(command.name)
    live = len(ledger.live.get(command.name, ()))
    # one hint a free slot; the order part knows which kinds wait there
    if ledger.news.is_wanted:
        ledger.news.ready.extend([ANY] * min(max(0, command.n - live), 1_000))
    ledger.emit("limit", None, None, 0, {"name": command.name, "n": command.n})


def pause(ledger: Ledger, command: Pause) -> None:
    """Stop claims."""
    if not ledger.paused:
        ledger.switch(paused=True, settings=ledger.settings, configured=ledger.configured)
        ledger.emit("paused", None, None)


def resume(ledger: Ledger, command: Resume) -> None:
    """Allow claims again."""
    if ledger.paused:
        ledger.switch(paused=False, settings=ledger.settings, configured=ledger.configured)
        if ledger.news.is_wanted:
            ledger.news.ready.extend([ANY] * min(ledger.counts[TaskState.READY], 1_000))
        ledger.emit("resumed", None, None)


def upgrade(ledger: Ledger, command: Upgrade) -> bool:
    """Go on under new rules: whoever holds something by the old ones is told that it is lost."""
    if ledger.rules == command.rules:
        return False  # two processes opened the board at once
    for holder in ledger.agents.values():
        for row in list(holder.leases.values()):
            hand_back(ledger, row)
    for lock in list(ledger.locks.values()):
        drop_lock(ledger, lock, "revoked")
    ledger.follow(command.rules)
    ledger.emit("upgraded", None, None, 0, dict(command.rules))
    return True


def configure(ledger: Ledger, command: Configure) -> Settings | Refused:
    """Replace the settings; what depends on them is rebuilt. A board's strategy may only be extended."""
    if command.first and ledger.configured:
        return ledger.settings
    old, new = ledger.settings, command.settings
    if new.strategy not in ledger.strategies or (
        new.strategy != old.strategy
        and ledger.configured
        and old.strategy not in ledger.strategies[new.strategy]().takes_over
    ):
        return Refused(SettingsError({"strategy": (old.strategy, new.strategy)}))
    ledger.switch(paused=ledger.paused, settings=new, configured=True)
    if command.rules:
        ledger.follow(command.rules)
    for part in ledger.parts:
        part.reconfigured(ledger, old)
    ledger.emit("configured", None, None, 0, new.strategy)
    if ledger.parts or new.aging != old.aging or new.strategy != old.strategy:
        ledger.sort_again()
        if ledger.news.is_wanted:
            ledger.news.ready.extend([ANY] * min(ledger.counts[TaskState.READY], 1_000))
    if ledger.idle:
        first = next(iter(ledger.idle.values()))
        ledger.forget_from_ns = first.idle_ns + ns(command.settings.retention)
    return ledger.settings
