"""
The picture of the README, docs/lease.svg, drawn from a real run.

Three agents share six tasks on a real board whose clock is ours. One agent dies with a task in its hands; the
lease runs out, and another agent goes on with the task.
"""

from __future__ import annotations

from ants_coord import ClaimQueue, Task
from ants_coord.adapters.spans import Span, spans
from ants_coord.testing import ManualClock

AGENTS = ("ann", "bob", "cid")
LEASE_S = 10
SECONDS = {"t1": 6, "t2": 5, "t3": 4, "t4": 7, "t5": 5, "t6": 6}
DIES = ("bob", 7.0)
WIDTH, NAMES, ROW, TOP = 760, 64, 46, 34
COLOURS = {"completed": "#3a9d6a", "expired": "#d1495b"}


def a_run() -> tuple[list[Span], int, float]:
    """Let the agents work; return the leases, the first stamp, and the seconds that it took."""
    clock = ManualClock()
    first = clock.now_ns()
    with ClaimQueue(clock=clock, lease_ttl=LEASE_S) as board:
        board.submit_many([Task(name) for name in SECONDS])
        busy: dict[str, tuple] = {}
        while board.statistics().unfinished:
            now = (clock.now_ns() - first) / 1e9
            for agent in AGENTS:
                if agent == DIES[0] and now >= DIES[1]:
                    continue  # it says nothing any more
                lease, until = busy.get(agent, (None, 0.0))
                if lease is not None and now >= until:
                    board.complete(lease)
                    lease = None
                elif lease is not None and now * 2 % 4 == 0:
                    board.renew(lease)
                if lease is None:
                    lease = board.claim_nowait(agent)
                    until = now + SECONDS[lease.task] if lease is not None else 0.0
                busy[agent] = (lease, until)
            clock.advance(0.5)
        return spans(board.events()), first, (clock.now_ns() - first) / 1e9


def svg() -> str:
    """Return the picture; its colours can be seen on light and on dark ground."""
    found, first, length = a_run()
    scale = (WIDTH - NAMES - 20) / length

    def x(at_ns: int) -> float:
        return NAMES + (at_ns - first) / 1e9 * scale

    def y(agent: str) -> int:
        return TOP + ROW * AGENTS.index(agent)

    height = TOP + ROW * len(AGENTS) + 30
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" role="img" '
        'aria-label="Three agents share six tasks; one dies, its lease runs out, another takes the task over.">',
        "<style>text{font:14px system-ui,sans-serif;fill:#7d8590}.in{fill:#fff;font-weight:600}.loud{fill:#d1495b}"
        "</style>",
    ]
    for agent in AGENTS:
        parts.append(f'<text x="0" y="{y(agent) + 21}">{agent}</text>')
    for span in found:
        left, right = x(span.start_ns), x(span.end_ns)
        row = y(span.agent)
        if span.how == "expired":
            dies = x(first + round(DIES[1] * 1e9))
            parts.append(
                f'<rect x="{left:.1f}" y="{row}" width="{dies - left:.1f}" height="30" rx="5" fill="#3f7fd0"/>'
                f'<rect x="{dies:.1f}" y="{row + 1}" width="{right - dies:.1f}" height="28" rx="5" fill="none" '
                f'stroke="{COLOURS["expired"]}" stroke-width="2" stroke-dasharray="5 4"/>'
                f'<text class="in" x="{left + 9:.1f}" y="{row + 20}">{span.name}</text>'
                f'<text class="loud" x="{dies + 9:.1f}" y="{row + 20}">bob dies; its lease runs out</text>'
            )
        else:
            parts.append(
                f'<rect x="{left:.1f}" y="{row}" width="{right - left - 2:.1f}" height="30" rx="5" '
                f'fill="{COLOURS["completed"]}"/><text class="in" x="{left + 9:.1f}" y="{row + 20}">{span.name}'
                f"{', attempt 2' if span.attempt == 2 else ''}</text>"
            )
    lost = next(span for span in found if span.how == "expired")
    heir = next(span for span in found if span.name == lost.name and span.attempt == 2)
    parts.append(
        f'<path d="M{x(lost.end_ns):.1f} {y(lost.agent) + 15} L{x(heir.start_ns):.1f} '
        f'{y(heir.agent) + (15 if heir.agent > lost.agent else 30)}" stroke="{COLOURS["expired"]}" stroke-width="2" '
        'fill="none"/>'
    )
    for second in range(0, round(length) + 1, 5):
        parts.append(
            f'<text x="{NAMES + second * scale:.1f}" y="{height - 8}" text-anchor="middle">{second} s</text>'
        )
    parts.append("</svg>")
    return "\n".join(parts) + "\n"
