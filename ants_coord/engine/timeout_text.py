"""The text of a TimeoutError: what the caller waited for, and what stands in the way."""

from __future__ import annotations

from ..commands.reading import Explain, ExplainAgent, Holder, Tasks
from ..core.machine import Machine
from ..errors import shortened
from ..values.tasks import Explanation, TaskState
from .lobby import Waiter

_NAMED = 3
_OPEN = tuple(state for state in TaskState if not state.is_final)


def in_vain(machine: Machine, waiter: Waiter, now_ns: int) -> str:
    """Return the text of a TimeoutError. O(1), but for waits for many tasks at once."""
    return "" if waiter.quiet else shortened(_in_vain(machine, waiter, now_ns))


def _in_vain(machine: Machine, waiter: Waiter, now_ns: int) -> str:
    if waiter.names:
        return _names(machine, waiter, now_ns)
    if waiter.task:  # before the next case: a caller that wants one task also hears of its end
        return f"no lease came in time: {_task(machine, waiter.task, now_ns)}"
    if waiter.ended:
        return "nothing ended in time: " + _tasks(machine, waiter.ended, now_ns)
    if waiter.ready:
        kinds = "" if waiter.kinds is None else f" of kind {' or '.join(waiter.kinds)}"
        why = machine.ask(ExplainAgent(waiter.agent, waiter.kinds), now_ns=now_ns)
        text = f": {why}" if isinstance(why, Explanation) else ""
        return f"no task{kinds} came in time for {waiter.agent!r}; {_counts(machine)}{text}"
    if waiter.drained:
        found = machine.ask(Tasks(states=_OPEN, count=_NAMED), now_ns=now_ns)
        ids = tuple(record.task.id for record in found) if isinstance(found, tuple) else ()
        return f"not drained in time; {_counts(machine)}: {_tasks(machine, ids, now_ns)}"
    if waiter.paths:
        return f"nothing changed in time below {', '.join(map(repr, waiter.paths))}"
    return "nothing happened in time"


def _names(machine: Machine, waiter: Waiter, now_ns: int) -> str:
    held = []
    for name in waiter.names:
        lease = machine.ask(Holder(name), now_ns=now_ns)
        if lease is not None and not hasattr(lease, "error"):
            left = max(0, lease.expires_ns - now_ns) / 1e9
            held.append(f"{name!r} is held by {lease.agent!r} for up to {left:.3g} s more")
    wanted = ", ".join(map(repr, waiter.names))
    return f"the lock of {wanted} did not come in time: {'; '.join(held) or 'it was free only for others'}"


def _counts(machine: Machine) -> str:
    counts = machine.ledger.counts
    return ", ".join(f"{counts[state]} {state}" for state in _OPEN)


def _tasks(machine: Machine, ids: tuple[str, ...], now_ns: int) -> str:
    waiting = [task for task in ids if not _has_ended(machine, task)]
    more = f", and {len(waiting) - _NAMED} more" if len(waiting) > _NAMED else ""
    return "; ".join(_task(machine, task, now_ns) for task in waiting[:_NAMED]) + more


def _has_ended(machine: Machine, task: str) -> bool:
    row = machine.ledger.tasks.get(task)
    return row is None or row.state.is_final


def _task(machine: Machine, task: str, now_ns: int) -> str:
    row = machine.ledger.tasks.get(task)
    found = machine.ask(Explain(task), now_ns=now_ns)
    if row is None or not isinstance(found, Explanation):
        return f"there is no task {task!r}"
    # only the present reasons; the history is not what is awaited
    now = found.reasons[: len(found.reasons) - len(row.history)]
    return f"task {task!r} is {found.state}" + (f" ({'; '.join(now)})" if now else "")


def standing_still(machine: Machine, waiter: Waiter, now_ns: int, quiet_ns: int, idle: int = 0) -> str | None:
    """
    Say why a wait will never end; None if somebody is working, or time alone may end it.

    The holder of a lease may still finish, and a delayed task becomes ready by itself. If there is neither,
    and nothing has happened for a while, every ready task has been ready for that long and nobody has taken
    it.

    Args:
        machine: the state; nothing is changed.
        waiter: what the caller waits for.
        now_ns: the stamp of this instant.
        quiet_ns: how long nothing must have happened: a task that became ready a moment ago will be taken.
        idle: number of leases whose holders are known to be waiting themselves.

    """
    ledger = machine.ledger
    counts = ledger.counts
    if not ledger.paused and (counts[TaskState.LEASED] > idle or counts[TaskState.DELAYED]):
        return None
    raw, _, now = ledger.timeline.reading
    if any(now - at + (now_ns - raw) < quiet_ns for at, *_ in ledger.events(ledger.cursor - 1)):
        return None
    if waiter.ended:
        return f"nobody works on what is awaited: {_tasks(machine, waiter.ended, now_ns)}"
    found = machine.ask(Tasks(states=_OPEN, count=_NAMED), now_ns=now_ns)
    if not isinstance(found, tuple) or not found:
        return None
    ids = tuple(record.task.id for record in found)
    text = f"{ledger.unfinished} task(s) are unfinished and nobody works: {_tasks(machine, ids, now_ns)}"
    foreign = {record.task.kind for record in found} - set(waiter.kinds or ())
    if waiter.ready and waiter.kinds is not None and foreign:
        text += f"; {waiter.agent!r} takes only {', '.join(waiter.kinds)}, not {', '.join(sorted(foreign))}"
    return text
