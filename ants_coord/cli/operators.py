"""Commands for operators: agents, strategies, proofs and purses."""

from __future__ import annotations

import json
import sys
from typing import Annotated, Any

import typer

from ..commands.matching import Retire
from ..fronts.arguments import agent_name
from ..values.payloads import json_value
from ..values.verification import Proof
from .common.app import AsJson, app
from .common.boards import BoardName, open_board, words_after_board
from .common.show import BAD_INPUT, clean, console, fail, said, table


@app.command()
def retire(
    words: Annotated[list[str], typer.Argument(metavar="[BOARD] AGENT", help="Name of the agent.")],
    reason: Annotated[str, typer.Option(help="Reason, kept in the event and told to the agent.")] = "",
    json_: AsJson = False,
) -> None:
    """Take an agent out: it gets nothing until it is started again, and what it holds is given back."""
    board, (agent,) = words_after_board(words, "AGENT")
    with open_board(board) as opened:
        was_here = opened.execute(Retire(agent_name(agent), json_value(reason[:500], "reason")))
    sentence = f"{clean(agent)} {'is out' if was_here else 'was not here; its earlier starts stay out'}"
    said({"agent": agent, "was_here": was_here}, sentence, as_json_=json_)


@app.command()
def extend(
    words: Annotated[list[str], typer.Argument(metavar="[BOARD] STRATEGY", help="matchmaker or blackboard.")],
) -> None:
    """Permanently extend a board: a claim queue to a matchmaker, either to a blackboard."""
    board, (to,) = words_after_board(words, "STRATEGY")
    with open_board(board) as opened:
        has = opened.extend(to)  # type: ignore[arg-type]
    console.print(f"strategy {clean(has.strategy)}")


@app.command()
def proof(
    board: BoardName,
    capability: Annotated[str, typer.Argument(help="The capability; without it, all are shown.")] = "",
    answer: Annotated[
        str | None, typer.Option(help="The right result, as JSON; - for standard input.")
    ] = None,
    payload: Annotated[str, typer.Option(help="The question, as JSON.")] = "null",
    kind: Annotated[str, typer.Option(help="The kind of the task that asks it.")] = "default",
    drop: Annotated[bool, typer.Option("--drop", help="Remove the questions for this capability.")] = False,
    json_: AsJson = False,
) -> None:
    """Set a question that agents must answer before a capability counts, and see who passed."""
    if (answer is not None or drop) and not capability:
        raise fail("name the capability that --answer proves, or that --drop drops", BAD_INPUT)
    if answer is not None and drop:
        raise fail("--answer adds a proof and --drop drops all of a capability: give one of them", BAD_INPUT)
    text = sys.stdin.read() if answer == "-" else answer
    with open_board(board) as opened:
        proofs = list(opened.settings().proofs)
        if text is not None:
            question, known = _json(payload, "--payload"), _json(text, "--answer")
            proofs.append(Proof(capability, question, kind, answer=known))
            opened.configure(proofs=proofs)
        elif drop:
            left = [one for one in proofs if one.capability != capability]
            if left == proofs:
                raise fail(f"there is no proof of {capability!r} on this board", BAD_INPUT)
            opened.configure(proofs=left)
        seen = opened.statistics().parts.get("proofs", {})
        proofs = list(opened.settings().proofs)
    shown = {
        one: {"questions": sum(each.capability == one for each in proofs), **row}
        for one, row in seen.items()
        if capability in ("", one)
    }
    columns = ("questions", "proven", "refuted", "claimed")
    rows = [(one, *[row[key] for key in columns]) for one, row in shown.items()]
    said(shown, table("proofs", ("capability", *columns), rows), as_json_=json_)


def _json(text: str, option: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as problem:
        raise fail(f"{option}: {problem}; a text needs its quotes, as in '\"Paris\"'", BAD_INPUT) from None


@app.command()
def purse(
    board: BoardName,
    name: Annotated[str, typer.Argument(help="The purse; without it, all are shown.")] = "",
    amount: Annotated[
        int | None, typer.Argument(help="The amount to set; without it, the purse is shown.")
    ] = None,
    per: Annotated[float | None, typer.Option(help="Seconds of a window, such as 86400.")] = None,
    json_: AsJson = False,
) -> None:
    """Set how much tasks may spend of something, and see what is left."""
    if per is not None and amount is None:
        raise fail("--per: without an amount there is nothing to set; give the amount, too", BAD_INPUT)
    with open_board(board) as opened:
        if amount is not None:
            opened.purse(name, amount, per=per)
        purses = opened.statistics().parts.get("purses", {})
    shown = {one: row for one, row in purses.items() if name in ("", one)}
    columns = ("amount", "per", "left", "reserved", "spent", "coordination")
    rows = [(one, *["" if row[key] is None else row[key] for key in columns]) for one, row in shown.items()]
    said(shown, table("purses", ("purse", *columns), rows), as_json_=json_)
