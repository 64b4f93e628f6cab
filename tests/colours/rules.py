"""
From the colour of event loops to that of threads, line for line, by textual rules.

Text and not a syntax tree, so that comments, docstrings and line breaks stay, and a reader can
compare two files side by side. A rule that nothing used is an error, as it shows that the rule
no longer means what it says.
"""

from __future__ import annotations

import re

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
    r"\bAsync([A-Z]\w+)\b": r"\1",
    r"\bfronts\.aio_hold\b": "fronts.hold",
    r"\basyncio\.run\((.*)\)$": r"\1",
    r"\bfor event loops\b": "for threads",
    # each colour names the other, in one property of each strategy
    r"\bfrom \.\. import sync as other\b": "from .. import aio as other",
    r"\bdef sync\(self\) -> other\b": "def aio(self) -> other",
    r"\bThe same board for threads;": "The same board for event loops;",
}
"""what to find -> what to write, each rule on each line, in this order"""

TEST_RULES = {
    r"\basync (def|with|for)\b": r"\1",
    r"\bawait ": "",
    r"\b__a(enter|exit)__\b": r"__\1__",
    r"\bants_coord\.aio\b": "ants_coord.sync",
    r"\bfronts\.loops\b": "fronts.conftest",
    r"\bfor event loops\b": "for threads",
}
"""the same for tests"""


def converted(text: str, used: set[str], table: dict[str, str] = RULES) -> str:
    """
    Return a file in the other colour.

    Args:
        text: what the file by hand says.
        used: the rules that changed something are added here.
        table: the rules.

    """
    lines = []
    for line in text.splitlines():
        gone = [pattern for pattern in DROPPED if re.search(pattern, line)]
        used.update(gone)
        if gone:
            continue
        here = line
        for pattern, replacement in table.items():
            after = re.sub(pattern, replacement, here)
            if after != here:
                used.add(pattern)
            here = after
        lines.append(here)
    return "\n".join(lines) + "\n"


def refuse_unused(used: set[str]) -> None:
    """Raise ValueError if a rule changed nothing."""
    unused = [pattern for pattern in (*DROPPED, *RULES, *TEST_RULES) if pattern not in used]
    if unused:
        raise ValueError(f"these rules changed nothing, so they can go: {unused}")
