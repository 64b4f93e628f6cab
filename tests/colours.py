"""
The colour for threads, made from the one for event loops: `python -m tests.colours`.

The files below in ants_coord/aio/ are written by hand; those in ants_coord/sync/ are
made from them line for line, by the textual rules below. Change the former, run this,
and commit both; `--check` (and a test) says which are stale.

A rule that nothing used is an error, as it shows that a rule no longer means what it
says. Text and not a syntax tree, so that comments, docstrings and line breaks stay, and
a reader can compare the two files side by side. It is a tool of the checkout, as the
golden logs and the mutants are: no user of the installed package needs it, hence tests/.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMAND = "python -m tests.colours"

FILES = {
    f"ants_coord/aio/{name}.py": f"ants_coord/sync/{name}.py"
    for name in ("__init__", "verbs", "board", "matchmaker", "blackboard")
}
"""by hand -> made from it"""

DROPPED = {
    r"^\s*>>> import asyncio$": "examples need no loop",
}
"""lines that the other colour does not have"""

RULES = {
    # a verb goes to the engine directly: no call in between, since a cycle's calls are counted
    r"await self\._do\(": "self._engine.execute(",
    r"await self\._ask\(": "self._engine.ask(",
    r"\basync (def|with|for)\b": r"\1",
    r"\bawait ": "",
    r"\b__a(enter|exit)__\b": r"__\1__",
    r"\bAsync(Iterator|Agent|Hold|KeepAlive|LockHold)\b": r"\1",
    r"\bfronts\.aio_hold\b": "fronts.hold",
    r"\basyncio\.run\((.*)\)$": r"\1",
    r"\bfor event loops\b": "for threads",
    # each colour names the other, in one property of each strategy
    r"\bfrom \.\. import sync as other\b": "from .. import aio as other",
    r"\bdef sync\(self\) -> other\b": "def aio(self) -> other",
    r"\bThe same board for threads;": "The same board for event loops;",
}
"""what to find -> what to write, each rule on each line, in this order"""


def converted(text: str, source: str, used: set[str]) -> str:
    """
    Return a file of the other colour.

    Args:
        text: what the file by hand says.
        source: its path, for the heading.
        used: the rules that changed something are added here.

    """
    lines = [f"# Generated, do not edit: change {source} and run `{COMMAND}`."]
    for line in text.splitlines():
        gone = [pattern for pattern in DROPPED if re.search(pattern, line)]
        used.update(gone)
        if gone:
            continue
        here = line
        for pattern, replacement in RULES.items():
            after = re.sub(pattern, replacement, here)
            if after != here:
                used.add(pattern)
            here = after
        lines.append(here)
    return "\n".join(lines) + "\n"


def made() -> dict[Path, str]:
    """Return what each generated file should say; raises ValueError if a rule was never used."""
    used: set[str] = set()
    files = {
        ROOT / target: converted((ROOT / source).read_text(encoding="utf-8"), source, used)
        for source, target in FILES.items()
    }
    unused = [pattern for pattern in (*DROPPED, *RULES) if pattern not in used]
    if unused:
        raise ValueError(f"these rules changed nothing, so they can go: {unused}")
    return files


def stale() -> list[str]:
    """Return the generated files that do not say what they should."""
    return [
        path.relative_to(ROOT).as_posix()
        for path, text in made().items()
        if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main(arguments: list[str]) -> int:
    """Write the generated files, or only say which are stale."""
    if arguments not in ([], ["--check"]):
        print(f"usage: {COMMAND} [--check]", file=sys.stderr)
        return 2
    found = stale()
    for path in found:
        print(f"stale: {path}" if arguments else f"written: {path}")
    if arguments:
        return 1 if found else 0
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
