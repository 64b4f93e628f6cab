"""
The handles of agents: the verbs with the agent's name bound, one class a strategy.

A verb with a parameter `agent` is on the handle without it; a verb on leases is, and takes only the
agent's own; of the others, those in FREE.
"""

from __future__ import annotations

import re
from pathlib import Path

from .reading import SHARED, Verb, docstring, imports, origins, signature, verbs_of

FREE = {
    "entries", "explain", "find", "history", "outcome", "read", "result", "results", "sense", "strongest",
    "submit", "submit_many", "wait_for", "watch",
}  # fmt: skip
"""verbs that name no agent, and that an agent has nevertheless"""
ABOUT = {"join", "retire", "roll_back", "vouch"}
"""verbs about an agent, which the host or an operator says and not the agent"""

_WORDS = {
    "agent": (
        "Agent",
        "Board",
        "Handle",
        SHARED,
        """An agent's own handle on a coordinator for event loops: the verbs with the agent's name bound.

An agent that is handed its own handle cannot claim under another name by mistake (models invent
names), nor end another's lease (ForeignLeaseError). In one process this guards against bugs, not
against hostile code.
`board.as_agent(name)` makes it; the verbs are those of Board, without `agent`.""",
    ),
    "match_agent": (
        "MatchAgent",
        "MatchVerbs",
        "Agent",
        {"matchmaker": "MatchVerbs"},
        "An agent's own handle on a Matchmaker for event loops; see Agent.",
    ),
    "board_agent": (
        "BoardAgent",
        "Blackboard",
        "MatchAgent",
        {"blackboard": "Blackboard"},
        "An agent's own handle on a Blackboard for event loops; see Agent.",
    ),
}
"""file -> class, the coordinator that it speaks to, its base, where the verbs stand, docstring"""
_HOME = {"Board": ".board", "MatchVerbs": ".matchmaker", "Blackboard": ".blackboard"}
_BASE = {"Handle": "..fronts.agent", "Agent": ".agent", "MatchAgent": ".match_agent"}


def written(aio: Path) -> dict[str, str]:
    """Return the text of each file with a handle; raises ValueError if a name in a table is no verb."""
    files, seen = {}, set()
    for name, (cls, board, base, sources, doc) in _WORDS.items():
        where = {aio / f"{source}.py": owner for source, owner in sources.items()}
        found = {n: verb for path, owner in where.items() for n, verb in verbs_of(path, owner).items()}
        seen |= set(found)
        chosen = [verb for verb in found.values() if _is_an_agents(verb)]
        known = origins(*where) | {board: _HOME[board]}
        words = {board}.union(*(verb.words for verb in chosen))
        files[name] = "\n".join(
            [
                f'"""\n{doc.partition(chr(10))[0]}\n"""\n',
                "from __future__ import annotations\n",
                "from typing import TYPE_CHECKING\n",
                f"from {_BASE[base]} import {base}\n",
                f"if TYPE_CHECKING:\n{imports(words, known)}",
                f'__all__ = ["{cls}"]\n\n',
                f"class {cls}({base}):",
                "\n".join(_indented(doc)),
                f"\n    _board: {board}",
                *(_method(verb) for verb in chosen),
                "",
            ]
        )
    strangers = (FREE | ABOUT) - seen
    if strangers:
        raise ValueError(f"these are no verbs (any more): {sorted(strangers)}")
    return files


def _indented(doc: str) -> list[str]:
    if "\n" not in doc:
        return [f'    """{doc}"""']
    return ['    """', *(f"    {line}".rstrip() for line in doc.split("\n")), "", '    """']


def _is_an_agents(verb: Verb) -> bool:
    names = {one.name for one in verb.parameters}
    return verb.name not in ABOUT and (verb.name in FREE or bool(names & {"agent", "lease", "endings"}))


def _method(verb: Verb) -> str:
    handed = []
    for one in verb.parameters:
        value = {
            "agent": "self.name",
            "lease": "self._own(lease)",
            "endings": "[(self._own(lease), result) for lease, result in endings]",
        }.get(one.name, one.name)
        handed.append(f"{one.name}={value}" if one.is_named else f"{one.prefix}{value}")
    call = f"self._board.{verb.name}({', '.join(handed)})"
    line = f"        {'await ' if verb.is_async else ''}{call}"
    if verb.returns != "None":
        line = line.replace("        ", "        return ", 1)
    if len(line) > 110:
        head, _, _ = line.partition("(")
        line = head + "(" + "".join(f"\n            {part}," for part in handed) + "\n        )"
    return f"\n{signature(verb, 'agent')}\n{docstring(_without_agent(verb.doc))}\n{line}"


def _without_agent(doc: str) -> str:
    """Return a docstring without what it says about the argument `agent`, and without its example."""
    doc = doc.partition("\n\nExample:\n")[0]  # a coordinator's own, in which the agent is named
    doc = re.sub(r"^    agent: .*\n?(?:^        .*\n?)*", "", doc, flags=re.MULTILINE)
    return re.sub(r"\n\nArgs:\n(?=\n|\Z)", "\n", doc).strip()
