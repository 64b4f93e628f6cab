"""
Purses: what work really consumes, such as tokens, money or calls.

A purse has a balance. The claim of a task with `spends` makes a reservation, its holder reports what was
spent, and the rest of the reservation is free again when the lease ends, however it ends. What is free is the
balance less all reservations. Everything else follows from one equation, which holds at any time:

    balance = amounts of the windows so far, never more than one is carried - all that was spent

Spending beyond a reservation, or without one, is taken from what is free; below zero it is a debt, which the
next windows pay first. A window begins at a multiple of its length on the board's calendar, which never goes
back, so each window refills the purse once.

Only boards with a purse have this part.
"""

from __future__ import annotations

from typing import Any

from ...commands.purses import SetPurse, Spend
from ...commands.shared import Refused
from ...errors import CoordinationError, LeaseLostError, PurseError
from ...values.tasks import Task
from ..state.ledger import FAR_NS, Ledger
from ..state.parts import Till
from ..state.records import LEASED, READY, Row
from ..state.timeline import CALENDAR
from .holding import sign
from .leases import foreign, lost_reason
from .ready import purse_name

_Row = tuple[int, int, int, int, int, int]
"""(amount, length of a window in ns or 0, number of its window, balance, spent, spent on coordination)"""


class Purses(Till):
    """
    The purses of a board and their reservations.

    Tables:
        purses: name -> (amount, ns of a window or 0, its number, balance, spent, of that on coordination)
        drawn: leased task -> ((purse, what is left of its reservation), ...)
    """

    tables = ("purses", "drawn")

    def rebuild(self, ledger: Ledger) -> None:
        """Add up the reservations, and find when the next purse is refilled."""
        self.reserved: dict[str, int] = {}
        self.shut: dict[str, None] = {}
        """purses that could not pay for something since they last opened"""
        for drawn in ledger.tables["drawn"].values():
            for name, n in drawn:
                self.reserved[name] = self.reserved.get(name, 0) + n
        self.refill_ns = FAR_NS
        for row in ledger.tables["purses"].values():
            self._watch(row)

    def _watch(self, row: _Row) -> None:
        amount, per, window, balance, *_ = row
        if per and amount and balance < amount:
            self.refill_ns = min(self.refill_ns, (window + 1) * per)

    def free(self, ledger: Ledger, name: str) -> int:
        """Return what is left of a purse and not reserved; below zero it is in debt."""
        _, _, _, balance, _, _ = ledger.tables["purses"][name]
        return int(balance) - self.reserved.get(name, 0)

    def can_pay(self, ledger: Ledger, spends: tuple[tuple[str, int], ...]) -> bool:
        """Tell whether each purse holds this amount."""
        for name, n in spends:
            if self.free(ledger, name) < n:
                self.shut[name] = None
                return False
        return True

    # -- time -------------------------------------------------------------------------------

    def pass_time(self, ledger: Ledger) -> None:
        """Start the windows that are due."""
        now = ledger.timeline.reading[CALENDAR]
        if now < self.refill_ns:
            return
        purses = ledger.tables["purses"]
        self.refill_ns = FAR_NS
        for name in sorted(purses):
            row = _as_of(purses[name], now)
            if row != purses[name]:
                self._put(ledger, name, row)
            self._watch(row)

    def wakeup_in_ns(self, reading: tuple[int, int, int]) -> int | None:
        """Return when the next purse is refilled."""
        return None if self.refill_ns == FAR_NS else max(0, self.refill_ns - reading[CALENDAR])

    def _put(self, ledger: Ledger, name: str, row: _Row) -> None:
        """Set a purse, and open the doors that it held shut."""
        ledger.undo.put(ledger.tables["purses"], name, row)
        self._watch(row)
        self._open(ledger, name)

    def _open(self, ledger: Ledger, name: str) -> None:
        if name in self.shut and self.free(ledger, name) > 0:
            del self.shut[name]
            ledger.order.reopen(purse_name(name))
            ledger.news.tell_anybody(ledger.counts[READY])

    # -- leases -----------------------------------------------------------------------------

    def granted(self, ledger: Ledger, row: Row) -> None:
        """Make the reservation; a check of a result reserves nothing, because the author's lease did."""
        spends = row.spec.spends
        if spends is None or row.spec.id in ledger.tables["handed"]:
            return
        ledger.undo.put(ledger.tables["drawn"], row.spec.id, tuple(spends.items()))
        for name, n in spends.items():
            self.reserved[name] = self.reserved.get(name, 0) + n

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Free the rest of a reservation."""
        drawn = ledger.tables["drawn"].get(row.spec.id)
        if drawn is None:
            return
        ledger.undo.drop(ledger.tables["drawn"], row.spec.id)
        for name, n in drawn:
            self.reserved[name] -= n
        for name, n in drawn:
            if n:
                self._open(ledger, name)

    # -- reading ----------------------------------------------------------------------------

    def why(self, ledger: Ledger, task: Task) -> list[str]:
        """Say which purses cannot pay for a task, and until when."""
        told = []
        for name, n in (task.spends or {}).items():
            free = self.free(ledger, name)
            if free >= n:
                continue
            amount, per, window, balance, *_ = ledger.tables["purses"][name]
            now = ledger.timeline.reading[CALENDAR]
            line = f"purse {name!r} has {free} left, and it spends {n}"
            if n > amount:
                line += f"; the purse never holds more than {amount}: purse({name!r}, ...) with more helps"
            elif free + self.reserved.get(name, 0) >= n:
                line += "; leases that are held have reserved the rest"
            elif per and amount:
                windows = -((balance - n) // amount)  # rounded up
                line += f"; it is refilled in {((window + windows) * per - now) / 1e9:.3f} s"
            else:
                line += f"; nothing refills it: purse({name!r}, ...) with more does"
            told.append(line)
        return told

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return what each purse has, and what was spent from it."""
        told = {}
        for name, row in sorted(ledger.tables["purses"].items()):
            amount, per, _, _, spent, coordination = row
            told[name] = {
                "amount": amount,
                "per": per / 1e9 if per else None,
                "left": self.free(ledger, name),
                "reserved": self.reserved.get(name, 0),
                "spent": spent,
                "coordination": coordination,
            }
        return {"purses": told}

    def check(self, ledger: Ledger) -> None:
        """Assert that only leases have reservations, and that sums and alarms follow the tables."""
        sums: dict[str, int] = {}
        for task, drawn in ledger.tables["drawn"].items():
            assert ledger.tasks[task].state is LEASED
            for name, n in drawn:
                assert n >= 0
                sums[name] = sums.get(name, 0) + n
        assert sums == {name: n for name, n in self.reserved.items() if n or name in sums}
        now = ledger.timeline.reading[CALENDAR]
        for amount, per, window, balance, spent, coordination in ledger.tables["purses"].values():
            assert balance <= amount
            assert 0 <= coordination <= spent
            if per and amount and balance < amount:
                assert now < (window + 1) * per
                assert self.refill_ns <= (window + 1) * per


def _as_of(row: _Row, now_ns: int) -> _Row:
    """Return a purse as it is now: refilled for each window that has begun, never above its amount."""
    amount, per, window, balance, spent, coordination = row
    current = now_ns // per if per else 0
    if current <= window:
        return row
    return amount, per, current, min(amount, balance + amount * (current - window)), spent, coordination


def set_purse(ledger: Ledger, command: SetPurse) -> None:
    """Make a purse, or give it another amount; what was spent in this window stays spent."""
    per, now = command.per_ns or 0, ledger.timeline.reading[CALENDAR]
    window = now // per if per else 0
    known = ledger.tables.setdefault("purses", {}).get(command.name)
    if known is None:
        row = (command.amount, per, window, command.amount, 0, 0)
    else:
        amount, *_, balance, spent, coordination = _as_of(known, now)
        row = (command.amount, per, window, balance + command.amount - amount, spent, coordination)
    if row != known:
        part = ledger.purses
        if part is None:
            ledger.undo.put(ledger.tables["purses"], command.name, row)
            ledger.sort_again()  # this installs the part
        else:
            assert isinstance(part, Purses)
            part.shut[command.name] = None  # a task that could not be paid for may be affordable now
            part._put(ledger, command.name, row)  # noqa: SLF001 - this file
    ledger.emit("purse", None, None, 0, {"name": command.name, "amount": command.amount, "per_ns": per})


def spend(ledger: Ledger, command: Spend) -> int | Refused:
    """Charge a purse, and the reservation of the lease as far as it goes."""
    task, name = command.task, command.name
    row = ledger.tasks.get(task)
    if row is None or row.token != command.token or row.state is not LEASED:
        return Refused(LeaseLostError(task, command.token, lost_reason(ledger, task, command.token)))
    refusal = foreign(command.agent, row)
    if refusal is not None:
        return refusal
    part = ledger.purses
    if part is None or name not in ledger.tables["purses"]:
        return Refused(PurseError(name, "there is no such purse", _known(ledger)))
    amount, per, window, balance, spent, coordination = _as_of(
        ledger.tables["purses"][name], ledger.timeline.reading[CALENDAR]
    )
    assert isinstance(part, Purses)
    n = command.amount
    fresh = (amount, per, window, balance - n, spent + n, coordination + n * command.coordination)
    ledger.undo.put(ledger.tables["purses"], name, fresh)
    part._watch(fresh)  # noqa: SLF001 - this file
    drawn = dict(ledger.tables["drawn"].get(task, ()))
    if drawn.get(name):
        settled = min(n, drawn[name])
        drawn[name] -= settled
        part.reserved[name] -= settled
        ledger.undo.put(ledger.tables["drawn"], task, tuple(drawn.items()))
    sign(ledger, row)
    detail = {"purse": name, "n": n, "coordination": command.coordination}
    ledger.emit("spent", task, row.agent, command.token, detail)
    return part.free(ledger, name)


def shortage(ledger: Ledger, task: Task) -> CoordinationError | None:
    """
    Return why no purse will ever pay for a task: there is none of that name, or its amount is too small.
    """
    for name, n in (task.spends or {}).items():
        row = ledger.tables.get("purses", {}).get(name)
        if row is None:
            why = f"task {task.id!r} spends from it, and there is no such purse"
            return PurseError(name, why, _known(ledger))
        if n > row[0]:
            return PurseError(name, f"task {task.id!r} spends {n}, and it never holds more than {row[0]}")
    return None


def _known(ledger: Ledger) -> tuple[str, ...]:
    return tuple(sorted(ledger.tables.get("purses", {})))
