"""Commands about the cost of coordination: the experiment, a board's account, and advice."""

from __future__ import annotations

import json
import os
import runpy
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from .common.app import AsJson, app
from .common.boards import BoardName, is_address, must_be_there, open_board
from .common.show import BAD_INPUT, as_json, fail, warnings
from .jobs import batch

_QUICK_AGENTS = (1, 2, 5, 20)
_QUICK_SEEDS = 3


# -- lab --------------------------------------------------------------------------------------


@app.command()
def lab(
    world: Annotated[
        list[str] | None,
        typer.Option(help="Only this world, or FILE.py:FUNCTION of your own; may be repeated."),
    ] = None,
    agents: Annotated[str | None, typer.Option(help="Numbers of agents, such as 1,2,5,20.")] = None,
    seeds: Annotated[int | None, typer.Option(min=1, max=1000, help="Number of seeds.")] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Few agents, few seeds: under half a minute.")
    ] = False,
    costs: Annotated[Path | None, typer.Option(help="JSON object with other assumptions.")] = None,
    figure: Annotated[
        Path | None,
        typer.Option(help="Draw the curves as FILE.svg and FILE-curves.svg; needs the extra plots."),
    ] = None,
    json_: AsJson = False,
) -> None:
    """
    Run the experiment: what talk, claims, matching and marks cost, compared with one agent alone.

    About four minutes on a quiet machine; --quick takes less than half a minute.
    """
    from ..lab import experiment  # noqa: PLC0415 - only this command needs it
    from ..lab.tables import curve_svg  # noqa: PLC0415

    worlds = _worlds(world)
    assumed = _costs(costs)
    numbers = _numbers(agents, quick=quick)
    many = seeds or (_QUICK_SEEDS if quick else 10)
    began = time.monotonic()
    with _progress() as show:
        try:
            found = experiment(worlds, agents=numbers, seeds=many, costs=assumed, progress=show)
            studies = None if world else _studies(assumed, many, quick=quick, show=show)
        except (ValueError, TypeError) as problem:
            raise fail(str(problem), BAD_INPUT) from None
    if figure is not None:
        try:
            found.figure(str(figure))
            if studies is not None:
                curves = {name: one["points"] for name, one in studies["curves"].items()}
                curve_svg(curves, figure.with_name(f"{figure.stem}-curves.svg"))
        except (ModuleNotFoundError, OSError) as problem:
            raise fail(f"--figure: {problem}", BAD_INPUT) from None
    if json_:
        typer.echo(as_json({**found.to_json(), **(studies or {})}))
        return
    typer.echo(str(found))
    if studies is not None:
        typer.echo("\n" + _told(studies) + "\n" + str(assumed))
    typer.echo(f"took {time.monotonic() - began:.0f} s")


def _worlds(names: list[str] | None) -> dict[str, Any]:
    from ..lab import WORLDS  # noqa: PLC0415

    found: dict[str, Any] = {}
    for name in names or WORLDS:
        path, is_own, function = name.rpartition(":")
        if name in WORLDS:
            found[name] = WORLDS[name]
        elif is_own and path.endswith(".py"):
            if not os.path.isfile(path):
                raise fail(f"--world: {path}: No such file", BAD_INPUT)
            names_there = runpy.run_path(path)
            if function not in names_there:
                raise fail(f"--world: {path} has no function {function!r}", BAD_INPUT)
            found[function] = names_there[function]
        else:
            known = ", ".join(WORLDS)
            raise fail(f"--world: there is no {name!r}; use {known}, or FILE.py:FUNCTION", BAD_INPUT)
    return found


def _costs(path: Path | None) -> Any:
    from ..lab import Costs  # noqa: PLC0415

    if path is None:
        return Costs()
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise TypeError('must be a JSON object such as {"turn": 3}')  # noqa: TRY301
        return Costs.read(found)
    except (OSError, ValueError, TypeError) as problem:
        raise fail(f"--costs: {path}: {problem}", BAD_INPUT) from None


def _numbers(text: str | None, *, quick: bool) -> tuple[int, ...]:
    from ..lab.experiment import AGENTS  # noqa: PLC0415

    if text is None:
        return _QUICK_AGENTS if quick else AGENTS
    try:
        return tuple([int(part) for part in text.split(",")])
    except ValueError:
        raise fail(
            f"--agents: must be numbers with commas such as 1,2,5,20, not {text!r}", BAD_INPUT
        ) from None


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """Show progress on a terminal; print nothing for programs."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415 - 19 ms

    columns = (TextColumn("{task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=warnings, transient=True) as progress:
        task = progress.add_task("")

        def show(done: int, total: int, what: str) -> None:
            progress.update(task, completed=done, total=total, description=f"{done} of {total}: {what}")

        yield show


def _studies(
    assumed: Any, seeds: int, *, quick: bool, show: Callable[[int, int, str], None]
) -> dict[str, Any]:
    from ..lab import OnBoard, Talk, fit  # noqa: PLC0415
    from ..lab.studies import break_even, sensitivity, steady_curve  # noqa: PLC0415

    effects = sensitivity(20, seeds, assumed, progress=show)
    breaks = break_even(2, seeds, assumed)
    curves: dict[str, Any] = {}
    plans: dict[str, tuple[Any, dict[str, Any]]] = {
        "talk": (Talk(), {}),
        "talk, choice first": (Talk(), {"choice": "first"}),
        "talk, reads 200/s": (Talk(), {"read_rate": 200.0}),
        "talk, both": (Talk(), {"choice": "first", "read_rate": 200.0}),
        "claim": (OnBoard("claim"), {}),
    }
    for name, (way, change) in plans.items():
        show(len(curves), len(plans), f"steady rates of {name}")
        points = steady_curve(way, seeds=1 if quick else 3, costs=attrs.evolve(assumed, **change))
        try:
            said = str(fit(points))
        except ValueError as problem:
            said = str(problem)
        curves[name] = {"points": points, "said": said}
    return {"sensitivity": effects, "break_even": breaks, "curves": curves}


def _told(studies: dict[str, Any]) -> str:
    effects, breaks = studies["sensitivity"], studies["break_even"]
    lines = [
        f"what matters: independent jobs, {effects[0].agents} agents, one change at a time, x solo",
        f"{'':<30}{'talk':>22}{'claim':>22}  tokens/job  twice",
    ]
    for one in effects:
        left = f"  {one.lost:g} jobs never done" if one.lost else ""
        lines.append(
            f"{one.assumption:<30}{f'{one.talk:.2f}':>22}{f'{one.claim:.2f}':>22}{one.tokens_per_job:>12,.0f}"
            f"{one.twice:>7g}{left}"
        )
    lines += [
        "",
        "two agents over one, by the size of jobs (nobody falls silent)",
        f"{'seconds a job':<15}{'talk':>8}{'claim':>8}{'claim by harness':>18}",
    ]
    lines += [
        f"{one.mean:<15g}{one.talk:>8.2f}{one.claim:>8.2f}{one.claim_by_harness:>18.2f}" for one in breaks
    ]
    lines += ["", "does the curve turn? (independent jobs, ten or more an agent, steady windows)"]
    lines += [f"{name}: {found['said']}" for name, found in studies["curves"].items()]
    return "\n".join(lines)


# -- tax --------------------------------------------------------------------------------------


@app.command()
def tax(
    board: BoardName,
    since: Annotated[int, typer.Option(min=0, help="Only events after this cursor.")] = 0,
    solo: Annotated[
        Path | None, typer.Option(help="Report of one agent on such tasks (tax --json), for comparison.")
    ] = None,
    json_: AsJson = False,
) -> None:
    """Say what coordination cost on a board: who held what, what was wasted, what was not measured."""
    from ..lab import TaxReport  # noqa: PLC0415
    from ..lab import tax as report_of  # noqa: PLC0415

    must_be_there(board)
    alone = None
    if solo is not None:
        try:
            alone = TaxReport.read(json.loads(solo.read_text(encoding="utf-8")))
        except (OSError, ValueError) as problem:
            raise fail(f"--solo: {solo}: {problem}", BAD_INPUT) from None
    with open_board(board) as opened:
        report = report_of(opened, since=since, solo=alone)
    report = attrs.evolve(report, board=str(board))
    typer.echo(as_json(report.to_dict()) if json_ else str(report))


# -- advise -----------------------------------------------------------------------------------


@app.command()
def advise(
    work: Annotated[
        str, typer.Argument(help="Jobs as for run (JSON Lines), or a board.", show_default=False)
    ],
    price: Annotated[
        float, typer.Option(help="Cost of each further agent, in units of what one achieves.")
    ] = 0.25,
    call_seconds: Annotated[
        float | None, typer.Option(help="Seconds of one call of the board; about 3 if a model makes it.")
    ] = None,
    most: Annotated[int, typer.Option(min=1, max=1000, help="Number of available agents.")] = 8,
    changing_worth: Annotated[
        bool, typer.Option("--changing-worth", help="Work is worth more in some places, which change.")
    ] = False,
    board: Annotated[
        Path | None, typer.Option(help="Keep the prediction about these jobs beside this board's file.")
    ] = None,
    score: Annotated[
        bool, typer.Option("--score", help="Show how earlier advice about this board turned out.")
    ] = False,
    json_: AsJson = False,
) -> None:
    """
    Say how little coordination some work needs: one agent, a queue, matching or marks, and how many agents.
    """
    from ..lab import Facts  # noqa: PLC0415
    from ..lab import score as score_of  # noqa: PLC0415

    if not is_address(work) and not os.path.exists(work):
        raise fail(f"{work}: there is no such file", BAD_INPUT)
    if score and is_address(work):
        raise fail("--score: predictions are kept beside a board's file, and this board has none", BAD_INPUT)
    try:
        if score:
            told: Any = score_of(Path(work))
        else:
            facts = Facts(price=price, call_seconds=call_seconds, most=most, changing_worth=changing_worth)
            told, kept = _advice(work, facts, board)
    except (ValueError, TypeError, OSError) as problem:
        raise fail(str(problem), BAD_INPUT) from None
    if json_:
        typer.echo(as_json(attrs.asdict(told)))
        return
    typer.echo(str(told))
    if not score and told.prediction is not None:
        later = f"later: ants-coord advise {kept}, then --score"
        typer.echo(later if kept else "--board BOARD keeps it to be scored")


def _advice(work: str, facts: Any, board: Path | None) -> tuple[Any, Path | None]:
    """Return the advice, and the board beside which its prediction is kept."""
    from ..lab import advise as ask  # noqa: PLC0415
    from ..lab import measurements, structure  # noqa: PLC0415
    from ..lab.predictions import keep, settle  # noqa: PLC0415

    if not _is_board(work):
        kept, cursor = board, 0
        advice = ask(_shape_of(Path(work)), facts=facts)
    else:
        kept = None if is_address(work) else Path(work)
        with open_board(work) as opened:
            if kept is not None:
                settle(kept, opened)
            left = [record.task for record in opened.tasks() if not record.state.is_final]
            seen = measurements(opened, str(work))
            advice = ask(structure(left) if left and not seen else None, seen, facts)
            cursor = opened.statistics().cursor
    if kept is not None:
        keep(kept, advice, cursor)
    return advice, kept


def _is_board(work: str) -> bool:
    if is_address(work):
        return True
    with Path(work).open("rb") as file:
        return file.read(15) == b"SQLite format 3"


def _shape_of(path: Path) -> Any:
    from ..lab import structure  # noqa: PLC0415

    tasks = batch.read_file(str(path))
    seconds, kinds = batch.read_hints(path.read_text(encoding="utf-8").split("\n"))
    tasks = [attrs.evolve(task, kind=kinds.get(task.id, task.kind)) for task in tasks]
    return structure(tasks, seconds=seconds or None)
