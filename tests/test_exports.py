"""The shop window: what is exported exists, and importing costs and does nothing."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

import ants_coord
from ants_coord import abc, aio, errors, sync
from ants_coord.fronts.build import AnySettings
from ants_coord.values.settings import Settings

ROOT = Path(__file__).parent.parent
MODULES = [
    name
    for _, name, _ in pkgutil.walk_packages(ants_coord.__path__, "ants_coord.")
    if not name.endswith(("__main__", "_version"))
]


def test_all_is_true():
    """Every module can be imported, and every name in its __all__ exists, once, and is not private."""
    for name in ["ants_coord", *MODULES]:
        module = importlib.import_module(name)
        exported = getattr(module, "__all__", [])
        assert len(set(exported)) == len(exported), name
        assert [each for each in exported if not hasattr(module, each) or each[0] == "_"] == [], name


def test_all_stands_where_somebody_reads_it():
    """
    `__all__` says what users may import, on pages that the documents name, or which names are only passed on.

    Elsewhere it would be a second list of what a leading underscore says, kept by hand in every file.
    """
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md"), *(ROOT / "docs").rglob("*.py")]
    named = set(re.findall(r"\bants_coord(?:\.\w+)+", "".join(page.read_text("utf-8") for page in pages)))
    # the empty lists there tell the linter that rules have sentences for names and need no docstrings
    rules = {f"ants_coord.testing.conformance.{page}" for page in ("bazaar", "coordinator")}
    for name in set(MODULES) - named - rules:
        module = importlib.import_module(name)
        source = Path(module.__file__).read_text(encoding="utf-8")
        if hasattr(module, "__path__") or source.startswith("# Generated"):
            continue
        passed_on = [
            each
            for each in getattr(module, "__all__", [])
            if not re.search(rf"^(class |def )?{each}\b", source, re.MULTILINE)
        ]
        assert passed_on or not hasattr(module, "__all__"), name


def test_importing_does_nothing():
    """No thread, no codec, no database, no event loop, before somebody needs one."""
    code = (
        "import sys, threading, ants_coord\n"
        "assert threading.active_count() == 1\n"
        "heavy = {'cattrs', 'sqlite3', 'asyncio', 'concurrent.futures', 'typer', 'rich', 'hypothesis'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
        "assert ants_coord.__version__\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def verbs(cls: type) -> dict[str, inspect.Signature]:
    return {
        name: inspect.signature(member)
        for name, member in inspect.getmembers(cls, inspect.isfunction)
        if not name.startswith("_") and name not in ("over", "check")
    }


def shape(signature: inspect.Signature) -> list[tuple]:
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (sync.Board, aio.Board),
        (sync.Board, abc.Coordinator),
        (sync.Board, abc.AsyncCoordinator),
        (sync.Matchmaker, aio.Matchmaker),
        (sync.Blackboard, aio.Blackboard),
        (sync.Membership, aio.Membership),
    ],
)
def test_both_colours_and_both_protocols_have_the_same_verbs(ours, theirs):
    """Names, parameters, order, kinds and defaults agree."""
    ours, theirs = verbs(ours), verbs(theirs)
    assert sorted(ours) == sorted(theirs)
    for name, signature in ours.items():
        assert shape(signature) == shape(theirs[name]), name


@pytest.mark.parametrize("cls", [aio.Board, aio.Matchmaker, aio.Blackboard])
def test_every_changing_verb_takes_a_request_id(cls):
    """A caller who repeats over an unreliable channel can be answered with the first reply."""
    changing = {name for name in verbs(cls) if "self._do(" in inspect.getsource(getattr(cls, name))}
    assert changing > {"submit", "claim_nowait", "complete", "spent"}
    without = {name for name in changing if "request_id" not in verbs(cls)[name].parameters}
    assert without == WITHOUT_REQUEST_ID & changing


WITHOUT_REQUEST_ID = {"vouch"}
"""what may be done twice without harm"""


def test_every_refusal_is_tested():
    """An error that no test names is an error that nobody has seen."""
    tests = Path(__file__).parent
    stories = Path(errors.__file__).parent / "testing" / "conformance" / "coordinator.py"
    text = "".join(path.read_text() for path in [*tests.rglob("*.py"), *tests.rglob("*.txt"), stories])
    text = text.replace(Path(__file__).read_text(), "")
    unseen = {name for name in errors.__all__ if not re.search(rf"\b{name}\b", text)}
    assert unseen <= {"CoordinationError"}


def test_the_shop_window_is_small_and_shows_what_is_there():
    """What `dir` shows first is what a newcomer needs; the rest stands where it belongs."""
    assert len(ants_coord.__all__) <= 30
    assert set(ants_coord.__all__) <= set(dir(ants_coord))
    assert {name for name in dir(ants_coord) if not name.startswith("_")} == {
        *ants_coord.__all__,
        "aio",
        "sync",
    }


def test_constructors_take_every_setting():
    """The types of the constructors' keywords name the settings, no more and no fewer."""
    fields = {field.name for field in attrs.fields(Settings)} - {"strategy"}
    assert set(AnySettings.__annotations__) == fields


def test_small_protocols_are_small():
    """What an agent does, and what an operator does, is at most twenty verbs each."""
    assert 0 < len(verbs(abc.AgentVerbs)) <= 20
    assert 0 < len(verbs(abc.OperatorVerbs)) <= 20
    assert not set(verbs(abc.AgentVerbs)) & set(verbs(abc.OperatorVerbs))


class TeamBoard(sync.Blackboard):
    """A user's own board."""


class AsyncTeamBoard(aio.Blackboard):
    """The same for event loops."""


def test_the_other_colour_keeps_the_strategy():
    """Of a subclass, too, whatever its name."""
    assert type(TeamBoard().aio) is aio.Blackboard
    assert type(AsyncTeamBoard().sync) is sync.Blackboard
    assert type(sync.Matchmaker().aio) is aio.Matchmaker
    assert type(sync.ClaimQueue().aio) is aio.ClaimQueue


def test_a_verb_of_another_strategy_is_refused_by_name():
    """And the sentence says with what the board must be opened."""
    for board in (sync.ClaimQueue(), aio.ClaimQueue(), sync.Matchmaker()):
        with pytest.raises(AttributeError, match=r"'deposit' is a verb of a Blackboard; open the board with"):
            print(board.deposit)
    with pytest.raises(AttributeError, match=r"'offers' is a verb of a Matchmaker"):
        print(sync.ClaimQueue().offers)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="'ClaimQueue' object has no attribute 'depsoit'"):
        print(sync.ClaimQueue().depsoit)  # type: ignore[attr-defined]
    with pytest.raises(AttributeError, match="an agent has no verb 'pause'; ask the coordinator itself"):
        sync.ClaimQueue().as_agent("w").pause()  # type: ignore[attr-defined]


def test_a_handle_has_the_verbs_of_its_strategy_with_the_name_bound():
    """With the signature of the verb but for `agent`, and its documentation."""
    for board, handle in (
        (sync.ClaimQueue, sync.Agent),
        (sync.Matchmaker, sync.MatchAgent),
        (sync.Blackboard, sync.BoardAgent),
        (aio.Blackboard, aio.BoardAgent),
    ):
        assert type(board().as_agent("w")) is handle
        ours, theirs = verbs(handle), verbs(board)
        for name, signature in ours.items():
            expected = [one for one in shape(theirs[name]) if one[0] != "agent"]
            assert shape(signature) == expected, name
            assert getattr(handle, name).__doc__
        named = {name for name, signature in theirs.items() if "agent" in signature.parameters}
        assert named - set(ours) <= {"join", "retire", "roll_back", "vouch", "key_of"}
