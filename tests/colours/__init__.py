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

COMMAND = "python -m tests.colours"
ROOT = Path(__file__).parent.parent.parent
AIO, SYNC = ROOT / "ants_coord" / "aio", ROOT / "ants_coord" / "sync"

BY_HAND = ("__init__", "reading", "verbs", "results", "board", "claim_queue", "matchmaker", "blackboard")
"""files of ants_coord/aio/ that have a twin made from them"""
TESTS = ("match", "board")
"""folders of tests with a test_aio.py, from which test_sync.py is made"""


def made() -> dict[Path, str]:
    """Return what each file that is made should say; raises ValueError if a rule was never used."""
    heading = f"# Generated, do not edit: change the verbs in ants_coord/aio/ and run `{COMMAND}`.\n"
    ours = {AIO / f"{name}.py": heading + text for name, text in handles.written(AIO).items()}
    ours[AIO / "protocols.py"] = heading + protocols.written(AIO)
    by_hand = {AIO / f"{name}.py": (AIO / f"{name}.py").read_text(encoding="utf-8") for name in BY_HAND}
    used: set[str] = set()
    theirs = {
        SYNC / path.name: heading + rules.converted(text.removeprefix(heading), used)
        for path, text in (by_hand | ours).items()
    }
    for name in TESTS:
        source = ROOT / "tests" / name / "test_aio.py"
        mark = f"# Generated, do not edit: change tests/{name}/test_aio.py and run `{COMMAND}`.\n"
        text = source.read_text(encoding="utf-8")
        theirs[source.with_name("test_sync.py")] = mark + rules.converted(text, used, rules.TEST_RULES)
    rules.refuse_unused(used)
    return ours | theirs


def stale() -> dict[Path, str]:
    """Return the files that do not say what they should, and what that is."""
    return {
        path: text
        for path, text in made().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    }
