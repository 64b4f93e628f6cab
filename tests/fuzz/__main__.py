"""
Throw bytes at a reader for as long as you like, guided by coverage: `python -m tests.fuzz entry --seconds 600`.

Needs `pip install -e ".[test]" --group fuzz` (atheris, which is libFuzzer for Python; Linux and macOS).
What is found is kept in .fuzz/, and so is the corpus: the next run goes on where this one ended.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).parent.parent.parent / ".fuzz"


def main() -> None:
    reader = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    reader.add_argument("target", choices=["entry", "snapshot", "requirement", "jobs", "handle"])
    reader.add_argument("--seconds", type=int, default=60)
    asked = reader.parse_args()

    import atheris  # type: ignore[import-not-found]

    with atheris.instrument_imports(include=["ants_coord"]):
        from tests.fuzz.targets import TARGETS, seeds

    corpus = HERE / asked.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(asked.target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    options = [
        f"-max_total_time={asked.seconds}",
        "-timeout=10",  # bounded time: an input that takes longer is a finding
        "-rss_limit_mb=1024",  # and so is one that needs more memory
        "-max_len=16384",
        f"-artifact_prefix={HERE}/{asked.target}-",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(corpus)], TARGETS[asked.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
