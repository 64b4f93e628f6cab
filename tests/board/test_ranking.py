"""The order of trails is brought up to date in pieces: no call does the work of all deposits before it."""

from __future__ import annotations

import random
from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord.core.board import ranking
from ants_coord.core.board.ranking import Ranking

from ..scale import of
from .test_model import Walk

KIND = "food"
places = st.sampled_from("abcdefghij")
weights = st.tuples(st.integers(0, 2), st.sampled_from((0.5, 0.75)))
steps = st.lists(
    st.one_of(
        *[st.tuples(st.just("lay"), places, weights)] * 6,
        st.tuples(st.just("drop"), places, st.none()),
        st.tuples(st.just("look"), st.none(), st.none()),
        st.tuples(st.just("weakest"), st.none(), st.none()),
    ),
    min_size=30,
    max_size=60,
)


class Counted(dict):
    """A table that counts how often somebody looks into it."""

    looks = 0

    def __getitem__(self, key):
        self.looks += 1
        return super().__getitem__(key)

    def get(self, key, default=None):
        self.looks += 1
        return super().get(key, default)


def lay(order, table, place, weight):
    old = dict.get(table, (KIND, place))
    table[KIND, place] = (*weight, "more")
    order.move(place, old and old[:2], table)


def test_a_trail_that_is_gone_is_in_no_run(monkeypatch):
    monkeypatch.setattr(ranking, "RUN", 2)
    order, table = Ranking(KIND, []), {}
    for number, place in enumerate("abcdef"):
        lay(order, table, place, (number, 0.5))
    order.drop("a", table.pop((KIND, "a"))[:2])
    order.settle(table)
    order.drop("d", table.pop((KIND, "d"))[:2])
    assert [place for *_, place in order.weakest(table)] == ["b", "c", "e", "f"]
    assert [place for *_, place in order.strongest(table)] == ["f", "e", "c", "b"]


def test_a_trail_that_comes_back_to_a_weight_is_read_once(monkeypatch):
    monkeypatch.setattr(ranking, "RUN", 2)
    order, table = Ranking(KIND, []), {}
    for place, weight in (("a", 1), ("b", 1), ("a", 2), ("c", 1), ("a", 1), ("d", 1), ("e", 1)):
        lay(order, table, place, (weight, 0.5))
    assert [place for *_, place in order.weakest(table)] == ["a", "b", "c", "d", "e"]


@given(steps)
def test_every_look_sees_what_a_sorted_list_would(said):
    """However trails move, come back to an old weight, fade and are laid again between the looks."""
    before, ranking.RUN = ranking.RUN, 3
    try:
        order, table = Ranking(KIND, []), {}
        for verb, place, weight in said:
            wanted = sorted((*row[:2], name) for (_, name), row in table.items())
            if verb == "lay":
                lay(order, table, place, weight)
            elif verb == "drop":
                if (KIND, place) in table:
                    order.drop(place, table.pop((KIND, place))[:2])
            elif verb == "look":
                order.settle(table)
                assert list(order.strongest(table)) == wanted[::-1]
            else:
                assert list(order.weakest(table)) == wanted
        order.check(table)
    finally:
        ranking.RUN = before


@pytest.mark.parametrize("seed", range(of(8, 40, 1_000)))
def test_seeded_walks_with_tiny_runs(seed, monkeypatch):
    """The naive board agrees when the order is always behind."""
    monkeypatch.setattr(ranking, "RUN", 1)
    walk = Walk(seed + 20_000)
    for _ in range(60):
        walk.step()
    walk.model.teardown()


@pytest.mark.parametrize("distinct", [20_000, 3_000])
def test_no_call_pays_for_all_deposits(distinct):
    """The first look after 20,000 deposits, and each deposit, does at most the work of a run or two."""
    dice, table = random.Random(7), Counted()
    order, most = Ranking(KIND, []), 0
    for number in range(20_000):
        table.looks = 0
        lay(order, table, f"p{number % distinct}", (number // 500, dice.random()))  # time raises all weights
        most = max(most, table.looks)
    assert most <= 3 * ranking.RUN
    assert sum(map(len, order._runs)) <= 2 * distinct + 10 * ranking.RUN
    worst = 0
    for _ in range(60):
        table.looks = 0
        order.settle(table)
        top = list(islice(order.strongest(table), 10))
        worst = max(worst, table.looks)
        assert top == sorted(((*row[:2], name) for (_, name), row in table.items()), reverse=True)[:10]
    # a step of settling, the newest run, the heads of all others, and what is out of date on top of them
    assert worst <= 3 * ranking.RUN + 10 * len(range(0, 20_000, ranking.RUN))
    assert not order._moved
