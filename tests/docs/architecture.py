"""The picture of the rooms, drawn from the table of the layers test: part of docs/architecture.md."""

from __future__ import annotations

from tests.test_layers import ROOMS

ABOUT = {
    "errors": "every error, with the way out",
    "requirements": "the language of what a task asks of an agent",
    "values": "what users and the core exchange: Task, Lease, Outcome, Mark, ...",
    "commands": "the only ways to change a board, or to ask it",
    "core.state": "records, time, undo, the ledger",
    "core.work": "rules that every strategy shares: submit, lease, lock, end",
    "core.matching": "which agent can do which task",
    "core.board": "trails, entries, reactions, work that follows them",
    "core.trust": "standing and its effects, results that others check",
    "core": "the machine: one door for commands; queries, sessions, snapshots",
    "journals": "where a log lives: memory, SQLite, PostgreSQL; clocks",
    "engine": "one machine, one lock, one lobby, one alarm",
    "guard": "fencing for what agents write outside",
    "fronts": "arguments, scopes, building: what both colours share",
    "aio": "boards for event loops, by hand",
    "sync": "boards for threads, generated from aio",
    "abc": "protocols",
    "strategies": "what you need to write a strategy",
    "hub": "one replica that serves many processes of a machine",
    "adapters": "bridges: tools for models, files, traces, reports",
    "testing": "clocks, colonies, conformance: the testing kit",
    "lab": "what coordination costs, and advice",
    "cli": "the command line",
}


def floors() -> list[list[str]]:
    """Return the rooms by floor, from the ground up: each stands on rooms of floors below."""
    left = {room: set(below) - {room} for room, below in ROOMS.items() if room in ABOUT}
    left["errors"] = set()  # names values for type checkers only
    left["core.state"] -= {"core.trust"}
    left["fronts"] -= {"aio", "sync"}
    left["aio"] -= {"sync"}
    found: list[list[str]] = []
    placed: set[str] = set()
    while left:
        floor = sorted(room for room, below in left.items() if below & set(ABOUT) <= placed)
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
        cells = "<br>".join(f"**{room}**: {ABOUT[room]}" for room in rooms)
        lines.append(f"| {number} | {cells} |")
    return "\n".join(lines)


def page() -> str:
    """Return docs/architecture.md."""
    return f"""# Architecture

A board is a deterministic state machine that is fed by an ordered log of commands. Every process that opens the board
applies the same commands in the same order, and so reaches the same state. No process is in charge.

## Rooms

A room is a package or module. It may import rooms of lower floors only. This table is drawn from `tests/test_layers.py`,
which checks every import.

{picture()}

## The way of one task

1. `board.submit(Task(...))` in `aio/board.py` or `sync/board.py` checks the arguments (`fronts/arguments.py`) and makes a
   command (`commands/shared.py`). Its payload is checked and copied once (`values/payloads.py`).
2. The engine takes the lock. In memory (`engine/memory.py`) the command goes to the machine at once. On a log
   (`engine/replica.py`) it is encoded (`journals/codec.py`), appended by a journal, and applied in log order together with
   what others have appended. One writer and fifty threads use the same path: the thread that holds the lock writes for
   all that wait.
3. The machine (`core/machine.py`) lets time pass: leases run out, delays end. Then it looks up the function of the command
   and calls it: `core/work/submitting.py` makes a row and puts it into the ready order. Each change is noted for undo
   first, so that an exception at any byte code leaves the old state or the new one, never a mixture.
4. The machine's news tell the lobby (`engine/lobby.py`, `engine/lines.py`) which queue is no longer empty. It wakes at most one waiter for each
   task: the least capable agent that can do it.
5. `claim` takes the same way to `core/work/leases.py`, which draws the next token and sets an alarm to the deadline.
6. A scope (`fronts/hold.py`, `fronts/aio_hold.py`) renews the lease with one alarm for all scopes of a board, tells the
   body when the lease is lost, and completes, fails or gives back at its end.

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
