"""
Predictions kept beside a board, and how they turned out: an adviser that keeps its own score.

Each prediction, and later its outcome, is one JSON line in BOARD.advice.jsonl, appended and never changed. A
prediction is settled by what happened after it, once there are as many jobs as it asked for.
"""

from __future__ import annotations

import json
import os
import statistics
from pathlib import Path
from typing import Any

import attrs

from ..sync import Board
from .advice import Advice, Level
from .tax import measurements


@attrs.frozen
class Score:
    """
    How predictions turned out.

    Args:
        made: number of predictions kept.
        settled: predictions for which there are data by now.
        hits: of these, predictions whose range contained the measurement.
        brier: mean squared difference between the stated chance and the outcome: 0 is perfect, 0.25 is a coin
            toss; None if nothing is settled.

    """

    made: int
    settled: int
    hits: int
    brier: float | None

    def __str__(self) -> str:
        if self.brier is None:
            return f"{self.made} predictions, none of them settled yet"
        said = f"{self.made} predictions, {self.settled} settled, {self.hits} hits"
        return f"{said}, Brier score {self.brier:.3f} (0 is perfect, 0.25 a coin's)"


def sidecar(board: str | os.PathLike[str]) -> Path:
    """Return the file in which predictions about a board are kept."""
    path = Path(board)
    return path.with_name(path.name + ".advice.jsonl")


def keep(board: str | os.PathLike[str], advice: Advice, cursor: int) -> None:
    """
    Append a prediction; one that repeats an open prediction is left out.

    Args:
        board: the board's file.
        advice: the advice whose prediction to keep, if it has one.
        cursor: last event of the board at that time; 0 if it has none yet.

    """
    if advice.prediction is None:
        return
    said = attrs.asdict(advice.prediction)
    line = {"predicted": str(said.pop("level")), **said, "cursor": cursor}
    open_ones = _unsettled(_read(sidecar(board)))
    if not any({**one, "cursor": cursor} == line for _, one in open_ones):
        _append(board, line)


def settle(board: str | os.PathLike[str], opened: Board) -> None:
    """
    Append the outcome of each open prediction, if there are enough jobs.

    Args:
        board: the board's file.
        opened: the same board, open.

    """
    alone = [one.rate for one in measurements(opened) if one.agents == 1 and one.rate > 0.0]
    if not alone:
        return
    for number, line in _unsettled(_read(sidecar(board))):
        for one in measurements(opened, since=line["cursor"]):
            same = (str(one.level), one.agents) == (line["predicted"], line["agents"])
            if same and one.jobs >= line["within"]:
                _append(
                    board, {"settled": number, "gain": one.rate * len(alone) / sum(alone), "jobs": one.jobs}
                )


def _append(board: str | os.PathLike[str], line: dict[str, Any]) -> None:
    with sidecar(board).open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")


def _unsettled(lines: list[dict[str, Any]]) -> list[tuple[int, dict[str, Any]]]:
    done = {line["settled"] for line in lines if "settled" in line}
    return [(i, line) for i, line in enumerate(lines) if "predicted" in line and i not in done]


def score(board: str | os.PathLike[str]) -> Score:
    """
    Return how predictions about a board turned out.

    Args:
        board: the board's file.

    Raises:
        ValueError: a line of the file is not what this library writes (it says which).

    """
    lines = _read(sidecar(board))
    hits, errors = 0, []
    for line in lines:
        if "settled" in line:
            said = lines[line["settled"]]
            is_hit = said["low"] <= line["gain"] <= said["high"]
            hits += is_hit
            errors.append((said["chance"] - is_hit) ** 2)
    made = sum("predicted" in line for line in lines)
    return Score(made, len(errors), hits, statistics.fmean(errors) if errors else None)


_SHAPES: dict[str, dict[str, type]] = {
    "predicted": {"agents": int, "low": float, "high": float, "chance": float, "within": int, "cursor": int},
    "settled": {"gain": float, "jobs": int},
}


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    lines: list[dict[str, Any]] = []
    for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            line = json.loads(text)
            word = next(word for word in _SHAPES if word in line)
            if word == "settled":
                lines[line["settled"]]["predicted"]
            else:
                Level(line["predicted"])
            for name, kind in _SHAPES[word].items():
                line[name] = kind(line[name])
        except (ValueError, TypeError, LookupError, StopIteration):
            raise ValueError(
                f"{path}, line {number}: is no prediction of this library; take it out"
            ) from None
        lines.append(line)
    return lines
