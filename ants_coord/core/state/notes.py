"""Progress notes: they outlive the lease under which they were written, and come with the next one."""

from __future__ import annotations

from ...values.payloads import copy_json, size_of
from ...values.tasks import NoteRecord
from .ledger import Ledger
from .records import Row
from .timeline import CALENDAR

_OF_ONE_LEASE, NOTES_OF_A_TASK = 3, 12
"""notes kept: a busy reporter must not push out the notes of earlier holders"""
NOTES_BYTES = 32_768


def keep_note(ledger: Ledger, row: Row, note: object) -> None:
    """Keep a note after its lease: the latest of each lease and of the task."""
    notes = list(ledger.tables["notes"].get(row.spec.id, ()))
    mine = [kept for kept in notes if kept[0] == row.token]
    if len(mine) >= _OF_ONE_LEASE:
        notes.remove(mine[0])
    notes.append((row.token, row.attempts, row.agent, ledger.timeline.reading[CALENDAR], note))
    while len(notes) > NOTES_OF_A_TASK or sum(size_of(kept) for *_, kept in notes) > NOTES_BYTES:
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
