"""
How a task moves: leases end, tasks end, dependents follow, time passes.

The functions here only commit; the decision has been made before. Every end of a task goes through `end`, so
no path can forget the dependents, the key, the limit or the waiting readers.
"""

from __future__ import annotations

import zlib
from collections import deque
from heapq import heappop
from itertools import islice
from typing import Any

from ...frozen import evolve
from ...values.checks import FRESH_MARK
from ...values.tasks import FINAL, Backoff, Outcome, Task, TaskState, blank_outcome
from ..state.ledger import FAR_NS, Ledger, ns
from ..state.records import (
    ANY,
    AT,
    COMPLETED,
    DONE,
    DONE_AT,
    FORGOTTEN_NS,
    LEASED,
    LEASED_AT,
    READY,
    TRANSITIONS,
    WAITING,
    LockRow,
    Row,
    Stone,
)
from ..state.same_content import as_check, content_digest
from ..state.timeline import CALENDAR, LEASE
from ..state.undo import unfinish

RECLAIM_AT_ONCE = 1_000
"""most ended tasks forgotten per command: a backlog must not stall one caller"""
_HISTORY = 20
_DELIVERED = ("complete", "hand_in")
_WORDS = {state: state.value for state in TaskState}  # an enum's `value` is a call
_PLAIN_STONE = 4
"""the tombstone's content for a task that had no result to lose"""
_REASON = 500
_TRACE = 5_000
_TRACE_HEAD = "\nTraceback (most recent call last):\n"


def shift(ledger: Ledger, row: Row, verb: str) -> None:
    """Make one transition of the table and update the counts."""
    tally, state = ledger.tally, row.state
    tally[AT[state]] -= 1
    row.state = state = TRANSITIONS[state][verb]
    tally[AT[state]] += 1


def remember(row: Row, line: str, trace: str = "") -> None:
    """Add a line to a task's history (the last 20 are kept); only the newest keeps its traceback."""
    before = row.history[1 - _HISTORY :]
    if before and _TRACE_HEAD in before[-1]:
        before = (*before[:-1], before[-1].partition(_TRACE_HEAD)[0])
    line = line[:_REASON]
    row.history = (*before, f"{line}\n{trace[:_TRACE]}" if trace else line)


def to_ready(ledger: Ledger, row: Row) -> None:
    """Put a row whose state has become READY into the order."""
    if row.ready_ns < 0:
        row.ready_ns = ledger.timeline.reading[CALENDAR]
    spec = row.spec
    if spec.id in ledger.tables["handed"]:
        ledger.checking.enter(ledger, row)
        if ledger.news.is_wanted:
            ledger.news.ready.append((as_check(spec).kind, None, spec.id))
        return
    signature = ledger.eligibility.signature(spec)
    ledger.order.add(row, signature)
    if ledger.news.is_wanted:
        ledger.news.ready.append((spec.kind, signature, spec.id))


def max_attempts(ledger: Ledger, row: Row) -> int:
    """Return how often a task may be claimed."""
    own = row.spec.max_attempts
    return ledger.settings.max_attempts if own is None else own


def backoff_of(ledger: Ledger, row: Row) -> Backoff:
    """Return the pause policy of a task."""
    return ledger.settings.backoff if row.spec.backoff is None else row.spec.backoff


def backoff_ns(ledger: Ledger, row: Row) -> int:
    """Return the pause of a task after its latest attempt, in integer nanoseconds."""
    policy, attempts = backoff_of(ledger, row), row.attempts
    most = ns(policy.limit)
    pause = ns(policy.first)
    for _ in range(attempts - 1):
        if pause >= most or policy.factor == 1:
            break
        pause *= policy.factor
    pause = min(pause, most)
    if policy.jitter and ledger.rules:  # a log of format 1 was written under exact pauses
        # a checksum and not hash(): the same in every process, and spread evenly over 32 bits
        draw = zlib.crc32(f"{row.spec.id}#{attempts}".encode())
        pause -= (pause * round(policy.jitter * 1024) // 1024) * draw >> 32
    return pause


def unlease(ledger: Ledger, row: Row, lost: str, verb: str) -> None:
    """
    Remove a live lease from the indexes. The row has been touched.

    The row is the truth of a lease. Three indexes are derived from it, and `rebuild` can make them again: who
    holds what, which deadline is next, and who holds a limit. Each answers a question of every claim or end;
    deriving one from another would make that question as long as a list.
    """
    agent: Any = row.agent  # somebody holds it
    spec, tables = row.spec, ledger.tables
    row.lost, token, heap = lost, row.token, ledger.alarms.leases
    del ledger.agents[agent].leases[token]
    if heap[0][1] == token:  # otherwise a stale alarm would have to be examined, and swept, later
        heappop(heap)
    if tables["signs"] and spec.id in tables["signs"]:
        ledger.undo.drop(tables["signs"], spec.id)
    if tables["limited"] and agent in tables["limited"] and verb in _DELIVERED:
        ledger.declines.succeeded(ledger, agent)
    # for a plain task, this attribute costs a lookup in its class, 50 ns
    if spec.__class__ is not Task and spec.limit is not None:
        limit = spec.limit
        live = ledger.live[limit]
        was_full = len(live) >= ledger.limits.get(limit, 1)
        del live[row.token]
        if not live:
            del ledger.live[limit]
        if was_full:
            ledger.order.reopen(limit)
            if ledger.news.is_wanted:
                ledger.news.ready.append(ANY)  # lanes of any kind may wait for this limit
    for hook in ledger.on_left:
        hook(ledger, row, verb)


def give_back(
    ledger: Ledger, row: Row, verb: str, lost: str, pause_ns: int = 0, later: str = "back_off"
) -> None:
    """Return a task to READY (or DELAYED for `pause_ns`, by the verb `later`); it keeps its place."""
    unlease(ledger, row, lost, later if pause_ns > 0 else verb)
    if pause_ns > 0:
        shift(ledger, row, later)
        row.due_ns = ledger.timeline.reading[CALENDAR] + pause_ns
        ledger.alarms.task(row.due_ns, "ripen", row)
    else:
        shift(ledger, row, verb)
        to_ready(ledger, row)


def end(
    ledger: Ledger,
    row: Row,
    verb: str,
    *,
    lost: str = "finished",
    result: Any = None,
    reason: str = "",
    late: bool = False,
    by: str | None = None,
) -> Outcome:
    """End a task (the row has been touched) and settle everything that waits for it."""
    outcome = end_one(ledger, row, verb, lost, result, reason, late, by)
    if row.spec.id in ledger.dependents:
        settle(ledger, row)
    return outcome


def end_one(
    ledger: Ledger,
    row: Row,
    verb: str,
    lost: str,
    result: Any = None,
    reason: str = "",
    late: bool = False,
    by: str | None = None,
) -> Outcome:
    """End a task without settling: see `end`. Every cycle comes here, too."""
    state, spec = row.state, row.spec
    tables, tally, task = ledger.tables, ledger.tally, spec.id
    if state is LEASED:
        unlease(ledger, row, lost, verb)
    elif state is READY:
        ledger.leave(row)
    tally[AT[state]] -= 1  # `shift`, without a call
    row.state = state = TRANSITIONS[state][verb]
    tally[AT[state]] += 1
    outcome = blank_outcome()
    outcome.task, outcome.state = task, state
    outcome.result, outcome.late = result, late
    outcome.reason, outcome.by, outcome.attempts = reason and reason[:_REASON], by or row.agent, row.attempts
    outcome.__class__ = Outcome
    if state is DONE and outcome.by == row.agent and not (late or reason):
        row.result = result  # see Row.outcome
    else:
        row.ended = outcome
    if spec.__class__ is not Task:  # it may have a key, needs, or a check
        if spec.key is not None:
            del ledger.keys[spec.key]
        for need in spec.needs:
            unneed(ledger, need)
        if spec.verify is not None:
            ledger.checking.forget(ledger, task)
    if task not in ledger.needed:  # `_make_idle`, without a call
        ledger.last_seq = row.idle_no = seq = ledger.last_seq + 1
        row.idle_ns = now = ledger.timeline.reading[CALENDAR]
        if not ledger.idle:
            ledger.forget_from_ns = now + ns(ledger.settings.retention)
        ledger.idle[seq] = row
    if tables["declines"]:
        ledger.declines.forget_task(ledger, task)
    if tables["failers"] and task in tables["failers"]:
        ledger.undo.drop(tables["failers"], task)
    if ledger.news.is_wanted:
        ledger.news.ended.append(task)
    for hook in ledger.on_end:
        hook(ledger, row, verb)
    return outcome  # type: ignore[no-any-return]


def finish(ledger: Ledger, row: Row, result: object) -> Outcome:
    """
    End a leased row with a result that nobody checks.

    Every cycle comes here (benchmark row "cycle"). So what `finish_any` does with a plain task, where nothing
    else hangs on it or on its holder, is spelt out: four calls less. Tests hold the two together.
    """
    spec, agent = row.spec, row.agent
    task = spec.id
    if (
        spec.__class__ is not Task
        or task in ledger.needed  # by one that waits: to others an end means nothing
        or not (ledger.is_bare or ledger.turns_out_bare())
    ):
        return finish_any(ledger, row, result)
    assert agent is not None
    holder, token, heap, tally = ledger.agents[agent], row.token, ledger.alarms.leases, ledger.tally
    now = ledger.timeline.reading[CALENDAR]
    ledger.undo.entries.append((unfinish, row, holder, completed := holder.completed, row.lost))
    holder.completed = completed + 1
    row.lost = "finished"
    del holder.leases[token]
    if heap[0][1] == token:
        heappop(heap)
    signs = ledger.tables["signs"]
    if signs and task in signs:  # it was renewed
        ledger.undo.drop(signs, task)
    for hook in ledger.on_left_before:
        hook(ledger, row, "complete")
    ledger.reputation.delivered(ledger, agent, spec.kind, now)
    for hook in ledger.on_left_after:
        hook(ledger, row, "complete")
    tally[LEASED_AT] -= 1
    row.state = state = COMPLETED
    tally[DONE_AT] += 1
    outcome = blank_outcome()  # for the caller; the row keeps the result only, see Row.outcome
    outcome.task, outcome.state = task, state
    outcome.result = row.result = result
    outcome.late = False
    outcome.reason, outcome.by, outcome.attempts = "", agent, row.attempts
    outcome.__class__ = Outcome
    ledger.last_seq = row.idle_no = seq = ledger.last_seq + 1
    row.idle_ns = now
    if not ledger.idle:
        ledger.forget_from_ns = now + ns(ledger.settings.retention)
    ledger.idle[seq] = row
    if ledger.news.is_wanted:
        ledger.news.ended.append(task)
    ledger.ring[1].extend((now, "completed", task, agent, token, None))
    return outcome  # type: ignore[no-any-return]


def finish_any(ledger: Ledger, row: Row, result: object) -> Outcome:
    """End a leased row with a result that nobody checks, with everything that depends on it."""
    task, agent, undo = row.spec.id, row.agent, ledger.undo
    holder = ledger.agents[agent]  # type: ignore[index]  # it holds this
    completed = holder.completed
    if undo.before_change is not None:
        undo.before_change(row)
    undo.entries.append((unfinish, row, holder, completed, row.lost))
    holder.completed = completed + 1
    outcome = end_one(ledger, row, "complete", "finished", result)
    if task in ledger.dependents:
        settle(ledger, row)
    ledger.ring[1].extend((ledger.timeline.reading[CALENDAR], "completed", task, agent, row.token, None))
    return outcome


def settle(ledger: Ledger, first: Row) -> None:
    """Tell dependents, breadth first, because a chain may be longer than Python's stack."""
    ended = deque([first])
    while ended:
        row = ended.popleft()
        for dependent in by_submission(ledger.dependents.get(row.spec.id, {})):
            if dependent.state is not WAITING:
                continue
            dependent.waiting -= 1
            if row.state is not DONE and dependent.spec.if_need_fails == "cancel":
                assert row.outcome is not None
                ledger.undo.touch(dependent)
                dependent.cause = row.spec.id
                why = f"needs {row.spec.id!r}, which is {row.state}: {row.outcome.reason}"
                end_one(ledger, dependent, "cancel", "cancelled", None, why, False)
                ledger.emit("cancelled", dependent.spec.id, None, 0, why[:_REASON])
                ended.append(dependent)
            elif dependent.waiting == 0:
                ledger.undo.touch(dependent)
                awaken(ledger, dependent)


def by_submission(rows: dict[str, Row]) -> list[Row]:
    """Return rows in submission order, because the order of an index may differ between replicas."""
    return sorted(rows.values(), key=lambda row: row.seq)


def awaken(ledger: Ledger, row: Row) -> None:
    """Move a WAITING row (touched) whose needs have ended to READY, or to DELAYED while its delay lasts."""
    if row.due_ns > ledger.timeline.reading[CALENDAR]:
        shift(ledger, row, "postpone")
        ledger.alarms.task(row.due_ns, "ripen", row)
    else:
        shift(ledger, row, "unblock")
        to_ready(ledger, row)
        ledger.emit("ready", row.spec.id, None)


# -- retention ------------------------------------------------------------------------------


def _make_idle(ledger: Ledger, row: Row) -> None:
    """Start the retention of an ended row (touched) that no unfinished task needs."""
    ledger.last_seq = row.idle_no = ledger.last_seq + 1
    row.idle_ns = ledger.timeline.reading[CALENDAR]
    if not ledger.idle:
        ledger.forget_from_ns = row.idle_ns + ns(ledger.settings.retention)
    ledger.idle[row.idle_no] = row


def unidle(ledger: Ledger, row: Row) -> None:
    """Stop the retention of a row: it is needed, or it is started again."""
    if row.idle_no:
        ledger.undo.touch(row)
        del ledger.idle[row.idle_no]
        row.idle_no = row.idle_ns = 0


def unneed(ledger: Ledger, need: str) -> None:
    """Note that one unfinished task fewer needs this one; its retention starts when none is left."""
    left = ledger.needed[need] - 1
    if left:
        ledger.needed[need] = left
        return
    del ledger.needed[need]
    row = ledger.tasks.get(need)
    if row is not None and row.state in FINAL and not row.idle_no:
        ledger.undo.touch(row)
        _make_idle(ledger, row)


def _reclaim(ledger: Ledger, now_ns: int) -> None:
    """Forget tasks beyond the count, or too old, in the order in which they became idle."""
    settings, idle = ledger.settings, ledger.idle
    age = ns(settings.retention)
    surplus = len(idle) - settings.retention_count
    leaving = []
    for row in islice(idle.values(), RECLAIM_AT_ONCE):
        if surplus <= 0 and row.idle_ns + age > now_ns:
            break
        surplus -= 1
        leaving.append(row)
    if leaving:
        _forget(ledger, leaving, now_ns)
    ledger.forget_from_ns = next(iter(idle.values())).idle_ns + age if idle else FAR_NS


def is_result_lost(ledger: Ledger, task_id: str) -> bool:
    """Tell whether a task is done and forgotten, with a result that can no longer be handed on."""
    stone = ledger.tombstones.get(task_id)
    return stone is not None and len(stone) > _PLAIN_STONE


def _forget(ledger: Ledger, leaving: list[Row], now_ns: int) -> None:
    """Replace tasks by tombstones, and drop up to two overdue tombstones for each, so the backlog shrinks."""
    undo, tasks, stones, idle = ledger.undo, ledger.tasks, ledger.tombstones, ledger.idle
    tally, is_more = ledger.tally, ledger.tables["notes"] or ledger.tables["splits"]
    faded: list[tuple[str, Stone]] = []
    undo.entries.append((_unforget, ledger, leaving, faded))
    before_change, seq = undo.before_change, ledger.last_seq
    for row in leaving:
        spec, state = row.spec, row.state
        task = spec.id
        if before_change is not None:
            before_change(row)
        del idle[row.idle_no]
        if is_more or spec.__class__ is not Task:
            spec = _detach(ledger, spec)
        seq += 1
        # each task comes here once, so `is_fresh_id` and `outcome` are spelt out
        trace = "" if task.startswith(FRESH_MARK) else content_digest(spec, row.payload)
        if state is DONE and (row.result if row.ended is None else row.ended.result) is not None:
            stones[task] = (seq, "done", trace, now_ns, True)
        else:
            stones[task] = (seq, _WORDS[state], trace, now_ns)
        del tasks[task]
        tally[AT[state]] -= 1
    ledger.last_seq = seq
    # tombstones are dropped only when tasks are forgotten, so that a restored replica drops them at the same
    # commands although its `forget_from_ns` may be more exact than ours
    settings = ledger.settings
    surplus, oldest = len(stones) - settings.id_retention_count, now_ns - ns(settings.id_retention)
    for task, stone in islice(stones.items(), 2 * len(leaving)):
        if len(faded) >= surplus and stone[FORGOTTEN_NS] > oldest:
            break
        faded.append((task, stone))
    for task, _ in faded:
        del stones[task]


def _detach(ledger: Ledger, spec: Task) -> Task:
    """Drop what hangs on a task that is forgotten; return the task as it was submitted."""
    undo, notes, splits = ledger.undo, ledger.tables["notes"], ledger.tables["splits"]
    for need in spec.needs:
        siblings = ledger.dependents[need]
        del siblings[spec.id]
        if not siblings:
            del ledger.dependents[need]
    if spec.id in notes:
        undo.drop(notes, spec.id)
    if spec.id in splits:
        parts = splits[spec.id][1]
        undo.drop(splits, spec.id)
        if parts:  # submitted again, it is the same task
            return evolve(spec, needs=tuple([need for need in spec.needs if need not in parts]))
    return spec


def _unforget(ledger: Ledger, left: list[Row], faded: list[tuple[str, Stone]]) -> None:
    for row in left:
        ledger.tasks[row.spec.id] = row
        ledger.tombstones.pop(row.spec.id, None)
    ledger.tombstones.update(faded)


# -- time -----------------------------------------------------------------------------------


def pass_time(ledger: Ledger, raw_ns: int) -> None:
    """
    Advance time to `raw_ns`: expire leases, end delays, miss deadlines, forget.

    A deadline that equals now has passed. Leases, delays and deadlines are
    processed in full, in order of their time; forgetting is bounded.
    """
    timeline = ledger.timeline
    previous, lease_now, now = timeline.reading
    if raw_ns > previous == now:  # what `advance` does if no clock was set back, without a call
        lease_now, now = lease_now + raw_ns - previous if now else raw_ns, raw_ns
        timeline.reading = (raw_ns, lease_now, raw_ns)
    else:
        _, lease_now, now = timeline.advance(raw_ns)
    alarms = ledger.alarms
    if alarms.leases and alarms.leases[0][0] <= lease_now:
        while (entry := alarms.next_lease()) is not None and entry[0] <= lease_now:
            _, _, held = entry
            if held.__class__ is LockRow:
                drop_lock(ledger, held, "expired")
            else:
                expire(ledger, held)
    if alarms.due and alarms.due[0][0] <= now:
        while (due := alarms.next_task()) is not None and due[0] <= now:
            _, verb, row = due
            ledger.undo.touch(row)
            if verb == "ripen":
                shift(ledger, row, "ripen")
                to_ready(ledger, row)
                ledger.emit("ready", row.spec.id, None)
            else:
                token = row.token if row.state is LEASED else 0
                end(ledger, row, "miss", reason="deadline: finish_by passed")
                ledger.emit("failed", row.spec.id, row.agent, token, "deadline")
    declines = ledger.declines
    if declines.alarms and declines.alarms[0][0] <= lease_now:
        declines.expire(ledger)
    for part in ledger.timed:
        part.pass_time(ledger)
    if now >= ledger.forget_from_ns or len(ledger.idle) > ledger.forget_beyond:
        _reclaim(ledger, now)


def expire(ledger: Ledger, row: Row, gone: str = "") -> None:
    """
    End a lease whose time is over, or whose holder is known to be gone; both are counted alike.

    Args:
        ledger: the state.
        row: the leased task.
        gone: what happened to its holder; empty if the time is over.

    """
    assert row.agent is not None
    ledger.undo.touch(row)
    row.deadline_ns = min(row.deadline_ns, ledger.timeline.reading[LEASE])
    agent = ledger.agents[row.agent]
    ledger.undo.touch_agent(agent)
    agent.expired += 1
    remember(row, f"attempt {row.attempts} by {row.agent}: {gone or 'expired'}")
    detail = {"attempt": row.attempts, "reason": gone} if gone else row.attempts
    ledger.emit("expired", row.spec.id, row.agent, row.token, detail)
    hopeless = None if ledger.restraint is None else ledger.restraint.hopeless(ledger, row)
    if row.attempts >= max_attempts(ledger, row) or hopeless is not None:
        lease = f"lease {row.attempts} of {row.attempts}"
        why = hopeless or (f"expired: {lease}: {gone}" if gone else f"expired: {lease} ran out")
        end(ledger, row, "give_up", lost="expired", reason=why)
        ledger.emit("failed", row.spec.id, row.agent, row.token, why)
        return
    pause = backoff_ns(ledger, row) if backoff_of(ledger, row).on_expiry else 0
    give_back(ledger, row, "expire", "expired", pause)


def drop_lock(ledger: Ledger, lock: LockRow, why: str) -> None:
    """Free the names of a lock, whatever its depth."""
    ledger.undo.touch_lock(lock)
    ledger.undo.drop(ledger.locks, lock.token)
    lock.depth = 0
    ledger.unindex_lock(lock)
    for name in lock.names:
        if ledger.news.is_wanted:
            ledger.news.freed.append(name)
    ledger.emit("unlocked", None, lock.agent, lock.token, {"names": list(lock.names), "why": why})
