"""
One page that shows a run: a timeline for each agent, losses, and waits. HTML without scripts.

Everything that agents have written is escaped; the page loads nothing from anywhere.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from html import escape

from ..sync import Board
from .spans import LOST, Span, spans

_WIDTH = 1000.0
_ROW = 22
_NAMES = 150
_MOST_BARS = 3_000
_LISTED = 20

_STYLE = """
:root {
  color-scheme: light dark;
  --ink: #1d2733; --dim: #66717d; --line: #d8dee5; --bg: #fff;
  --done: #3a9d6a; --lost: #d1495b; --back: #b5bcc6; --open: #3f7fd0; --lock: #d9a441;
}
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e9ee; --dim: #98a2ad; --line: #323a44; --bg: #15191f; }
}
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--bg);
  max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 1.05rem; margin: 2rem 0 .5rem; }
p { margin: .2rem 0; }
.dim { color: var(--dim); }
dl { display: flex; flex-wrap: wrap; gap: .5rem 2rem; margin: 1rem 0; }
dt { color: var(--dim); font-size: .8rem; }
dd { margin: 0; font-size: 1.3rem; }
table { border-collapse: collapse; width: 100%; display: block; overflow-x: auto; }
td, th { text-align: left; padding: .2rem .8rem .2rem 0; border-bottom: 1px solid var(--line); }
.scroll, pre { overflow-x: auto; }
svg { min-width: 760px; width: 100%; display: block; }
svg text { font: 12px system-ui, sans-serif; fill: var(--ink); }
svg .dim { fill: var(--dim); }
rect { height: 14px; }
line { stroke: var(--line); }
.d { fill: var(--done); } .x { fill: var(--lost); } .b { fill: var(--back); } .o { fill: var(--open); }
.l { fill: var(--lock); opacity: .55; }
.key span { margin-right: 1.2rem; white-space: nowrap; }
.key i { display: inline-block; width: .8rem; height: .8rem; margin-right: .35rem; vertical-align: -1px; }
"""
_KEY = (
    ("done", "completed"), ("lost", "lost: expired, failed, replaced"), ("back", "given back"),
    ("open", "still held"), ("lock", "named locks"),
)  # fmt: skip


def html(board: Board, *, account: str = "") -> str:
    """
    Return a page about a board's run, as far back as its events go.

    Args:
        board: the board to show.
        account: a text to show verbatim below the timeline, such as `str(lab.tax(board))`.

    """
    events = list(board.events())
    counts = board.statistics()
    found = spans(events)
    first = events[0].at_ns if events else 0
    length_ns = max(events[-1].at_ns - first, 1) if events else 1
    tasks = [span for span in found if not span.is_lock]
    lost = [span for span in tasks if span.how in LOST]
    waits = sorted((span for span in tasks if span.waited_ns), key=lambda span: -(span.waited_ns or 0))
    trimmed = bool(events) and events[0].cursor > 1
    began = dt.datetime.fromtimestamp(first / 1e9, dt.UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    about = [
        f"<h1>{escape(board.path or 'a board in memory')}</h1>",
        f'<p class="dim">{began}, {_time(length_ns)}, {len(events):,} events'
        + (", earlier ones are no longer kept" if trimmed else "")
        + "</p>",
        _numbers(
            [
                ("agents", f"{len({span.agent for span in found}):,}"),
                *[(state, f"{count:,}") for state, count in counts.tasks.items() if count],
                ("leases", f"{len(tasks):,}"),
                ("of them lost", f"{len(lost):,}"),
                (
                    "lease time lost",
                    _share(sum(span.held_ns for span in lost), sum(span.held_ns for span in tasks)),
                ),
                ("longest wait", _time(waits[0].waited_ns or 0) if waits else "none"),
            ]
        ),
        "<h2>Who held what</h2>",
        _timeline(found, first, length_ns),
    ]
    if account:
        about.append(f"<h2>What coordination took</h2><pre>{escape(account)}</pre>")
    if lost:
        about.append("<h2>Leases that delivered nothing</h2>")
        rows = [
            (_time(span.start_ns - first), span.agent, span.name, span.how, _time(span.held_ns), span.detail)
            for span in lost[-_LISTED:]
        ]
        about.append(_table(("at", "agent", "task", "end", "held", "why"), rows))
    if waits:
        about.append("<h2>Longest waits of READY tasks</h2>")
        longest = [
            (_time(span.waited_ns or 0), span.name, span.agent, f"{span.attempt}") for span in waits[:_LISTED]
        ]
        about.append(_table(("waited", "task", "then taken by", "attempt"), longest))
    title = escape(board.path or "ants_coord")
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width,initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body>{''.join(about)}</body></html>\n"
    )


def _time(passed_ns: float) -> str:
    seconds = passed_ns / 1e9
    if seconds < 0.9995:
        return f"{seconds * 1_000:.3g} ms"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7_200 else f"{seconds / 3_600:.1f} h"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.3g} %" if whole else "0 %"


def _numbers(pairs: Sequence[tuple[str, str]]) -> str:
    return (
        "<dl>" + "".join(f"<div><dt>{escape(k)}</dt><dd>{escape(v)}</dd></div>" for k, v in pairs) + "</dl>"
    )


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(
        "<tr>" + "".join(f"<td>{escape(cell[:200])}</td>" for cell in row) + "</tr>" for row in rows
    )
    return f"<table><tr>{cells}</tr>{body}</table>"


def _class_of(span: Span) -> str:
    if span.is_lock:
        return "l"
    if span.how in ("completed", "handed in"):
        return "d"
    if span.how == "open":
        return "o"
    return "x" if span.how in LOST else "b"


def _timeline(found: list[Span], first: int, length_ns: int) -> str:
    """Draw a row for each agent and a bar for each lease; its title says which."""
    if not found:
        return '<p class="dim">Nobody has held anything yet.</p>'
    agents = list(dict.fromkeys(span.agent for span in found))
    scale = (_WIDTH - _NAMES) / length_ns
    height = _ROW * len(agents) + 24
    drawn = [f'<svg viewBox="0 0 {_WIDTH:g} {height}" role="img" aria-label="Leases by agent over time">']
    for part in range(5):
        x = _NAMES + (_WIDTH - _NAMES) * part / 4
        anchor = "end" if part == 4 else "middle" if part else "start"
        passed = _time(length_ns * part / 4)
        drawn.append(
            f'<line x1="{x:.1f}" y1="18" x2="{x:.1f}" y2="{height}"/>'
            f'<text class="dim" x="{x:.1f}" y="12" text-anchor="{anchor}">{passed}</text>'
        )
    of_agent: dict[str, list[Span]] = {agent: [] for agent in agents}
    for span in found[-_MOST_BARS:]:
        of_agent[span.agent].append(span)
    for row, agent in enumerate(agents):
        drawn.append(
            f'<g transform="translate(0 {24 + _ROW * row})"><text y="11">{escape(agent[:22])}</text>'
        )
        for span in of_agent[agent]:
            end = first + length_ns if span.end_ns is None else span.end_ns
            attempt = f" attempt {span.attempt}," if span.attempt > 1 else ""
            title = f"{span.name[:80]},{attempt} {span.how}, {_time(end - span.start_ns)}"
            drawn.append(
                f'<rect class="{_class_of(span)}" x="{_NAMES + (span.start_ns - first) * scale:.1f}" '
                f'width="{max(1.0, (end - span.start_ns) * scale):.1f}"><title>{escape(title)}</title></rect>'
            )
        drawn.append("</g>")
    drawn.append("</svg>")
    key = "".join(f'<span><i style="background:var(--{colour})"></i>{words}</span>' for colour, words in _KEY)
    more = len(found) - _MOST_BARS
    left_out = f'<p class="dim">The {more:,} oldest leases are not drawn.</p>' if more > 0 else ""
    return f'<p class="key">{key}</p><div class="scroll">{"".join(drawn)}</div>{left_out}'
