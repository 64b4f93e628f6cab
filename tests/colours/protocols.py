"""
The protocols: what a function may ask of a coordinator, by purpose.
"""

from __future__ import annotations

from pathlib import Path

from .reading import SHARED, docstring, imports, origins, signature, verbs_of

PURPOSES = {
    "Submits": ("The verbs that add tasks.", "submit submit_many"),
    "Claims": ("The verbs that lease tasks to an agent.", "claim claim_nowait claim_many claims"),
    "Holds": (
        "The verbs that keep and end what is leased.",
        "work keep_alive renew progress complete complete_many fail release decline split",
    ),
    "Locks": ("The verbs that lock names.", "lock lock_nowait lock_files holder"),
    "Results": ("The verbs that wait for what became of tasks.", "outcome result results as_finished drain"),
    "Budgets": ("The verbs that set what may be spent, and charge it.", "purse spent"),
    "Reads": (
        "The verbs that look, and change nothing.",
        "find tasks leases explain explain_agent briefing standing statistics settings events",
    ),
    "Steers": (
        "The verbs that change what others do: for an operator.",
        "cancel requeue limit pause resume configure extend adopt release_all vouch",
    ),
}
"""protocol -> what it is for, its verbs; every verb of Board is in exactly one, or in REST"""
SUMS = {
    "AgentVerbs": ("The verbs of an agent.", ("Submits", "Claims", "Holds", "Locks")),
    "OperatorVerbs": ("The verbs of an operator.", ("Reads", "Steers")),
}
REST = "execute query serve as_agent key_of shared backup outbox close __aenter__ __aexit__"
"""what only `Coordinator` has"""
_LEFT_OUT = {"over", "check"}
"""ways to make one, and a check for tests"""


def written(aio: Path) -> str:
    """Return the text of protocols.py; raises ValueError if a verb has no place or a place no verb."""
    sources = {aio / f"{name}.py": cls for name, cls in SHARED.items()}
    sources[aio.parent / "fronts" / "keys.py"] = "Keys"
    found = {name: verb for path, cls in sources.items() for name, verb in verbs_of(path, cls).items()}
    placed = [name for _, names in PURPOSES.values() for name in names.split()] + REST.split()
    if sorted(placed) != sorted(set(found) - _LEFT_OUT):
        raise ValueError(
            "each verb of Board needs one place in PURPOSES of tests/colours/protocols.py; look at "
            f"{sorted(set(placed) ^ (set(found) - _LEFT_OUT)) or 'those that stand twice'}"
        )
    known = origins(*sources)
    words = set().union(*(found[name].words for name in placed)) - {"Any", "Literal", "Self", "R"}
    parts = [
        '"""\nWhat a function may ask of a coordinator for event loops, by purpose; `AsyncCoordinator` is all of it.\n\n'
        "What a verb promises is told once, in the classes.\n"
        '"""\n',
        "from __future__ import annotations\n",
        "from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeVar\n",
        f"if TYPE_CHECKING:\n{imports(words, known)}",
        "__all__ = [\n"
        + "".join(f'    "Async{name}",\n' for name in sorted([*PURPOSES, *SUMS, "Coordinator"]))
        + "]\n",
        'R = TypeVar("R")\n',
    ]
    for name, (purpose, names) in PURPOSES.items():
        parts.append(f'\nclass Async{name}(Protocol):\n    """{purpose}"""\n')
        parts += [_method(found[verb]) for verb in names.split()]
    for name, (purpose, several) in SUMS.items():
        bases = ", ".join(f"Async{base}" for base in several)
        parts.append(f'\nclass Async{name}({bases}, Protocol):\n    """{purpose}"""\n')
    parts.append(
        "\nclass AsyncCoordinator(AsyncAgentVerbs, AsyncResults, AsyncBudgets, AsyncOperatorVerbs, Protocol):\n"
        '    """What every strategy offers."""\n'
    )
    parts += [_method(found[verb]) for verb in REST.split()]
    return "\n".join(parts)


def _method(verb) -> str:  # type: ignore[no-untyped-def]
    first = verb.doc.partition("\n\n")[0]
    return f"{signature(verb)}\n{docstring(first)}\n        ...\n"
