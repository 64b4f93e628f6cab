"""
Output: tables on a terminal, JSON for programs, errors in one line.

Everything that agents have written is escaped before it reaches a terminal: control characters, escape
sequences and markup are shown as text.
"""

from __future__ import annotations

import json
import time
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any

import attrs
import typer
from rich.bar import Bar
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ...values.tasks import Lease

# emoji: the name of a task may contain ":bug:". soft_wrap: a sentence is one line, which programs find whole
console = Console(highlight=False, emoji=False, soft_wrap=True)
warnings = Console(stderr=True, highlight=False, emoji=False, soft_wrap=True)

OK, SOME_FAILED, BAD_INPUT, BOARD_TROUBLE, INTERRUPTED = 0, 1, 2, 3, 130


_BLANKS = frozenset("\u115f\u1160\u2800\u3164\uffa0")
"""characters that are invisible; all other blanks are recognised by their category"""


def _visible(c: str) -> str:
    """
    Return a character as it is, or escaped if it is invisible, breaks the line, or changes the direction.
    """
    if c == " " or (unicodedata.category(c)[0] not in "CZ" and c not in _BLANKS):
        return c
    return c.encode("unicode_escape").decode()


def shown(text: object, most: int = 200) -> str:
    """Return text that is shown as it is, on one line, with nothing hidden."""
    text = str(text)[:most]
    return text if text.isascii() and text.isprintable() else "".join(map(_visible, text))


def clean(text: object, most: int = 200) -> str:
    """Return such text for rich, with its markup escaped, too."""
    return escape(shown(text, most))


def table(title: str, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> Table:
    """Return a table of escaped cells; numbers are aligned to the right."""
    listed = [list(row) for row in rows]
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        is_number = bool(listed) and all(isinstance(row[number], (int, float)) for row in listed)
        made.add_column(column, justify="right" if is_number else "left", overflow="fold")
    for row in listed:
        made.add_row(*[f"{cell:,}" if isinstance(cell, int) else clean(cell) for cell in row])
    return made


def bars(rows: Sequence[tuple[str, float, str]]) -> Table:
    """Return a bar chart: name, length, remark."""
    most = max(length for _, length, _ in rows)
    made = Table(box=None, show_header=False, pad_edge=False)
    for column in ("name", "bar", "value", "remark"):
        made.add_column(column, justify="right" if column == "value" else "left", no_wrap=column == "bar")
    for name, length, remark in rows:
        bar = Bar(most, 0, length, width=40, color="green")
        made.add_row(clean(name, 60), bar, f"{length:.3g}", clean(remark))
    return made


def seconds_left(lease: Lease) -> float:
    """Return for how long a lease still lasts, by this machine's clock."""
    return max(0.0, (lease.expires_ns - time.time_ns()) / 1e9)


def as_json(value: Any) -> str:
    """Return values, records and plain data as one JSON text."""

    def plain(thing: Any) -> Any:
        if attrs.has(type(thing)):
            return attrs.asdict(thing)
        return str(thing)

    return json.dumps(value, default=plain, ensure_ascii=True, indent=2)


def said(found: Any, answer: str | Table, *, as_json_: bool) -> None:
    """Print an answer: as JSON for programs, as a sentence or a table for people."""
    if as_json_:
        typer.echo(as_json(found))
    else:
        console.print(answer)


def fail(message: str, code: int) -> SystemExit:
    """Print what went wrong, and return the exception to raise."""
    warnings.print(f"[red]error:[/red] {clean(message, 2000)}")
    return SystemExit(code)
