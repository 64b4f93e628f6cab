"""Queries: pure looks at the state, returned as values that cannot change it."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

from ..commands.reading import (
    BriefingOf,
    Events,
    Explain,
    ExplainAgent,
    Find,
    Holder,
    Leases,
    Outcomes,
    SettingsOf,
    StandingOf,
    StatisticsOf,
    Tasks,
    Unfinished,
)
from ..commands.shared import Refused
from ..errors import TaskNotFoundError
from ..frozen import evolve
from ..values.events import Event
from ..values.payloads import copy_json
from ..values.settings import Settings
from ..values.tasks import Explanation, Lease, Outcome, Standing, Statistics, TaskRecord, private
from .state.ledger import Ledger
from .state.notes import every_note
from .state.parts import Function
from .state.records import DELAYED, LEASED, READY, TASK, WAITING, AgentRow, Hint, LockRow, Row
from .state.timeline import LEASE
from .work.holding import quiet
from .work.leases import first, lease_of
from .work.locking import holders, lock_lease

if TYPE_CHECKING:
    from ..values.briefing import Briefing

_LOCK = "lock:"
"""the prefix of what the lease of a lock calls its task"""
_NOTES_SHOWN, _NOTE_SHOWN = 3, 200
"""how many notes an explanation shows, and how many characters of each"""


def record_of(ledger: Ledger, row: Row) -> TaskRecord:
    """Build the value of a task as it stands."""
    spec = row.spec
    if spec.payload is not row.payload or spec.payload.__class__ in (dict, list):
        spec = evolve(spec, payload=copy_json(row.payload))
    return TaskRecord(
        spec,
        row.state,
        row.attempts,
        row.releases,
        row.submitted_ns,
        lease_of(ledger, row) if row.state is LEASED else None,
        None if row.outcome is None else private(row.outcome),
        tuple(need for need in row.spec.needs if ledger.is_pending(need)) if row.state is WAITING else (),
        None if row.ready_ns < 0 else row.ready_ns,
        copy_json(row.note),
        row.history,
        every_note(ledger, row),
    )


def find(ledger: Ledger, query: Find) -> TaskRecord | None:
    """Look one task up. O(1)."""
    row = ledger.tasks.get(query.task)
    return None if row is None else record_of(ledger, row)


def tasks(ledger: Ledger, query: Tasks) -> tuple[TaskRecord, ...] | Refused:
    """List a page. O(tasks before the end of the page)."""
    first = 0
    if query.after is not None:
        after = ledger.tasks.get(query.after)
        if after is None:
            return Refused(TaskNotFoundError(query.after, query.after in ledger.tombstones))
        first = after.seq
    found = (
        record_of(ledger, row)
        for row in ledger.tasks.values()
        if row.seq > first
        and (query.states is None or row.state in query.states)
        and (query.kinds is None or row.spec.kind in query.kinds)
        and (query.tag is None or query.tag in row.spec.tags)
    )
    return tuple(islice(found, query.count))


def outcomes(ledger: Ledger, query: Outcomes) -> tuple[Outcome | None, ...] | Refused:
    """Ask for outcomes. O(ids)."""
    found: list[Outcome | None] = []
    for task_id in query.tasks:
        row = ledger.tasks.get(task_id)
        if row is None:
            return Refused(TaskNotFoundError(task_id, task_id in ledger.tombstones))
        found.append(None if row.outcome is None else private(row.outcome))
    return tuple(found)


def leases(ledger: Ledger, query: Leases) -> tuple[Lease, ...]:
    """List live leases by token, of tasks and locks alike."""
    if query.agent is None:
        rows = [row for agent in ledger.agents.values() for row in agent.leases.values()]
    else:
        holder = ledger.agents.get(query.agent)
        rows = list(holder.leases.values()) if holder is not None else []
    found = [lease_of(ledger, row) for row in rows]
    found += [lock_lease(ledger, lock) for lock in ledger.locks.values() if query.agent in (None, lock.agent)]
    return tuple(sorted(found, key=lambda lease: lease.token))


def holder(ledger: Ledger, query: Holder) -> Lease | None:
    """
    Return the lock on a name, on what contains it, or on something below it; the one that lasts longest.
    """
    row = min(holders(ledger, query.name), key=lambda row: row.token, default=None)
    return None if row is None else lock_lease(ledger, row)


def standing(ledger: Ledger, query: StandingOf) -> Standing:
    """Return what has been seen of an agent. O(1)."""
    row = ledger.agents.get(query.agent, _NOBODY)
    return Standing(
        query.agent,
        row.claimed,
        row.completed,
        row.failed,
        row.expired,
        row.released,
        len(row.leases),
        ledger.reputation.of(ledger, query.agent),
        ledger.reputation.records(ledger, query.agent),
        None if ledger.restraint is None else ledger.restraint.limit(ledger, query.agent),
        None if ledger.restraint is None else ledger.restraint.bars(ledger, query.agent),
        ledger.reputation.quality(ledger, query.agent),
        ledger.principals.of(ledger, query.agent),
        **{field: told for hook in ledger.on_about for field, told in hook(ledger, query.agent).items()},
    )


_NOBODY = AgentRow()


def statistics(ledger: Ledger, query: StatisticsOf) -> Statistics:
    """Count everything. O(agents)."""
    everybody = [*ledger.agents.values(), ledger.departed]
    return Statistics(
        {str(state): n for state, n in ledger.counts.items()},
        ledger.unfinished,
        len(ledger.locks),
        sum(bool(agent.leases) for agent in everybody),
        sum(agent.claimed for agent in everybody),
        sum(agent.completed for agent in everybody),
        sum(agent.failed for agent in everybody),
        sum(agent.expired for agent in everybody),
        sum(agent.released for agent in everybody),
        len(ledger.tombstones),
        ledger.paused,
        ledger.position,
        ledger.cursor,
        {name: value for part in ledger.parts for name, value in part.describe(ledger).items()},
    )


def events(ledger: Ledger, query: Events) -> tuple[Event, ...] | Refused:
    """Read the events after a cursor. O(page)."""
    if query.since and (missed := ledger.missed(query.since)) is not None:
        return Refused(missed)
    since = max(query.since, ledger.ring[0])
    return tuple(
        [
            Event(number, at, kind, task, agent, token, copy_json(detail))
            for number, (at, kind, task, agent, token, detail) in enumerate(
                ledger.events(since, query.count), since + 1
            )
        ]
    )


# -- why ------------------------------------------------------------------------------------


def explain(ledger: Ledger, query: Explain) -> Explanation | Refused:
    """Explain why a task is in its present state."""
    row = ledger.tasks.get(query.task)
    if row is None and query.task.startswith(_LOCK):
        return _explain_lock(ledger, query.task.removeprefix(_LOCK))
    if row is None:
        return Refused(TaskNotFoundError(query.task, query.task in ledger.tombstones))
    _, lease_now, now = ledger.timeline.reading
    why: list[str] = []
    if row.state is WAITING:
        for need in row.spec.needs:
            if ledger.is_pending(need):
                why.append(f"needs {need!r}, which is {ledger.tasks[need].state}")
    elif row.state is DELAYED:
        why.append(f"may run in {(row.due_ns - now) / 1e9:.3f} s")
    elif row.state is LEASED:
        left = (row.deadline_ns - lease_now) / 1e9
        why.append(f"held by {row.agent!r} (attempt {row.attempts}, token {row.token}) for {left:.3f} s more")
        silence = quiet(ledger, row)
        why += [silence] if silence is not None else []
    elif row.state is READY:
        why += _why_ready(ledger, row)
    elif row.outcome is not None:
        why.append(row.outcome.reason or f"completed by {row.outcome.by!r}")
    why += row.history + _said(ledger, row)
    return Explanation(f"task {query.task!r}", str(row.state), tuple(why))


def _explain_lock(ledger: Ledger, text: str) -> Explanation:
    """Explain who holds a lock; its lease gives the locked names, separated by commas, as its task."""
    rows = {row.token: row for name in text.split(",") for row in holders(ledger, name)}
    why = tuple([f"held by {row.agent!r} {_lock_told(ledger, row)}" for _, row in sorted(rows.items())])
    return Explanation(f"lock {text!r}", "held" if why else "free", why or ("anybody may lock it",))


def _lock_told(ledger: Ledger, row: LockRow) -> str:
    left = (row.deadline_ns - ledger.timeline.reading[LEASE]) / 1e9
    mode = "shared, " if row.shared else ""
    again = f", entered {row.depth} times" if row.depth > 1 else ""
    names = ", ".join([repr(name) for name in row.names])
    return f"with {names} ({mode}token {row.token}, holder {row.holder!r}{again}) for {left:.3f} s more"


def _said(ledger: Ledger, row: Row) -> tuple[str, ...]:
    import json  # noqa: PLC0415 - 4 ms that most programs never need

    told = []
    for record in every_note(ledger, row)[-_NOTES_SHOWN:]:
        said = json.dumps(record.note, ensure_ascii=False)
        told.append(f"note of attempt {record.attempt} by {record.agent}: {said[:_NOTE_SHOWN]}")
    return tuple(told)


def _why_ready(ledger: Ledger, row: Row) -> list[str]:
    why = []
    limit = row.spec.limit
    if ledger.paused:
        why.append("the board is paused; resume() lets claims go on")
    if limit is not None and not ledger.is_open(limit):
        live = ledger.live.get(limit, {})  # empty for a limit of 0
        held = f", held by {', '.join(repr(row.spec.id) for row in live.values())}" if live else ""
        why.append(f"limit {limit!r} allows {ledger.limits.get(limit, 1)} at once{held}")
    if row.spec.id in ledger.tables["handed"]:
        return [*why, *ledger.checking.why(ledger, row)]
    if ledger.purses is not None:
        why += ledger.purses.why(ledger, row.spec)
    told = ledger.eligibility.why(ledger, row)
    why += told
    if not why:
        ahead = ledger.counts[READY] - 1
        why.append(
            f"claimable by any agent that takes kind {row.spec.kind!r}; "
            f"{ahead} other ready task(s), in order of priority"
        )
    return why if told else why + ledger.declines.told(ledger, row.spec.id)


def explain_agent(ledger: Ledger, query: ExplainAgent) -> Explanation:
    """Explain what an agent holds and what it could get."""
    row = ledger.agents.get(query.agent, _NOBODY)
    why = [f"holds {held.spec.id!r} (token {token})" for token, held in row.leases.items()]
    locks = [lock for lock in ledger.locks.values() if lock.agent == query.agent]
    why += [f"holds a lock {_lock_told(ledger, lock)}" for lock in locks]
    ledger.undo.look()
    best = first(ledger, query.agent, query.kinds)
    ledger.undo.entries.clear()
    held_back = ledger.held_back(query.agent)
    if ledger.paused:
        why.append("the board is paused: nobody may claim")
    elif held_back is not None:
        why.append(held_back)
    elif best is not None:
        why.append(f"would get {best.spec.id!r} next")
    elif ledger.restraint is not None and (owing := ledger.restraint.bars(ledger, query.agent)):
        why.append(owing)
    elif ledger.counts[READY]:
        why.append(f"{ledger.counts[READY]} task(s) are ready, none of them for this agent now")
    else:
        why.append("no task is ready")
    seen = standing(ledger, StandingOf(query.agent))
    if seen.proofs:
        why.append(f"proofs: {', '.join(f'{name} {stands}' for name, stands in seen.proofs.items())}")
    for record in seen.capabilities:
        quality = "" if record.quality is None else f", right {record.quality.mean:.0%} when checked"
        why.append(f"delivers {record.delivery.mean:.0%} of what requires {record.kind}{quality}")
    known = "known" if row is not _NOBODY or locks else "new here"
    return Explanation(f"agent {query.agent!r}", known, tuple(why))


def surplus(ledger: Ledger, agent: str, hint: Hint) -> int | None:
    """
    Return how much more an agent can do than a task would use; None if it may not take it.

    The engine wakes the waiter with the least.
    """
    row = ledger.tasks.get(hint[TASK])
    if row is None or row.state is not READY:
        return None  # it is gone already
    if ledger.declines.bars(ledger, agent, hint[TASK]):
        return None
    opinions = ledger.checking.opinions
    if hint[TASK] in opinions.rows:
        spare = 0 if opinions.may(ledger, agent, row) else None
    else:
        spare = ledger.eligibility.surplus(agent, hint)
    restraint = ledger.restraint
    if spare is None or restraint is None:
        return spare
    if restraint.holds_back(ledger, agent) is not None:
        return None
    if hint[TASK] not in opinions.rows and restraint.owes(ledger, agent):
        return None
    rank: int | None = restraint.rank(ledger, agent, hint[TASK], spare)
    return rank


def briefing(ledger: Ledger, query: BriefingOf) -> Briefing:
    """Return what an agent should know before it starts."""
    from .briefing import brief  # noqa: PLC0415 - asked once an agent, and most programs never ask

    return brief(ledger, query)


def _settings(ledger: Ledger, query: SettingsOf) -> Settings:
    return ledger.settings


def _unfinished(ledger: Ledger, query: Unfinished) -> int:
    return ledger.unfinished


QUERIES: dict[type, Function] = {
    BriefingOf: briefing,
    Events: events,
    Explain: explain,
    ExplainAgent: explain_agent,
    Find: find,
    Holder: holder,
    Leases: leases,
    Outcomes: outcomes,
    SettingsOf: _settings,
    StandingOf: standing,
    StatisticsOf: statistics,
    Tasks: tasks,
    Unfinished: _unfinished,
}
"""query type -> the function that answers it, under every strategy"""
