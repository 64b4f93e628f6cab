"""Run every benchmark: `python -m benchmarks [--small] [--out FILE]`."""

from __future__ import annotations

import argparse
import gc
import platform
import sqlite3
import sys
from pathlib import Path

from ants_coord._version import __version__

from . import beside, board, in_memory, matching, metered, on_disk, peers
from .measure import HEADER


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--small", action="store_true", help="seconds instead of minutes; proves only that it runs"
    )
    parser.add_argument("--out", type=Path, help="also write the table to a file")
    options = parser.parse_args()
    machine = f"{platform.system()} {platform.machine()}{', small' if options.small else ''}"
    lines = [
        f"ants_coord {__version__}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {machine}",
        "Ratios are medians of interleaved pairs in one run; single times on a shared machine mean little.",
        "",
        HEADER,
    ]
    print("\n".join(lines))
    facts: list[str] = []
    for area in (in_memory, on_disk, metered, matching, board, peers):
        for ratio in area.ratios(small=options.small):
            lines.append(str(ratio))
            print(ratio, flush=True)
        facts_of = getattr(area, "facts", None)
        if facts_of is not None:
            facts += facts_of(small=options.small)
        gc.collect()  # what one area leaves behind should not slow the next
    facts += beside.facts(small=options.small)
    lines += ["", *facts]
    print("\n".join(facts))
    if options.out is not None:
        options.out.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
