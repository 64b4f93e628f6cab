"""The picture of the rooms, drawn from the table of the layers test: part of docs/architecture.md."""

from __future__ import annotations

from tests.maps import PACKAGE, map_of
from tests.test_layers import ROOMS

NO_ROOMS = {"__init__", "__main__", "_version"}
SIDEWAYS = {
    ("aio", "sync"): "each colour of a board names its twin: `board.sync` and `board.aio`",
    ("errors", "values"): "the error of a failed task has its outcome (for type checkers only)",
}
"""(room, a room that stands on it and that it imports all the same): why"""


def about(room: str) -> str:
    """Return what the map of its folder says about a room."""
    folder, _, name = room.rpartition(".")
    return next(text for line, _, text in map_of(PACKAGE.joinpath(folder)) if line == name)


def floors() -> list[list[str]]:
    """Return the rooms by floor, from the ground up: each stands on rooms of floors below."""
    left = {room: set(below) - {room} for room, below in ROOMS.items() if room not in NO_ROOMS}
    for room, above in SIDEWAYS:
        left[room] -= {above}
    found: list[list[str]] = []
    placed: set[str] = set()
    while left:
        floor = sorted(room for room, below in left.items() if below & set(left) <= placed)
        assert floor, left
        found.append(floor)
        placed.update(floor)
        for room in floor:
            del left[room]
    return found


def picture() -> str:
    """Return the floors as a table, the highest first."""
    lines = ["| floor | rooms |", "|---|---|"]
    for number, rooms in reversed(list(enumerate(floors()))):
        cells = "<br>".join(f"**{room}**: {about(room)}" for room in rooms)
        lines.append(f"| {number} | {cells} |")
    return "\n".join(lines)


def exceptions() -> str:
    """Return the imports that do not go down, as a list."""
    lines = [f"- **{room}** also imports **{above}**: {why}." for (room, above), why in SIDEWAYS.items()]
    return "\n".join(["Imports that do not go down:", "", *lines])


def page() -> str:
    """Return docs/architecture.md."""
    return f"""# Architecture

A board is a deterministic state machine that is fed by an ordered log of commands. Every process that opens the board
applies the same commands in the same order, and so reaches the same state. No process is in charge.

## Rooms

A room is a package or module. It imports rooms of lower floors only, except where the text below the table says so.
The table is drawn from `tests/test_layers.py`, which checks every import, and from the maps in the first pages of the
folders.

{picture()}

{exceptions()}

## The way of one task

1. `board.submit(Task(...))` in `aio/board.py` or `sync/board.py` checks the arguments (`fronts/arguments.py`) and makes a
   command (`commands/shared.py`). Its payload is checked and copied once (`values/payloads.py`).
2. The engine takes the lock. In memory (`engine/direct.py`) the command goes to the machine at once. On a log
   (`engine/replica.py`) it is encoded (`journals/codec/`), appended by a journal, and applied in log order together with
   what others have appended. One writer and fifty threads use the same path: the thread that holds the lock writes for
   all that wait.
3. The machine (`core/machine.py`) lets time pass: leases run out, delays end. Then it looks up the function of the command
   and calls it: `core/work/submitting.py` makes a row and puts it into the ready order. Each change is noted for undo
   first, so that an exception at any byte code leaves the old state or the new one, never a mixture.
4. The machine's news tell the lobby (`engine/lobby.py`, `engine/waking.py`) which queue is no longer empty. It wakes at
   most one waiter for each task: the least capable agent that can do it.
5. `claim` takes the same way to `core/work/leases.py`, which draws the next token and sets an alarm to the deadline.
6. A scope (`fronts/hold.py`, `fronts/aio_hold.py`) renews the lease with one alarm for all scopes of a board, tells the
   body when the lease is lost, and completes, fails or gives back at its end.

### The short ways

Every command can go the whole way above. The four commonest do so only when something is due, or when the board has a
part that acts on each command. Otherwise they take a way that skips questions whose answer cannot have changed. A short
way does what the whole way would do, or touches nothing and hands on; so a debugger that stops in `Machine.apply` may
not see a plain cycle at all.

| way | carried out by | taken when | compared with the whole way by |
|---|---|---|---|
| whole | `core/machine.py`, then the function of the command | always right | the naive model: `tests/core/test_model.py` |
| short, in memory | `core/work/short.py`, called by the verb | submit, claim, complete in memory without a log, nothing due, no request id | `tests/core/test_short_way.py` |
| short, on a log | `core/short_log.py`, called by `engine/replica.py` | submit, claim, complete, renew of a known session in a log, nothing due | `tests/core/test_logged.py` |

All three end in the same rules: `add`, `grant`, `renew`, `finish`. A new verb needs no short way.

## Why it is like this

- **A log of commands, not a table of tasks.** The rules exist once, in Python, and are tested in depth; a journal is
  only an ordered log with six methods. Rules in SQL or Lua would exist once for each engine.
- **Time is an argument.** The core reads no clock: each command has the journal's stamp. So tests never sleep, and
  processes with different clocks agree.
- **Refusals are replies.** A refused command changes nothing and is remembered like any other.
- **One colour is the truth.** The boards for event loops are written by hand, those for threads are generated from them
  line by line.
- **Late is refused.** A result counts only if its lease is still alive.

More reasons, and the alternatives that were rejected, are in [the design](explanation/design.md).
"""
