"""
The pages and pictures that are made from the code: `python -m tests.docs.reference` makes them again.

A test compares what is committed with what the code says today, so that the
reference cannot fall behind.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from pathlib import Path

import attrs

from ants_coord import errors, guard, lab
from ants_coord.core import TRANSITIONS
from ants_coord.sync import Agent, Blackboard, Board, BoardAgent, MatchAgent, Matchmaker
from ants_coord.values import (
    adverts,
    briefing,
    entries,
    events,
    marks,
    reactions,
    routes,
    settings,
    trust,
    verification,
)
from ants_coord.values import (
    tasks as values,
)

from ..colours.protocols import PURPOSES, REST, SUMS
from . import architecture
from .pictures import PICTURES

DOCS = Path(__file__).parent.parent.parent / "docs"


def _verbs(cls: type) -> list[tuple[str, object]]:
    found = {name: member for base in reversed(cls.__mro__) for name, member in vars(base).items()}
    return sorted((n, m) for n, m in found.items() if not n.startswith("_") and inspect.isfunction(m))


def coordinator() -> str:
    parts = [
        "# The coordinator",
        "This page lists every verb of `ants_coord.ClaimQueue`. `ants_coord.aio.ClaimQueue` has the same names and\n"
        "arguments, with `await`; its iterators are asynchronous, and its scopes are entered with `async with`.\n\n"
        "- A task may be given as a `Task`, a `Ticket`, a `Lease` or an id (`TaskLike`).\n"
        '- A lease may be given as a `Lease`, its scope, or its handle `"id#token"` (`LeaseLike`).\n'
        "- Durations are seconds: int, float or timedelta (`Seconds`).\n"
        "- Bad arguments raise `ValueError`, `TypeError` or `LimitError` at the call. Every verb raises `ClosedError`\n"
        "  when the coordinator is closed, and `JournalError` when the board's file cannot be read or written. With\n"
        "  `request_id`, it raises `RequestReusedError` if the id was used for something else, and `RequestTooOld` if\n"
        "  its reply is forgotten.\n"
        "- Examples use the names of `ants_coord`. The docstrings of `ants_coord.aio` have the same examples for event\n"
        "  loops; type them at the prompt of `python -m asyncio`.\n\n"
        "This page is written from the code.",
    ]
    shared = dict(_verbs(Board))
    parts += [_verb(name, member) for name, member in shared.items()]
    parts.append("# What a Matchmaker adds")
    parts += [_verb(name, member) for name, member in _verbs(Matchmaker) if name not in shared]
    shared |= dict(_verbs(Matchmaker))
    parts.append("# What a Blackboard adds to a Matchmaker")
    parts += [_verb(name, member) for name, member in _verbs(Blackboard) if name not in shared]
    parts += [_handles(), _protocols()]
    return "\n\n".join(parts) + "\n"


def _verb(name: str, member: object) -> str:
    text = inspect.cleandoc(member.__doc__ or "")
    return f"## {name}\n\n```text\n{_signature(name, member)}\n```\n\n{text}"


class _AsWritten(str):
    """An annotation that is shown as its author wrote it, without quotes."""

    def __repr__(self) -> str:
        return str(self)


def _signature(name: str, member: object) -> str:
    """Return a signature as it is called: a line if it fits, else a parameter a line."""
    found = inspect.signature(member, eval_str=False)
    parameters = [
        one if one.annotation is one.empty else one.replace(annotation=_AsWritten(one.annotation))
        for one in found.parameters.values()
        if one.name != "self"
    ]
    returns = _AsWritten(found.return_annotation)
    line = name + str(found.replace(parameters=parameters, return_annotation=returns))
    if len(line) <= 100:
        return line
    parts, is_named = [], False
    for one in parameters:
        if one.kind is one.KEYWORD_ONLY and not is_named:
            parts.append("*")
        is_named = is_named or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        parts.append(str(one))
    return f"{name}(\n" + "".join(f"    {part},\n" for part in parts) + f") -> {returns}"


def _shown(names: Iterable[str]) -> str:
    return " ".join(f"`{name}`" for name in sorted(names) if not name.startswith("_"))


def _handles() -> str:
    rows = ["| handle | of | verbs |", "|---|---|---|"]
    for handle, board in ((Agent, Board), (MatchAgent, Matchmaker), (BoardAgent, Blackboard)):
        base = handle.__base__.__name__
        before = "" if handle is Agent else f"those of `{base}`, and "
        rows.append(f"| `{handle.__name__}` | `{board.__name__}` | {before}{_shown(vars(handle))} |")
    return (
        "# The handle of an agent\n\n"
        "`board.as_agent(name)` returns a handle: the verbs that an agent needs, with the same arguments but for\n"
        "`agent`, which is bound. It refuses another agent's lease. `join` returns one that is a scope, too.\n\n"
        + "\n".join(rows)
    )


def _protocols() -> str:
    rows = ["| protocol | what it does | verbs |", "|---|---|---|"]
    rows += [f"| `{name}` | {what} | {_shown(verbs.split())} |" for name, (what, verbs) in PURPOSES.items()]
    rows += [f"| `{name}` | {what} | those of {_shown(several)} |" for name, (what, several) in SUMS.items()]
    rows.append(
        f"| `Coordinator` | What every strategy offers. | those of all above, and {_shown(REST.split())} |"
    )
    return (
        "# Protocols\n\n"
        "A function asks for what it needs, and every strategy fits: `def work(board: AgentVerbs) -> None`.\n"
        "They are in `ants_coord.abc`; those for event loops begin with `Async`.\n\n" + "\n".join(rows)
    )


def _below(kind: type, depth: int = 0) -> list[str]:
    """Return the tree of the errors under one, a line each, in the order of the file."""
    also = "  (also a ValueError)" if ValueError in kind.__bases__ else ""
    ours = [each for each in kind.__subclasses__() if each.__module__ == errors.__name__]
    return ["  " * depth + kind.__name__ + also, *[line for each in ours for line in _below(each, depth + 1)]]


def error_page() -> str:
    head = inspect.cleandoc(errors.__doc__ or "").rpartition("\n\n")[2]
    parts = [
        "# Errors",
        head,
        "```text\n" + "\n".join(_below(errors.CoordinationError)) + "\n```",
        "## Fields",
    ]
    rows = ["| error | fields | means |", "|---|---|---|"]
    for name in [*sorted(errors.__all__), "StaleTokenError"]:
        kind = getattr(errors, name, None) or getattr(guard, name)
        fields = ", ".join(f"`{field.name}`" for field in attrs.fields(kind)) if attrs.has(kind) else ""
        meaning = inspect.cleandoc(kind.__doc__ or "").partition("\n\n")[0]
        rows.append(f"| `{name}` | {fields} | {meaning} |")
    return "\n\n".join([*parts, "\n".join(rows)]) + "\n"


def event_page() -> str:
    rows = ["| type | meaning |", "|---|---|"]
    rows += [f"| `{name}` | {meaning} |" for name, meaning in events.EVENT_TYPES.items()]
    return (
        "# Events\n\n"
        + inspect.cleandoc(events.Event.__doc__ or "")
        + "\n\nThe last 10,000 are kept (`event_count`). A cursor that is older than what is kept gets\n"
        "`CursorTooOld`: read the state with `tasks()`, then continue from `statistics().cursor`.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def settings_page() -> str:
    parts = ["# Settings and tasks"]
    for kind in (
        settings.Settings, values.Task, values.Backoff, verification.Verify, adverts.Advert, routes.Route, routes.Piece, marks.Mark,
        marks.MarkKind, entries.Namespace, reactions.Reaction, trust.TrustPolicy, values.Standing, trust.Channel,
        briefing.Briefing, briefing.OpenTask,
    ):  # fmt: skip
        defaults = ", ".join(
            f"`{field.name}={_default(field)}`" for field in attrs.fields(kind) if field.init
        )
        text = inspect.cleandoc(kind.__doc__ or "")
        parts.append(f"## {kind.__name__}\n\n```text\n{text}\n```\n\nDefaults: {defaults}.")
    parts.append(
        "## Why these defaults\n\n"
        "- `lease_ttl=30`: a crash costs half a minute; renewal every third of it costs one command in ten seconds.\n"
        "- `max_attempts=3`: a task that has killed three holders is poison, and is put aside with its history.\n"
        "- `backoff` after a failure (1 s, doubling, at most 5 min) but not after an expiry: silence is mostly a\n"
        "  crash of the agent, not a fault of the task.\n"
        "- `aging=0`: priority means priority. With `aging=60`, a minute of waiting weighs one step.\n"
        "- `half_life=600`, `faint=0.01`: a mark of strength 1 lasts an hour and six minutes if nobody lays another.\n"
        "- `retention=86400`, `retention_count=10000`: results stay for a day, and memory stays bounded."
    )
    return "\n\n".join(parts) + "\n"


def _default(field: attrs.Attribute) -> str:
    if isinstance(field.default, attrs.Factory):
        return f"{field.default.factory.__name__}()"
    return repr(field.default)


def lifecycle_page() -> str:
    rows = []
    for state, verbs in TRANSITIONS.items():
        leads = ", ".join(f"`{verb}` to {target.value}" for verb, target in verbs.items())
        rows.append(f"| **{state.value}** | {_state_text(state.name)} | {leads or 'nothing: it is final'} |")
    return (
        "# The life of a task\n\n"
        "The picture and the table are drawn from the one table by which the code moves tasks.\n\n"
        "![The states of a task and what moves it from one to another](lifecycle.svg)\n\n"
        "| state | meaning | what moves it |\n|---|---|---|\n" + "\n".join(rows) + "\n\n"
        "Every task starts as waiting. If nothing holds it there, it moves on in the same step. A done task never\n"
        "changes. A failed task comes back only by `requeue` (or `submit` with `if_exists=\"rerun\"`). It then starts a\n"
        "new generation with fresh attempts, and the tasks that its failure had cancelled come back, too.\n\n"
        "An attempt is counted when the task is claimed, so a crash counts. `release` gives the attempt back; releases\n"
        "are counted separately.\n"
    )  # fmt: skip


def _state_text(name: str) -> str:
    source = inspect.getsource(values.TaskState)
    after = source.partition(f"    {name} = ")[2]
    return after.partition('"""')[2].partition('"""')[0]


def lab_page() -> str:
    parts = [
        "# The lab",
        "`ants_coord.lab` measures what coordination costs. It stands on the library as any program may, and nothing\n"
        "of the library needs it. How to use it: [how many agents pay](../how-to/find-out-how-many-agents-pay.md); what\n"
        "came out: [the coordination tax](../explanation/the-coordination-tax.md). This page is written from the code.",
    ]
    for name in lab.__all__:
        what = getattr(lab, name)
        if not callable(what):
            continue
        text = f"```text\n{inspect.cleandoc(what.__doc__ or '')}\n```"
        called = "" if inspect.isclass(what) else f"```text\n{_signature(name, what)}\n```\n\n"
        parts.append(f"## {name}\n\n{called}{text}")
    return "\n\n".join(parts) + "\n"


def llms_page() -> str:
    """Return the list of pages for language models (llmstxt.org): the index without its prose."""
    lines = [
        "# ants_coord",
        "",
        "> A Python library that lets several agents share work safely, with no scheduler and no server: leases,",
        "> fencing tokens, matching by skill, a stigmergic blackboard; in memory, in a SQLite file or in PostgreSQL;",
        "> for threads and asyncio.",
    ]
    for line in (DOCS / "index.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("**"):
            lines += ["", f"## {line.strip('*')}", ""]
        elif line.startswith("- ["):
            lines.append(line)
    return "\n".join(lines) + "\n"


PAGES = {
    "llms.txt": llms_page,
    "architecture.md": architecture.page,
    "reference/coordinator.md": coordinator,
    "reference/errors.md": error_page,
    "reference/events.md": event_page,
    "reference/lab.md": lab_page,
    "reference/settings.md": settings_page,
    "explanation/lifecycle.md": lifecycle_page,
    **PICTURES,
}

if __name__ == "__main__":
    for page, write in PAGES.items():
        (DOCS / page).write_text(write(), encoding="utf-8")
