"""What a framework and its model are given: small schemas, and an answer to whatever the model says."""

from __future__ import annotations

import inspect
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import Blackboard, ClaimQueue, Task
from ants_coord.adapters.tools import Toolbox, slug
from ants_coord.errors import WrongKeyError
from ants_coord.testing import ManualClock

from ..fronts.conftest import board, clock, make_board  # noqa: F401 - fixtures
from .callers import ALL, SHARED, Caller, agent, colour  # noqa: F401 - fixtures


def test_only_some_as_text_and_what_is_refused():
    """`only` chooses, `as_text` answers JSON; what is of no use is refused at the constructor."""
    with ClaimQueue(clock=ManualClock()) as board:  # noqa: F811
        box = Toolbox(board.aio, "ann", only=("why", "claim_task"), as_text=True)
        assert box.names == ("claim_task", "why")
        claim, why = box.functions()
        assert json.loads(claim())["task"] is None
        assert json.loads(why("x")) == {
            "ok": False,
            "say": "There is no task x. Call why again, with other arguments.",
        }
        assert (inspect.signature(claim).return_annotation, why.__annotations__["return"]) == (str, str)
        for wrong, kind in (
            ({"only": "why"}, TypeError),
            ({"only": ["fly"]}, ValueError),
            ({"idle": 0}, ValueError),
        ):
            with pytest.raises(kind):
                Toolbox(board, "ann", **wrong)
        for what, name in ((None, "ann"), (board, 3)):
            with pytest.raises(TypeError):
                Toolbox(what, name)
        with pytest.raises(TypeError, match="agent must be a string, not 3"):
            slug(3)


def test_a_key_is_asked_for():
    """A host that gives tools to strangers needs the agent's key."""
    with ClaimQueue(clock=ManualClock(), secret=b"12345678") as board:  # noqa: F811
        board.submit(Task("t"))
        box = Toolbox(board, "ann", key=board.key_of("ann"))
        ann = Caller(box)
        assert ann.claim_task()["task"] == "t"
        assert ann.complete_task()["ok"]
        with pytest.raises(WrongKeyError):
            Toolbox(board, "bob", key=board.key_of("ann"))


@given(st.lists(st.text(max_size=200), min_size=1, max_size=4, unique_by=lambda name: " ".join(name.split())))
def test_names_stay_names_and_apart(names):
    """Whatever a framework calls its agents, each has a good name, and no two share one."""
    made = [slug(name) for name in names]
    assert all(re.fullmatch(r"[A-Za-z0-9._:/@-]{1,128}", name) for name in made)
    plain = [" ".join(name.replace("-", " ").split()) for name in names]
    if len(set(plain)) == len(names):
        assert len(set(made)) == len(made)


def schema_of(tool):
    """Return what frameworks tell a model of a function, as they write it."""
    text = tool.__doc__
    about = dict(re.findall(r"^    (\w+): (.*)$", text, re.MULTILINE))
    kinds = {str: "string", int: "integer", float: "number"}
    parameters = {}
    for one in inspect.signature(tool).parameters.values():
        kind = one.annotation
        if kind in kinds:
            said = {"type": kinds[kind]}
        elif kind == list[str]:
            said = {"type": "array", "items": {"type": "string"}}
        elif kind == list[str] | None:
            said = {"anyOf": [{"type": "array", "items": {"type": "string"}}, {"type": "null"}]}
        else:
            said = {"type": "string", "enum": list(kind.__args__)}
        if one.default is not one.empty:
            said["default"] = one.default
        parameters[one.name] = {**said, "title": one.name.title(), "description": about[one.name]}
    return {
        "name": tool.__name__,
        "description": text.partition("\n\n")[0],
        "inputSchema": {"type": "object", "title": tool.__name__ + "Arguments", "properties": parameters},
    }


def test_the_tools_are_small_and_plain(colour):  # noqa: F811
    """Every parameter is of a builtin type and explained; all tools together cost a model little."""
    with Blackboard(half_life=60, clock=ManualClock()) as board:  # noqa: F811
        box = Toolbox(board, "ann")
        tools = getattr(box, colour)()
        text = json.dumps([schema_of(tool) for tool in tools])
        assert len(text) <= 6_500
        for tool in tools:
            assert inspect.iscoroutinefunction(tool) is (colour == "async_functions")
        waits_up_to = {"functions": "at most 1.", "async_functions": "at most 45."}
        assert waits_up_to[colour] in tools[0].__doc__


def test_every_refusal_names_a_tool_in_plain_words(board, agent):  # noqa: F811
    """No refusal speaks of methods and arguments in Python; each says which tool to call."""
    board.submit_many([Task("t1"), Task("mine")])
    board.lock_nowait("b.py", agent="rival")
    rival = board.claim("rival", task="t1")
    ann = agent()
    ann.claim_task(task="mine")
    refusals = [
        ann.complete_task(rival.handle),
        ann.complete_task("nonsense"),
        ann.complete_task("t1"),
        ann.complete_task(outcome="fly"),
        ann.complete_task(lease={"a": 1}),
        ann.claim_task(task="nope"),
        ann.claim_task(wait_s="soon"),
        ann.claim_task(kinds=3),
        ann.claim_task(color="red"),
        ann.submit_task(),
        ann.submit_task("t1", "other"),
        ann.submit_task("x", needs=["nope"]),
        ann.submit_task("x", requires="gpu >"),
        ann.submit_task("x", kind="a b"),
        ann.submit_task("x", priority=0.5),
        ann.submit_task("x", "y" * 3_000_000),
        ann.lock_files(["b.py"]),
        ann.lock_files([]),
        ann.unlock("c.py"),
        ann.why("nope"),
        ann.list_tasks("flying"),
    ]
    for said in refusals:
        assert not said["ok"], said
        assert any(name in said["say"] for name in SHARED), said
        assert not re.search(r"\(\)|\w=", said["say"]), said
        assert len(said["say"]) < 800


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(
        [
            "t1",
            "t1#1",
            "done",
            "failed",
            "handed_back",
            "a.py",
            "[" * 5000,
            "NaN",
            "1e999",
            "heat",
            "\ud800",
            "\0",
        ]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
ARGUMENTS = st.dictionaries(
    st.sampled_from(
        ["task", "kinds", "lease", "result", "outcome", "id", "payload", "kind", "needs", "priority", "requires",
         "paths", "state", "count", "capabilities", "accepts", "slots", "place", "strength", "path", "text", "prefix"]
    ) | st.text(max_size=5),
    VALUES,
    max_size=5,
)  # fmt: skip


@given(st.lists(st.tuples(st.sampled_from(ALL), ARGUMENTS), max_size=6))
@pytest.mark.parametrize("colour", ["functions", "async_functions"])
def test_any_arguments_get_an_answer(colour, calls):  # noqa: F811
    """Whatever JSON a model writes, there is an answer with a sentence, and the board is whole."""
    with Blackboard(half_life=60, clock=ManualClock()) as board:  # noqa: F811
        board.submit(Task("t1"))
        with Toolbox(board, "ann") as box:
            ann = Caller(box, colour)
            for name, options in calls:
                known = inspect.signature(ann.tools[name]).parameters
                likely = {key: value for key, value in options.items() if key in known}
                for given_ in (options, likely):
                    answer = getattr(ann, name)(**given_)
                    assert isinstance(answer["ok"], bool)
        board.check()
        assert board.leases() == []


def test_a_closed_board_is_an_answer(colour):  # noqa: F811
    """Nothing can be done any more, and that is said."""
    with ClaimQueue(clock=ManualClock()) as board:  # noqa: F811
        ann = Caller(Toolbox(board, "ann"), colour)
        board.submit(Task("t1"))
        ann.claim_task()
    assert "closed" in ann.complete_task()["say"]
    ann.box.close()
