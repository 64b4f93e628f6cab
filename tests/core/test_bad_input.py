"""
Bad input is refused where it is written, with an error that names the field and the value.

Values are checked when they are made (ValueError, TypeError, LimitError);
what only the board can know is a refusal, which changes nothing.
"""

import datetime as dt
import decimal
import enum
from typing import NamedTuple

import pytest

from ants_coord import errors
from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine, digest
from ants_coord.values.marks import MarkKind
from ants_coord.values.payloads import json_value
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Task

from .pair import START, copy_of

NAN, INF = float("nan"), float("inf")

FIELDS = [
    # field, value, the error, and what its text must hold
    ("delay", NAN, ValueError, "nan"),
    ("delay", INF, ValueError, "inf"),
    ("delay", -1, ValueError, "-1"),
    ("delay", 1e300, ValueError, "1e+300"),
    ("delay", "5", TypeError, "'5'"),
    ("delay", True, TypeError, "True"),
    ("delay", dt.datetime(2030, 1, 1), ValueError, "aware"),  # noqa: DTZ001 - the point of it
    ("delay", dt.timedelta(seconds=-1), ValueError, "-1"),
    ("finish_by", NAN, ValueError, "nan"),
    ("finish_by", -0.5, ValueError, "-0.5"),
    ("lease_ttl", 0, ValueError, "0"),
    ("lease_ttl", -3, ValueError, "-3"),
    ("lease_ttl", NAN, ValueError, "nan"),
    ("lease_ttl", "", TypeError, "''"),
    ("max_attempts", 0, ValueError, "0"),
    ("max_attempts", 1.5, TypeError, "1.5"),
    ("max_attempts", True, TypeError, "True"),
    ("max_attempts", 1 << 60, ValueError, str(1 << 60)),
    ("priority", 1 << 53, ValueError, str(1 << 53)),
    ("priority", 1.0, TypeError, "1.0"),
    ("priority", False, TypeError, "False"),
    ("kind", "two words", ValueError, "'two words'"),
    ("kind", "é", ValueError, "'é'"),
    ("kind", "x" * 129, ValueError, "128"),
    ("kind", None, TypeError, "None"),
    ("limit", "", ValueError, "''"),
    ("limit", "db\n", ValueError, "'db\\n'"),
    ("key", "a\0b", ValueError, "'a\\x00b'"),
    ("key", 7, TypeError, "7"),
    ("needs", "abc", TypeError, "'abc'"),
    ("needs", ["a", "a"], ValueError, "'a' twice"),
    ("needs", [1], TypeError, "1"),
    ("tags", ["no space"], ValueError, "'no space'"),
    ("tags", 5, TypeError, "5"),
    ("if_need_fails", "maybe", ValueError, "'maybe'"),
    ("backoff", 5, TypeError, "5"),
    ("uses", ["gpu"], TypeError, "['gpu']"),
    ("uses", {"gpu": -1}, ValueError, "-1"),
    ("uses", {"gpu": 0.5}, TypeError, "0.5"),
    ("requires", 5, TypeError, "5"),
    ("place", "", ValueError, "1 to 512"),
]


@pytest.mark.parametrize(("field", "value", "error", "told"), FIELDS)
def test_a_bad_task_field_is_named(field, value, error, told):
    """The constructor refuses it, and the message holds the field and the value."""
    with pytest.raises(error) as caught:
        Task("a", **{field: value})
    assert field in str(caught.value)
    assert told in str(caught.value)


IDS = ["a\nb", "\0", "x\x7f", "x\x85", "\ud800", "é" * 257, "x" * 513]


@pytest.mark.parametrize("task", IDS)
def test_an_absurd_id_is_refused(task):
    """Control characters, lone surrogates and more than 512 bytes are no id and no need."""
    with pytest.raises(ValueError, match="task id"):
        Task(task)
    with pytest.raises(ValueError, match="needs"):
        Task("a", needs=[task])


@pytest.mark.parametrize("task", [5, b"a", ["a"], None])
def test_an_id_is_a_string(task):
    with pytest.raises(TypeError, match="task id must be a string"):
        Task(task)


@pytest.mark.parametrize("task", ["x" * 512, "é" * 256, "src/core/*.py", "日本", "a b"])
def test_unusual_ids_are_welcome(task):
    """Paths, blanks and other scripts are fine, up to 512 bytes."""
    machine = Machine()
    machine.apply(c.submission((Task(task),)), now_ns=START)
    assert machine.apply(c.Claim("ann"), now_ns=START).task == task
    assert digest(copy_of(machine)) == digest(machine)


@pytest.mark.parametrize(
    ("build", "field", "value"),
    [
        (Backoff, "first", NAN),
        (Backoff, "first", -1),
        (Backoff, "limit", INF),
        (Backoff, "factor", 0),
        (Backoff, "factor", 1.5),
        (Backoff, "factor", 1001),
        (Backoff, "on_expiry", 1),
        (Settings, "lease_ttl", 0),
        (Settings, "lease_ttl", INF),
        (Settings, "max_attempts", 0),
        (Settings, "backoff", None),
        (Settings, "aging", -1),
        (Settings, "aging", NAN),
        (Settings, "retention", -1),
        (Settings, "retention_count", -1),
        (Settings, "retention_count", 1.0),
        (Settings, "id_retention", "1"),
        (Settings, "event_count", 0),
        (Settings, "session_retention", NAN),
        (Settings, "strategy", "no such thing"),
    ],
)
def test_bad_settings_are_named(build, field, value):
    """Settings and backoff are checked like tasks."""
    with pytest.raises((ValueError, TypeError)) as caught:
        build(**{field: value})
    assert field in str(caught.value)
    assert repr(value) in str(caught.value)


class Colour(enum.IntEnum):
    RED = 1


class Word(str, enum.Enum):  # noqa: UP042 - one whose str() is not its value
    HOT = "hot"


class Pair(NamedTuple):
    one: int
    two: float


def nested(depth):
    value = []
    for _ in range(depth - 1):
        value = [value]
    return value


LOOP = []
LOOP.append(LOOP)


@pytest.mark.parametrize(
    ("value", "error", "told"),
    [
        (NAN, ValueError, "finite"),
        ([1, {"x": -INF}], ValueError, "-inf"),
        ((1 << 53) + 1, ValueError, str((1 << 53) + 1)),
        (-(1 << 53) - 1, ValueError, "2**53"),
        ({1: 2}, TypeError, "string keys, not 1"),
        ({"a": {1, 2}}, TypeError, "set"),
        (b"bytes", TypeError, "bytes"),
        (object, TypeError, "type"),
        (decimal.Decimal(1), TypeError, "Decimal"),
        (dt.date(2030, 1, 1), TypeError, "date"),
        ("a\0b", ValueError, "NUL"),
        ({"\0": 1}, ValueError, "NUL"),
        ("é\0", ValueError, "NUL"),
        ("\ud800", ValueError, "Unicode"),
        ({"\udfff": 1}, ValueError, "Unicode"),
        (nested(33), errors.LimitError, "depth of payload is 33"),
        (LOOP, errors.LimitError, "depth"),
        ("x" * ((1 << 20) + 1), errors.LimitError, "size of payload is 1048577"),
        ([0] * 200_000, errors.LimitError, "size"),
    ],
)
def test_a_payload_is_json_or_refused(value, error, told):
    """What other JSON readers could not hold is refused, by name, before anything is made of it."""
    with pytest.raises(error) as caught:
        c.submission((Task("a", payload=value),))
    assert "payload" in str(caught.value)
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ((1, (2,)), [1, [2]]),
        ({"k": Colour.RED}, {"k": 1}),
        ({Word.HOT: [Word.HOT, Pair(1, 2.5)]}, {"hot": ["hot", [1, 2.5]]}),
        (
            {"s": "x", "f": 0.5, "b": True, "n": None, "d": {"e": ()}},
            {"s": "x", "f": 0.5, "b": True, "n": None, "d": {"e": []}},
        ),
        (1 << 53, 1 << 53),
        (nested(32), nested(32)),
        ("\U0001f41c", "\U0001f41c"),
        (-0.0, -0.0),
    ],
)
def test_payloads_are_normalised(value, kept):
    """Tuples become lists and enums their values, as they would in any file."""
    found = json_value(value, "payload")
    assert found == kept
    assert type(found) is type(kept)
    assert repr(found) == repr(kept)  # no subclass is left inside


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda: c.submission((Task("a"),) * 10_001), errors.LimitError),
        (lambda: c.submission(("a",)), TypeError),
        (lambda: c.submission((Task("a"),), "perhaps"), ValueError),
    ],
)
def test_a_bad_batch_is_refused_before_the_board_sees_it(make, error):
    with pytest.raises(error):
        make()


# -- what only the board can know ----------------------------------------------------------------

T = START // 1_000 + 1
"""the token of task b on the board below: tokens begin at the stamp in microseconds"""
LOCK = T + 2


@pytest.fixture
def board():
    """a DONE, b LEASED (token T), c READY, d WAITING for c, e FAILED, f CANCELLED; bob has lock x."""
    machine = Machine()
    tasks = (Task("a"), Task("b", key="k"), Task("e"), Task("f"), Task("c"), Task("d", needs=("c",)))
    machine.apply(c.submission(tasks), now_ns=START)
    tokens = [machine.apply(c.Claim("ann", task=task), now_ns=START).token for task in "abe"]
    machine.apply(c.Complete("a", tokens[0]), now_ns=START)
    machine.apply(c.Fail("e", tokens[2], "no", retry=False), now_ns=START)
    machine.apply(c.Cancel("f"), now_ns=START)
    assert tokens[1] == T
    assert machine.apply(c.LockNames(("x",), "bob"), now_ns=START).token == LOCK
    return machine


def submitted(*tasks, if_exists="same"):
    return lambda: c.submission(tasks, if_exists)


REFUSALS = [
    (submitted(Task("n", requires="gpu")), errors.FieldNotHonouredError, "requires='gpu'", "Matchmaker"),
    (submitted(Task("n", uses={"mem": 4})), errors.FieldNotHonouredError, "uses={'mem': 4}", "Matchmaker"),
    (submitted(Task("n"), Task("o", place="p")), errors.FieldNotHonouredError, "place='p'", "Blackboard"),
    (submitted(Task("n"), Task("o", needs=("ghost",))), errors.DependencyError, "'ghost'", "unknown"),
    (submitted(Task("n", needs=("n",))), errors.DependencyError, "n -> n", "'n'"),
    (
        submitted(Task("n", needs=("o",)), Task("o", needs=("p",)), Task("p", needs=("n",))),
        errors.DependencyError,
        "n -> o -> p -> n",
        "itself",
    ),
    (submitted(Task("c", needs=("d",)), if_exists="replace"), errors.DependencyError, "c -> d -> c", "'c'"),
    (submitted(Task("n"), Task("n")), errors.TaskExistsError, "'n'", ""),
    (submitted(Task("c", priority=1)), errors.TaskExistsError, "'c'", "replace"),
    (submitted(Task("n", key="k")), errors.TaskExistsError, "'k'", "'b'"),
    (submitted(Task("n", key="j"), Task("o", key="j")), errors.TaskExistsError, "'j'", "'n'"),
    (
        submitted(Task("b", priority=1), if_exists="replace"),
        errors.IllegalTransitionError,
        "leased",
        "replaced",
    ),
    (submitted(Task("a", priority=1), if_exists="rerun"), errors.TaskExistsError, "'a'", ""),
    (lambda: c.Claim("ann", task="ghost"), errors.TaskNotFoundError, "'ghost'", ""),
    (lambda: c.Claim("ann", task="a"), errors.IllegalTransitionError, "done", "claimed"),
    (lambda: c.Complete("b", T + 1), errors.LeaseLostError, f"b#{T + 1}", "no such lease"),
    (lambda: c.Complete("b", T - 1), errors.LeaseLostError, "newer lease", ""),
    (lambda: c.Complete("b", 0), errors.LeaseLostError, "b#0", "no such lease"),
    (lambda: c.Complete("b", -5, late="accept"), errors.LeaseLostError, "b#-5", ""),
    (lambda: c.Complete("b", 1 << 80), errors.LeaseLostError, "no such lease", ""),
    (lambda: c.Complete("ghost", T), errors.LeaseLostError, "ghost#", ""),
    (lambda: c.Complete("b", LOCK), errors.LeaseLostError, "b#", ""),
    (lambda: c.Complete("lock:x", LOCK), errors.LeaseLostError, "lock:x#", ""),
    (lambda: c.Fail("c", T, "no"), errors.LeaseLostError, "c#", ""),
    (lambda: c.Release("a", T), errors.LeaseLostError, "a#", ""),
    (lambda: c.Release("lock:x", LOCK + 1), errors.LeaseLostError, "lock:x#", ""),
    (lambda: c.Note("c", T, "n"), errors.LeaseLostError, "c#", ""),
    (lambda: c.Note("lock:x", LOCK, "n"), errors.LeaseLostError, "lock:x#", ""),
    (lambda: c.CompleteMany((("b", T, 1), ("c", T, 1))), errors.LeaseLostError, "c#", ""),
    (lambda: c.Cancel("ghost"), errors.TaskNotFoundError, "'ghost'", ""),
    (lambda: c.Cancel("a"), errors.IllegalTransitionError, "done", "cancelled"),
    (lambda: c.Requeue("c"), errors.IllegalTransitionError, "ready", "requeued"),
    (lambda: c.Requeue("f"), errors.IllegalTransitionError, "cancelled", "requeued"),
    (lambda: c.Requeue("ghost"), errors.TaskNotFoundError, "'ghost'", ""),
    (lambda: c.LockNames(("y", "x"), "ann"), errors.HeldError, "'x'", "'bob'"),
]


@pytest.mark.parametrize(("make", "error", "one", "two"), REFUSALS)
def test_a_refused_command_changes_nothing(board, make, error, one, two):
    """S5: the reply says what is wrong, and the board is as if only time had passed."""
    command, twin = make(), copy_of(board)
    reply = board.apply(command, now_ns=START + 1)
    assert type(reply.error) is error
    assert one in str(reply.error)
    assert two in str(reply.error)
    board.check()
    twin.apply(c.Wakeup(), now_ns=START + 1)
    assert digest(twin) == digest(board)


def test_a_lost_renewal_changes_nothing_and_says_why(board):
    """Renew answers each pair for itself: the live one goes on, the others are told the reason."""
    pairs = (("b", T), ("a", T - 1), ("c", 5), ("ghost", 1), ("lock:x", LOCK))
    replies = board.apply(c.Renew(pairs), now_ns=START + 1)
    assert [getattr(reply, "reason", "renewed") for reply in replies] == [
        "renewed",
        "finished",
        "unknown",
        "unknown",
        "renewed",
    ]


def test_a_command_that_the_strategy_does_not_know_is_refused_by_name(board):
    """What only another strategy can carry out changes nothing but the time."""
    before = copy_of(board)
    reply = board.apply(Unknown(), now_ns=START + 50)
    assert isinstance(reply.error, errors.NotSupportedError)
    assert "Unknown means nothing on a board with strategy 'claim'" in str(reply.error)
    assert isinstance(board.ask(Unknown()).error, errors.NotSupportedError)
    before.apply(c.Wakeup(), now_ns=START + 50)
    board.check()
    assert digest(board) == digest(before)


class Unknown:
    """Nobody's command."""


def test_a_cursor_from_another_board_is_refused(board):
    """A cursor beyond the last event is an error, never an empty page."""
    with pytest.raises(ValueError, match="since=1000 is beyond the last event"):
        board.ask(reading.Events(since=1000))


def test_a_page_after_an_unknown_task_is_refused(board):
    """A page that continues from a task that is gone would silently begin at the start."""
    reply = board.ask(reading.Tasks(after="ghost"))
    assert isinstance(reply.error, errors.TaskNotFoundError)
    assert "'ghost'" in str(reply.error)


@pytest.mark.parametrize(
    "kept",
    [
        Backoff(first=-0.0).first,
        Backoff(jitter=-0.0).jitter,
        Task(delay=-0.0).delay,
        Task(stall_after=-0.0).stall_after,
        MarkKind("k", floor=-0.0).floor,
        MarkKind("k", success=-0.0).success,
        Settings(stall_after=-0.0).stall_after,
    ],
)
def test_minus_zero_is_zero(kept):
    """A log leaves out what equals its default, so a writer would have another digest than its readers."""
    assert str(kept) == "0.0"


def test_nobody_outside_holds_a_piece_of_the_state():
    """Payloads, inputs, results, notes and records are copies: changing one changes nothing."""
    machine, mine = Machine(), {"list": [1]}
    machine.apply(c.submission((Task("a", payload=mine), Task("b", needs=("a",)))), now_ns=START)
    mine["list"].append(2)
    lease = machine.apply(c.Claim("ann"), now_ns=START)
    assert lease.payload == {"list": [1]}
    machine.apply(c.Note("a", lease.token, {"n": [1]}), now_ns=START)
    note = machine.ask(reading.Find("a")).note
    machine.apply(c.Complete("a", lease.token, {"r": [1]}), now_ns=START, request=("s", 1))
    inputs = machine.apply(c.Claim("bob"), now_ns=START).inputs
    before = digest(machine)
    lease.payload["list"].append(3)
    note["n"].append(3)
    inputs["a"]["r"].append(4)
    machine.ask(reading.Find("a")).task.payload["list"].append(5)
    machine.ask(reading.Outcomes(("a",)))[0].result["r"].append(6)
    next(e for e in machine.ask(reading.Events()) if e.type == "noted").detail["n"].append(7)
    assert digest(machine) == before
    again = machine.apply(c.Complete("a", lease.token, 8), now_ns=START, request=("s", 1))
    again.result["r"].append(9)
    assert machine.ask(reading.Outcomes(("a",)))[0].result == {"r": [1]}
