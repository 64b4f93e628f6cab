"""
Submitting tasks: a batch is decided as a whole before anything changes.

For each task the plan says what will happen (create it, keep the one there
is, replace its content, start it again); only a plan without a refusal is
carried out. A task may need tasks of the same batch, in any order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from typing import Any

from ...commands.shared import Refused, Requeue, Submit
from ...errors import (
    CoordinationError,
    DependencyError,
    FieldNotHonouredError,
    IllegalTransitionError,
    TaskExistsError,
    TaskNotFoundError,
)
from ...frozen import evolve
from ...values.tasks import FINAL, Task, TaskState, Ticket, blank_task, blank_ticket
from ..state.ledger import Ledger, ns
from ..state.records import AT, CANCELLED, CONTENT, DONE, FAILED, LEASED, READY, WAITING, Row, fresh_row
from ..state.same_content import content_digest, same_content
from ..state.timeline import CALENDAR
from ..state.undo import ABSENT, put_back
from .lifecycle import (
    awaken,
    by_submission,
    end,
    is_result_lost,
    remember,
    shift,
    to_ready,
    unidle,
    unneed,
)

_PARTS = {"requires": "Matchmaker", "uses": "Matchmaker", "team": "Matchmaker", "place": "Blackboard"}
"""Task fields that only some strategies honour, and one strategy that does."""

_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)

_Step = tuple[str, Task, Any, "Row | None"]


def submit(ledger: Ledger, command: Submit) -> tuple[Ticket, ...] | Refused:
    """Carry a batch out, or refuse it whole. O(tasks + needs) plus log factors."""
    if ledger.rewriters:
        return _submit_rewritten(ledger, command)
    new = command.tasks
    if len(new) == 1 and new[0].is_plain:  # the usual case
        task = new[0]
        if task.id not in ledger.tasks and task.id not in ledger.tombstones:
            return (add(ledger, task, command.payloads[0]),)
    return _submit(ledger, command)


def _submit_rewritten(ledger: Ledger, command: Submit) -> tuple[Ticket, ...] | Refused:
    rewritten = rewrite(ledger, command)
    if isinstance(rewritten, Refused):
        return rewritten
    reply = _submit(ledger, rewritten)
    if isinstance(reply, Refused) or len(rewritten.tasks) == len(command.tasks):
        return reply
    by_id = {ticket.id: ticket for ticket in reply}
    return tuple([by_id[task.id] for task in command.tasks])


def rewrite(ledger: Ledger, command: Submit) -> Submit | Refused:
    """Return what a batch becomes by the rules of the board."""
    tasks, payloads = command.tasks, command.payloads
    for change in ledger.rewriters:
        found = change(ledger, tasks, payloads)
        if isinstance(found, CoordinationError):
            return Refused(found)
        tasks, payloads = found
    return Submit(tasks, payloads, command.if_exists, command.ahead_ns)


def _submit(ledger: Ledger, command: Submit) -> tuple[Ticket, ...] | Refused:
    ledger.ahead_ns = command.ahead_ns
    new, known, stones = command.tasks, ledger.tasks, ledger.tombstones
    for task in new:
        if (task.__class__ is not Task and not task.is_plain) or task.id in known or task.id in stones:
            break
    else:
        if len(new) == 1 or len({task.id for task in new}) == len(new):
            both = zip(new, command.payloads, strict=True)
            return tuple([add(ledger, task, payload) for task, payload in both])
    plan: list[_Step] = []
    batch: dict[str, Task] = {}
    keys: dict[str, str] = {}
    for task, payload in zip(command.tasks, command.payloads, strict=True):
        if task.id in batch:
            return Refused(TaskExistsError(task.id))
        batch[task.id] = task
        step = decide(ledger, task, payload, command.if_exists)
        if isinstance(step, CoordinationError):
            return Refused(step)
        if task.spends is not None and step[0] != "keep":
            unpaid = unpayable(ledger, task)
            if unpaid is not None:
                return Refused(unpaid)
        if task.key is not None and step[0] != "keep":
            owner = keys.get(task.key) or ledger.keys.get(task.key)
            if owner is not None and owner != task.id:
                return Refused(TaskExistsError(owner, task.key))
            keys[task.key] = task.id
        plan.append(step)
    problem = needs_problem(ledger, plan, batch)
    if problem is not None:
        return Refused(problem)
    return carry_out(ledger, plan)


def add(ledger: Ledger, task: Task, payload: Any) -> Ticket:
    """Add one new task that waits for nothing, so it starts READY: in a third of the time."""
    now, undo, task_id = ledger.timeline.reading[CALENDAR], ledger.undo, task.id
    ledger.last_seq = seq = ledger.last_seq + 1
    if payload is not task.payload and task.__class__ is Task:
        # otherwise the caller's object would be kept beside our copy: 184 bytes and more
        own: Any = blank_task()
        own.id, own.kind = task_id, task.kind
        own.payload, own.priority = payload, task.priority
        own.__class__ = Task
        task = own
    row = fresh_row(task, payload, seq, now)
    if undo.before_change is not None:
        undo.before_change(row)
    undo.entries.append((put_back, ledger.tasks, task_id, ABSENT))
    ledger.tasks[task_id] = row
    ledger.ring[1].extend((now, "submitted", task_id, None, 0, task.kind))
    ledger.tally[AT[READY]] += 1
    if task_id in ledger.dependents:
        _count_again(ledger, row)
    signature = ledger.signatures[0] if ledger.signatures else ledger.eligibility.signature(task)
    ledger.order.add(row, signature)
    if ledger.news.is_wanted:
        ledger.news.ready.append((task.kind, signature, task_id))
    ticket = blank_ticket()
    ticket.id, ticket.created, ticket.state = task_id, True, READY
    ticket.__class__ = Ticket
    return ticket  # type: ignore[no-any-return]


def decide(ledger: Ledger, task: Task, payload: Any, if_exists: str) -> _Step | CoordinationError:
    """Return what becomes of one task of a batch."""
    if (task.requires, task.uses, task.place, task.team) != (None, None, None, ()):
        problem = _unhonoured(ledger, task)
        if problem is not None:
            return problem
    row = ledger.tasks.get(task.id)
    if row is None:
        stone = ledger.tombstones.get(task.id)
        if stone is None or (if_exists == "rerun" and stone[1] == FAILED):
            return "create", task, payload, None
        if if_exists == "keep" or stone[CONTENT] in ("", content_digest(task, payload)):
            return "keep", task, TaskState(stone[1]), None
        return TaskExistsError(task.id)
    if if_exists == "keep":
        return "keep", task, row.state, row
    if if_exists == "rerun" and row.state is FAILED:
        return "rerun", task, payload, row
    if same_content(task, payload, as_submitted(ledger, row), row.payload):
        return "keep", task, row.state, row
    if if_exists == "replace":
        if row.state is LEASED or row.state in FINAL:
            return IllegalTransitionError(task.id, row.state, "replaced")
        return "replace", task, payload, row
    return TaskExistsError(task.id)


def unpayable(ledger: Ledger, task: Task) -> CoordinationError | None:
    """Return why no purse will ever pay for a task."""
    from .purses import shortage  # noqa: PLC0415 - most boards have no purse

    return shortage(ledger, task)


def as_submitted(ledger: Ledger, row: Row) -> Task:
    """Return a task without the parts into which its holders have split it since."""
    splits = ledger.tables["splits"]
    if not splits or row.spec.id not in splits:
        return row.spec
    parts = splits[row.spec.id][1]
    return evolve(row.spec, needs=tuple([need for need in row.spec.needs if need not in parts]))


def forget_parts(ledger: Ledger, task: str) -> None:
    """Drop the parts of a task that has new content: holders made them for the old content."""
    if task in ledger.tables["splits"]:
        ledger.undo.put(ledger.tables["splits"], task, (ledger.tables["splits"][task][0], ()))


def _unhonoured(ledger: Ledger, task: Task) -> CoordinationError | None:
    honours = ledger.eligibility.honours | ledger.order.honours
    for field, strategy in _PARTS.items():
        value = getattr(task, field)
        if value not in (None, ()) and field not in honours:
            return FieldNotHonouredError(task.id, field, value, ledger.settings.strategy, strategy)
    return None


# -- needs ----------------------------------------------------------------------------------


def needs_problem(ledger: Ledger, plan: list[_Step], batch: dict[str, Task]) -> CoordinationError | None:
    """Return what is wrong with the needs of a plan: an unknown one, or a cycle."""
    changing = {task.id: task for action, task, _, _ in plan if action != "keep"}
    needy = [task for task in changing.values() if task.needs]
    if not needy:
        return None
    for task in needy:
        for need in task.needs:
            if need not in batch and need not in ledger.tasks and need not in ledger.tombstones:
                return DependencyError(
                    task.id, f"needs {need!r}, which is unknown; submit it first or in the same batch"
                )
            if need not in changing and is_result_lost(ledger, need):
                return _forgotten(task.id, need)
    # an old edge can only close a cycle through a task that changes, or through a forgotten id that comes
    # back while others still name it
    old_edges = any(
        action in ("replace", "rerun") or (action == "create" and task.id in ledger.dependents)
        for action, task, _, _ in plan
    )

    def needs_of(task_id: str) -> tuple[str, ...]:
        if task_id in changing:
            return changing[task_id].needs
        # FAILED and CANCELLED tasks count: they may be revived; DONE never is
        row = ledger.tasks.get(task_id) if old_edges else None
        return row.spec.needs if row is not None and row.state is not DONE else ()

    cycle = _find_cycle([task.id for task in needy], needs_of)
    if cycle is not None:
        return DependencyError(cycle[0], "needs itself: " + " -> ".join(cycle))
    return None


def _forgotten(task_id: str, need: str) -> DependencyError:
    return DependencyError(
        task_id,
        f"needs {need!r}, which is done, but its result has been forgotten; keep results longer (retention=, "
        "retention_count=), submit what needs them earlier, or leave the need out if only the order matters",
    )


def _find_cycle(starts: Iterable[str], needs_of: Any) -> list[str] | None:
    """Return a cycle as a path that ends where it starts, or None. Iterative depth-first."""
    done: set[str] = set()
    for start in starts:
        if start in done:
            continue
        path: dict[str, Iterator[str]] = {start: iter(needs_of(start))}
        while path:
            here, rest = next(reversed(path.items()))
            step = next(rest, None)
            if step is None:
                done.add(here)
                del path[here]
            elif step in path:
                trail = list(path)
                return [*trail[trail.index(step) :], step]
            elif step not in done:
                path[step] = iter(needs_of(step))
    return None


# -- commit ---------------------------------------------------------------------------------


def carry_out(ledger: Ledger, plan: list[_Step]) -> tuple[Ticket, ...]:
    """Commit a plan."""
    fresh: list[Row] = []
    again: list[Row] = []
    tickets: list[tuple[Task, bool, TaskState | Row]] = []
    for action, task, payload, row in plan:
        if action == "keep":
            tickets.append((task, False, payload))
            continue
        if action == "create":
            row = _create(ledger, task, payload)  # noqa: PLW2901
        elif action == "replace":
            assert row is not None
            _withdraw(ledger, row)
            _fill(ledger, row, task, payload)
        else:
            assert row is not None
            _start_again(ledger, row, task, payload)
            if task.delay is not None:
                row.due_ns = _moment_ns(ledger, task.delay)
            again.append(row)
        fresh.append(row)
        tickets.append((task, action == "create", row))
    for row in fresh:  # all rows exist now, so needs may point anywhere in the batch
        if row.spec.needs:
            _link(ledger, row)
    for row in again:  # and all keys are taken, so none is given twice
        _recall(ledger, row)
    for row in fresh:
        if row.state is WAITING:
            enter(ledger, row)
    return tuple(
        [
            Ticket(task.id, created, state.state if isinstance(state, Row) else state)
            for task, created, state in tickets
        ]
    )


def _create(ledger: Ledger, task: Task, payload: Any) -> Row:
    """Make a row; it starts as WAITING and `_enter` moves it on in the same command."""
    now = ledger.timeline.reading[CALENDAR]
    row = Row(task, payload, ledger.ordinal(), now, WAITING)
    undo = ledger.undo
    if undo.before_change is not None:
        undo.before_change(row)
    undo.put(ledger.tasks, task.id, row)
    if task.id in ledger.tombstones:
        undo.drop(ledger.tombstones, task.id)
    ledger.tally[AT[WAITING]] += 1
    if task.id in ledger.dependents:
        _count_again(ledger, row)
    _time(ledger, row, task)
    if task.key is not None:
        ledger.keys[task.key] = task.id
    ledger.emit("submitted", task.id, None, 0, task.kind)
    return row


def _time(ledger: Ledger, row: Row, task: Task) -> None:
    if task.delay is not None:
        row.due_ns = _moment_ns(ledger, task.delay)
    if task.finish_by is not None:
        row.finish_by_ns = _moment_ns(ledger, task.finish_by)
        ledger.alarms.task(row.finish_by_ns, "miss", row)


def _moment_ns(ledger: Ledger, moment: float | dt.datetime) -> int:
    if isinstance(moment, dt.datetime):
        since = moment - _EPOCH
        wanted = ((since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds) * 1_000
        return max(0, wanted + ledger.ahead_ns)
    return ledger.timeline.reading[CALENDAR] + ns(moment)


def _link(ledger: Ledger, row: Row) -> None:
    """Index the needs of a WAITING row."""
    for need in row.spec.needs:
        ledger.dependents.setdefault(need, {})[row.spec.id] = row
        ledger.needed[need] = ledger.needed.get(need, 0) + 1
        row.waiting += ledger.is_pending(need)
        needed = ledger.tasks.get(need)
        if needed is not None:
            unidle(ledger, needed)


def enter(ledger: Ledger, row: Row) -> None:
    """Move a WAITING row on, if nothing holds it back."""
    broken = _broken_need(ledger, row)
    if broken is not None:
        need, state, reason = broken
        ledger.undo.touch(row)
        row.cause = need
        why = f"needs {need!r}, which is {state}: {reason}"
        end(ledger, row, "cancel", lost="cancelled", reason=why)
        ledger.emit("cancelled", row.spec.id, None, 0, why)
    elif row.waiting == 0:
        if row.spec.needs or row.due_ns:
            awaken(ledger, row)
        else:  # the common case, without a second event
            shift(ledger, row, "unblock")
            to_ready(ledger, row)


def _broken_need(ledger: Ledger, row: Row) -> tuple[str, str, str] | None:
    if row.spec.if_need_fails == "run":
        return None
    for need in row.spec.needs:
        needed = ledger.tasks.get(need)
        if needed is None:
            stone = ledger.tombstones.get(need)
            if stone is None:
                if row.ready_ns < 0:
                    return need, "forgotten", "how it ended is no longer known"
            elif stone[1] != DONE:
                return need, stone[1], "forgotten"
            elif is_result_lost(ledger, need):
                return need, stone[1], "its result has been forgotten"
        elif needed.state in (FAILED, CANCELLED):
            assert needed.outcome is not None
            return need, needed.state, needed.outcome.reason
    return None


def _unlink(ledger: Ledger, row: Row) -> None:
    """Remove a row's needs from the dependents; `needed` only counts unfinished rows."""
    for need in row.spec.needs:
        siblings = ledger.dependents[need]
        del siblings[row.spec.id]
        if not siblings:
            del ledger.dependents[need]


def _withdraw(ledger: Ledger, row: Row) -> None:
    """Take an unleased, unfinished row back to bare WAITING, and out of every index of its content."""
    ledger.undo.touch(row)
    if row.state is READY and row.spec.id in ledger.tables["handed"]:
        ledger.leave(row)
    else:
        ledger.order.reorder(row)
    shift(ledger, row, "rewrite")
    if row.spec.key is not None:
        del ledger.keys[row.spec.key]
    _unlink(ledger, row)
    for need in row.spec.needs:
        unneed(ledger, need)
    row.waiting = 0


def _fill(ledger: Ledger, row: Row, task: Task, payload: Any) -> None:
    """Give a bare WAITING row new content; it keeps its place in submission order."""
    row.spec, row.payload = task, payload
    row.due_ns = row.finish_by_ns = 0
    if row.lost:
        row.lost = "revoked"  # a result of the old content must not land on the new content
    _time(ledger, row, task)
    if task.key is not None:
        ledger.keys[task.key] = task.id
    ledger.emit("submitted", task.id, None, 0, "replaced")
    if row.spec.id in ledger.tables["notes"]:
        ledger.undo.drop(ledger.tables["notes"], row.spec.id)
    forget_parts(ledger, row.spec.id)
    ledger.declines.forget_task(ledger, row.spec.id)
    for hook in ledger.on_replace:
        hook(ledger, row)


# -- starting again -------------------------------------------------------------------------


def requeue(ledger: Ledger, command: Requeue) -> Ticket | Refused:
    """Bring a FAILED task back, with the dependents that its cascade cancelled."""
    ledger.ahead_ns = 0
    row = ledger.tasks.get(command.task)
    if row is None:
        return Refused(TaskNotFoundError(command.task, command.task in ledger.tombstones))
    if row.state is not FAILED:
        return Refused(IllegalTransitionError(command.task, row.state, "requeued"))
    key = row.spec.key
    if key is not None and key in ledger.keys:
        return Refused(TaskExistsError(ledger.keys[key], key))
    for need in row.spec.needs:
        if is_result_lost(ledger, need):
            return Refused(_forgotten(command.task, need))
    _start_again(ledger, row, row.spec, row.payload)
    if row.spec.needs:
        _link(ledger, row)
    _recall(ledger, row)
    enter(ledger, row)
    return Ticket(command.task, created=False, state=row.state)


def _start_again(ledger: Ledger, row: Row, task: Task, payload: Any) -> None:
    """Open a new generation of a FAILED row as bare WAITING; the caller links its needs, then recalls."""
    ledger.undo.touch(row)
    unidle(ledger, row)
    _unlink(ledger, row)
    ledger.order.reorder(row)
    shift(ledger, row, "revive")
    row.generation += 1
    row.attempts = 0
    remember(row, f"generation {row.generation} starts")
    _reopen(ledger, row, task, payload)
    row.due_ns = 0
    _count_again(ledger, row)
    ledger.emit("requeued", task.id, None, 0, row.generation)


def _reopen(ledger: Ledger, row: Row, task: Task, payload: Any) -> None:
    row.spec, row.payload = task, payload
    row.outcome = row.cause = None
    row.finish_by_ns = row.waiting = 0
    row.lost = "finished"
    now = ledger.timeline.reading[CALENDAR]
    if task.finish_by is not None and _moment_ns(ledger, task.finish_by) > now:
        # a fixed moment that has passed would fail the task again at once, and requeueing overrules it
        row.finish_by_ns = _moment_ns(ledger, task.finish_by)
        ledger.alarms.task(row.finish_by_ns, "miss", row)
    if task.key is not None:
        ledger.keys[task.key] = task.id


def _count_again(ledger: Ledger, row: Row) -> None:
    """Let tasks that wait (for something else) also wait for a row that has just come back."""
    for dependent in ledger.dependents.get(row.spec.id, {}).values():
        if dependent.state is WAITING:
            dependent.waiting += 1


def _recall(ledger: Ledger, first: Row) -> None:
    """Revive what the cascade of a revived row cancelled, breadth first."""
    revived = [first]
    for cause in revived:
        for row in by_submission(ledger.dependents.get(cause.spec.id, {})):
            if row.state is not CANCELLED or row.cause != cause.spec.id:
                continue
            if row.spec.key is not None and row.spec.key in ledger.keys:
                continue
            ledger.undo.touch(row)
            broken = _broken_need(ledger, row)
            if broken is not None:
                row.cause = broken[0]  # now it is this one that keeps it from coming back
                continue
            unidle(ledger, row)
            _unlink(ledger, row)
            shift(ledger, row, "recall")
            _reopen(ledger, row, row.spec, row.payload)
            _link(ledger, row)
            _count_again(ledger, row)
            ledger.emit("requeued", row.spec.id, None, 0, row.generation)
            revived.append(row)
