"""
Commands that test the library itself: the claim race, and a measurement of what coordination costs here.
"""

from __future__ import annotations

from typing import Annotated

import typer

from .common.app import AsJson, app
from .common.show import OK, SOME_FAILED, as_json, console, table


@app.command()
def race(
    processes: Annotated[int, typer.Option(min=2, max=64, help="Number of processes.")] = 4,
    rounds: Annotated[int, typer.Option(min=1, max=100_000, help="Number of tasks.")] = 200,
    json_: AsJson = False,
) -> None:
    """Let several processes claim the same task, many times; prints the number of double grants (0)."""
    from .bench import run_race  # noqa: PLC0415

    found = run_race(processes, rounds)
    if json_:
        typer.echo(as_json(found))
    else:
        console.print(table("the claim race", ["process", "claims won"], sorted(found["wins"].items())))
        console.print(
            f"rounds {found['rounds']}, granted {found['granted']}, double grants: {found['double_grants']}"
        )
    raise SystemExit(OK if found["double_grants"] == 0 and found["granted"] == rounds else SOME_FAILED)


@app.command()
def bench(json_: AsJson = False) -> None:
    """Measure what coordination costs on this machine; takes under a minute."""
    from .bench import rows  # noqa: PLC0415

    found = []
    for row in rows():
        found.append(row)
        if not json_:
            console.print(f"{row.what:<42} {row.per_second:>12,.0f} /s {row.microseconds:>12,.1f} us")
    if json_:
        typer.echo(as_json(found))
