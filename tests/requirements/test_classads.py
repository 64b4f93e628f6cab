"""ClassAds as the oracle: the logic of requirements is that of HTCondor's own library."""

from __future__ import annotations

import random

import pytest

from ants_coord.errors import RequirementError
from ants_coord.requirements import evaluate, facts_of, parse

from ..scale import of

classad2 = pytest.importorskip(
    "classad2", reason="the ClassAd library is not installed here (pip install htcondor)"
)

PAIRS = of(3_000, 10_000, 1_000_000)
NUMBERS = ("n", "m", "k")
TEXTS = ("region", "os")
FLAGS = ("free", "spot")
COMPARE = ("==", "!=", "<", "<=", ">", ">=")


def random_test(dice):
    """Return one test in our words and in theirs."""
    kind = dice.randrange(4)
    if kind == 0:
        name, op, value = dice.choice(NUMBERS), dice.choice(COMPARE), dice.randrange(-1, 4)
        return f"{name} {op} {value}", f"{name} {op} {value}"
    if kind == 1:
        name, op, value = dice.choice(TEXTS), dice.choice(COMPARE[:2]), dice.choice("abc")
        return f'{name} {op} "{value}"', f'{name} {op} "{value}"'
    if kind == 2:
        name = dice.choice(FLAGS)
        return f"{name} == true", f"{name} == true"
    name, values = dice.choice(TEXTS), sorted(set(dice.choices("abc", k=2)))
    ours = f"{name} in {{{', '.join(map(repr, values))}}}"
    return ours, "(" + " || ".join(f'{name} == "{value}"' for value in values) + ")"


def random_pair(dice, depth=0):
    if depth > 3 or dice.random() < 0.35:
        return random_test(dice)
    if dice.random() < 0.25:
        ours, theirs = random_pair(dice, depth + 1)
        return f"not ({ours})", f"!({theirs})"
    word, mark = dice.choice((("and", "&&"), ("or", "||")))
    parts = [random_pair(dice, depth + 1) for _ in range(dice.randrange(2, 4))]
    return f" {word} ".join(f"({a})" for a, _ in parts), f" {mark} ".join(f"({b})" for _, b in parts)


def random_attributes(dice):
    """Return an advert's attributes, 40 % of them missing."""
    known = {}
    for names, values in ((NUMBERS, range(-1, 4)), (TEXTS, "abc"), (FLAGS, (True, False))):
        known.update({name: dice.choice(values) for name in names if dice.random() < 0.6})
    return known


def test_every_value_is_what_the_classad_library_says():
    """True, false and undefined agree on random expressions and adverts."""
    dice, values = random.Random(20261121), {True: 0, False: 0, None: 0}
    compared = refused = 0
    while compared < PAIRS:
        ours, theirs = random_pair(dice)
        expression = classad2.ExprTree(theirs)
        for _ in range(5):
            known = random_attributes(dice)
            answer = expression.eval(classad2.ClassAd(known))
            expected = None if answer == classad2.Value.Undefined else bool(answer)
            try:
                found = evaluate(parse(ours).root, facts_of([], known))
            except RequirementError:  # never true, whatever is advertised
                assert expected is not True, ours
                refused += 1
            else:
                assert found is expected, (ours, known)
                values[found] += 1
            compared += 1
    print(f"\n  classad2: {compared} pairs, 0 differ ({values}; {refused} refused as never true)")
    assert min(values.values()) > PAIRS // 20
