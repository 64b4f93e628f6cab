"""
Trails: marks reinforce them, time evaporates them, success and failure teach them.

A trail is a forward weight (state/decay.py) under (kind, place). Reading computes its strength then and
changes nothing. A trail whose strength falls below `faint` is gone. That is an event with its exact instant,
applied before the first command at or after it, so every replica sees it at the same place in the log and its
memory is freed.

Bounds work as in max-min ant systems (Stützle & Hoos 2000): a ceiling clips what a deposit adds, and a trail
does not fall below its floor, so such a trail is gone only when nobody has laid a mark for `forget_after`.
Applying the bounds when a trail is changed or read equals clamping at every instant, since time moves all
strengths of a kind by one factor.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import reduce
from itertools import islice, takewhile
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Final

from sortedcontainers import SortedList

from ...commands.board import Deposit, Sense, Strongest
from ...commands.shared import Refused
from ...errors import FaintMarkError, LimitError, QuarantinedError, UnknownKindError
from ...values.marks import Mark, MarkKind, Trail, make_trail
from ...values.settings import Settings
from ..state.decay import Pull, Weight, add, dies_at, pull_of, scaled, strength_at, weight_of
from ..state.ledger import FAR_NS, Ledger
from ..state.parts import Part
from ..state.records import Row
from ..state.timeline import CALENDAR
from .ranking import FIRST_BY, FIRST_NS, LAST_BY, LAST_NS, MARKS, PLACE, WEIGHT, Pool, Ranking, Rule
from .thresholds import FAILURES

if TYPE_CHECKING:
    from .surroundings import Surroundings

_AT_ONCE = 1_000
"""most trails that evaporate per command: a backlog must not stall one caller"""
_SPARSE = 4_096
_AUTHORS = 64
"""authors whose shares of one trail are known individually"""
BY: Final = 0
"""of a share in the table `shares`: its author"""


class Trails(Part):
    """
    The marks of a board.

    Tables:
        trails: (kind, place) -> (exponent, mantissa, marks, first ns, last ns, first by, last by)
        shares: (kind, place) -> ((author, exponent, mantissa), ...) by author, of trails with several
    """

    tables = ("trails", "shares")
    values = (Mark, MarkKind, Trail)

    def __init__(self, around: Surroundings) -> None:
        self.around = around
        around.trails = self
        self.commands = {Deposit: self.deposit}
        self.queries = {Sense: self.sense, Strongest: self.strongest}
        self.rankings: dict[str, Ranking] = {}
        """kind -> its order; a kind stays once it was used, and the settings bound their number"""
        self.ages: dict[str, SortedList] = {}
        """kind with a floor -> (last ns, place)"""
        self.begun: Counter[str] = Counter()
        """agent -> live trails that it started"""
        self.known: tuple[str, ...] = ()
        """the kinds that the settings name; empty if they name none: then any kind may be laid"""
        self.rules: dict[str, Rule] = {}
        self.is_behind = False
        """whether some trails are gone already but not yet noticed"""
        self.most = 0

    # -- the part ---------------------------------------------------------------------------

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild rankings and counts from the trails."""
        settings = self.settings = ledger.settings
        self.faint = settings.faint
        self.faint_exponent, _ = weight_of(self.faint, 0, 0)
        self.rules = {kind.name: Rule(kind, settings) for kind in settings.kinds}
        self.known = tuple(self.rules)
        spots: dict[str, list[tuple[int, float, str]]] = {}
        self.ages, self.begun = {}, Counter()
        for (kind, place), row in ledger.tables["trails"].items():
            spots.setdefault(kind, []).append((*row[WEIGHT], place))
            self.begun[row[FIRST_BY]] += 1
            if self.rule(kind).floor:
                self.ages.setdefault(kind, SortedList()).add((row[LAST_NS], place))
        self.rankings = {kind: Ranking(kind, spots[kind]) for kind in sorted(spots)}
        self.is_behind = True
        self.most = len(ledger.tables["trails"])

    def reconfigured(self, ledger: Ledger, old: Settings) -> None:
        """Rewrite each trail's present strength as a weight under its new half-life. O(n)."""
        new, now, table = ledger.settings, ledger.timeline.reading[CALENDAR], ledger.tables["trails"]
        before = {kind.name: Rule(kind, old) for kind in old.kinds}
        after = {kind.name: Rule(kind, new) for kind in new.kinds}
        for (kind, place), row in list(table.items()):
            was = before.get(kind) or Rule(MarkKind(kind), old)
            will = after.get(kind) or Rule(MarkKind(kind), new)
            if was.half_life != will.half_life:
                strength = max(strength_at(row[WEIGHT], now, was.half_life), new.faint)
                weight = weight_of(strength, now, will.half_life)
                ledger.undo.put(table, (kind, place), (*weight, *row[MARKS:]))

    def rule(self, kind: str) -> Rule:
        """Return how a kind behaves; an undeclared kind uses the board's defaults."""
        rule = self.rules.get(kind)
        if rule is None:
            rule = self.rules[kind] = Rule(MarkKind(kind), self.settings)
        return rule

    def strength(self, rule: Rule, row: tuple[Any, ...], now: int) -> float:
        """Return a trail's present strength, 0.0 if it is gone."""
        strength = strength_at(row[WEIGHT], now, rule.half_life)
        if rule.floor:
            return max(rule.floor, strength) if row[LAST_NS] + rule.forget_ns > now else 0.0
        if rule.ceiling is not None and strength > rule.ceiling:
            return rule.ceiling  # rounding may put it a last digit above the ceiling
        return strength if strength >= self.faint else 0.0

    def attraction(self, ledger: Ledger, place: str, now: int) -> float:
        """Return the net strength of all trails at a place, each times its weight. O(kinds)."""
        total = 0.0
        for kind, row in self.at(ledger, place):
            rule = self.rules[kind]
            total += rule.draw * self.strength(rule, row, now)
        return total

    def pulls(self, ledger: Ledger, place: str) -> dict[Pool, Pull]:
        """Return the pulls to a place, one sum a pool. O(kinds)."""
        parts: dict[Pool, list[tuple[float, Weight]]] = {}
        for kind, row in self.at(ledger, place):
            rule = self.rules[kind]
            parts.setdefault(rule.pool, []).append((rule.draw, row[WEIGHT]))
        return {pool: pull_of(parts[pool]) for pool in sorted(parts)}

    def at(self, ledger: Ledger, place: str) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Iterate over (kind, row) of the trails at a place."""
        table = ledger.tables["trails"]
        for kind in self.rankings:
            row = table.get((kind, place))
            if row is not None:
                yield kind, row

    # -- laying -----------------------------------------------------------------------------

    def deposit(self, ledger: Ledger, command: Deposit) -> Trail | Refused:
        """Lay a mark. O(1), plus O(log n) where tasks wait at its place."""
        mark, agent = command.mark, command.agent
        kind, place, asked = mark.kind, mark.place, mark.strength
        now = ledger.timeline.reading[CALENDAR]
        if self.known and kind not in self.known:
            return Refused(UnknownKindError(kind, self.known))
        if self.settings.namespaces:
            error = self.around.forbidden(ledger, place, agent)
            if error is not None:
                return Refused(error)
        if ledger.restraint is not None:
            weight_of_agent = ledger.restraint.weight(ledger, agent)
            if not weight_of_agent:
                why = ledger.restraint.holds_back(ledger, agent) or "is in quarantine: its marks do not count"
                return Refused(QuarantinedError(agent, why))
            asked *= weight_of_agent
        rule = self.rule(kind)
        row = ledger.tables["trails"].get((kind, place))
        has = self.strength(rule, row, now) if row is not None and (rule.is_bound or self.is_behind) else 0.0
        if row is not None and self.is_behind and not has:
            # there was a backlog of evaporation, and it had not reached this trail
            self._evaporate(ledger, kind, place, row, self._death(rule, row))
            row = None
        laid = asked if rule.ceiling is None else max(0.0, min(asked, rule.ceiling - has))
        if row is None:
            if laid < self.faint:
                return Refused(FaintMarkError(asked, self.faint))
            if self.begun.get(agent, 0) >= self.settings.quota:
                return Refused(
                    LimitError(f"live trails begun by {agent}", self.begun[agent] + 1, self.settings.quota)
                )
        weight = None if row is None else row[WEIGHT]
        if row is not None and rule.floor and has <= rule.floor:
            weight = weight_of(rule.floor, now, rule.half_life)  # raised to the floor now that it is touched
        if laid:
            more = weight_of(laid, now, rule.half_life)
            weight = more if weight is None else add(weight, more)
            if row is not None and (agent != row[FIRST_BY] or (kind, place) in ledger.tables["shares"]):
                self._share(ledger, kind, place, row, agent, more)
        assert weight is not None
        strength = self._lay(ledger, kind, place, weight, agent, row)
        if row is None:
            return make_trail(kind, place, strength, 1, now, now, agent, agent, laid)
        return make_trail(
            kind, place, strength, row[MARKS] + 1, row[FIRST_NS], now, row[FIRST_BY], agent, laid
        )

    def _lay(
        self, ledger: Ledger, kind: str, place: str, weight: Weight, agent: str, row: tuple[Any, ...] | None
    ) -> float:
        """Give a trail a new weight by a mark of `agent`, and tell everybody; return its strength."""
        now, table, rule = ledger.timeline.reading[CALENDAR], ledger.tables["trails"], self.rules[kind]
        if row is None:
            fresh = (*weight, 1, now, now, agent, agent)
            self.begun[agent] += 1
        else:
            fresh = (*weight, row[MARKS] + 1, row[FIRST_NS], now, row[FIRST_BY], agent)
        ledger.undo.put(table, (kind, place), fresh)
        ranking = self.rankings.get(kind)
        if ranking is None:
            self.rankings[kind] = ranking = Ranking(kind, [])
            self.rankings = dict(sorted(self.rankings.items()))
        ranking.move(place, None if row is None else row[WEIGHT], table)
        if rule.floor:
            ages = self.ages.setdefault(kind, SortedList())
            if row is not None:
                ages.remove((row[LAST_NS], place))
            ages.add((now, place))
            self.around.due(now + rule.forget_ns)
        elif rule.half_life and (row is None or weight < row[WEIGHT]):
            self.around.due(self._at_least_until(weight, rule))
        if row is None and len(table) > self.most:
            self.most = len(table)
        self.around.order.trail_moved(rule, place)
        strength = self.strength(rule, fresh, now)
        ledger.emit("deposited", None, agent, 0, [kind, place, strength])
        self.around.trail_changed(
            ledger, "created" if row is None else "changed", kind, place, strength, agent
        )
        return strength

    def _share(
        self, ledger: Ledger, kind: str, place: str, row: tuple[Any, ...], agent: str, more: Weight
    ) -> None:
        """Note an author's share of a trail; authors beyond the limit are counted together, as ""."""
        table = ledger.tables["shares"]
        shares = {name: (e, m) for name, e, m in self._shares(ledger, kind, place, row)}
        if agent not in shares and len(shares) >= _AUTHORS:
            agent = ""
        shares[agent] = add(shares[agent], more) if agent in shares else more
        ledger.undo.put(table, (kind, place), tuple([(name, *shares[name]) for name in sorted(shares)]))

    def _shares(
        self, ledger: Ledger, kind: str, place: str, row: tuple[Any, ...]
    ) -> tuple[tuple[str, int, float], ...]:
        """Return (author, exponent, mantissa) of each share of a trail; most trails have one author."""
        alone = ((row[FIRST_BY], *row[WEIGHT]),)
        return ledger.tables["shares"].get((kind, place), alone)  # type: ignore[no-any-return]

    def disown(self, ledger: Ledger, kind: str, place: str, agent: str) -> bool:
        """Remove an agent's share from a trail; tell whether it had one."""
        row = ledger.tables["trails"][kind, place]
        shares = self._shares(ledger, kind, place, row)
        rest = [share for share in shares if share[BY] != agent]
        if len(rest) == len(shares):
            return False
        if not rest:
            self._evaporate(ledger, kind, place, row)
            return True
        author, first_by = rest[0][BY], row[FIRST_BY]
        if first_by == agent or len(rest) == 1:
            self._begin(first_by, -1)
            self._begin(author, 1)
            first_by = author
        if len(rest) == 1:
            ledger.undo.drop(ledger.tables["shares"], (kind, place))
        else:
            ledger.undo.put(ledger.tables["shares"], (kind, place), tuple(rest))
        weight = reduce(add, [(exponent, mantissa) for _, exponent, mantissa in rest])
        fresh = (*weight, row[MARKS], row[FIRST_NS], row[LAST_NS], first_by, row[LAST_BY])
        self._reweigh(ledger, kind, place, row, fresh)
        self.around.reactions.weakened(ledger, kind, place)
        return True

    def _begin(self, agent: str, more: int) -> None:
        self.begun[agent] += more
        if not self.begun[agent]:
            del self.begun[agent]

    def _reweigh(
        self, ledger: Ledger, kind: str, place: str, row: tuple[Any, ...], fresh: tuple[Any, ...]
    ) -> None:
        """Replace a trail's weight for a reason other than a mark."""
        rule = self.rules[kind]
        ledger.undo.put(ledger.tables["trails"], (kind, place), fresh)
        self.rankings[kind].move(place, row[WEIGHT], ledger.tables["trails"])
        if not rule.floor and rule.half_life:
            self.around.due(self._at_least_until(fresh[WEIGHT], rule))
        self.around.order.trail_moved(rule, place)

    def _at_least_until(self, weight: Weight, rule: Rule) -> int:
        """
        Return a time before which a trail is not faint; its exponent alone gives it, without a logarithm.
        """
        exponent, _ = weight
        return (exponent - 1 - self.faint_exponent) * rule.half_life

    def spread(self, ledger: Ledger, kind: str, moved: dict[str, Weight | None], agent: str) -> int:
        """
        Give trails new weights in one step (diffusion) and return how many became too faint and are gone.
        """
        now, table, rule = ledger.timeline.reading[CALENDAR], ledger.tables["trails"], self.rule(kind)
        done = 0
        for place, weight in sorted(moved.items()):
            row = table.get((kind, place))
            has = 0.0 if weight is None else strength_at(weight, now, rule.half_life)
            if rule.ceiling is not None and has > rule.ceiling:
                weight = weight_of(rule.ceiling, now, rule.half_life)  # noqa: PLW2901
            if weight is None or has < (self.faint if row is None or not rule.floor else 0.0):
                if row is not None:
                    self._evaporate(ledger, kind, place, row)
                    done += 1
                continue
            if (kind, place) in ledger.tables["shares"]:
                # what came from elsewhere has no author any more
                ledger.undo.put(ledger.tables["shares"], (kind, place), (("", *weight),))
            self._lay(ledger, kind, place, weight, agent, row)
            done += 1
        return done

    # -- fading -----------------------------------------------------------------------------

    def pass_due(self, ledger: Ledger) -> None:
        """Let trails evaporate that are due, by kind and then in the order of their death."""
        now = ledger.timeline.reading[CALENDAR]
        left = _AT_ONCE
        for kind in list(self.rankings):
            self.rankings[kind].settle(ledger.tables["trails"])
            # find first, drop afterwards: dropping changes what is being walked
            for when, place in list(
                takewhile(lambda death: death[0] <= now, islice(self._deaths(ledger, kind), left))
            ):
                self._evaporate(ledger, kind, place, ledger.tables["trails"][kind, place], when)
                left -= 1
        self.is_behind = not left
        if left < _AT_ONCE:
            self._shrink(ledger)

    def _deaths(self, ledger: Ledger, kind: str) -> Iterator[tuple[int, str]]:
        """Iterate over the trails of a kind in the order of their death: when, and the place."""
        rule = self.rules[kind]
        if rule.floor:
            for last, place in self.ages.get(kind, ()):
                yield last + rule.forget_ns, place
        elif rule.half_life:
            for exponent, mantissa, place in self.rankings[kind].weakest(ledger.tables["trails"]):
                when = dies_at((exponent, mantissa), self.faint, rule.half_life)
                assert when is not None
                yield when, place

    def _death(self, rule: Rule, row: tuple[Any, ...]) -> int | None:
        if rule.floor:
            return int(row[LAST_NS]) + rule.forget_ns
        return dies_at(row[WEIGHT], self.faint, rule.half_life)

    def next_due(self, ledger: Ledger) -> int:
        """Return when the next trail is gone."""
        deaths = [next(self._deaths(ledger, kind), None) for kind in self.rankings]
        return min([when for when, _ in filter(None, deaths)], default=FAR_NS)

    def _evaporate(
        self, ledger: Ledger, kind: str, place: str, row: tuple[Any, ...], when: int | None = None
    ) -> None:
        ledger.undo.drop(ledger.tables["trails"], (kind, place))
        self.rankings[kind].drop(place, row[WEIGHT])
        if self.rules[kind].floor:
            self.ages[kind].remove((row[LAST_NS], place))
        self._begin(row[FIRST_BY], -1)
        if (kind, place) in ledger.tables["shares"]:
            ledger.undo.drop(ledger.tables["shares"], (kind, place))
        self.around.order.trail_moved(self.rules[kind], place)
        at = ledger.timeline.reading[CALENDAR] if when is None else when
        ledger.emit("evaporated", None, None, 0, [kind, place, at])
        self.around.trail_changed(ledger, "deleted", kind, place, 0.0, None)

    def _shrink(self, ledger: Ledger) -> None:
        """Free the memory of a table that has become sparse: dicts never shrink by themselves."""
        table = ledger.tables["trails"]
        if self.most < _SPARSE or len(table) * 4 > self.most:
            return
        ledger.undo.entries.append((ledger.tables.__setitem__, "trails", table))
        ledger.tables["trails"] = dict(table)
        self.most = len(table)

    def left(self, ledger: Ledger, row: Row, verb: str) -> None:
        """Teach the trails at a task's place: success reinforces or consumes them, failure weakens them."""
        place = row.spec.place
        if place is None or (verb != "complete" and verb not in FAILURES):
            return
        for kind, trail in list(self.at(ledger, place)):
            rule = self.rules[kind]
            factor = rule.success if verb == "complete" else rule.failure
            if factor != 1.0:
                self._rescale(ledger, kind, place, trail, factor)

    def _rescale(self, ledger: Ledger, kind: str, place: str, row: tuple[Any, ...], factor: float) -> None:
        rule, now = self.rules[kind], ledger.timeline.reading[CALENDAR]
        has = self.strength(rule, row, now)
        if not has:
            return  # it evaporated earlier; that is reported at its own instant
        wanted = has * factor
        if rule.ceiling is not None and wanted > rule.ceiling:
            factor = rule.ceiling / has
        if not factor or (not rule.floor and wanted < self.faint):
            self._evaporate(ledger, kind, place, row)
            return
        weight = scaled(row[WEIGHT], factor)
        if rule.floor and wanted <= rule.floor:
            weight = weight_of(rule.floor, now, rule.half_life)
        shares = ledger.tables["shares"].get((kind, place))
        if shares is not None:
            less = tuple([(name, *scaled((e, m), factor)) for name, e, m in shares])
            ledger.undo.put(ledger.tables["shares"], (kind, place), less)
        self._reweigh(ledger, kind, place, row, (*weight, *row[MARKS:]))
        strength = min(wanted, rule.ceiling) if rule.ceiling is not None else max(wanted, rule.floor)
        ledger.emit("reinforced" if factor > 1 else "weakened", None, None, 0, [kind, place, strength])
        self.around.trail_changed(ledger, "changed", kind, place, strength, None)

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return the number of trails."""
        return {"trails": len(ledger.tables["trails"])}

    def check(self, ledger: Ledger) -> None:
        """Assert that the orders follow the table."""
        table = ledger.tables["trails"]
        for (kind, place), row in table.items():
            _, mantissa = row[WEIGHT]
            assert 0.5 <= mantissa < 1
            assert not self.rules[kind].floor or (row[LAST_NS], place) in self.ages[kind]
        for key, shares in ledger.tables["shares"].items():
            assert key in table
            assert [share[BY] for share in shares] == sorted({share[BY] for share in shares})
        assert dict(self.begun) == Counter(row[FIRST_BY] for row in table.values())
        assert {kind for kind, _ in table} <= set(self.rankings)
        assert list(self.rankings) == sorted(self.rankings)
        for ranking in self.rankings.values():
            ranking.check(table)
        assert sum(map(len, self.ages.values())) == sum(self.rules[kind].floor > 0 for kind, _ in table)

    # -- queries ----------------------------------------------------------------------------

    def sense(self, ledger: Ledger, query: Sense) -> tuple[Trail, ...]:
        """Read the trails at a place. O(kinds)."""
        now, place = ledger.asked_ns, query.place
        table = ledger.tables["trails"]
        found = []
        for kind in self.rankings if query.kind is None else (query.kind,):
            row = table.get((kind, place))
            if row is not None:
                strength = self.strength(self.rules[kind], row, now)
                if strength:
                    found.append(make_trail(kind, place, strength, *row[MARKS:], 0.0))
        return tuple(found)

    def strongest(self, ledger: Ledger, query: Strongest) -> tuple[Trail, ...]:
        """Return the strongest trails of one kind, or of the net of all. O(log n + count) for one kind."""
        now, table = ledger.asked_ns, ledger.tables["trails"]
        if query.kind is None:
            return tuple(self._net(ledger, query.count, now))
        ranking = self.rankings.get(query.kind)
        if ranking is None:
            return ()
        found: list[Trail] = []
        rule = self.rules[query.kind]
        ranking.settle(table)
        for _, _, place in ranking.strongest(table):
            if len(found) >= query.count:
                break
            row = table[query.kind, place]
            strength = self.strength(rule, row, now)
            if strength:
                found.append(make_trail(query.kind, place, strength, *row[MARKS:], 0.0))
            elif not rule.floor:
                break  # all that follow are gone too
        return tuple(found)

    def _net(self, ledger: Ledger, most: int, now: int) -> list[Trail]:
        """
        Walk down the lists of all attracting kinds together, until nothing unseen can be among the best.

        The threshold algorithm (Fagin, Lotem, Naor 2003): a place that no list has shown yet has at most the
        sum of the values at which the lists stand.
        """
        table = ledger.tables["trails"]
        for ranking in self.rankings.values():
            ranking.settle(table)
        lists = {
            kind: self.rankings[kind].strongest(table) for kind in self.rankings if self.rules[kind].draw > 0
        }
        best: SortedList = SortedList()
        seen: set[str] = set()
        while lists:
            bound = 0.0
            for kind, line in list(lists.items()):
                spot = next(line, None)
                rule = self.rules[kind]
                strength = 0.0 if spot is None else self.strength(rule, table[kind, spot[PLACE]], now)
                if spot is None or not (strength or rule.floor):
                    del lists[kind]
                    continue
                bound += rule.draw * strength
                if spot[PLACE] not in seen:
                    seen.add(spot[PLACE])
                    net = self.attraction(ledger, spot[PLACE], now)
                    if net > 0:
                        best.add((net, spot[PLACE]))
                        if len(best) > most:
                            del best[0]
            if len(best) == most:
                least, _ = best[0]
                if least > bound:
                    break
        return [self._sum_of(ledger, place, net) for net, place in reversed(best)]

    def _sum_of(self, ledger: Ledger, place: str, net: float) -> Trail:
        rows = [row for _, row in self.at(ledger, place)]
        latest = max(rows, key=itemgetter(LAST_NS))
        first = min(rows, key=itemgetter(FIRST_NS))
        marks = sum(row[MARKS] for row in rows)
        return make_trail(
            None, place, net, marks, first[FIRST_NS], latest[LAST_NS], first[FIRST_BY], latest[LAST_BY], 0.0
        )
