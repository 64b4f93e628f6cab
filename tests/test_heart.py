"""
The heart is light: what a used claim queue in memory has loaded.

Not only what an import brings counts: what the first submit, claim and complete bring, too. When a
figure grows, look for the import that did it; when it shrinks, lower the bound.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import ants_coord

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
    "core.board",
    "core.matching",
    "commands.board",
    "commands.matching",
    "sync.blackboard",
    "sync.matchmaker",
}
LATER = {
    "core.reading", "core.sessions", "core.snapshot", "core.state.invariants", "core.trust.checks", "core.trust.effects", "core.work.locking",
    "core.work.splitting", "fronts.file_names", "fronts.hold", "fronts.patience", "values.verification",
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


def _loaded() -> set[str]:
    done = subprocess.run([sys.executable, "-c", _CYCLE], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def _path(module: str) -> Path:
    place = PACKAGE.joinpath(*module.split(".")[1:])
    return place / "__init__.py" if place.is_dir() else place.with_suffix(".py")


def test_a_used_claim_queue_has_loaded_only_the_heart(capsys):
    loaded = _loaded()
    ours = sorted(module for module in loaded if module.partition(".")[0] == "ants_coord")
    pages = [module for module in ours if _path(module).name == "__init__.py"]
    lines = sum(len(_path(module).read_text(encoding="utf-8").splitlines()) for module in ours)
    with capsys.disabled():
        print(f"\n  a used claim queue: {len(ours) - len(pages)} modules, {len(pages)} maps, {lines} lines")
    inner = {module.partition(".")[2] for module in ours}
    for unwanted in (ROOMS, STRATEGIES, LATER):
        assert {name for name in inner for one in unwanted if (name + ".").startswith(one + ".")} == set()
    assert loaded & FOREIGN == set()
    assert len(ours) - len(pages) <= 50
    assert lines <= 13_200


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
