"""
Draw the committed figures: `python -m benchmarks.plot` writes docs/performance.svg. Extra `plots`.
"""

from __future__ import annotations

import re
from pathlib import Path

import matplotlib as mpl

mpl.use("svg")
mpl.rcParams["svg.hashsalt"] = "ants_coord"  # the same figures give the same file

from matplotlib import pyplot as plt  # noqa: E402

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^(?P<what>\S.{44}\S?)\s+(?P<ours>[\d.]+)\s+(?P<peer>[\d.]+)\s+(?P<ratio>[\d.e-]+)x")


def rows() -> list[tuple[str, float, float]]:
    """Return (what, ours, peer) of every ratio in results.txt, in us per operation."""
    text = (ROOT / "benchmarks" / "results.txt").read_text(encoding="utf-8")
    found = [ROW.match(line) for line in text.splitlines()]
    return [(m["what"].strip(), float(m["ours"]), float(m["peer"])) for m in found if m]


def draw() -> None:
    """One pair of bars a row, on a logarithmic scale: memory and disk are far apart."""
    some = [row for row in rows() if row[0].startswith("cycle beside ")]
    figure, axes = plt.subplots(figsize=(8, 0.5 * len(some) + 1))
    places = range(len(some))
    axes.barh(
        [place - 0.2 for place in places], [row[1] for row in some], 0.38, label="ants_coord", color="#3a6ea5"
    )
    axes.barh(
        [place + 0.2 for place in places], [row[2] for row in some], 0.38, label="the other", color="#c9a227"
    )
    axes.set_yticks(list(places), [row[0].removeprefix("cycle beside ") for row in some])
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.set_xlabel("us per cycle; what each promises stands in the table")
    axes.legend()
    figure.tight_layout()
    figure.savefig(ROOT / "docs" / "performance.svg", metadata={"Date": None})


if __name__ == "__main__":
    draw()
