"""
The heart is light: what a used claim queue in memory has loaded.

Not only what an import brings counts: what the first submit, claim and complete bring, too. When a
figure grows, look for the import that did it; when it shrinks, lower the bound.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ants_coord

from .lines import docstring_lines

PACKAGE = Path(ants_coord.__file__).parent

_CYCLE = """
import sys
from ants_coord import ClaimQueue, Task
with ClaimQueue() as board:
    board.submit(Task("a", payload={"n": 1}))
    board.submit_many([Task("b"), Task("c")])
    for lease in (board.claim_nowait("w"), *board.claim_many("w", 2)):
        board.complete(lease, {"done": True})
print(*sorted(sys.modules))
"""

ROOMS = {
    "abc", "adapters", "aio", "cli", "guard", "journals.codec", "journals.memory", "journals.postgres", "journals.sqlite",
    "lab", "requirements", "testing",
}  # fmt: skip
"""what other strategies, journals, colours and users need; the heart beats without it"""
STRATEGIES = {
    "core.board", "core.matching", "commands.board", "commands.matching",
    "aio.blackboard", "aio.board_agent", "aio.match_agent", "aio.matchmaker",
    "engine.advert_keeper", "fronts.match_arguments", "requirements",
    "sync.blackboard", "sync.board_agent", "sync.match_agent", "sync.matchmaker",
    "values.adverts", "values.entries", "values.marks", "values.reactions", "values.rules",
}  # fmt: skip
"""whatever only a Matchmaker or a Blackboard needs"""
LATER = {
    "core.reading", "core.repeated_requests", "core.snapshot", "core.state.invariants", "core.state.notes", "core.trust.checks", "core.trust.effects",
    "core.trust.opinions", "core.trust.principals", "core.trust.skills", "core.work.declining", "core.work.holding", "core.work.locking", "core.work.openings",
    "core.work.purses", "core.work.splitting", "engine.keeper", "engine.waking", "engine.log", "fronts.agent", "fronts.file_names",
    "fronts.hold", "fronts.endless_waits", "values.verification",
}  # fmt: skip
"""parts of the heart that come with the first call, setting or field that needs them"""
FOREIGN = {
    "_sqlite3",
    "asyncio",
    "attr",
    "cattrs",
    "difflib",
    "hashlib",
    "inspect",
    "json",
    "logging",
    "socket",
    "sqlite3",
    "ssl",
}


# all that an agent does of which copy, hasattr and help make much: a handle, a scope, a lock, a question
_AS_AGENT = """
import sys
from ants_coord import ClaimQueue, Task
with ClaimQueue() as board:
    me = board.as_agent("w")
    board.submit(Task("a"))
    assert not hasattr(me, "_repr_html_") and not hasattr(board, "_repr_html_")
    me.complete(me.claim_nowait(), {"done": True})
    board.submit(Task("b"))
    with me.work(me.claim_nowait()), me.lock("x"):
        pass
    assert me.find("b").state == "done"
print(*sorted(sys.modules))
"""
_AS_AGENT_AIO = """
import asyncio
import sys
from ants_coord.aio import ClaimQueue
from ants_coord import Task
async def main():
    async with ClaimQueue() as board:
        me = board.as_agent("w")
        await board.submit(Task("a"))
        await me.complete(await me.claim_nowait(), {"done": True})
asyncio.run(main())
print(*sorted(sys.modules))
"""
_JOINED = """
import sys
from ants_coord import Matchmaker, Task
with Matchmaker() as board:
    board.submit(Task("a", requires="gpu"))
    with board.join("w", ["gpu"]) as me:
        me.complete(me.claim_nowait(), {"done": True})
    board.as_agent("w")
print(*sorted(sys.modules))
"""


def _loaded(code: str) -> set[str]:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _within(loaded: set[str], places: set[str]) -> set[str]:
    """Return what is loaded of these places of the package."""
    inner = {name.partition(".")[2] for name in loaded if name.partition(".")[0] == "ants_coord"}
    return {name for name in inner for one in places if (name + ".").startswith(one + ".")}


def _path(module: str) -> Path:
    place = PACKAGE.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def test_a_used_claim_queue_has_loaded_only_the_heart(capsys):
    loaded = _loaded(_CYCLE)
    ours = sorted(module for module in loaded if module.partition(".")[0] == "ants_coord")
    pages = [module for module in ours if _path(module).name == "__init__.py"]
    texts = [_path(module).read_text(encoding="utf-8") for module in ours]
    lines = sum(len(text.splitlines()) for text in texts)
    # the reference of the public verbs is in their docstrings: it may grow, what the heart does may not
    code = lines - sum(docstring_lines(ast.parse(text)) for text in texts)
    with capsys.disabled():
        print(
            f"\n  a used claim queue: {len(ours) - len(pages)} modules, {len(pages)} maps, "
            f"{lines} lines, {code} without docstrings"
        )
    assert _within(loaded, ROOMS | STRATEGIES | LATER) == set()
    assert loaded & FOREIGN == set()
    assert len(ours) - len(pages) <= 43
    assert code <= 9_300


@pytest.mark.parametrize("code", [_AS_AGENT, _AS_AGENT_AIO], ids=["threads", "asyncio"])
def test_a_claim_queue_that_is_used_as_an_agent_loads_no_other_strategy(code):
    assert _within(_loaded(code), STRATEGIES) == set()


def test_a_handle_brings_its_verbs_and_nothing_else():
    handle = _loaded(_CYCLE.replace('"w"', 'board.as_agent("w").name'))
    assert {name for name in handle - _loaded(_CYCLE) if "ants_coord" in name} == {
        "ants_coord.fronts.agent",
        "ants_coord.sync.agent",
    }


def test_a_membership_of_a_matchmaker_loads_no_blackboard():
    marks = {name for name in STRATEGIES if "board" in name} | {
        "values.entries",
        "values.marks",
        "values.reactions",
    }
    assert _within(_loaded(_JOINED), marks) == set()


def test_what_comes_later_comes():
    """Each page that the heart leaves out is there when a verb needs it, in one process."""
    code = """
from ants_coord import ClaimQueue, Hold, Task, Verify
import sys
with ClaimQueue() as board:
    assert "ants_coord.core.trust.checks" not in sys.modules
    board.submit(Task("a", verify=Verify.by_quorum(2)))
    lease = board.claim_nowait("w")
    assert board.complete(lease, 1).state == "ready"
    assert "ants_coord.core.trust.checks" in sys.modules
    assert board.complete(board.claim_nowait("v"), 1).state == "done"
    with board.lock("x", agent="w"):
        pass
    board.submit(Task("b"), request_id="r")
    assert board.find("b").state == "ready"
    assert isinstance(board.work(board.claim_nowait("w")), Hold)
"""
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
