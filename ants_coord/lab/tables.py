"""Tables, text bars and figures of an experiment."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from .experiment import CROWD, Experiment, Row, Spread
from .runs import LIMIT, Run
from .scaling import fit
from .worlds import World

_COLUMNS: tuple[tuple[str, int, Callable[[Row], str]], ...] = (
    ("work/s", 8, lambda row: f"{_median(row, lambda run: run.rate):.2f}"),
    ("x solo", 21, lambda row: f"{row.beside_solo:.2f}"),
    ("by harness", 12, lambda row: _or_nothing(row.beside_solo_by_harness, ".2f")),
    ("tokens/job", 12, lambda row: f"{_median(row, lambda run: run.tokens_per_job):,.0f}"),
    ("share", 7, lambda row: f"{_median(row, lambda run: run.token_share):.0%}"),
    ("twice", 7, lambda row: f"{_median(row, lambda run: run.duplicates.all):g}"),
    ("raced", 7, lambda row: f"{_median(row, lambda run: run.duplicates.raced):g}"),
    ("newcomer", 10, lambda row: f"{_median(row, lambda run: run.duplicates.no_context):g}"),
    ("unheard", 9, lambda row: f"{_median(row, lambda run: run.duplicates.unheard):g}"),
    ("given up", 10, lambda row: f"{_median(row, lambda run: run.duplicates.given_up):g}"),
    ("silent", 8, lambda row: f"{_median(row, lambda run: run.broken):g}"),
    ("noticed after", 15, lambda row: _or_nothing(row.noticed_after, ",.0f", " s")),
    ("inside", 8, lambda row: f"{_median(row, lambda run: run.inside / run.present):.0%}"),
    ("idle", 6, lambda row: f"{max(0.0, _median(row, lambda run: run.idle / run.present)):.0%}"),
)
_LONGEST_BAR = 40


def table(found: Experiment) -> str:
    """Return all tables, each with its assumptions below it."""
    worlds = dict.fromkeys([row.world for row in found.rows])
    return "\n\n".join([_of_world(found, name) for name in worlds])


def _of_world(found: Experiment, name: str) -> str:
    rows = [row for row in found.rows if row.world == name]
    alone = max((row.alone for row in rows), key=len)
    rate = sorted(run.rate for run in alone)[len(alone) // 2]
    head = f"{'way':<11}{'agents':>6}" + "".join([f"{title:>{width}}" for title, width, _ in _COLUMNS])
    lines = [f"{_about(found.worlds[name])} One agent: {rate:.2f}", head, *[_line(row) for row in rows]]
    most = max(row.agents for row in rows)
    lines += _bars([row for row in rows if row.agents == most], most)
    seeds = {len(row.runs) for row in rows}
    fewer = f" (talk of {CROWD} agents and more: {min(seeds)})" if len(seeds) > 1 else ""
    lines.append(
        f"medians over {max(seeds)} seeds{fewer}, x solo with quartiles; "
        "twice = raced + newcomer + unheard + given up"
    )
    lines.append(str(found.costs))
    return "\n".join(lines)


def _about(world: World) -> str:
    work = f"{world.work / 3600:.1f} h" if world.work >= 3600 else f"{world.work / 60:.1f} min"
    said = f"{world.name}: {len(world.jobs):,} jobs, {work} of work, longest path {world.path / 60:.1f} min"
    if world.horizon is not None:
        said += f", all stop after {world.horizon / 3600:g} h"
    return said + "."


def _line(row: Row) -> str:
    text = f"{row.way:<11}{row.agents:>6}" + "".join([f"{cell(row):>{width}}" for _, width, cell in _COLUMNS])
    left = _median(row, lambda run: run.lost)
    # a world with a horizon is never emptied; elsewhere a job that is not done is one that nobody noticed
    is_given_up = row.of(lambda run: run.seconds).high >= LIMIT
    return f"{text}  {left:g} jobs never done" if left and is_given_up else text


def _median(row: Row, figure: Callable[[Run], float]) -> float:
    return row.of(figure).median


def _or_nothing(found: Spread | None, form: str, unit: str = "") -> str:
    return "" if found is None else f"{found.median:{form}}{unit}"


def _bars(rows: list[Row], agents: int) -> Iterator[str]:
    yield f"x solo at {agents} agents; tokens of coordination per finished job"
    speeds = [row.beside_solo.median for row in rows]
    tokens = [row.of(lambda run: run.tokens_per_job).median for row in rows]
    for row, speed, price in zip(rows, speeds, tokens, strict=True):
        one = "#" * max(1, round(speed / max(speeds) * _LONGEST_BAR))
        two = "#" * max(1, round(price / max(tokens) * _LONGEST_BAR)) if max(tokens) else ""
        yield f"  {row.way:<11} {one:<{_LONGEST_BAR}} {speed:>7.2f}   {two:<{_LONGEST_BAR}} {price:>11,.0f}"


_COLOURS = {
    "talk": "#b03a2e",
    "claim": "#1f618d",
    "match": "#b7950b",
    "board": "#1e8449",
    "board+poor": "#6c3483",
}


_STYLES = {"match": "--", "board": ":"}
"""makes lines that often coincide distinguishable"""


def svg(found: Experiment, path: str | Path) -> None:
    """
    Draw two rows of curves: work per second over one agent, and tokens per finished job.

    Args:
        found: the experiment to draw.
        path: the file; the same experiment gives the same bytes.

    Raises:
        ModuleNotFoundError: matplotlib is missing; pip install 'ants-coord[plots]'.

    """
    plt = _pyplot()
    worlds = list(dict.fromkeys([row.world for row in found.rows]))
    figure, axes = plt.subplots(
        2, len(worlds), figsize=(3.1 * len(worlds), 6.0), sharex="col", squeeze=False, layout="constrained"
    )
    for column, name in enumerate(worlds):
        _draw_world(axes[0][column], axes[1][column], [row for row in found.rows if row.world == name])
        axes[0][column].set_title(name)
        axes[1][column].set_xlabel("agents")
    axes[0][0].set_ylabel("work per second, over one agent")
    axes[1][0].set_ylabel("coordination tokens per job")
    known = {
        label: line for axis in axes[0] for line, label in zip(*axis.get_legend_handles_labels(), strict=True)
    }
    figure.legend(known.values(), known, loc="outside upper right", ncols=len(known), fontsize=8)
    figure.text(0.01, -0.03, str(found.costs), fontsize=6, va="top")
    figure.savefig(path, format="svg", metadata={"Date": None}, bbox_inches="tight")
    plt.close(figure)


def _draw_world(speed: Any, price: Any, rows: list[Row]) -> None:
    for way in dict.fromkeys([row.way for row in rows]):
        mine = sorted([row for row in rows if row.way == way], key=lambda row: row.agents)
        agents = [row.agents for row in mine]
        colour = _COLOURS.get(way)
        figures = (
            (speed, [row.beside_solo for row in mine]),
            (price, [row.of(lambda run: run.tokens_per_job) for row in mine]),
        )
        for axis, spreads in figures:
            axis.plot(
                agents,
                [one.median for one in spreads],
                _STYLES.get(way, "-"),
                label=way,
                color=colour,
                marker=".",
            )
            axis.fill_between(
                agents,
                [one.low for one in spreads],
                [one.high for one in spreads],
                color=colour,
                alpha=0.15,
                lw=0,
            )
    speed.axhline(1.0, color="black", ls="--", lw=0.8)
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter  # noqa: PLC0415

    sizes = sorted({row.agents for row in rows})
    for axis in (speed, price):
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks(sizes, [str(size) for size in sizes])
        axis.xaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axis.yaxis.set_minor_locator(NullLocator())
        axis.yaxis.set_major_formatter(StrMethodFormatter("{x:,.6g}"))
        axis.grid(alpha=0.3)
    speed.set_ylim(bottom=min(0.5, speed.get_ylim()[0]), top=max(2.0, speed.get_ylim()[1]))


def curve_svg(curves: Mapping[str, Sequence[tuple[int, float]]], path: str | Path) -> None:
    """
    Draw steady rates, the fitted law, and the interval of its peak where the data bounds one.

    Args:
        curves: name -> (agents, rate), as from `steady_curve`.
        path: the file; the same rates give the same bytes.

    Raises:
        ModuleNotFoundError: matplotlib is missing; pip install 'ants-coord[plots]'.

    """
    plt = _pyplot()
    figure, axes = plt.subplots(
        1, len(curves), figsize=(3.3 * len(curves), 3.0), squeeze=False, layout="constrained"
    )
    for axis, (name, points) in zip(axes[0], curves.items(), strict=True):
        axis.plot([n for n, _ in points], [rate for _, rate in points], "k.", ms=4)
        axis.set_title(name, fontsize=9)
        axis.set_xlabel("agents")
        try:
            curve = fit(points)
        except ValueError as problem:
            axis.text(0.02, 0.95, str(problem)[:60], transform=axis.transAxes, fontsize=6, va="top")
            continue
        sizes = [1.0 + (curve.largest - 1.0) * k / 200.0 for k in range(201)]
        axis.plot(sizes, [curve.throughput(n) for n in sizes], color="#1f618d", lw=1.2)
        below, above = curve.interval
        if above < math.inf:
            axis.axvspan(below, above, color="#b03a2e", alpha=0.15, lw=0)
        axis.text(
            0.98, 0.05, str(curve).rpartition(": ")[2], transform=axis.transAxes, fontsize=8, ha="right"
        )
    axes[0][0].set_ylabel("useful work per second")
    figure.savefig(path, format="svg", metadata={"Date": None})
    plt.close(figure)


def _pyplot() -> Any:
    try:
        import matplotlib as mpl  # noqa: PLC0415 - an extra
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            "drawing needs matplotlib; pip install 'ants-coord[plots]'", name="matplotlib"
        ) from None
    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "ants_coord"
    mpl.rcParams["svg.fonttype"] = "none"  # text stays text: smaller, and it can be searched
    import matplotlib.pyplot as plt  # noqa: PLC0415

    return plt
