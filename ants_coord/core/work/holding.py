"""
What a holder says while it holds: renewals, notes, and what follows when no sign of work comes.

A renewal shows that a process is alive, not that the work goes on: a scope renews for ever while its body
hangs. So a progress note is a sign of work, and a renewal is not. A holder without a sign for ten lease
lengths is reported, once. Where `stall_after` is set, its renewals no longer count, and the lease runs out by
itself. Both are decided at renewals, since a lease that nobody renews ends anyway. So no alarm is needed, and
a cycle without renewals pays nothing.
"""

from __future__ import annotations

from ...commands.shared import Lost, Note, Refused, Renew, Renewed
from ...values.payloads import size_of
from ..state.ledger import Ledger, ns
from ..state.notes import NOTES_BYTES, NOTES_OF_A_TASK, keep_note
from ..state.parts import Part
from ..state.records import LEASED, LockRow, Row
from ..state.timeline import LEASE
from ..state.undo import ABSENT, put_back
from .leases import foreign, live, lost_reason, refuse

_LENGTHS = 10
"""lease lengths without a sign of work after which that is reported"""


class Signs(Part):
    """
    What holders reported.

    Tables:
        signs: leased task -> (last sign of work in lease time, whether its absence was reported); from
            the first renewal or note on
        notes: task -> ((token, attempt, agent, calendar time, note), ...), oldest first
    """

    tables = ("signs", "notes")

    def check(self, ledger: Ledger) -> None:
        """Assert that signs belong to live leases, and notes to known tasks."""
        for task, (since, _) in ledger.tables["signs"].items():
            assert ledger.tasks[task].state is LEASED
            assert since <= ledger.timeline.reading[LEASE]
        for task, notes in ledger.tables["notes"].items():
            assert task in ledger.tasks
            assert 0 < len(notes) <= NOTES_OF_A_TASK
            assert sum(size_of(note) for *_, note in notes) <= NOTES_BYTES


def renew(ledger: Ledger, command: Renew) -> tuple[Renewed | Lost, ...]:
    """Move deadlines to now + ttl. O(1) a lease: the alarm follows lazily."""
    raw, now, _ = ledger.timeline.reading
    answers: list[Renewed | Lost] = []
    tasks, undo = ledger.tasks, ledger.undo
    speakers = command.agents or (None,) * len(command.leases)
    for (task_id, token), agent in zip(command.leases, speakers, strict=False):
        task = tasks.get(task_id)
        is_live = task is not None and task.token == token and task.state is LEASED
        row = task if is_live else live(ledger, task_id, token)  # a lock, perhaps
        if row is None:
            answers.append(Lost(token, lost_reason(ledger, task_id, token)))
            continue
        if agent is not None and agent != row.agent:
            answers.append(Lost(token, "foreign"))
            continue
        if row.__class__ is LockRow:
            undo.touch_lock(row)
        elif _may_renew(ledger, row):  # type: ignore[arg-type]
            if undo.before_change is not None:
                undo.before_change(row)  # type: ignore[arg-type]
            # not `touch`: a scope renews again and again, and only these two change
            undo.entries.append((_unrenew, row, row.deadline_ns, row.ttl_ns))
        else:  # it shows no sign of work, so its lease runs out unextended
            answers.append(Renewed(token, raw + row.deadline_ns - now))
            continue
        latest = None
        if ledger.restraint is not None and row.__class__ is Row:
            latest = ledger.restraint.latest(ledger, row)
        asked = command.ttl_ns
        row.ttl_ns = ttl_ns = row.ttl_ns if asked is None else _new_ttl(row, asked)
        deadline = now + ttl_ns if latest is None else min(now + ttl_ns, latest)
        earlier = deadline < row.deadline_ns
        row.deadline_ns = deadline
        if earlier:  # a lazily corrected alarm must never ring too late
            ledger.alarms.lease(row.deadline_ns, token, row)
        answers.append(Renewed(token, raw + deadline - now))
    return tuple(answers)


def _unrenew(row: Row, deadline_ns: int, ttl_ns: int) -> None:
    row.deadline_ns, row.ttl_ns = deadline_ns, ttl_ns


def _new_ttl(row: Row | LockRow, asked_ns: int) -> int:
    if isinstance(row, LockRow) and row.depth > 1:
        return max(asked_ns, row.ttl_ns)  # the outer scope relies on the longer one
    return asked_ns


def note(ledger: Ledger, command: Note) -> Refused | None:
    """Keep a progress note with the live lease."""
    row = live(ledger, command.task, command.token)
    if row is None or row.__class__ is LockRow:
        return refuse(ledger, command.task, command.token)
    assert isinstance(row, Row)
    problem = foreign(command.agent, row)
    if problem is not None:
        return problem
    ledger.undo.touch(row)
    row.note = command.note
    sign(ledger, row)
    keep_note(ledger, row, command.note)
    ledger.emit("noted", command.task, row.agent, command.token, command.note)
    return None


def _since(ledger: Ledger, row: Row) -> int:
    known = ledger.tables["signs"].get(row.spec.id)
    # before its first renewal, a lease is as old as its length says
    return row.deadline_ns - row.ttl_ns if known is None else int(known[0])


def is_silent(ledger: Ledger, row: Row) -> bool:
    """Tell whether a lease has seen no command of its holder for two thirds of its length."""
    last_ns = max(row.deadline_ns - row.ttl_ns, _since(ledger, row))
    return 3 * (ledger.timeline.reading[LEASE] - last_ns) >= 2 * row.ttl_ns


def _patience(ledger: Ledger, row: Row) -> int:
    own = row.spec.stall_after
    patience = ledger.settings.stall_after if own is None else own
    return ns(patience) if patience else 0


def sign(ledger: Ledger, row: Row) -> None:
    """Note that the holder of a lease has shown a sign of work."""
    ledger.undo.put(ledger.tables["signs"], row.spec.id, (ledger.timeline.reading[LEASE], False))


def _may_renew(ledger: Ledger, row: Row) -> bool:
    """Tell whether a renewal counts, and report once that a holder shows no sign of work."""
    signs, spec = ledger.tables["signs"], row.spec
    task, own = spec.id, spec.stall_after
    known = signs.get(task)
    if known is None:  # `_since` and `put`, without their calls (benchmark "replay")
        known = (row.deadline_ns - row.ttl_ns, False)
        ledger.undo.entries.append((put_back, signs, task, ABSENT))
        signs[task] = known
    since, is_told = known
    silent_ns = ledger.timeline.reading[LEASE] - since
    patience = ledger.settings.stall_after if own is None else own
    is_over = 0 < ns(patience) <= silent_ns if patience else False
    if (is_over or silent_ns >= _LENGTHS * row.ttl_ns) and not is_told:
        ledger.undo.put(signs, task, (since, True))
        ledger.emit("stalled", task, row.agent, row.token, {"ns": silent_ns})
    return not is_over


def quiet(ledger: Ledger, row: Row) -> str | None:
    """
    Return that a holder shows no sign of work, and for how long; None if it does, or not for long enough.
    """
    silent_ns, patience = ledger.timeline.reading[LEASE] - _since(ledger, row), _patience(ledger, row)
    if 0 < patience <= silent_ns:
        return f"no sign of work for {silent_ns / 1e9:.3g} s: its renewals count no more (stall_after)"
    if silent_ns >= _LENGTHS * row.ttl_ns:
        return f"no sign of work for {silent_ns / 1e9:.3g} s"
    return None
