"""
Teams: several agents at once, all or none, and no two teams waiting for each other.

At submit, `Task(team=(...))` becomes one task per seat and a parent that needs them all. A seat is claimable
only if free agents can fill every open seat of its team at this moment. The first agent to claim gets its
seat; in the same step, the others are reserved for agents found by augmenting paths (Kuhn's matching; a
first-fit choice would miss A{x,y}, B{x} for the seats x and y). A reserved agent gets its seat and nothing
else. If one does not come in time, the team is disbanded: reservations end, taken seats go back, and the
agents that did not come are left out of teams for a while. No agent ever holds a seat while it waits for
another to become free, so two teams cannot block each other.

Candidates are taken in the order (capabilities, name), the least capable first. At most k candidates are
examined for each of k seats: with k candidates, a seat can be filled whatever the other k - 1 seats take
(Hall 1935).
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING

from ...frozen import evolve
from ...requirements import parse
from ...values.tasks import FINAL, Task
from ..state.ledger import Ledger, ns
from ..state.records import LEASED, READY, Row
from ..state.timeline import LEASE
from ..work.lifecycle import give_back
from ..work.switches import call_off
from .members import FADING, SEAT

if TYPE_CHECKING:
    from .roster import Roster

RESERVATION = 3
"""kind of alarm: a reservation runs out"""
_ABSENT = 6
"""an agent that does not come is left out of teams for this many times the hold"""
_LOOKED_AT = 16
"""teams examined per claim; those behind them wait"""


def expand(task: Task) -> list[Task]:
    """Return the seats of a team; the parent needs them all."""
    seats = []
    for number, requires in enumerate(task.team, 1):
        both = requires if task.requires is None else f"({task.requires}) and ({requires})"
        seat = evolve(
            task, id=f"{task.id}/seat-{number}", requires=parse(both).text, team=(), parts=(), seat=task.id
        )
        seats.append(evolve(seat, key=None))
    return seats


def seats_of(ledger: Ledger, team: str) -> list[Row]:
    """Return the seats of a team that the ledger still knows, in order."""
    parent = ledger.tasks.get(team)
    needs = () if parent is None else parent.spec.needs
    rows = [ledger.tasks.get(need) for need in needs]
    return [row for row in rows if row is not None and row.spec.seat == team]


def _is_free(part: Roster, ledger: Ledger, agent: str, team: str) -> bool:
    tables, now = ledger.tables, ledger.timeline.reading[LEASE]
    presence = tables["presence"].get(agent)
    if presence is None or presence[FADING] or agent in tables["reserved"]:
        return False
    if tables["absent"].get(agent, 0) > now or part.holds_back(ledger, agent) is not None:
        return False
    holder = ledger.agents.get(agent)
    return holder is None or all(row.spec.seat != team for row in holder.leases.values())


def _candidates(part: Roster, ledger: Ledger, row: Row, most: int) -> list[str]:
    """Return the first agents that could take a seat now, the least capable first."""
    team = row.spec.seat
    assert team is not None
    fits, _ = part.index.masks(parse(row.spec.requires or "").root)
    members = part.index.members
    declined = ledger.declines.decliners.get(row.spec.id, {})
    found = (
        name
        for _, name in part.by_weight
        if members[name].bit & fits
        and name not in declined
        and _is_free(part, ledger, name, team)
        and part.may_do(name, row.spec)
    )
    return list(islice(found, most))


def _assign(part: Roster, ledger: Ledger, open_seats: list[Row], agent: str) -> dict[str, str] | None:
    """Return seat -> agent for all open seats, `agent` among them; None if they cannot all be filled."""
    for first in open_seats:
        team = first.spec.seat
        assert team is not None
        if agent in ledger.declines.decliners.get(first.spec.id, ()) or not part.may_do(agent, first.spec):
            continue
        if not _is_free(part, ledger, agent, team):
            return None
        others = [row for row in open_seats if row is not first]
        options = {
            row.spec.id: [a for a in _candidates(part, ledger, row, len(open_seats) + 1) if a != agent]
            for row in others
        }
        taken = _match(options)
        if len(taken) == len(others):
            return {first.spec.id: agent, **{seat: who for who, seat in taken.items()}}
    return None


def _match(options: dict[str, list[str]]) -> dict[str, str]:
    """Return agent -> seat for as many seats as can be filled, by augmenting paths."""
    taken: dict[str, str] = {}

    def place(seat: str, tried: set[str]) -> bool:
        for agent in options[seat]:
            if agent not in tried:
                tried.add(agent)
                if agent not in taken or place(taken[agent], tried):
                    taken[agent] = seat
                    return True
        return False

    for seat in options:
        place(seat, set())
    return taken


def seat_for(part: Roster, ledger: Ledger, agent: str) -> Row | None:
    """
    Return the seat that an agent would get now: one reserved for it, or one of a team that can be filled.
    """
    reserved = ledger.tables["reserved"].get(agent)
    if reserved is not None:
        row = ledger.tasks.get(reserved[SEAT])
        return row if row is not None and row.state is READY else None
    if agent not in part.index.members:
        return None  # seats are matched by adverts, and it has none
    for rows in _looked_at(part, ledger):
        plan = _assign(part, ledger, rows, agent)
        if plan is not None:
            part.plan = plan
            mine = next(seat for seat, who in plan.items() if who == agent)
            return ledger.tasks[mine]
    return None


def completed_by(part: Roster, ledger: Ledger, agent: str) -> list[Row]:
    """Return the open seats of the teams that can be filled now with this agent, for those that wait."""
    if agent not in part.index.members:
        return []
    return [
        row
        for rows in _looked_at(part, ledger)
        if _assign(part, ledger, rows, agent) is not None
        for row in rows
    ]


def _looked_at(part: Roster, ledger: Ledger) -> Iterator[list[Row]]:
    """Yield the open seats of the first teams that may be filled at all."""
    teams = [
        (min(_key(row) for row in seats.values()), team)
        for team, seats in part.open_seats.items()
        if seats and team not in part.reserved_teams
    ]
    for _, team in heapq.nsmallest(_LOOKED_AT, teams):
        rows = sorted(part.open_seats[team].values(), key=lambda row: row.seq)
        if all(row.spec.door is None or ledger.is_open(row.spec.door) for row in rows):
            yield rows


def _key(row: Row) -> tuple[int, int]:
    return -row.spec.priority, row.seq


def reserve(part: Roster, ledger: Ledger, row: Row) -> None:
    """Follow the grant of a seat: end its reservation, or reserve the other seats as planned."""
    reserved, undo = ledger.tables["reserved"], ledger.undo
    agent, team = row.agent, row.spec.seat
    assert agent is not None
    assert team is not None
    if agent in reserved:
        undo.drop(reserved, agent)
        part.count_reserved()
        part.tell(ledger, agent)  # it may sit in another team as well
        _tell_of_seats(part, ledger, team)
        return
    plan, part.plan = part.plan, {}
    until = ledger.timeline.reading[LEASE] + ns(ledger.settings.team_hold)
    for seat, who in plan.items():
        if who != agent:
            undo.put(reserved, who, (seat, team, until))
            heapq.heappush(part.alarms, (until, RESERVATION, who, seat))
            ledger.news.tell(who)
    part.count_reserved()


def disband(part: Roster, ledger: Ledger, team: str, absent: str | None, why: str) -> None:
    """Give all seats of a team back and end its reservations."""
    tables, undo = ledger.tables, ledger.undo
    if absent is not None:
        pause = _ABSENT * ns(ledger.settings.team_hold)
        undo.put(tables["absent"], absent, ledger.timeline.reading[LEASE] + pause)
    freed = [agent for agent, (_, of, _) in tables["reserved"].items() if of == team]
    for agent in sorted(freed):
        undo.drop(tables["reserved"], agent)
        part.tell(ledger, agent)
    part.count_reserved()
    for row in seats_of(ledger, team):
        if row.state is LEASED:
            undo.touch(row)
            row.attempts -= 1
            row.releases += 1
            give_back(ledger, row, "release", "revoked")
            ledger.emit("released", row.spec.id, row.agent, row.token)
    _tell_of_seats(part, ledger, team)
    ledger.emit("disbanded", team, absent, 0, why)


def _tell_of_seats(part: Roster, ledger: Ledger, team: str) -> None:
    """Tell those that wait of a team's open seats, if none is kept for an agent any more."""
    if ledger.news.is_wanted and team not in part.reserved_teams:
        ledger.news.ready += [
            (row.spec.kind, None, row.spec.id) for row in part.open_seats.get(team, {}).values()
        ]


def drop_rest(ledger: Ledger, row: Row) -> None:
    """Cancel the rest of a team whose parent, or one of whose seats, has ended without a result."""
    team = row.spec.id if row.spec.team else row.spec.seat
    assert team is not None
    for seat in seats_of(ledger, team):
        if seat is not row and seat.state not in FINAL:
            call_off(ledger, seat, f"its team {team!r} cannot be completed: {row.spec.id!r} is {row.state}")


def why_no_team(part: Roster, ledger: Ledger, row: Row) -> list[str]:
    """Say whether a team could be seated now, and if not, which seats compete for too few agents."""
    team = row.spec.seat
    assert team is not None
    rows = sorted(part.open_seats.get(team, {}).values(), key=lambda seat: seat.seq)
    if team in part.reserved_teams:
        waits = sorted(a for a, (_, of, _) in ledger.tables["reserved"].items() if of == team)
        return [f"the team is being seated: reserved for {', '.join(waits)}"]
    options = {seat.spec.id: _candidates(part, ledger, seat, len(rows)) for seat in rows}
    taken = _match(options)
    missing = [seat for seat in options if seat not in taken.values()]
    if not missing:
        return [f"a seat of team {team!r}: all {len(rows)} open seats could be filled now"]
    # the seats reachable from an unfilled one: together they need more agents than fit (Hall)
    wanting, agents = {missing[0]: None}, set()
    queue = [missing[0]]
    while queue:
        for agent in options[queue.pop()]:
            agents.add(agent)
            seat = taken.get(agent)
            if seat is not None and seat not in wanting:
                wanting[seat] = None
                queue.append(seat)
    asked = "; ".join(f"{seat}: {ledger.tasks[seat].spec.requires}" for seat in sorted(wanting))
    have = ", ".join(sorted(agents)) or "nobody"
    n = len(wanting)
    why = f"{n} seat(s) want {n} different free agents and only {len(agents)} fit: {have} ({asked})"
    return [f"a seat of team {team!r}: {why}"]
