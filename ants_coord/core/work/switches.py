"""
The switches of the whole board: cancelling, limits, pauses, settings and rules.
"""

from __future__ import annotations

from ...commands.shared import Cancel, Configure, Pause, Refused, Resume, SetLimit, Upgrade
from ...errors import IllegalTransitionError, NotSupportedError, SettingsError, TaskNotFoundError
from ...values.settings import Settings
from ...values.tasks import FINAL, TaskState
from ..state.ledger import Ledger, ns
from ..state.records import CANCELLED, LEASED, Row
from .leases import hand_back
from .lifecycle import drop_lock, end


def cancel(ledger: Ledger, command: Cancel) -> TaskState | Refused:
    """Drop a task at once, leased or not; its holder learns of it at its next call."""
    row = ledger.tasks.get(command.task)
    if row is None:
        return Refused(TaskNotFoundError(command.task, command.task in ledger.tombstones))
    if row.state is CANCELLED:
        return CANCELLED
    if row.state in FINAL:
        return Refused(IllegalTransitionError(command.task, row.state, "cancelled"))
    call_off(ledger, row, command.reason)
    return row.state


def call_off(ledger: Ledger, row: Row, why: str) -> None:
    """Cancel a task that has not ended."""
    ledger.undo.touch(row)
    token = row.token if row.state is LEASED else 0
    end(ledger, row, "cancel", lost="cancelled", reason=why)
    ledger.emit("cancelled", row.spec.id, row.agent if token else None, token, why)


def set_limit(ledger: Ledger, command: SetLimit) -> None:
    """Set how many tasks with this limit name may be leased at once."""
    ledger.undo.put(ledger.limits, command.name, command.n)
    ledger.order.reopen(command.name)
    live = len(ledger.live.get(command.name, ()))
    # one hint per free slot; the order part knows which kinds wait there
    ledger.news.tell_anybody(max(0, command.n - live))
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
        ledger.news.tell_anybody(ledger.counts[TaskState.READY])
        ledger.emit("resumed", None, None)


def upgrade(ledger: Ledger, command: Upgrade) -> bool:
    """Go on under new rules; leases granted under the old ones are lost, and their holders are told."""
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


def _knows_adverts(ledger: Ledger, strategy: str) -> bool:
    """Tell whether agents advertise under a strategy; a strategy of your own may do without."""
    return any("adverts" in part.tables for part in ledger.strategies[strategy]().parts)


def configure(ledger: Ledger, command: Configure) -> Settings | Refused:
    """Replace the settings and rebuild what depends on them. A board's strategy may only be extended."""
    if command.first and ledger.configured:
        return ledger.settings
    old, new = ledger.settings, command.settings
    if new.strategy not in ledger.strategies or (
        new.strategy != old.strategy
        and ledger.configured
        and old.strategy not in ledger.strategies[new.strategy]().takes_over
    ):
        return Refused(SettingsError({"strategy": (old.strategy, new.strategy)}))
    if new.proofs and not _knows_adverts(ledger, new.strategy):
        return Refused(NotSupportedError("proofs", new.strategy))
    ledger.switch(paused=ledger.paused, settings=new, configured=True)
    if command.rules:
        ledger.follow(command.rules)
    for part in ledger.parts:
        part.reconfigured(ledger, old)
    ledger.emit("configured", None, None, 0, new.strategy)
    if ledger.parts or new.aging != old.aging or new.strategy != old.strategy:
        ledger.sort_again()
        ledger.news.tell_anybody(ledger.counts[TaskState.READY])
    for part in ledger.parts:
        part.configured(ledger)
    if ledger.idle:
        first = next(iter(ledger.idle.values()))
        ledger.forget_from_ns = first.idle_ns + ns(command.settings.retention)
    return ledger.settings
