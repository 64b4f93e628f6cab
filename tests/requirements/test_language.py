"""The requirement language: errors that help, one canonical form, three values, never an accident."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ants_coord.errors import RequirementError
from ants_coord.requirements import evaluate, facts_of, parse

from ..scale import of
from .trees import facts, naive, text_of, trees

ERRORS = {
    "gpu && cuda": (5, "write 'and'"),
    "gpu || cuda": (5, "write 'or'"),
    "!gpu": (1, "write 'not'"),
    "region = 'eu'": (8, "write '=='"),
    "gpu and": (8, "missing at the end"),
    "gpu AND cuda": (5, "small letters"),
    "gpu cuda": (5, "'and' or 'or' is missing"),
    "(gpu": (5, "')' is missing"),
    "gpu)": (4, "not expected"),
    "m < 'a'": (3, "compares numbers"),
    "m == other": (6, 'write "other"'),
    "1 < m < 3": (7, "one comparison at a time"),
    "x in {1, 'a'}": (6, "one sort of values"),
    "x in 3": (6, "a list"),
    "x in {}": (7, "belongs here"),
    "python:abc": (7, "python:>=3.10"),
    "python:3.": (7, "python:>=3.10"),
    "python:>=3.13.0rc1": (7, "numbers only: write :>=3.13.0 "),
    "go:v1.22": (3, "numbers only: write :1.22 "),
    "a and cuda:12.1-devel": (16, "numbers only: write :12.1 "),
    "go >= v1.22": (7, "or go:>=1.22 for a version"),
    "name == 'open": (9, "not closed"),
    "m == 99999999999999999999": (6, "beyond 2**53"),
    "3 == 4": (6, "must be a name"),
    "m >= ": (6, "belongs here"),
    "and": (1, "belongs here"),
    "gpu and #": (9, "not understood"),
    "name == 'a\x07'": (9, "control characters"),
    "(" * 60 + "a" + ")" * 60: (52, "nested deeper"),
    " or ".join(["a"] * 300): (1281, "more than 256"),
    "a" * 5_000: (1, "longer than"),
    "m >= 8 and m < 4": (1, "m < 4 and m >= 8"),
    "gpu and not gpu": (1, "gpu and not gpu"),
    "doc.parse and not doc": (1, "doc.parse and not doc"),
    "r == 'a' and r == 'b'": (1, "no agent can ever"),
    "r == 'a' and r > 3": (1, "no agent can ever"),
    "free == true and free == false": (1, "no agent can ever"),
    "false": (1, "no agent can ever"),
}


@pytest.mark.parametrize("text", ERRORS, ids=lambda text: text[:24])
def test_an_error_names_the_column_and_what_is_right(text):
    """Every slip that people make has its own sentence."""
    column, words = ERRORS[text]
    with pytest.raises(RequirementError) as caught:
        parse(text)
    assert caught.value.column == column
    assert words in str(caught.value)
    assert isinstance(caught.value, ValueError)


MEANT = [
    ("doc.parse", ["doc.parse.pdf"], {}, True),
    ("doc.parse.pdf", ["doc.parse"], {}, False),
    ("python:3.11", ["python:3.11.4"], {}, True),
    ("python:>=3.9", ["python:3.10"], {}, True),
    ("python:<3.9", ["python:3.10", "python:3.8"], {}, True),
    ("python:3.10.0", ["python:3.10"], {}, True),
    ("python", ["python:3.10"], {}, True),
    ("python:>=3", ["python"], {}, None),
    ("python:>=3", [], {}, False),
    ("mem >= 16", [], {}, None),
    ("not mem >= 16", [], {}, None),
    ("mem >= 16", [], {"mem": "a lot"}, None),
    ("mem >= 16 or gpu", ["gpu"], {}, True),
    ("mem >= 16 and gpu", [], {}, False),
    ("free", [], {"free": True}, True),
    ("not free", [], {"free": False}, True),
    ("not legacy", [], {}, True),
    ("mem", [], {"mem": 3}, None),
    ("x == 1", [], {"x": True}, None),
    ("x == true", [], {"x": 1}, None),
    ("r in {'a', 'b'}", [], {"r": "b"}, True),
    ("r not in {'a', 'b'}", [], {}, None),
    ("", [], {}, True),
]


@pytest.mark.parametrize(("text", "capabilities", "attributes", "expected"), MEANT)
def test_what_is_meant(text, capabilities, attributes, expected):
    """Absent capabilities are false, absent attributes unknown; the special serves the general."""
    assert evaluate(parse(text).root, facts_of(capabilities, attributes)) is expected


def judge(text, known):
    return evaluate(parse(text).root, known) if text not in ("true", "false") else text == "true"


@settings(max_examples=of(100, 400, 20_000), deadline=None)
@given(trees, facts)
def test_the_canonical_form_means_the_same(tree, known):
    """Pushing `not` down, sorting and folding change no value, and reading it back changes nothing."""
    try:
        found = parse(text_of(tree))
    except RequirementError:
        assert naive(tree, known, judge) is not True  # refused as never true: then it is not true here
        return
    assert evaluate(found.root, known) is naive(tree, known, judge)
    if found.text != "true":
        assert parse(found.text).text == found.text
    assert set(found.atoms) <= {atom for clause in found.clauses for atom in atoms_of(clause)}


def atoms_of(node):
    if node[0] == "atom":
        return [node[1]]
    return [atom for child in node[1:] for atom in atoms_of(child)]


@settings(max_examples=of(60, 200, 10_000), deadline=None)
@given(trees, st.randoms(use_true_random=False))
def test_order_and_doubles_do_not_matter(tree, dice):
    """However the same requirement is shuffled, its canonical text is one."""
    try:
        text = parse(text_of(tree)).text
    except RequirementError:
        return
    assert parse(text_of(shuffled(tree, dice))).text == text


def shuffled(tree, dice: random.Random):
    kind, body = tree
    if kind == "test":
        return tree
    if kind == "not":
        return (
            ("not", ("not", ("not", shuffled(body, dice))))
            if dice.random() < 0.3
            else (kind, shuffled(body, dice))
        )
    parts = [shuffled(one, dice) for one in body]
    parts += [dice.choice(parts)] if dice.random() < 0.5 else []
    dice.shuffle(parts)
    return kind, parts


PIECES = ("and", "or", "not", "in", "(", ")", "{", "}", "a", "a.b", "==", "<", "'x'", '"', "3", "-1.5e3", ":", "p:>=3.1", ",", "\\", "\x00", "é", "\ud800")  # fmt: skip


@settings(max_examples=of(100, 400, 20_000), deadline=None)
@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(PIECES), max_size=25).map(" ".join)))
def test_any_text_is_read_or_refused(text):
    """Never anything but a requirement or a RequirementError whose column lies in the text."""
    try:
        found = parse(text)
    except RequirementError as problem:
        assert 1 <= problem.column <= len(text) + 1
    else:
        assert evaluate(found.root, facts_of([], {})) in (True, False, None)


@pytest.mark.parametrize("value", [None, 3, b"gpu", ["gpu"]])
def test_only_text_is_read(value):
    """Another type is a TypeError that shows what is meant."""
    with pytest.raises(TypeError, match="gpu and mem >= 16"):
        parse(value)
