"""What is written and read by hand is what the general way writes and reads, byte for byte and error for error."""

from __future__ import annotations

import json
import random
import re

import pytest

from ants_coord.commands.shared import Claim, Complete, CompleteMany, Renew, submission
from ants_coord.journals import codec
from ants_coord.journals.codec import text, usual
from ants_coord.values.tasks import Task
from ants_coord.values.verification import Verify

PAYLOADS = [None, 0, 1, -2.5, True, "", "é\x1f\u2028", [], {}, {"n": [1, {"m": None}]}, [[2], "x"]]


def commands(dice):
    """Draw commands of the usual kinds, in usual and in other forms."""
    pick = dice.choice
    task = pick(
        [
            lambda: Task("a", payload=pick(PAYLOADS)),
            lambda: Task("b", kind=pick(["default", "index"]), priority=pick([0, -3, 7])),
            lambda: Task("c", needs=["a"]),
            lambda: Task("d", verify=Verify.by_check(), lease_ttl=2.5),
            lambda: Task("é#1", tags=["x"], limit="db", payload=pick(PAYLOADS)),
        ]
    )
    yield submission((task(),), pick(["same", "keep"]))
    yield submission(tuple(Task(f"t{n}", payload=pick(PAYLOADS)) for n in range(pick([0, 2, 3]))))
    yield submission((Task("t"), task(), Task("u")))
    endings = tuple((f"t{n}", n, pick(PAYLOADS)) for n in range(pick([0, 1, 3])))
    yield CompleteMany(endings, pick([None, "ann"]))
    yield CompleteMany(endings)
    yield Claim("ann", pick([None, ("x", "y")]), pick([None, "a"]), pick([None, 5]))
    yield Claim("ann")
    yield Complete("a", 7, pick(PAYLOADS), pick(["refuse", "accept"]), pick([None, 0.5]), pick([None, "ann"]))
    yield Complete("a", 7, pick(PAYLOADS))
    yield Renew(tuple((f"t{n}", n) for n in range(pick([0, 1, 3]))), pick([None, 9]))


def general(monkeypatch, function, *args):
    """Do it without what is written by hand."""
    with monkeypatch.context() as patch:
        patch.setattr(codec, "WRITE", {})
        patch.setattr(codec, "READ", {})
        return answer(function, *args)


def answer(function, *args):
    try:
        return re.sub(
            r"[0-9a-f]{8,}-[0-9a-f]+", "drawn", repr(function(*args))
        )  # the id of a task without one
    except Exception as problem:
        return type(problem), str(problem)


def spoilt(body, dice):
    """Change something of an entry: a value, a name, a type."""
    session, number, name, fields = json.loads(body)
    places = [(fields, key) for key in fields]
    for holder, key in list(places):
        inner = holder[key]
        if isinstance(inner, list):
            places += [(inner, at) for at in range(len(inner))]
            for one in inner:
                if isinstance(one, dict | list):
                    places += [(one, at) for at in (one if isinstance(one, dict) else range(len(one)))]
    if not places:
        return body
    holder, key = dice.choice(places)
    match dice.randrange(5):
        case 0 if isinstance(holder, dict):
            holder[dice.choice(["agent", "tasks", "other", "result", "kind", "id"])] = holder.pop(key)
        case 1 if isinstance(holder, list):
            holder.append(holder[key])
        case 2:
            del holder[key]
        case 3:
            fields = dice.choice([[], None, "x", {}, {**fields, "draw": 0.5}, {**fields, "odd": 1}])
        case _:
            holder[key] = dice.choice(
                [None, 1, 2.5, True, "", "a\0b", [], {}, ["x"], {"id": "a"}, [["a", 1]]]
            )
    return json.dumps([session, number, name, fields]).encode()


@pytest.mark.parametrize("seed", range(40))
def test_by_hand_and_the_general_way_are_one(seed, monkeypatch):
    dice = random.Random(seed)
    for command in commands(dice):
        body = codec.encode(("s", 1), command, (4, 0))
        assert general(monkeypatch, codec.encode, ("s", 1), command, (4, 0)) == repr(body)
        assert general(monkeypatch, codec.decode_entry, body) == answer(codec.decode_entry, body)
        plain = codec.encode(("s", 1), command)
        for _ in range(30):
            damaged = spoilt(plain, dice)
            assert general(monkeypatch, codec.decode, damaged) == answer(codec.decode, damaged), damaged


def test_the_usual_forms_are_met():
    """Or the comparison above would compare nothing."""
    for command in (
        submission((Task("a", payload=1),)),
        submission((Task("a", payload=1), Task("b", payload=1))),
        Claim("ann"),
        Complete("a", 1, {"r": 1}),
        CompleteMany((("a", 1, {"r": 1}), ("b", 2, None))),
    ):
        fields = usual.WRITE[type(command)](command)
        assert fields is not None
        read = usual.READ[type(command).__name__](json.loads(fields))
        assert repr(read).replace("payload=None", "payload=1") == repr(command) or read == command
    assert usual.READ["Renew"]({"leases": [["a", 1]]}) == Renew((("a", 1),))


@pytest.mark.parametrize("value", PAYLOADS)
def test_the_encoder_that_is_kept_writes_what_json_writes(value, monkeypatch):
    kept = text.dumps([value])
    monkeypatch.setattr(text, "_encode", None)
    assert text.dumps([value]) == kept


def test_what_json_has_not_is_refused():
    for value in (float("nan"), float("inf"), object()):
        with pytest.raises((ValueError, TypeError)):
            text.dumps([value])
