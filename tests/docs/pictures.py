"""
Pictures drawn from the code.

The life of a task comes from the table that moves tasks; the layers come from the table that checks imports; the
three strategies come from three real runs of the same work.
"""

from __future__ import annotations

from collections.abc import Callable

from ants_coord import Advert, Blackboard, ClaimQueue, Mark, Matchmaker, Task
from ants_coord.adapters.spans import spans
from ants_coord.core import TRANSITIONS
from ants_coord.testing import ManualClock
from ants_coord.values.tasks import TaskState

from . import picture
from .architecture import about, floors

STYLE = (
    "text{font:13px system-ui,sans-serif;fill:#7d8590}.in{fill:#fff;font-weight:600}.head{font-weight:600;font-size:15px}"
    ".arrow{fill:none;stroke:#7d8590;stroke-width:1.5;marker-end:url(#tip)}"
)
TIP = (
    '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 L8 4 L0 8 z" fill="#7d8590"/></marker></defs>'
)


def _svg(width: int, height: int, about: str, parts: list[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" role="img" '
        f'aria-label="{about}">'
    )
    return "\n".join([head, f"<style>{STYLE}</style>", TIP, *parts, "</svg>"]) + "\n"


def _text(x: float, y: float, text: str, kind: str = "", anchor: str = "middle") -> str:
    look = f' class="{kind}"' if kind else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{look}>{text}</text>'


# -- the life of a task ---------------------------------------------------------------------------

W, D, R, L = TaskState.WAITING, TaskState.DELAYED, TaskState.READY, TaskState.LEASED
DONE, FAILED, CANCELLED = TaskState.DONE, TaskState.FAILED, TaskState.CANCELLED
UNFINISHED = (W, D, R, L)
BOXES = {
    W: (90, 170),
    D: (300, 70),
    R: (300, 170),
    L: (510, 170),
    DONE: (720, 170),
    FAILED: (510, 360),
    CANCELLED: (300, 360),
}
COLOURS = {
    W: "#7d8590",
    D: "#7d8590",
    R: "#3f7fd0",
    L: "#b7791f",
    DONE: "#3a9d6a",
    FAILED: "#d1495b",
    CANCELLED: "#d1495b",
}
ARROWS = {  # from, to: the path, and where its verbs stand
    (W, R): ("M140 170 L249 170", (194, 163)),
    (W, D): ("M110 152 L249 80", (166, 106)),
    (D, R): ("M300 88 L300 151", (325, 125)),
    (R, L): ("M350 165 L459 165", (405, 158)),
    (L, R): ("M475 188 C450 215 370 215 335 190", (376, 226)),
    (L, D): ("M500 152 L351 80", (480, 106)),
    (L, DONE): ("M560 170 L669 170", (617, 163)),
    (L, W): ("M495 188 C420 265 180 265 105 190", (215, 250)),
    (L, FAILED): ("M520 188 L520 341", (584, 252)),
    (FAILED, W): ("M500 378 C460 430 60 430 70 190", (140, 402)),
    (CANCELLED, W): ("M252 360 C150 360 100 300 88 190", (150, 330)),
}  # fmt: skip


def life() -> str:
    """Return the life of a task; what every unfinished task can meet is one arrow, what is rare is written below."""
    parts = [
        '<rect x="24" y="30" width="552" height="250" rx="12" fill="none" stroke="#7d8590" stroke-dasharray="3 5"/>'
    ]
    parts.append(_text(36, 50, "unfinished", anchor="start"))
    everywhere = {
        verb: target
        for verb, target in TRANSITIONS[W].items()
        if all(TRANSITIONS[state].get(verb) == target for state in UNFINISHED)
    }
    rest: dict[tuple[str, TaskState], list[str]] = {}
    labels: dict[tuple[TaskState, TaskState], list[str]] = {}
    for state, verbs in TRANSITIONS.items():
        for verb, target in verbs.items():
            if verb in everywhere:
                continue
            if (state, target) in ARROWS and not (state in (W, D, R) and target is W):
                labels.setdefault((state, target), []).append(verb)
            else:
                rest.setdefault((verb, target), []).append(state.value)
    for pair, (path, (x, y)) in ARROWS.items():
        parts += [f'<path class="arrow" d="{path}"/>', _text(x, y, ", ".join(labels.pop(pair)))]
    assert not labels, labels
    for target, x in ((FAILED, 545), (CANCELLED, 300)):
        verbs = ", ".join(verb for verb, found in everywhere.items() if found is target)
        parts += [f'<path class="arrow" d="M{x} 280 L{x} 341"/>', _text(x + 8, 315, verbs, anchor="start")]
    for state, (x, y) in BOXES.items():
        parts.append(
            f'<rect x="{x - 50}" y="{y - 18}" width="100" height="36" rx="8" fill="{COLOURS[state]}"/>'
        )
        parts.append(_text(x, y + 5, state.value, "in"))
    y = 445
    for (verb, target), sources in rest.items():
        parts.append(_text(24, y, f"{verb}: from {', '.join(sources)} to {target.value}", anchor="start"))
        y += 20
    return _svg(790, y, "The states of a task and what moves it from one to another.", parts)


# -- three strategies -----------------------------------------------------------------------------

AGENTS = ("ann", "bob")
TASKS = tuple(Task(name, requires="gpu" if name in "bd" else None, place=f"p/{name}") for name in "abcdef")
GPU, MARKED, PLAIN = "#8a5fbf", "#b7791f", "#3f7fd0"


def _run(kind: type, begin: Callable) -> list[tuple[str, str, float, float]]:
    """Let two agents work, four seconds a task; return who did what from when until when."""
    clock = ManualClock()
    first = clock.now_ns()
    with kind(clock=clock) as board:
        plain = [Task(task.id) for task in TASKS]
        board.submit_many(begin(board) or plain)
        while board.statistics().unfinished:
            for agent in AGENTS:
                board.claim_nowait(agent)
            clock.advance(4)
            for lease in board.leases():
                board.complete(lease)
        return [
            (span.name, span.agent, (span.start_ns - first) / 1e9, (span.end_ns - first) / 1e9)
            for span in spans(board.events())
        ]


def _skills(board: Matchmaker) -> list[Task]:
    board.advertise(Advert("ann", {"gpu"}))
    board.advertise(Advert("bob", {"cpu"}))
    return [Task(task.id, requires=task.requires) for task in TASKS]


def _trails(board: Blackboard) -> list[Task]:
    board.deposit(Mark("urgent", "p/e", 9.0), agent="scout")
    board.deposit(Mark("urgent", "p/f", 4.0), agent="scout")
    return [Task(task.id, place=task.place) for task in TASKS]


def strategies() -> str:
    """Return three real runs of six tasks by two agents."""
    panels = (
        ("ClaimQueue", "in the order of submission", ClaimQueue, lambda board: None, ""),
        ("Matchmaker", "b and d need the GPU that ann has", Matchmaker, _skills, "bd"),
        ("Blackboard", "marks at the places of e and f", Blackboard, _trails, "ef"),
    )
    parts = []
    for number, (name, why, kind, begin, special) in enumerate(panels):
        left = 10 + number * 265
        parts += [_text(left, 22, name, "head", "start"), _text(left, 42, why, anchor="start")]
        for row, agent in enumerate(AGENTS):
            parts.append(_text(left, 80 + row * 40, agent, anchor="start"))
        for task, agent, start, end in _run(kind, begin):
            x, y = left + 36 + start * 16, 60 + AGENTS.index(agent) * 40
            colour = PLAIN if task not in special else GPU if special == "bd" else MARKED
            parts.append(
                f'<rect x="{x:g}" y="{y}" width="{(end - start) * 16 - 3:g}" height="30" rx="5" fill="{colour}"/>'
            )
            parts.append(_text(x + (end - start) * 8 - 2, y + 20, task, "in"))
    return _svg(810, 150, "Two agents do six tasks on a ClaimQueue, a Matchmaker and a Blackboard.", parts)


# -- the layers -----------------------------------------------------------------------------------

GROUPS = {  # colour: the rooms that are drawn in it
    "#6e7781": ("frozen", "errors", "requirements", "values", "commands", "guard"),
    "#3f7fd0": ("core", "strategies"),
    "#b7791f": ("journals", "engine"),
    "#3a9d6a": ("fronts", "aio", "sync", "abc"),
    "#8a5fbf": ("hub", "lab", "testing", "adapters", "cli"),
}
WIDTH, STEP = 780, 36


def layers() -> str:
    """Return the floors of the package, each above all that it may import."""
    colours = {room: colour for colour, rooms in GROUPS.items() for room in rooms}
    parts = []
    for number, rooms in enumerate(reversed(floors())):
        width = (WIDTH - 6 * (len(rooms) - 1)) / len(rooms)
        for place, room in enumerate(rooms):
            x, y = place * (width + 6), number * STEP
            says = f": {about(room)}"
            says = says if (len(room) + len(says)) * 7.2 < width else ""
            parts.append(
                f'<rect x="{x:g}" y="{y}" width="{width:g}" height="{STEP - 5}" rx="5" fill="{colours[room.partition(".")[0]]}"/>'
            )
            parts.append(
                f'<text x="{x + 10:g}" y="{y + 20}" class="on"><tspan font-weight="600">{room}</tspan>{says}</text>'
            )
    parts.append("<style>.on{fill:#fff}</style>")
    return _svg(
        WIDTH, len(floors()) * STEP, "The layers of the package, from the table that checks imports.", parts
    )


PICTURES = {
    "lease.svg": picture.svg,
    "explanation/layers.svg": layers,
    "explanation/lifecycle.svg": life,
    "strategies.svg": strategies,
}
