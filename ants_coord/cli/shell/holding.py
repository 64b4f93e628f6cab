"""
Claim a task, and end it: a lease is passed from command to command as its handle "id#token".

Nobody renews what a command holds: it ends by its handle, or by its ttl.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import attrs
import typer

from ...commands.matching import Advertise
from ...values.checks import check_name
from ..common.app import AsJson, app
from ..common.boards import open_board, words_after_board
from ..common.show import BAD_INPUT, SOME_FAILED, as_json, clean, fail, said, shown
from ..jobs.running import Can, Having, skills_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ...values.tasks import Lease

AGENT_VARIABLE = "ANTS_COORD_AGENT"
AgentName = Annotated[str | None, typer.Option("--agent", envvar=AGENT_VARIABLE, help="Your agent name.")]
Ttl = Annotated[
    float | None,
    typer.Option(
        "--ttl", min=0.001, help="Seconds that the lease lasts without renewal; by default the board's."
    ),
]
Wait = Annotated[float, typer.Option("--wait", min=0, help="Seconds to wait.")]
BoardOnly = Annotated[list[str] | None, typer.Argument(metavar="[BOARD]")]
BoardAndHandle = Annotated[
    list[str],
    typer.Argument(
        metavar="[BOARD] HANDLE", help="The handle that claim printed, such as build#1700000000000000."
    ),
]


def agent_of(name: str | None) -> str:
    """Return the agent's checked name; taking something requires one."""
    if name is None:
        raise fail(f"say who you are: --agent NAME, or {AGENT_VARIABLE} in the environment", BAD_INPUT)
    try:
        return check_name(name, "--agent")
    except ValueError as problem:
        raise fail(str(problem), BAD_INPUT) from None


def shown_lease(lease: Lease) -> dict[str, Any]:
    """Return a lease as plain data, with its handle."""
    return {"handle": lease.handle, **attrs.asdict(lease)}


def text_of(text: str) -> str:
    """Return an argument's text; "-" is standard input."""
    return sys.stdin.read() if text == "-" else text


def value_of(text: str) -> Any:
    """Return the value of an argument that is JSON, otherwise the text itself."""
    from ...adapters.tools.arguments import value_of  # noqa: PLC0415 - one rule for models and shells

    return value_of(text_of(text))


@contextmanager
def _holder(words: list[str], agent: str | None, names: str = "HANDLE") -> Iterator[tuple[Any, list[str]]]:
    """Open the board as the named agent, which may only touch its own leases."""
    path, rest = words_after_board(words, names)
    with open_board(path, keep=True) as board:
        yield (board if agent is None else board.as_agent(agent_of(agent))), rest


@app.command(rich_help_panel="For agents")
def claim(
    words: BoardOnly = None,
    agent: AgentName = None,
    task: Annotated[str | None, typer.Option(help="Only this task.")] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help="Only this kind; may be repeated.")
    ] = None,
    ttl: Ttl = None,
    wait: Wait = 0,
    can: Can = None,
    having: Having = None,
    json_: AsJson = False,
) -> None:
    """Take a task and print its handle; --json prints everything. Exit code 1: there is none now."""
    path, _ = words_after_board(words or [], "")
    name, skills = agent_of(agent), skills_of(can, having)
    with open_board(path, keep=True) as board:
        if can or having:
            board.execute(Advertise(attrs.evolve(skills, agent=name)))
        if wait:
            lease: Lease | None = board.claim(name, task=task, kinds=kinds, lease_ttl=ttl, timeout=wait)
        else:
            lease = board.claim_nowait(name, task=task, kinds=kinds, lease_ttl=ttl)
        if lease is None:
            why = board.explain(task) if task is not None else board.explain_agent(name)
            raise fail(f"nothing to do: {'; '.join(why.reasons)}", SOME_FAILED)
    if json_:
        typer.echo(as_json(shown_lease(lease)))
    else:
        typer.echo(shown(lease.handle, 1_000))


@app.command(rich_help_panel="For agents")
def renew(words: BoardAndHandle, agent: AgentName = None, ttl: Ttl = None, json_: AsJson = False) -> None:
    """Hold a task or a lock for longer."""
    with _holder(words, agent) as (board, (handle,)):
        until_ns = board.renew(handle, lease_ttl=ttl)
    said({"handle": handle, "expires_ns": until_ns}, f"renewed {clean(handle, 1_000)}", as_json_=json_)


@app.command(rich_help_panel="For agents")
def note(
    words: Annotated[
        list[str],
        typer.Argument(metavar="[BOARD] HANDLE TEXT", help="The handle and the note; - for standard input."),
    ],
    agent: AgentName = None,
    json_: AsJson = False,
) -> None:
    """Keep a note with a task that you hold, for others and for its next holder."""
    with _holder(words, agent, "HANDLE TEXT") as (board, (handle, text)):
        board.progress(handle, text_of(text))
    said({"handle": handle}, f"noted with {clean(handle, 1_000)}", as_json_=json_)


@app.command(rich_help_panel="For agents")
def complete(
    words: BoardAndHandle,
    result: Annotated[
        str | None, typer.Option(help="The result: JSON or text; - for standard input.")
    ] = None,
    agent: AgentName = None,
    json_: AsJson = False,
) -> None:
    """End a task that you hold with its result."""
    with _holder(words, agent) as (board, (handle,)):
        outcome = board.complete(handle, None if result is None else value_of(result))
    said(outcome, f"{clean(outcome.task)} is {outcome.state}", as_json_=json_)


@app.command("fail", rich_help_panel="For agents")
def fail_(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[BOARD] HANDLE REASON", help="The handle and the reason; - for standard input."
        ),
    ],
    agent: AgentName = None,
    for_good: Annotated[bool, typer.Option("--for-good", help="Do not retry.")] = False,
    json_: AsJson = False,
) -> None:
    """End your attempt without a result; others retry while the task has attempts left."""
    with _holder(words, agent, "HANDLE REASON") as (board, (handle, reason)):
        state = board.fail(handle, text_of(reason), retry=not for_good)
    task = handle.rpartition("#")[0]
    said({"task": task, "state": str(state)}, f"{clean(task)} is {state}", as_json_=json_)


@app.command(rich_help_panel="For agents")
def release(words: BoardAndHandle, agent: AgentName = None, json_: AsJson = False) -> None:
    """Give a task back unfinished; the attempt does not count."""
    with _holder(words, agent) as (board, (handle,)):
        board.release(handle)
    said({"released": handle}, f"released {clean(handle, 1_000)}", as_json_=json_)


@app.command(rich_help_panel="For agents")
def decline(
    words: BoardAndHandle,
    agent: AgentName = None,
    seconds: Annotated[
        float | None, typer.Option(min=0.001, help="Seconds; by default until the task changes.")
    ] = None,
    reason: Annotated[str, typer.Option(help="Reason, shown by explain.")] = "",
    json_: AsJson = False,
) -> None:
    """Give a task back because you cannot do it now: it is offered to others, and not to you."""
    with _holder(words, agent) as (board, (handle,)):
        board.decline(handle, seconds, reason)
    said({"declined": handle}, f"declined {clean(handle, 1_000)}", as_json_=json_)
