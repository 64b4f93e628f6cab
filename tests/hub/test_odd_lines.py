"""
Lines with anything in them: each is answered, the hub goes on, and every reader of the log understands what it wrote.

A client may be written by anybody. One line must not end the hub for all others, and one entry that cannot be read
would stop every process of the board, for good.
"""

from __future__ import annotations

import contextlib
import itertools
import json

import pytest

from ants_coord import Blackboard, Board, Task
from ants_coord.commands import plain_data
from ants_coord.commands.shared import Submit
from ants_coord.frozen import fields
from ants_coord.hub import wire
from ants_coord.hub.program_lines import VERBS
from ants_coord.values.payloads import MAX_DEPTH, json_value
from tests.journals.test_made_by_hand import EXAMPLES

from ..scale import of
from .by_hand import SECRET
from .running import lines, plug, running
from .test_forged import ASKED, forged, held_by_ann

ODD = (
    "null", "true", "1.5", "-1", "-0.0", str(2**70), "1e999", "NaN", "-Infinity", '""', '"x"', '"\\ud800"', '"\\u0000"',
    '"\\udc00\\ud800"', "[]", '[["x", 1]]', '[["x", "y", "z"]]', "{}", '{"id": "x"}', '[{"id": "x"}]', '{"a": 1, "a": NaN}',
    "[" * (MAX_DEPTH + 1) + "]" * (MAX_DEPTH + 1), "[" * 900 + "]" * 900, "[" * 20_000 + "]" * 20_000,
)  # fmt: skip
EVERY = of(3, 1, 1)  # quick puts every third of them into a place, and another third into the next
TASK, LOCK = 777_777_777, 888_888_888
"""they stand for the tokens of a task and a lock that are held"""
NUMBER = 999_999_999
"""it stands for the number of a request"""
END, ENDED = ['["key","the end","a guess"]'], ["key", "the end", False]
HOLE = "here comes something odd"


def holes(value):
    """Yield a value with each of its parts, in turn, replaced by the hole."""
    yield HOLE
    if isinstance(value, dict):
        for key, item in value.items():
            for holed in holes(item):
                yield {**value, key: holed}
            yield {HOLE if name == key else name: one for name, one in value.items()}
        for key in ("payload", "parts"):  # of a task, which the log keeps elsewhere
            yield {**value, key: HOLE}
    elif isinstance(value, list):
        for place, item in enumerate(value):
            for holed in holes(item):
                yield [*value[:place], holed, *value[place + 1 :]]


def odd_lines(message):
    """Return a message as lines, each with something odd in one place, and with a number of its own."""
    number = itertools.count(1)
    for place, holed in enumerate(holes(message)):
        text = json.dumps(holed, separators=(",", ":"))
        for odd in ODD[place % EVERY :: EVERY]:
            if f'"{HOLE}":' not in text or odd.startswith('"'):
                yield text.replace(f'"{HOLE}"', odd).replace(str(NUMBER), str(next(number)))


def answered(address, sent, *, most=200):
    """Send lines, and return as many answers."""
    found = []
    with plug(address) as sock:
        for start in range(0, len(sent), most):
            some = sent[start : start + most]
            sock.sendall("".join(f"{line}\n" for line in some).encode())
            found += lines(sock, len(some))
    return found


@contextlib.contextmanager
def judged(tmp_path):
    """Serve a board in use; then the hub goes on, and a replay of its log gives the same board."""
    path, address = tmp_path / "board.db", tmp_path / "hub"
    with Blackboard(path, durability="process", secret=SECRET) as board:
        tokens = held_by_ann(board)
        with running(board, address):
            yield address, tokens
            assert answered(address, END) == [ENDED]
        board.check()
        with Board(path) as reader:
            assert reader._engine.digest() == board._engine.digest()
            records = board.tasks(count=1_000)
            assert reader.tasks(count=1_000) == records
        ended = [one.outcome.result for one in records if one.outcome is not None]
        noted = [value for one in records for value in (one.note, *[each.note for each in one.notes])]
        written = [one.value for one in board.entries(count=1_000)]
        for value in (*[one.task.payload for one in records], *ended, *noted, *written):
            json_value(value, "a value that the verbs would have refused")


def fields_of(message):
    """Return all fields of a message as JSON, those with their default, too."""
    said = {}
    for each in fields(type(message)):
        if each.init:
            value, write = getattr(message, each.name), plain_data._writes(each.type)
            said[each.name] = value if write is None else write(value)
    return json.loads(wire.dumps(said))


def named(messages):
    """Return messages as parameters, under distinct names."""
    return [pytest.param(each, id=f"{type(each).__name__}-{n}") for n, each in enumerate(messages)]


NEW = Submit((Task(f"new-{NUMBER}"),), ({"n": 1},))
COMMANDS = [*EXAMPLES.values(), *forged(TASK, LOCK), NEW]


@pytest.mark.parametrize("command", named(COMMANDS))
def test_every_command_with_something_odd(command, tmp_path):
    """Carried out at once, and in the line; on tasks that there are not, and on one that is held."""
    with judged(tmp_path) as (address, tokens):
        said = json.dumps(fields_of(command))
        for stands, token in zip((TASK, LOCK), tokens, strict=True):
            said = said.replace(str(stands), str(token))
        what = ["session", NUMBER, type(command).__name__, json.loads(said)]
        sent = [*odd_lines(what), *waits(what)]
        assert len(answered(address, sent)) == len(sent)


@pytest.mark.parametrize("query", named(ASKED))
def test_every_query_with_something_odd(query, tmp_path):
    with judged(tmp_path) as (address, _):
        what = ["?", type(query).__name__, fields_of(query)]
        sent = [*odd_lines(what), *waits(what)]
        assert len(answered(address, sent)) == len(sent)


def waits(what):
    """Return lines that wait for a moment, each for something odd."""
    for number, line in enumerate(odd_lines(what), 1):
        yield f'["wait",{number},true,{line},{{}}]'


WORDS = (
    ["hello", wire.VERSION, "client", "lane", {"ann": "a guess"}],
    ["key", "ann", "a guess"],
    ["now"],
    ["digest"],
    ["check"],
    ["still", {"ready": True, "agent": "ann", "kinds": ["x"], "task": "a", "passed": 1}, 1, 0],
    [
        "wait",
        1,
        False,
        ["?", "Find", {"task": "b"}],
        {"ready": True, "agent": "ann", "ended": ["b"], "heard": True},
    ],
    ["wait", 2, False, ["?", "Outcomes", {"tasks": ["b"]}], {"ended": ["b"], "names": ["n"], "paths": ["p"]}],
    ["last", 1],
    ["leave", 1],
    ["withdraw", [["session", 3, 0]]],
    ["bye", "client", [["session", 3, 0]], [["a", 1]]],
    ["keep", 1, "a"],
    ["unkeep", 1],
)


@pytest.mark.parametrize("message", WORDS, ids=lambda message: message[0])
def test_every_word_with_something_odd(message, tmp_path):
    """Some are not answered at once, and some end the connection, but the hub goes on."""
    with judged(tmp_path) as (address, _):
        for line in odd_lines(message):
            with plug(address) as sock, contextlib.suppress(ConnectionError):
                sock.sendall(f"{line}\n{END[0]}\n".encode())
                with sock.makefile("rb") as heard:
                    any(json.loads(answer) == ENDED for answer in heard)


OBJECTS = (
    {"verb": "hello", "agent": "ann", "key": "a guess", "secret": "a guess"},
    {"verb": "claim", "agent": "ann", "kinds": ["x"], "task": "b", "lease_ttl": 5, "timeout": 0, "id": "r"},
    {"verb": "complete", "agent": "ann", "lease": "a#777777777", "result": {"n": 1}, "late": "refuse", "id": "r"},
    {"verb": "fail", "agent": "ann", "lease": "a#777777777", "reason": "x", "retry": 5},
    {"verb": "find", "task": "a"},
    {"verb": "lock", "agent": "ann", "names": ["n"], "paths": ["f"], "root": "/r", "holder": "h", "shared": False},
    {"verb": "mark", "agent": "ann", "kind": "seen", "place": "p", "strength": 1.5},
    {"verb": "read", "path": "p"},
    {"verb": "release", "agent": "ann", "lease": "a#777777777", "all": False},
    {"verb": "renew", "agent": "ann", "lease": "a#777777777", "lease_ttl": 5},
    {
        "verb": "submit", "task": "c", "kind": "x", "priority": 1, "requires": "gpu", "place": "p", "delay": 1.5,
        "lease_ttl": 5, "max_attempts": 2, "key": "k", "limit": "l", "payload": [1], "needs": ["a"], "tags": ["t"],
        "if_exists": "same",
    },
    {"verb": "unlock", "agent": "ann", "lease": "lock:n#888888888"},
)  # fmt: skip


@pytest.mark.parametrize("question", OBJECTS, ids=lambda question: question["verb"])
def test_every_object_with_something_odd(question, tmp_path):
    """What a hook or a program in another language sends."""
    with judged(tmp_path) as (address, tokens):
        said = json.dumps(question)
        for stands, token in zip((TASK, LOCK), tokens, strict=True):
            said = said.replace(str(stands), str(token))
        sent = list(odd_lines(json.loads(said)))
        assert len(answered(address, sent)) == len(sent)


def test_all_verbs_of_objects_are_tried():
    assert {question["verb"] for question in OBJECTS} == {"hello", *VERBS}
