"""
The ready order of the blackboard: places pull agents, the most attractive first.

The attraction of a place is the strength of the trails that lead to it plus how long its oldest task has
waited. Divided by the agent's threshold for the kind of task, that is its score, and the highest score is
claimed. Within a place, the task that has been ready longest comes first. Priority comes before everything
else.

Scores change with time, so they are not stored. What is stored never changes with time: for each group
(signature, kind, priority), the places with READY tasks are listed by the pull of their trails and by the age
of their oldest task. There is one list of pulls for each pool (kinds with the same half-life, whose sum keeps
its order, too). A claim walks down these lists together and stops as soon as nothing unseen can beat the best
(the threshold algorithm: Fagin, Lotem, Naor 2003). It visits at most 256 places; that cap is part of the
semantics.

With `explore` some claims draw instead, with a probability proportional to the
square of the score: the choice function of Deneubourg et al. 1990. The draw
is computed from the log's position and the last token, so replicas agree.

Spots whose limit is full are parked outside all lists, so they delay nobody.

If very many signatures are open to an agent, their spots are walked together (`places.Crowd`).
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Container, Hashable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..matching.index import MANY, Open, Signature
from ..matching.order import Seats
from ..matching.teams import seat_for
from ..state.decay import moment, pull_at
from ..state.ledger import Ledger
from ..state.records import READY, Row
from ..state.timeline import CALENDAR
from ..work.ready import in_order, names_of
from .places import END, FOUND, ROW, STEPS, Crowd, Found, Group, Line, Spot, Spots, check_spots, drawn, rank

if TYPE_CHECKING:
    from ..matching.eligibility import Capable
    from .ranking import Pool, Rule
    from .thresholds import Thresholds
    from .trails import Trails

VISITS = 256
"""places that one claim examines in each group, at most"""
_UNKNOWN: dict[str, float] = {}

_Key = tuple[Hashable, str, int, str | None, Any]
_UNSETTLED: list[Found] = []
"""the very list that says that a walk was broken off"""


class ByTrails(Seats):
    """
    The order part of the blackboard.

    Args:
        ledger: gives settings, limits and time.
        part: the eligibility part; its index says which signatures may have tasks.
        trails: gives attraction.
        thresholds: gives the agents' thresholds.

    """

    __slots__ = (
        "_at",
        "_crowd",
        "_doors",
        "_groups",
        "_ledger",
        "_limited",
        "_live",
        "_made",
        "_parked",
        "_part",
        "_spots",
        "_thresholds",
        "_trails",
    )
    _part: Capable
    honours = frozenset({"place"})

    def __init__(self, ledger: Ledger, part: Capable, trails: Trails, thresholds: Thresholds) -> None:
        self._ledger, self._part, self._trails, self._thresholds = ledger, part, trails, thresholds
        self._spots: dict[_Key, Spot] = {}
        self._groups: dict[Hashable, dict[tuple[str, int], Group]] = {}
        self._at: dict[str, dict[int, Spot]] = {}
        """place -> listed spots there"""
        self._parked: dict[Any, dict[int, Spot]] = {}
        """shut door -> spots that were removed from the lists"""
        self._doors: dict[Hashable, dict[Any, None]] = {}
        """name of a limit or purse -> shut doors of several names that it may open"""
        self._limited: dict[Any, dict[int, Spot]] = {}
        """limit -> listed spots"""
        self._live: dict[Hashable, int] = {}
        """signature -> listed spots"""
        self._crowd: Crowd | None = None
        """all listed spots, while claims have very many signatures to choose from"""
        self._made = 0

    # -- rows come and go -------------------------------------------------------------------

    def add(self, row: Row, signature: Hashable) -> None:
        """Add a row that has become READY. O(log n)."""
        spot = row.lane
        if spot is not None:
            spot.stale -= 1  # its old entry has the same key and serves again
        else:
            spec = row.spec
            key = (signature, spec.kind, spec.priority, spec.place, spec.door)
            spot = self._spots.get(key) or self._spot(key)
            row.lane = spot
            if spot.dead and (row.ready_ns, row.seq) in spot.dead:
                spot.dead.remove((row.ready_ns, row.seq))  # it has returned to its old place
            else:
                heapq.heappush(spot.heap, (row.ready_ns, row.seq, row))
        if spot.age is None:
            best = spot.best()  # a parked spot has more rows than this one
            assert best is not None
            self._list(spot, best[:2])
        elif (row.ready_ns, row.seq) < spot.age:
            self._age(spot, (row.ready_ns, row.seq))
        if row.spec.seat is not None:
            self._note_seat(row)

    def leave(self, row: Row) -> None:
        """Note that a row is no longer READY. Amortised O(log n)."""
        spot = row.lane
        heap = spot.heap
        if heap and heap[0][ROW] is row:
            heapq.heappop(heap)
            row.lane = None
            if spot.dead:
                spot.surface()
        else:
            spot.stale += 1
            if spot.stale > 32 and 2 * spot.stale > len(heap):
                spot.sweep(row)
        if spot.is_empty:
            self._unlist(spot)
        if row.spec.seat is not None:
            self._forget_seat(row)

    def reorder(self, row: Row) -> None:
        """Forget a row's entry, because its key or spot is about to change."""
        spot = row.lane
        if spot is not None:
            if row.state is not READY:
                spot.stale -= 1
            spot.bury((row.ready_ns, row.seq))
            row.lane = None
            if spot.is_empty:
                self._unlist(spot)
        self._forget_seat(row)

    def reopen(self, limit: Hashable) -> None:
        """List the spots of a limit, or of a purse, again: it has room."""
        for door in (limit, *self._doors.pop(limit, ())):
            for spot in self._parked.pop(door, {}).values():
                best = spot.best()
                if best is not None and spot.age is None:
                    self._list(spot, best[:2])

    def trail_moved(self, rule: Rule, place: str) -> None:
        """
        Move the spots at a trail's place to its new weight. O(log n) for each spot; mostly there are none.
        """
        spots = self._at.get(place)
        if spots is None:
            return
        pool = rule.pool
        pull = self._trails.pulls(self._ledger, place).get(pool)
        for spot in spots.values():
            old = spot.pulls.pop(pool, None)
            if pull is not None:
                spot.pulls[pool] = pull
            spot.group.pull(spot, pool, old, pull)
            if self._crowd is not None:
                self._crowd.lists_of(spot).pull(spot, pool, old, pull)

    # -- claims -----------------------------------------------------------------------------

    def passing_over(
        self,
        agent: str,
        signatures: Iterable[Hashable],
        kinds: tuple[str, ...] | None,
        declined: Container[str],
    ) -> Row | None:
        """Return what `first` returns: it passes over declined tasks by itself."""
        return self.first(agent, signatures, kinds)

    def first(self, agent: str, signatures: Iterable[Hashable], kinds: tuple[str, ...] | None) -> Row | None:
        """
        Return the row at the most attractive place of the highest priority. O(log n), and at most 256 visits.
        """
        seat: Row | None = None
        if self._part.open_seats:
            seat = seat_for(self._part, self._ledger, agent)
            if seat is not None and kinds is not None and seat.spec.kind not in kinds:
                seat = None
            if agent in self._ledger.tables["reserved"]:
                return seat
        draw = self._draw(agent) if self._ledger.settings.explore else None
        if signatures.__class__ is Open:
            if seat is None and draw is None:
                is_settled, row = self._among_many(agent, signatures, kinds)
                if is_settled:
                    return row
        elif self._crowd is not None and len(self._live) <= MANY:
            self._crowd = None
        groups = [
            group
            for signature in signatures
            for (kind, _), group in self._groups.get(signature, {}).items()
            if group.spots and (kinds is None or kind in kinds)
        ]
        if len(groups) > 1:
            groups.sort(key=lambda group: -group.priority)
        if len(groups) == 1 and seat is None and draw is None:
            best = self._plain(groups[0], agent)
            if best is not None:
                return best
        at = 0
        while at < len(groups):
            level = groups[at].priority
            if seat is not None and seat.spec.priority >= level:
                return seat
            found: list[Found] = []
            while at < len(groups) and groups[at].priority == level:
                found += self._walk(groups[at], agent, everything=draw is not None)
                at += 1
            if found:
                return max(found, key=rank)[FOUND] if draw is None else drawn(found, draw)
        return seat

    def _among_many(
        self, agent: str, signatures: Open, kinds: tuple[str, ...] | None
    ) -> tuple[bool, Row | None]:
        """Return whether all spots together say which row is first, and that row."""
        if self._crowd is None:
            self._crowd = Crowd(spot for spot in self._spots.values() if spot.age is not None)
        for groups in self._crowd.levels(kinds):
            found: list[Found] = []
            for group in groups:
                walked = self._walk(group, agent, among=signatures)
                if walked is _UNSETTLED:
                    return False, None
                found += walked
            if found:
                return True, max(found, key=rank)[FOUND]
        return True, None

    def _walk(
        self, group: Spots, agent: str, *, everything: bool = False, among: Open | None = None
    ) -> list[Found]:
        """
        Return the first row that fits at the best spot, if any; if `everything`, those of all spots visited.
        """
        found = None
        while found is None:
            found = self._walk_once(group, agent, everything, among)
        return found

    def _plain(self, group: Group, agent: str) -> Row | None:
        """Return the best spot's first row if one look proves that it is the best: the usual case."""
        if len(group.by_trail) != 1 or agent in self._ledger.declines.active:
            return None
        (((half_life, floored), line),) = group.by_trail.items()
        if len(line) < 2 or floored:
            return None
        strongest, second = islice(reversed(line), 2)
        sign, exponent, mantissa, number = strongest
        spot = group.spots[number]
        ready, _, row = spot.heap[0]
        if sign < 1 or spot.limit is not None or row.state is not READY:
            return None
        settings, now = self._ledger.settings, self._ledger.timeline.reading[CALENDAR]
        at, stimulus = moment(now, half_life), settings.stimulus
        pull = pull_at((sign, exponent, mantissa), at)
        best = settings.indifference + pull + stimulus * ((now - ready) / 1e9)
        pull = pull_at(second, at) if second[0] > 0 else 0.0
        if best <= settings.indifference + pull + stimulus * ((now - group.by_age[0][0]) / 1e9):
            return None
        return row

    def _walk_once(
        self, group: Spots, agent: str, everything: bool, among: Open | None
    ) -> list[Found] | None:
        ledger, settings = self._ledger, self._ledger.settings
        indifference, stimulus = settings.indifference, settings.stimulus
        now = ledger.timeline.reading[CALENDAR]
        threshold = self._thresholds.of.get(agent, _UNKNOWN).get(group.kind, 1.0)
        by_age, spots = group.by_age, group.spots
        lines = self._lines(group, now) if group.by_trail else {}
        takes_all = among is None and agent not in self._ledger.declines.active
        seen: set[int] = set()
        found: list[Found] = []
        best: Found | None = None
        at = looks = 0
        while at < len(by_age) and len(found) < VISITS:
            ready, seq, oldest = by_age[at]
            head = spots[oldest].best()
            assert head is not None
            if head[:2] != (ready, seq):
                self._age(spots[oldest], head[:2])  # its oldest task has been claimed since
                continue
            numbers, bound = [], 0.0
            for line in lines.values():
                if line.number != END:
                    numbers.append(line.number)
                    line.step()
                    bound += line.pull
            if not numbers or len(found) > 1:  # strong trails alone usually decide
                numbers.append(oldest)
                at += 1
            if among is not None:
                looks += len(lines) + 1
                if looks > STEPS:
                    return _UNSETTLED
            for number in numbers:
                if number in seen:
                    continue
                seen.add(number)
                spot = spots[number]
                if spot.limit is not None and not ledger.is_open(spot.limit):
                    self._park(spot.limit)
                    return None  # the lists have changed
                entry = spot.best() if takes_all else self._fit(spot, agent, among)
                if entry is None:
                    continue
                pulled = 0.0
                for pool, pull in spot.pulls.items():  # in the order of pools, as in the lines
                    pulled += lines[pool].value(pull)
                since, came, row = entry
                score = indifference + pulled + stimulus * ((now - since) / 1e9)
                one = (score / threshold if score > 0 else 0.0, -since, -came, row)
                found.append(one)
                if best is None or one[:3] > best[:3]:
                    best = one
            if best is not None and not everything:
                # computed by the same steps as a score, so that rounding cannot make a difference
                most = max(0.0, indifference + bound + stimulus * ((now - ready) / 1e9)) / threshold
                if best[0] > most or (best[0] == most and best[1:3] >= (-ready, -seq)):
                    break
        return found if everything or best is None else [best]

    def _lines(self, group: Spots, now: int) -> dict[Pool, Line]:
        """Start a walk down each pool."""
        lines = {}
        for pool in sorted(group.by_trail):
            half_life, floored = pool
            floor = self._trails.rules[floored] if floored else None
            lines[pool] = Line(floor, group.by_trail[pool], moment(now, half_life))
        return lines

    def _fit(self, spot: Spot, agent: str, among: Open | None) -> tuple[int, int, Row] | None:
        """Return the first entry of a spot that the agent may take and has not declined."""
        if among is not None and spot.group.signature not in among:
            return None
        if agent not in self._ledger.declines.active:
            return spot.best()
        return next(self._fitting(spot, agent), None)

    def _fitting(self, spot: Spot, agent: str) -> Iterator[tuple[int, int, Row]]:
        """Iterate over the entries of a spot that the agent has not declined, in order."""
        declined = self._ledger.declines.active.get(agent, {})
        return in_order(spot, lambda row: row.spec.id not in declined)

    def _draw(self, agent: str) -> float | None:
        """Return a number in [0, 1) if this claim is to draw; everything that decides it is in the log."""
        ledger, explore = self._ledger, self._ledger.settings.explore
        text = f"{ledger.position}/{ledger.last_token}/{agent}"
        found = hashlib.blake2b(text.encode(), digest_size=16).digest()
        chance, draw = (int.from_bytes(half) >> 11 for half in (found[:8], found[8:]))
        return draw / (1 << 53) if chance < explore * (1 << 53) else None

    def best(self, agent: str, signatures: Iterable[Hashable], count: int) -> list[Row]:
        """Return up to `count` rows in the order of their present scores, from at most 256 places a group."""
        if self._part.open_seats:
            seat = seat_for(self._part, self._ledger, agent)
            if agent in self._ledger.tables["reserved"]:
                return [] if seat is None else [seat]
        rows: list[tuple[int, Found]] = []
        for signature in signatures:
            for group in list(self._groups.get(signature, {}).values()):
                found = self._walk(group, agent, everything=True) if group.spots else []
                found.sort(key=rank, reverse=True)
                rows += [(group.priority, one) for one in found[:count]]
        rows.sort(key=lambda pair: (pair[0], *rank(pair[1])), reverse=True)
        heads = [one[FOUND] for _, one in rows]
        more = [
            row for head in heads for _, _, row in islice(self._fitting(head.lane, agent), 1, count)
        ]  # the first of each spot is the head itself
        return [*heads, *more][:count]

    # -- lists ------------------------------------------------------------------------------

    def _spot(self, key: _Key) -> Spot:
        signature, kind, priority, place, limit = key
        if len(self._spots) >= 1024 and len(self._spots) & (len(self._spots) - 1) == 0:
            self._prune()
        groups = self._groups.setdefault(signature, {})
        group = groups.get((kind, priority))
        assert isinstance(signature, Signature)
        if group is None:
            group = groups[kind, priority] = Group(signature, kind, priority)
        self._made += 1
        spot = self._spots[key] = Spot(self._made, group, place, limit)
        signature.lanes.append(spot)
        return spot

    def _prune(self) -> None:
        """
        Forget empty spots and groups, whenever their number reaches a power of two: there may be many places.
        """
        for one in {spot.group.signature: None for spot in self._spots.values() if not spot.heap}:
            one.lanes = [spot for spot in one.lanes if spot.heap]
        self._spots = {key: spot for key, spot in self._spots.items() if spot.heap}
        used = {id(spot.group) for spot in self._spots.values()}
        for signature, groups in list(self._groups.items()):
            kept = {key: group for key, group in groups.items() if id(group) in used}
            if kept:
                self._groups[signature] = kept
            else:
                del self._groups[signature]

    def _list(self, spot: Spot, age: tuple[int, int]) -> None:
        number, place, signature = spot.number, spot.place, spot.group.signature
        spot.age = age
        if place is not None:
            self._at.setdefault(place, {})[number] = spot
            spot.pulls = self._trails.pulls(self._ledger, place)
        spot.group.add(spot)
        if self._crowd is not None:
            self._crowd.lists_of(spot).add(spot)
        self._live[signature] = self._live.get(signature, 0) + 1
        # taken from the signature itself: a number stored here would go stale
        self._part.index.ready[signature.block] |= signature.bit
        if spot.limit is not None:
            self._limited.setdefault(spot.limit, {})[number] = spot

    def _unlist(self, spot: Spot) -> None:
        if spot.age is None:
            return
        number, place, signature = spot.number, spot.place, spot.group.signature
        if self._crowd is not None:
            self._crowd.lists_of(spot).drop(spot)
        spot.group.drop(spot)
        spot.age, spot.pulls = None, {}
        left = self._live[signature] - 1
        if left:
            self._live[signature] = left
        else:
            del self._live[signature]
            self._part.index.ready[signature.block] &= ~signature.bit
        if spot.limit is not None:
            del self._limited[spot.limit][number]
            if not self._limited[spot.limit]:
                del self._limited[spot.limit]
        if place is not None:
            here = self._at[place]
            del here[number]
            if not here:
                del self._at[place]

    def _age(self, spot: Spot, age: tuple[int, int]) -> None:
        if self._crowd is not None:
            self._crowd.lists_of(spot).age(spot, age)
        spot.group.age(spot, age)
        spot.age = age

    def _park(self, limit: Any) -> None:
        """Remove all spots of a full limit from the lists until it reopens."""
        parked = self._parked.setdefault(limit, {})
        if limit.__class__ is tuple:
            for name in names_of(limit):
                self._doors.setdefault(name, {})[limit] = None
        for spot in list(self._limited[limit].values()):
            self._unlist(spot)
            parked[spot.number] = spot

    def check(self, rows: Iterable[Row]) -> None:
        """Assert that the lists follow the rows and the trails. O(n)."""
        check_spots(self._spots.values(), rows, self._parked, self._live)
        for spot in self._spots.values():
            pulls = self._trails.pulls(self._ledger, spot.place) if spot.place and spot.age else {}
            assert spot.pulls == pulls
        for groups in self._groups.values():
            for group in groups.values():
                group.check()
        if self._crowd is not None:
            self._crowd.check(spot for spot in self._spots.values() if spot.age is not None)
