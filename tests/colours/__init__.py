"""
The fronts that are made, not written: `python -m tests.colours` (`--check` says which are stale).

By hand are the verbs, in ants_coord/aio/. Made from them are, first, the handles of agents and the
protocols (reading.py reads the verbs, handles.py and protocols.py write), then, by the textual rules of
rules.py, all of it for threads, in ants_coord/sync/. Change a verb, run this, and commit what it writes.

It is a tool of the checkout, as the golden logs and the mutants are: no user of the installed package
needs it, hence tests/.
"""

from __future__ import annotations

from pathlib import Path

from . import handles, protocols, rules
from .reading import SHARED

COMMAND = "python -m tests.colours"
ROOT = Path(__file__).parent.parent.parent
AIO, SYNC = ROOT / "ants_coord" / "aio", ROOT / "ants_coord" / "sync"

BY_HAND = ("__init__", *SHARED, "claim_queue", "matchmaker", "blackboard", "outbox")
"""files of ants_coord/aio/ that have a twin made from them"""
TOOLS = ROOT / "ants_coord" / "adapters" / "tools"
"""the tools of agents: aio.py is by hand, sync.py is made from it"""
TESTS = ("match", "board")
"""folders of tests with a test_aio.py, from which test_sync.py is made"""


def _heading(what: str) -> str:
    """Return the first lines of a file: what is written by hand is judged, and this is broken where that is."""
    return f"# Generated, do not edit: change {what} and run `{COMMAND}`.\n# fmt: off\n# ruff: noqa\n"


def made() -> dict[Path, str]:
    """Return what each file that is made should say; raises ValueError if a rule was never used."""
    ours = {AIO / f"{name}.py": text for name, text in handles.written(AIO).items()}
    ours[AIO / "protocols.py"] = protocols.written(AIO)
    by_hand = {AIO / f"{name}.py": (AIO / f"{name}.py").read_text(encoding="utf-8") for name in BY_HAND}
    used: set[str] = set()
    theirs = {SYNC / path.name: rules.converted(text, used) for path, text in (by_hand | ours).items()}
    verbs = _heading("the verbs in ants_coord/aio/")
    files = {path: verbs + text for path, text in (ours | theirs).items()}
    tools = rules.converted((TOOLS / "aio.py").read_text(encoding="utf-8"), used)
    files[TOOLS / "sync.py"] = _heading("ants_coord/adapters/tools/aio.py") + tools
    for name in TESTS:
        source = ROOT / "tests" / name / "test_aio.py"
        heading = _heading(f"tests/{name}/test_aio.py")
        text = source.read_text(encoding="utf-8")
        files[source.with_name("test_sync.py")] = heading + rules.converted(text, used, rules.TEST_RULES)
    rules.refuse_unused(used)
    return files


def stale() -> dict[Path, str]:
    """Return the files that do not say what they should, and what that is."""
    return {
        path: text
        for path, text in made().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
