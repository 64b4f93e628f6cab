"""
Signs of work: what a holder reports about its task while it holds it.

A renewal shows that a process is alive, not that the work goes on: a scope renews for ever while its body
hangs. So a progress note is a sign of work, and a renewal is not. A holder without a sign for ten lease
lengths is reported, once. Where `stall_after` is set, its renewals no longer count, and the lease runs out by
itself. Both are decided at renewals, since a lease that nobody renews ends anyway. So no alarm is needed, and
a cycle without renewals pays nothing.

The notes outlive the lease, and come with the next one.
"""

from __future__ import annotations

from ...values.checks import is_told
from ...values.payloads import copy_json, size_of
from ...values.tasks import NoteRecord
from ..state.ledger import Ledger, ns
from ..state.parts import Part
from ..state.records import LEASED, Row
from ..state.timeline import CALENDAR, LEASE

__all__ = [
    "MOST_DEEP",
    "Openings",
    "Signs",
    "Splits",
    "earlier_notes",
    "every_note",
    "forget_notes",
    "is_silent",
    "keep_note",
    "may_renew",
    "quiet",
    "sign",
]

_LENGTHS = 10
"""lease lengths without a sign of work after which that is reported"""
_OF_ONE_LEASE, _OF_A_TASK = 3, 12
"""notes kept: a busy reporter must not push out the notes of earlier holders"""
_BYTES = 32_768
MOST_DEEP = 16
"""most levels of splitting"""


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
            assert 0 < len(notes) <= _OF_A_TASK
            assert sum(size_of(note[4]) for note in notes) <= _BYTES


class Splits(Part):
    """
    Tasks that were split, and their parts.

    Tables:
        splits: task -> (how many splits lie above it, the parts it was split into)
    """

    tables = ("splits",)

    def check(self, ledger: Ledger) -> None:
        """Assert that parts are needs, and that depths are bounded."""
        for task, (depth, parts) in ledger.tables["splits"].items():
            assert 0 <= depth <= MOST_DEEP
            assert set(parts) <= set(ledger.tasks[task].spec.needs)


class Openings(Part):
    """
    Which opening of the board holds what; see openings.py for the consequences.

    Tables:
        openings: token -> (opening, task); the opening is "" where several have used the lease
    """

    tables = ("openings",)

    def check(self, ledger: Ledger) -> None:
        """
        Assert that only granted leases are listed, and only where the end of the opening can be detected.
        """
        for token, (opening, _) in ledger.tables["openings"].items():
            assert 0 < token <= ledger.last_token
            assert opening == "" or is_told(opening)


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
    return ns(ledger.settings.stall_after if own is None else own)


def sign(ledger: Ledger, row: Row) -> None:
    """Note that the holder of a lease has shown a sign of work."""
    ledger.undo.put(ledger.tables["signs"], row.spec.id, (ledger.timeline.reading[LEASE], False))


def may_renew(ledger: Ledger, row: Row) -> bool:
    """Tell whether a renewal counts, and report once that a holder shows no sign of work."""
    signs, task = ledger.tables["signs"], row.spec.id
    since, patience = _since(ledger, row), _patience(ledger, row)
    if task not in signs:
        ledger.undo.put(signs, task, (since, False))
    silent_ns = ledger.timeline.reading[LEASE] - since
    is_over = 0 < patience <= silent_ns
    if (is_over or silent_ns >= _LENGTHS * row.ttl_ns) and not signs[task][1]:
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


def keep_note(ledger: Ledger, row: Row, note: object) -> None:
    """Keep a note after its lease: the latest of each lease and of the task."""
    notes = list(ledger.tables["notes"].get(row.spec.id, ()))
    mine = [kept for kept in notes if kept[0] == row.token]
    if len(mine) >= _OF_ONE_LEASE:
        notes.remove(mine[0])
    notes.append((row.token, row.attempts, row.agent, ledger.timeline.reading[CALENDAR], note))
    while len(notes) > _OF_A_TASK or sum(size_of(kept[4]) for kept in notes) > _BYTES:
        del notes[0]
    if notes:
        ledger.undo.put(ledger.tables["notes"], row.spec.id, tuple(notes))


def earlier_notes(ledger: Ledger, row: Row) -> tuple[NoteRecord, ...]:
    """Return the notes of earlier holders of a task."""
    if row.spec.id in ledger.tables["handed"]:
        return ()  # an agent that judges or repeats a result must not be led by the first author's words
    return tuple([record for token, record in _records(ledger, row) if token != row.token])


def every_note(ledger: Ledger, row: Row) -> tuple[NoteRecord, ...]:
    """Return every note on a task, oldest first."""
    return tuple([record for _, record in _records(ledger, row)])


def _records(ledger: Ledger, row: Row) -> list[tuple[int, NoteRecord]]:
    found = ledger.tables["notes"].get(row.spec.id, ())
    return [
        (token, NoteRecord(agent, attempt, at_ns, copy_json(note)))
        for token, attempt, agent, at_ns, note in found
    ]


def forget_notes(ledger: Ledger, task: str) -> None:
    """Drop the notes on a task that is forgotten or has new content."""
    if task in ledger.tables["notes"]:
        ledger.undo.drop(ledger.tables["notes"], task)
