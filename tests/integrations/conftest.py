"""
The story that every framework tells, and the world in which it happens.

An agent claims a task, thinks for two and a half lease lengths (by a clock that only moves when it is
told to), completes it by its id, is refused a file that a rival holds, and names a lease that is none.
"""

from __future__ import annotations

import importlib
import ipaddress
import json
import os
import re
import socket
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from ants_coord import Blackboard, Task
from ants_coord.adapters.tools import Toolbox
from ants_coord.testing import ManualClock

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "docs" / "how-to" / "frameworks.md"
GROUPS = ("integrations", "integrations-adk")
STORY = [
    ("claim_task", {"kinds": ["code"]}),
    ("complete_task", {"lease": "t1", "result": '{"lines": 3}'}),
    ("lock_files", {"paths": ["src/a.py", "src/b.py"]}),
    ("complete_task", {"lease": "nonsense", "result": ""}),
]


def pytest_collection_modifyitems(items):
    """Warnings of frameworks are theirs: only ours are errors."""
    for item in items:
        if "integrations" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings("default"))


def _is_here(address) -> bool:
    if not isinstance(address, tuple):
        return True  # a socket of this machine
    if address[0] in ("localhost", ""):
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch):
    """Refuse every connection that would leave this machine, and every name that would be looked up."""
    connect, look_up = socket.socket.connect, socket.getaddrinfo

    def refuse(what):
        raise OSError(f"tests/integrations reaches no network: {what!r}")

    def connect_here(self, address):
        return connect(self, address) if _is_here(address) else refuse(address)

    def look_up_here(host, *args, **options):
        return look_up(host, *args, **options) if _is_here((host or "",)) else refuse(host)

    monkeypatch.setattr(socket.socket, "connect", connect_here)
    monkeypatch.setattr(socket, "getaddrinfo", look_up_here)


class World:
    """A board with one task and a rival, and the tools of one agent."""

    def __init__(self, path, monkeypatch):
        monkeypatch.chdir(path)
        self.clock = ManualClock()
        self.board = Blackboard(str(path / "board.db"), clock=self.clock, half_life=60, lease_ttl=30)
        self.board.submit(Task("t1", kind="code", payload={"file": "src/a.py"}))
        self.board.lock_nowait("src/b.py", agent="rival", lease_ttl=3600)
        self.box = Toolbox(self.board, "Senior Coder")
        self.calls = 0

    def step(self):
        """Return the model's next call (its tool and arguments); None when the story is told."""
        number, self.calls = self.calls, self.calls + 1
        if number == 1:
            self.think()
        return STORY[number] if number < len(STORY) else None

    def think(self):
        """Let two and a half lease lengths pass, as a slow model does."""
        self.clock.advance(75)

    def verify(self, seen):
        """Assert that the story had its effect on the board, and that the model has seen the answers."""
        record = self.board.find("t1")
        assert (str(record.state), record.attempts) == ("done", 1)
        assert (record.outcome.result, record.outcome.by) == ({"lines": 3}, "Senior-Coder")
        texts = [one if isinstance(one, str) else json.dumps(one) for one in seen]
        assert len(texts) == len(STORY), texts
        for text, expected in zip(
            texts, ["You hold t1", "t1 is done", "src/b.py is held by rival", "no task nonsense"], strict=True
        ):
            assert expected in text


@pytest.fixture
def world(tmp_path, monkeypatch):
    made = World(tmp_path, monkeypatch)
    yield made
    made.box.close()
    assert [lease.agent for lease in made.board.leases()] == ["rival"]
    made.board.close()


@pytest.fixture(params=["functions", "async_functions"])
def tools(request, world):
    """The tools in one colour."""
    return getattr(world.box, request.param)()


class Given:
    """The box of the page, whose tools are those of the test's colour."""

    def __init__(self, tools):
        self.functions = self.async_functions = lambda: tools


@pytest.fixture
def pasted():
    """Return a function that runs the lines of a framework as the page has them, and returns their names."""

    def paste(heading, tools, **names):
        section = re.search(
            rf"^## {heading}\n(.*?)(?=^## |\Z)", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
        )
        (code,) = re.findall(r"^```py\n(.*?)^```", section.group(1), re.MULTILINE | re.DOTALL)
        found = {"box": Given(tools), **names}
        exec(code, found)
        return found

    return paste


@pytest.fixture
def installed(record_property):
    """
    Return a function that skips the test where a framework is missing, and tells its version.

    `ANTS_COORD_GROUP` names the dependency group that is installed: none of it may be missing.
    """

    def need(package, distribution):
        must = any(
            one.startswith(f"{distribution}>=") for one in _group(os.environ.get("ANTS_COORD_GROUP", ""))
        )
        module = importlib.import_module(package) if must else pytest.importorskip(package)
        found = version(distribution)
        record_property(distribution, found)
        told = re.search(rf"^`{distribution}` ([\d.]+)", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
        lowest = [one for one in _group(*GROUPS) if one.startswith(f"{distribution}>=")]
        wanted = re.split(">=|,", lowest[0])[1] if lowest else found  # in no group: by hand
        assert told.group(1).startswith(wanted), "the page names another version"
        return module

    return need


def _group(*names) -> list[str]:
    with open(ROOT / "pyproject.toml", "rb") as file:
        groups = tomllib.load(file)["dependency-groups"]
    return [one for name in names if name for one in groups[name]]


def pytest_terminal_summary(terminalreporter):
    """Print one line a framework: its version, and whether its tests passed."""
    frameworks = {}
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, found in report.user_properties:
                passed, failed = frameworks.get((name, found), (0, 0))
                frameworks[name, found] = (passed + (outcome == "passed"), failed + (outcome == "failed"))
    for (name, found), (passed, failed) in sorted(frameworks.items()):
        terminalreporter.write_line(f"framework {name} {found}: {passed} passed, {failed} failed")
