"""
Claim-and-lock: grant, complete, fail, release; `holding` has what a holder says in between.

There is one rule for late commands: if the token is not the task's live lease, nothing changes. A deadline
that equals now has passed, and every function here is called after time has passed, so "LEASED with this
token" is the whole test. There are two exceptions. Completing again with the same lease repeats the first
answer (a safe retry). And a completion with `late="accept"` lands as long as the task is unclaimed after this
very lease ran out.
"""

from __future__ import annotations

from heapq import heappush
from typing import Any

from ...commands.shared import (
    Claim,
    ClaimMany,
    Complete,
    CompleteMany,
    Fail,
    Refused,
    Release,
)
from ...errors import ForeignLeaseError, IllegalTransitionError, LeaseLostError, TaskNotFoundError
from ...values.payloads import NESTS, copy_json
from ...values.tasks import FINAL, Lease, NoteRecord, Outcome, Task, TaskState, blank_lease, make_lease
from ..state.ledger import Ledger, ns
from ..state.records import CLAIMED, DELAYED, DONE, LEASED, LEASED_AT, READY, READY_AT, LockRow, Row
from ..state.same_content import as_check
from ..state.timeline import RAW
from ..state.undo import ungrant
from .lifecycle import backoff_ns, drop_lock, end, finish, give_back, max_attempts, remember

_NONE: tuple[Any, ...] = ()


def next_token(ledger: Ledger) -> int:
    """
    Return a fencing token: above every earlier one, also across restarts.

    It is at least the stamp in microseconds, so that a new in-memory board does not fall behind a guard that
    has outlived the old one.
    """
    last, stamp = ledger.last_token + 1, ledger.timeline.reading[RAW] // 1_000
    ledger.last_token = token = stamp if stamp > last else last  # noqa: FURB136 - every grant comes here
    return token


def lease_of(ledger: Ledger, row: Row) -> Lease:
    """Build the value of a live lease, with its own copy of payload and inputs."""
    spec, payload, notes = row.spec, row.payload, ledger.tables["notes"]
    raw, lease_now, _ = ledger.timeline.reading
    kind = spec.kind
    if spec.verify is None:
        payload = copy_json(payload)
    else:
        kind, payload = ledger.checking.kind_of(ledger, row), ledger.checking.payload(ledger, row)
    return make_lease(
        spec.id,
        row.token,
        row.agent,
        kind,
        payload,
        _inputs(ledger, row) if spec.needs else {},
        row.attempts,
        raw + row.deadline_ns - lease_now,
        row.ttl_ns,
        (),
        _earlier_notes(ledger, row) if notes and spec.id in notes else (),
        None if spec.seat is None else _role(ledger, spec),
    )


def _earlier_notes(ledger: Ledger, row: Row) -> tuple[NoteRecord, ...]:
    from ..state.notes import earlier_notes  # noqa: PLC0415 - few tasks have notes

    return earlier_notes(ledger, row)


def _role(ledger: Ledger, seat: Task) -> str | None:
    """Return what a team asks of the holder of this seat, in the team's own words."""
    team = ledger.tasks.get(str(seat.seat))
    number = int(seat.id.rpartition("-")[2])
    return team.spec.team[number - 1] if team is not None and number <= len(team.spec.team) else None


def _inputs(ledger: Ledger, row: Row) -> dict[str, object]:
    found = {}
    for need in row.spec.needs:
        needed = ledger.tasks.get(need)
        if needed is not None and needed.state is DONE:
            assert needed.outcome is not None
            found[need] = copy_json(needed.outcome.result)
    return found


# -- claim ----------------------------------------------------------------------------------


def claim(ledger: Ledger, command: Claim) -> Lease | Refused | None:
    """Grant the first claimable task, or the named one if it is claimable. O(log n)."""
    if command.task is not None:
        row = _named(ledger, command)
    elif ledger.paused or (ledger.gates and ledger.held_back(command.agent) is not None):
        return None
    else:
        agent, kinds = command.agent, command.kinds  # `first`, without a call
        row = ledger.order.first(agent, ledger.signatures or ledger.eligibility.open_to(agent), kinds)
        active = ledger.declines.active
        if active and row is not None and row.spec.id in active.get(agent, _NONE):
            row = _passing_over(ledger, agent, kinds)
        if ledger.checking.open:
            row = ledger.checking.before(ledger, agent, kinds, row)
    return grant(ledger, row, command.agent, command.ttl_ns) if row.__class__ is Row else row  # type: ignore[return-value]


def pick(ledger: Ledger, command: Claim | ClaimMany) -> Row | Refused | None:
    """Choose what a claim would get, without granting it."""
    if command.__class__ is Claim and command.task is not None:
        return _named(ledger, command)
    if ledger.paused or (ledger.gates and ledger.held_back(command.agent) is not None):
        return None
    return first(ledger, command.agent, command.kinds)


def first(ledger: Ledger, agent: str, kinds: tuple[str, ...] | None = None) -> Row | None:
    """Return what an agent gets if nothing holds it back."""
    row = ledger.order.first(agent, ledger.signatures or ledger.eligibility.open_to(agent), kinds)
    active = ledger.declines.active
    if active and row is not None and row.spec.id in active.get(agent, _NONE):
        row = _passing_over(ledger, agent, kinds)
    if ledger.checking.open:
        row = ledger.checking.before(ledger, agent, kinds, row)
    return row


def on_offer(ledger: Ledger, agent: str, count: int) -> list[Row]:
    """Return what an agent could get if nothing holds it back, in the order in which it would get it."""
    ledger.undo.look()  # looking corrects lazy heaps
    declined = ledger.declines.active.get(agent, _NONE)
    some = ledger.order.best(agent, ledger.eligibility.open_to(agent), count + len(declined))
    rows = [row for row in some if row.spec.id not in declined][:count]
    ledger.undo.entries.clear()
    return ledger.checking.offers(ledger, agent, rows, count) if ledger.checking.open else rows


def _passing_over(ledger: Ledger, agent: str, kinds: tuple[str, ...] | None) -> Row | None:
    """Return the first task that an agent does not decline, from an order that does not know declines."""
    declined = ledger.declines.active[agent]
    return ledger.order.passing_over(agent, ledger.eligibility.open_to(agent), kinds, declined)


def _named(ledger: Ledger, command: Claim) -> Row | Refused | None:
    assert command.task is not None
    row = ledger.tasks.get(command.task)
    if row is None:
        return Refused(TaskNotFoundError(command.task, command.task in ledger.tombstones))
    if row.state in FINAL:
        return Refused(IllegalTransitionError(command.task, row.state, "claimed"))
    spec, door = row.spec, row.spec.door
    if spec.spends is not None and spec.id in ledger.tables["handed"]:
        door = spec.limit  # a check spends nothing
    if (
        ledger.paused
        or row.state is not READY
        or (door is not None and not ledger.is_open(door))
        or not _may(ledger, command, row)
        or (ledger.gates and ledger.held_back(command.agent) is not None)
    ):
        return None
    return row


def _may(ledger: Ledger, command: Claim, row: Row) -> bool:
    opinions, kinds = ledger.checking.opinions, command.kinds
    if row.spec.id in opinions.rows:
        return opinions.may(ledger, command.agent, row) and (
            kinds is None or as_check(row.spec).kind in kinds
        )
    restraint = ledger.restraint
    if restraint is not None and ledger.checking.open and restraint.owes(ledger, command.agent):
        return False
    return ledger.eligibility.may(command.agent, row) and (kinds is None or row.spec.kind in kinds)


def claim_many(ledger: Ledger, command: ClaimMany) -> tuple[Lease, ...]:
    """Grant up to `count` tasks. O(count log n)."""
    leases: list[Lease] = []
    agent, kinds, ttl_ns, order = command.agent, command.kinds, command.ttl_ns, ledger.order
    if ledger.paused:
        return ()
    # what `first` does where nobody declines or checks anything, which a grant does not change
    is_plain = ledger.signatures and not (ledger.on_grant or ledger.declines.active or ledger.checking.open)
    for _ in range(command.count):
        if ledger.gates and ledger.held_back(agent) is not None:
            break
        # looked up again each time: a lease may use up what the next one needs
        row = order.first(agent, ledger.signatures, kinds) if is_plain else first(ledger, agent, kinds)
        if row is None:
            break
        leases.append(grant(ledger, row, agent, ttl_ns))
    return tuple(leases)


def grant(ledger: Ledger, row: Row, agent: str, ttl_ns: int | None) -> Lease:
    """Give a READY row to an agent that may have it. Every cycle comes here, so there are few calls."""
    spec, tally, undo = row.spec, ledger.tally, ledger.undo
    raw, lease_now, now = ledger.timeline.reading
    holder, attempt = ledger.agents.get(agent) or ledger.agent(agent), row.attempts
    if undo.before_change is not None:
        undo.before_change(row)
    claimed = holder.claimed
    undo.entries.append((
        ungrant, row, holder, claimed, attempt, row.token, row.agent, row.deadline_ns, row.ttl_ns,
        row.lost, row.note,
    ))  # fmt: skip
    holder.claimed = claimed + 1
    if ledger.checking.opinions.rows:
        ledger.leave(row)
    else:
        ledger.order.leave(row)
    tally[READY_AT] -= 1  # `shift`, without a call
    row.state = CLAIMED
    tally[LEASED_AT] += 1
    row.token = token = next_token(ledger)
    row.attempts = attempt = attempt + 1
    detail: Any = attempt
    # then nothing that follows applies
    if spec.__class__ is Task and ttl_ns is None and ledger.restraint is None:
        ttl_ns = ledger.lease_ttl_ns
    else:
        ttl_ns = _length(ledger, row, agent, ttl_ns)
        if spec.limit is not None:
            ledger.live.setdefault(spec.limit, {})[token] = row
        # a claim on a handed-in result is a check, not work: readers that add up must see the difference
        if spec.verify is not None and spec.id in ledger.tables["handed"]:
            detail = "check"
    row.agent, row.ttl_ns = agent, ttl_ns
    row.lost, row.note = "", None
    row.deadline_ns = deadline = lease_now + ttl_ns
    holder.leases[token] = row
    alarms = ledger.alarms
    if len(alarms.leases) > alarms.room:
        alarms.sweep()
    heappush(alarms.leases, (deadline, token, row))
    ledger.ring[1].extend((now, "claimed", spec.id, agent, token, detail))
    # the task was named, which overrules a decline
    if ledger.declines.active and spec.id in ledger.declines.active.get(agent, _NONE):
        ledger.declines.took(ledger, agent, spec.id)
    for hook in ledger.on_grant:
        hook(ledger, row)
    if spec.__class__ is not Task or ledger.tables["notes"]:
        return lease_of(ledger, row)
    lease = blank_lease()  # what `lease_of` makes of a task with nothing more; at most three a line, since
    lease.task, lease.token = spec.id, token  # four at once pass through a tuple
    lease.agent, lease.kind, payload = agent, spec.kind, row.payload
    lease.payload = copy_json(payload) if payload.__class__ in NESTS else payload
    lease.inputs, lease.role = {}, None
    lease.names = lease.notes = _NONE
    lease.attempt, lease.ttl_ns, lease.expires_ns = attempt, row.ttl_ns, raw + row.deadline_ns - lease_now
    lease.__class__ = Lease
    return lease  # type: ignore[no-any-return]


def _length(ledger: Ledger, row: Row, agent: str, asked_ns: int | None) -> int:
    """Return how long a lease lasts: as the claim asks, as the task says, or as board and standing allow."""
    if asked_ns is None and row.spec.lease_ttl is not None:
        asked_ns = ns(row.spec.lease_ttl)
    is_asked_for = asked_ns is not None and not ledger.is_old  # under the old rules that made no difference
    if asked_ns is None:
        asked_ns = ledger.lease_ttl_ns
    if ledger.restraint is not None and not is_asked_for:
        asked_ns = ledger.restraint.length(ledger, row, agent, asked_ns)
    return asked_ns


# -- hold -----------------------------------------------------------------------------------


def lost_reason(ledger: Ledger, task_id: str, token: int) -> str:
    """Say why a lease is no longer live."""
    row = ledger.tasks.get(task_id)
    if row is None:
        if task_id in ledger.tombstones:
            return "finished"
        return "expired" if task_id.startswith("lock:") and token <= ledger.last_token else "unknown"
    if token == row.token:
        return row.lost or "finished"
    return "superseded" if 0 < token < row.token else "unknown"


def live(ledger: Ledger, task_id: str, token: int) -> Row | LockRow | None:
    """Return the lease with this very token, or None."""
    row = ledger.tasks.get(task_id)
    if row is not None and row.token == token and row.state is LEASED:
        return row
    lock = ledger.locks.get(token)
    return lock if lock is not None and task_id.startswith("lock:") else None


def foreign(agent: str | None, row: Row | LockRow) -> Refused | None:
    """Refuse an agent that uses the lease of another."""
    if agent is None or agent == row.agent:
        return None
    task_id = row.spec.id if isinstance(row, Row) else "lock:" + ",".join(row.names)
    return Refused(ForeignLeaseError(agent, task_id, str(row.agent)))


def refuse(ledger: Ledger, task_id: str, token: int) -> Refused:
    """Refuse a token that holds nothing, and say what happened to its lease."""
    return Refused(LeaseLostError(task_id, token, lost_reason(ledger, task_id, token)))


# -- end ------------------------------------------------------------------------------------


def complete(ledger: Ledger, command: Complete) -> Outcome | Refused:
    """End a task with its result. O(log n), plus its dependents."""
    row = ledger.tasks.get(command.task)
    if row is None or row.token != command.token:
        return refuse(ledger, command.task, command.token)
    if command.agent is not None and command.agent != row.agent:
        return foreign(command.agent, row)  # type: ignore[return-value]
    late = False
    if row.state is not LEASED:
        if row.state is DONE:
            assert row.outcome is not None
            return row.outcome
        if row.spec.verify is not None:
            again = ledger.checking.again(ledger, row, command.token)
            return again or refuse(ledger, command.task, command.token)
        late = command.late == "accept" and row.lost == "expired" and row.state in (READY, DELAYED)
        if not late:
            return refuse(ledger, command.task, command.token)
    verify = None if row.spec.__class__ is Task else row.spec.verify
    if verify is None and not late:
        return finish(ledger, row, command.result)
    assert row.agent is not None
    if verify is not None:
        problem = ledger.checking.problem(ledger, row, command.result)
        if problem is not None:
            return Refused(problem)
    holder = ledger.agents.get(row.agent) or ledger.agent(row.agent)
    ledger.undo.touch(row)
    ledger.undo.touch_agent(holder)
    holder.completed += 1
    if verify is not None:
        checked: Outcome | None = ledger.checking.take(ledger, row, command)
        if checked is not None:
            return checked
    if late:
        ledger.reputation.landed(ledger, row)
    outcome = end(ledger, row, "land" if late else "complete", result=command.result, late=late)
    ledger.emit("completed", command.task, row.agent, command.token, "late" if late else None)
    return outcome


def complete_many(ledger: Ledger, command: CompleteMany) -> tuple[Outcome, ...] | Refused:
    """End several tasks, or none if one of the leases is lost."""
    for task_id, token, result in command.endings:
        row = ledger.tasks.get(task_id)
        if row is None or row.token != token or row.state not in (LEASED, DONE):
            return refuse(ledger, task_id, token)
        if command.agent is not None and command.agent != row.agent:
            return foreign(command.agent, row)  # type: ignore[return-value]
        if row.spec.__class__ is not Task and row.spec.verify is not None:
            problem = ledger.checking.problem(ledger, row, result)
            if problem is not None:
                return Refused(problem)
    done, tasks = [], ledger.tasks
    for task_id, token, result in command.endings:
        row = tasks[task_id]
        if row.state is LEASED and (row.spec.__class__ is Task or row.spec.verify is None):
            done.append(finish(ledger, row, result))
            continue
        outcome = complete(ledger, Complete(task_id, token, result))
        assert isinstance(outcome, Outcome)
        done.append(outcome)
    return tuple(done)


def fail(ledger: Ledger, command: Fail) -> TaskState | Refused:
    """End an attempt: try again later, or FAILED for good after the last one."""
    row = ledger.tasks.get(command.task)
    if row is None or row.token != command.token or row.state is not LEASED:
        return refuse(ledger, command.task, command.token)
    refusal = foreign(command.agent, row)
    if refusal is not None:
        return refusal
    assert row.agent is not None
    ledger.undo.touch(row)
    holder = ledger.agents[row.agent]
    ledger.undo.touch_agent(holder)
    holder.failed += 1
    remember(row, f"attempt {row.attempts} by {row.agent}: {command.reason}", command.trace)
    later = command.retry and command.retry_ns is not None  # the delay concerns the task, not its holder
    hopeless = None if later or ledger.restraint is None else ledger.restraint.hopeless(ledger, row)
    if not command.retry or row.attempts >= max_attempts(ledger, row) or hopeless is not None:
        why = command.reason if hopeless is None else f"{hopeless}, at last: {command.reason}"
        end(ledger, row, "exhaust" if later else "give_up", reason=why)
        ledger.emit("failed", command.task, row.agent, command.token, why)
    else:
        pause = command.retry_ns
        if pause is None:
            pause = backoff_ns(ledger, row)
        if later:
            give_back(ledger, row, "hand_back", "finished", pause, later="put_off")
        else:
            give_back(ledger, row, "retry", "finished", pause)
        ledger.emit("retried", command.task, row.agent, command.token, command.reason)
    return row.state


def release(ledger: Ledger, command: Release) -> TaskState | Refused:
    """Give a lease back; the attempt is refunded and the release counted."""
    row = live(ledger, command.task, command.token)
    if row is None:
        return refuse(ledger, command.task, command.token)
    refusal = foreign(command.agent, row)
    if refusal is not None:
        return refusal
    if isinstance(row, LockRow):
        if row.depth > 1:
            ledger.undo.touch_lock(row)
            row.depth -= 1
        else:
            drop_lock(ledger, row, "released")
        return READY
    hand_back(ledger, row)
    return row.state


def hand_back(ledger: Ledger, row: Row) -> None:
    """End a lease without prejudice: the attempt does not count."""
    assert row.agent is not None
    ledger.undo.touch(row)
    holder = ledger.agents[row.agent]
    ledger.undo.touch_agent(holder)
    holder.released += 1
    row.attempts -= 1
    row.releases += 1
    give_back(ledger, row, "release", "revoked")
    ledger.emit("released", row.spec.id, row.agent, row.token)
