"""The places with the most attraction, over all kinds of marks together."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from sortedcontainers import SortedList

from ...values.marks import Trail, make_trail
from ..state.ledger import Ledger
from .ranking import FIRST_BY, FIRST_NS, LAST_BY, LAST_NS, MARKS, PLACE

if TYPE_CHECKING:
    from .trails import Trails


def net(part: Trails, ledger: Ledger, most: int, now: int) -> list[Trail]:
    """
    Walk down the lists of all attracting kinds together, until nothing unseen can be among the best.

    The threshold algorithm (Fagin, Lotem, Naor 2003): a place that no list has shown yet has at most the sum
    of the values at which the lists stand.
    """
    table = ledger.tables["trails"]
    for ranking in part.rankings.values():
        ranking.settle(table)
    lists = {
        kind: part.rankings[kind].strongest(table) for kind in part.rankings if part.rules[kind].draw > 0
    }
    best: SortedList = SortedList()
    seen: set[str] = set()
    while lists:
        bound = 0.0
        for kind, line in list(lists.items()):
            spot = next(line, None)
            rule = part.rules[kind]
            strength = 0.0 if spot is None else part.strength(rule, table[kind, spot[PLACE]], now)
            if spot is None or not (strength or rule.floor):
                del lists[kind]
                continue
            bound += rule.draw * strength
            if spot[PLACE] not in seen:
                seen.add(spot[PLACE])
                net = part.attraction(ledger, spot[PLACE], now)
                if net > 0:
                    best.add((net, spot[PLACE]))
                    if len(best) > most:
                        del best[0]
        if len(best) == most and best[0][0] > bound:
            break
    return [_sum_of(part, ledger, place, net) for net, place in reversed(best)]


def _sum_of(part: Trails, ledger: Ledger, place: str, net: float) -> Trail:
    rows = [row for _, row in part.at(ledger, place)]
    latest = max(rows, key=itemgetter(LAST_NS))
    first = min(rows, key=itemgetter(FIRST_NS))
    marks = sum(row[MARKS] for row in rows)
    return make_trail(
        None, place, net, marks, first[FIRST_NS], latest[LAST_NS], first[FIRST_BY], latest[LAST_BY], 0.0
    )
