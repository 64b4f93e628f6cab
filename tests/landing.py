"""
Exceptions that land anywhere: a trace function stands in for Ctrl-C, and for signal handlers that raise.

`landing_at` raises at the k-th line, or byte code, that runs in some part of the package; a test goes through
every k. tests/fronts/test_interrupts.py has a way of its own: it lands where CPython delivers signals.
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path

import ants_coord.core
from ants_coord.core import digest

from .scale import of

CORE = (str(Path(ants_coord.core.__file__).parent),)
WHERE = of("line", "line", "opcode")
EVERY = of(7, 1, 1)  # quick lands at every seventh line, of each command at another seventh


class Landed(BaseException):
    """Raised when a test interrupts: like KeyboardInterrupt, no `except Exception` may catch it."""


@contextlib.contextmanager
def landing_at(step, within=CORE, where=WHERE):
    """Raise Landed at the step-th place in files that begin so; swallow it; yield where it came, as a list."""
    left, came = step, []

    def local(frame, event, _):
        nonlocal left
        if event == where:
            left -= 1
            if left < 0 and not came:
                came.append((frame.f_code.co_name, frame.f_lineno))
                raise Landed
        return local

    def enter(frame, event, _):
        if came or not frame.f_code.co_filename.startswith(within):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = where == "opcode", where == "line"
        return local

    before = sys.gettrace()
    sys.settrace(enter)
    try:
        yield came
    except Landed:
        pass
    finally:
        sys.settrace(before)


def cut_short_everywhere(play, log, number, every=EVERY):
    """
    Cut one command of a log short at every place: the digest of before or of after, and sound.

    The machine is not made again in between: what survives is what a user keeps. At last the command is
    done; returns how many places there were.
    """
    now, command, *request = log[number]
    machine = play(log[:number])
    old, new = digest(machine), digest(play(log[: number + 1]))
    step, came = number % every, [0]
    while came:
        with landing_at(step) as came:
            machine.apply(command, now_ns=now, request=request[0] if request else None)
        machine.check()
        found = digest(machine)
        assert found in (old, new), (command, step, came)
        if came and found == new and old != new:  # it landed behind the commit
            machine = play(log[:number])
        step += every
    assert found == new
    return step
