"""
Openings and agents: who holds what, and what happens to it when the opening is gone or the agent comes back.

A killed process gives nothing back. Where the system can tell that an opening of the board has ended, another
opening reports it with an EndOpening, and what it held returns at once instead of at its deadline. An opening
whose end can be detected has a name that says so, and holders are recorded only for such openings. A lease
granted under the caller's own request id belongs to no opening, since that caller may ask again from another
process. Nor does a lease that two openings have used: a process that was given a handle and renews it must
not lose it with the process that claimed it, nor the other way round.

Ended leases stay in the table until it is swept: removing each at its end would cost every cycle a call.
"""

from __future__ import annotations

from typing import Any

from ...commands.shared import Adopt, Command, EndOpening, LockNames, ReleaseAll, Renew, Renewed
from ...values.checks import is_told
from ...values.tasks import Lease
from ..state.ledger import Ledger
from ..state.parts import Part
from ..state.records import LEASED, LockRow, Row
from ..state.timeline import LEASE
from ..state.undo import ABSENT, put_back
from .holding import is_silent, sign
from .leases import hand_back, lease_of, next_token
from .lifecycle import drop_lock, expire

_GONE = "its process has ended or dropped the board"
_SWEPT_AT = 64
_NOBODY = ("", "")


class Openings(Part):
    """
    Which opening of the board holds what.

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


def note_holder(ledger: Ledger, opening: str, command: Command[Any], reply: Any) -> None:
    """
    Note what a reply gives to an opening, or that the opening uses what another one holds.

    Args:
        ledger: the state.
        opening: the opening that asked: any session, or a caller's own request id.
        command: the command.
        reply: its reply.

    """
    kind = type(reply)
    if kind is Lease:
        if command.__class__ is LockNames and reply.attempt > 1:
            share(ledger, opening, reply.token, reply.task)  # re-entered
        elif is_told(opening):
            give(ledger, opening, reply)
    elif kind is tuple and type(command) is Renew:
        assert isinstance(command, Renew)
        for (task, token), answer in zip(command.leases, reply, strict=True):
            if answer.__class__ is Renewed:
                share(ledger, opening, token, task)
    elif kind is tuple and reply and reply[0].__class__ is Lease and is_told(opening):
        for lease in reply:
            give(ledger, opening, lease)


def give(ledger: Ledger, opening: str, lease: Lease) -> None:
    """Note that an opening holds a new lease."""
    table, tasks, locks = ledger.tables["openings"], ledger.tasks, ledger.locks
    entries, token = ledger.undo.entries, lease.token
    if len(table) >= _SWEPT_AT and len(table) > 2 * (ledger.counts[LEASED] + len(locks)):
        ended = {
            each: known
            for each, known in table.items()
            if each not in locks  # `_live`, without a call for each
            and ((row := tasks.get(known[1])) is None or row.token != each or row.state is not LEASED)
        }
        entries.append((table.update, ended))
        for each in ended:
            del table[each]
    entries.append((put_back, table, token, table.get(token, ABSENT)))
    table[token] = (opening, lease.task)


def share(ledger: Ledger, opening: str, token: int, task: str) -> None:
    """Note that an opening uses a lease: if another one holds it, the end of neither ends it."""
    table = ledger.tables["openings"]
    if token in table and table[token][0] not in (opening, ""):
        ledger.undo.put(table, token, ("", task))


def _live(ledger: Ledger, token: int, task: str) -> Row | LockRow | None:
    row = ledger.tasks.get(task)
    if row is not None and row.token == token and row.state is LEASED:
        return row
    return ledger.locks.get(token)


def holding(ledger: Ledger) -> list[str]:
    """Return the openings that are known to hold something now. O(leases)."""
    found: dict[str, None] = {}
    for token, (opening, task) in ledger.tables["openings"].items():
        if opening and opening not in found and _live(ledger, token, task) is not None:
            found[opening] = None
    return list(found)


def opening_of(ledger: Ledger, token: int) -> str:
    """Return the opening that holds a lease; "" if it is unknown, or if there are several."""
    found: tuple[str, str] = ledger.tables["openings"].get(token, _NOBODY)
    return found[0]


def end_opening(ledger: Ledger, command: EndOpening) -> int:
    """Give back what an ended opening held, or keep it without an owner; return how many leases."""
    table, ended = ledger.tables["openings"], 0
    for token in sorted([token for token, (opening, _) in table.items() if opening == command.opening]):
        row = _live(ledger, token, table[token][1])
        ledger.undo.drop(table, token)
        if row is None:
            continue
        ended += 1
        if command.keep:
            continue
        if isinstance(row, LockRow):
            drop_lock(ledger, row, _GONE)
        else:
            expire(ledger, row, _GONE)
    return ended


def release_all(ledger: Ledger, command: ReleaseAll) -> int:
    """Give back everything an agent holds, tasks and locks."""
    holder = ledger.agents.get(command.agent)
    rows = list(holder.leases.values()) if holder is not None else []
    for row in rows:
        hand_back(ledger, row)
    locks = [lock for lock in ledger.locks.values() if lock.agent == command.agent]
    for lock in locks:
        drop_lock(ledger, lock, "released")
    return len(rows) + len(locks)


def adopt(ledger: Ledger, command: Adopt) -> tuple[Lease, ...]:
    """
    Re-issue an agent's live leases: the process that held the old tokens is fenced off.

    A holder that still shows signs of life keeps them: a second session under the same name must not take
    over the work of the first. A scope renews every third of its ttl, so silence for two thirds is a missed
    renewal. A holder that is known to be gone counts as silent at once.
    """
    holder = ledger.agents.get(command.agent)
    adopted: list[Lease] = []
    for old, row in list(holder.leases.items()) if holder is not None else ():
        assert holder is not None
        if not (command.force or opening_of(ledger, old) in command.gone or is_silent(ledger, row)):
            continue
        ledger.undo.touch(row)
        del holder.leases[old]
        limit = row.spec.limit
        if limit is not None:
            del ledger.live[limit][old]
        row.token = token = next_token(ledger)
        row.deadline_ns = ledger.timeline.reading[LEASE] + row.ttl_ns
        if ledger.restraint is not None:
            latest = ledger.restraint.latest_known(ledger, row)
            row.deadline_ns = row.deadline_ns if latest is None else min(row.deadline_ns, latest)
        holder.leases[token] = row
        sign(ledger, row)
        if limit is not None:
            ledger.live[limit][token] = row
        ledger.alarms.lease(row.deadline_ns, token, row)
        ledger.emit("adopted", row.spec.id, command.agent, token, old)
        adopted.append(lease_of(ledger, row))
    return tuple(adopted)
