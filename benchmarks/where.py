"""
Where a cycle goes: byte codes and calls per module, counted, so the same on every run: `python -m benchmarks.where`.

A profile of times says little of sixty calls that share a few microseconds evenly; counts do not flicker.
"""

from __future__ import annotations

import collections
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from . import in_memory

_PARTS = {
    "values/tasks.py": "values: Task, Ticket, Lease, Outcome, Row",
    "frozen.py": "values: Task, Ticket, Lease, Outcome, Row",
    "<generated>": "values: Task, Ticket, Lease, Outcome, Row",
    "values/checks.py": "values: Task, Ticket, Lease, Outcome, Row",
    "state/records.py": "values: Task, Ticket, Lease, Outcome, Row",
    "sync/board.py": "verbs and their arguments",
    "sync/verbs.py": "verbs and their arguments",
    "fronts/arguments.py": "verbs and their arguments",
    "commands/shared.py": "verbs and their arguments",
    "values/payloads.py": "payloads, results: checked, copied",
    "engine/direct.py": "lock, clock, dispatch",
    "journals/clocks.py": "lock, clock, dispatch",
    "core/machine.py": "lock, clock, dispatch",
    "state/timeline.py": "time: leases, delays, alarms",
    "state/undo.py": "undo: what an interrupt takes back",
    "work/ready.py": "ready order, limits, kinds",
    "state/parts.py": "ready order, limits, kinds",
    "trust/evidence.py": "standing",
    "state/ledger.py": "events, numbers",
    "work/submitting.py": "life cycle: submit, claim, complete",
    "work/leases.py": "life cycle: submit, claim, complete",
    "work/lifecycle.py": "life cycle: submit, claim, complete",
    "work/short.py": "lock, clock, dispatch",
    "engine/engine.py": "lock, clock, dispatch",
    "enum.py": "life cycle: submit, claim, complete",
}


def counted(
    make: Callable[[int], Callable[[], None]], times: int
) -> tuple[dict[str, float], dict[str, float]]:
    """Return byte codes and calls of one cycle, by file."""
    codes: collections.Counter[str] = collections.Counter()
    calls: collections.Counter[str] = collections.Counter()
    run, loop = make(times), Path(in_memory.__file__).name
    run()  # the interpreter learns what to specialise; the first task of a kind makes its lane

    def watch(frame, event, arg):  # type: ignore[no-untyped-def]
        name = frame.f_code.co_filename
        where = "<generated>" if name.startswith("<") else "/".join(Path(name).parts[-2:])
        if Path(name).name == loop:
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "call":
            calls[where] += 1
        elif event == "opcode":
            codes[where] += 1
        return watch

    sys.settrace(watch)
    try:
        run()
    finally:
        sys.settrace(None)
    return ({k: n / times for k, n in codes.items()}, {k: n / times for k, n in calls.items()})


def lines(times: int = 200) -> Iterator[str]:
    """Yield the table."""
    codes, calls = counted(in_memory._ours, times)
    parts: dict[str, tuple[float, float]] = {}
    for where, number in codes.items():
        part = _PARTS.get(where, where)
        known = parts.get(part, (0.0, 0.0))
        parts[part] = (known[0] + number, known[1] + calls.get(where, 0))
    total = sum(number for number, _ in parts.values())
    if not total:
        raise RuntimeError("this Python does not report byte codes to a tracer (3.12 does not); take another")
    yield f"{'one cycle in memory':<44} {'byte codes':>10} {'share':>6} {'calls':>6}"
    for part, (number, called) in sorted(parts.items(), key=lambda item: -item[1][0]):
        yield f"{part:<44} {number:>10.0f} {100 * number / total:>5.0f}% {called:>6.1f}"
    yield f"{'together':<44} {total:>10.0f} {'':>6} {sum(called for _, called in parts.values()):>6.1f}"
    bare, entered = counted(in_memory._floor, times)
    yield f"{'the hand-written floor':<44} {sum(bare.values()):>10.0f} {'':>6} {sum(entered.values()):>6.1f}"


if __name__ == "__main__":
    print("\n".join(lines()))
