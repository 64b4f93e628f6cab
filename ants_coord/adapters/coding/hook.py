"""
The hook of a coding agent: a file belongs to the session that writes it first.

It holds the file's lock for ten minutes from the last write, or until the session ends. Other sessions that
want to write the file are refused, with the holder and the time. Anything unforeseen lets the agent continue:
a broken hook must never stop anybody's work. Every decision is a line in a log beside the board.
"""

from __future__ import annotations

import json
import os
import sys
import time

from . import events
from .repository import Place, place_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

HELD_S = 600.0
"""how long a file stays with its session after the last write"""
MAX_EVENT = 32 << 20
"""most bytes of an event; one that writes a file contains the whole file"""
_LONGEST_LOG = 1 << 20
_SNAPSHOT_EVERY = 1_000
"""entries of the board's log"""


def main() -> int:
    """Read an event from standard input, answer on standard output; the exit code is always 0."""
    try:
        raw = sys.stdin.buffer.read(MAX_EVENT + 1)
        told = answer(raw, os.environ)
    except Exception as problem:  # noqa: BLE001 - whatever it is, the agent continues
        sys.stderr.write(f"ants-coord hook: {type(problem).__name__}: {problem}; nothing was checked\n")
        told = None
    if told is not None:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()
    return 0


def answer(raw: bytes, environment: Mapping[str, str]) -> dict[str, Any] | None:
    """
    Decide about one event.

    Args:
        raw: the event as received.
        environment: ANTS_COORD_AGENT names the agent, ANTS_COORD_BOARD the board.

    Returns:
        The answer to the coding agent; None if there is none.

    Raises:
        ValueError: the event is malformed, or too long.

    """
    if len(raw) > MAX_EVENT:
        raise ValueError(f"the event is longer than {MAX_EVENT} bytes")
    try:
        event = json.loads(raw)
    except (ValueError, RecursionError) as problem:
        raise ValueError(f"the event is no JSON ({problem})") from None
    if not isinstance(event, dict):
        raise ValueError(f"the event must be an object, not {event!r:.80}")  # noqa: TRY004 - one kind for both
    folder = event.get("cwd")
    place = place_of(folder if isinstance(folder, str) and folder else os.getcwd(), environment)
    if place is None or not os.path.exists(place.board):
        return None  # nobody has set this repository up; a hook must not decide to make a board here
    try:
        told, why = _decide(event, place, environment)
    except Exception as problem:  # noqa: BLE001 - see above
        told, why = None, f"let pass: {type(problem).__name__}: {problem}"
    _note(place, event, why)
    return told


def _decide(
    event: Mapping[str, Any], place: Place, environment: Mapping[str, str]
) -> tuple[dict[str, Any] | None, str]:
    kind = event.get("hook_event_name")
    if kind not in (events.WRITES, events.BEGINS, *events.ENDS):
        return None, "let pass: no event of ours"
    agent = events.name_of(event, environment.get("ANTS_COORD_AGENT"))
    if kind in events.ENDS:
        return None, f"{agent}: let go of {_release(place, agent)}"
    if kind == events.BEGINS:
        return _begin(place, agent, environment)
    wanted = events.files_of(event)
    if wanted is None:
        return None, f"{agent}: let pass: writes no file by itself"
    folder = str(event.get("cwd") or place.root)
    found = [place.inside(os.path.join(folder, path)) for path in wanted]
    names = [name for name in found if name is not None]
    if not names:
        return None, f"{agent}: let pass: outside of the repository: {', '.join(wanted)}"
    held = _lock(place, agent, events.holder_of(event), names)
    if held is None:
        return None, f"{agent}: granted {', '.join(names)}"
    name, holder, left_s = held
    minutes = max(1, round(left_s / 60))
    reason = (
        f"{name} is being edited by {holder}, who keeps it for up to {minutes} min more, or until that "
        "session ends. Nothing was written. Work on other files, and come back to this one later; do not "
        "write it by other means, such as the shell."
    )
    told = {"hookEventName": events.WRITES, "permissionDecision": "deny", "permissionDecisionReason": reason}
    return {"hookSpecificOutput": told}, f"{agent}: refused {name}: {holder} has it for {left_s:.0f} s"


def _lock(place: Place, agent: str, holder: str, names: list[str]) -> tuple[str, str, float] | None:
    """Lock files for a session; if that is impossible, return what is held by whom for how many seconds."""
    question = {
        "verb": "lock", "agent": agent, "holder": holder, "paths": names, "root": place.root,
        "lease_ttl": HELD_S,
    }  # fmt: skip
    told = _ask_hub(place, question)
    if told is not None and told["ok"]:
        return None
    if told is not None and told["error"] == "HeldError":
        return told["name"], told["holder"], told["expires_in"]
    from ...errors import HeldError  # noqa: PLC0415 - only if no hub runs, or if it refused
    from ...fronts.file_names import names_of_files  # noqa: PLC0415
    from ...sync.board import Board  # noqa: PLC0415

    # "process": a power failure ends the sessions, too
    board = Board(place.board, durability="process")
    board._engine.outlive()  # noqa: SLF001 - a class of this package
    # otherwise the next hook would read up to 10,000 entries after the last snapshot, at 10 us each
    board._engine._snapshots.every = _SNAPSHOT_EVERY  # type: ignore[attr-defined]  # noqa: SLF001
    try:
        found = names_of_files(names, place.root)
        board.lock_nowait(*found, agent=agent, holder=holder, lease_ttl=HELD_S)
    except HeldError as held:
        return held.name, held.holder, held.expires_in
    finally:
        board.close(keep=True)
    return None


def _release(place: Place, agent: str) -> int:
    """Give back all that a session holds; return how many locks."""
    told = _ask_hub(place, {"verb": "release", "agent": agent, "all": True})
    if told is not None and told["ok"]:
        return int(told["released"])
    from ...sync.board import Board  # noqa: PLC0415

    with Board(place.board, durability="process") as board:
        return board.release_all(agent)


def _ask_hub(place: Place, question: dict[str, Any]) -> dict[str, Any] | None:
    """Ask a hub, if one runs; otherwise return None. Asking twice does no harm."""
    if not os.path.exists(place.hub):
        return None
    from ...hub.thin import ask  # noqa: PLC0415 - sockets are only imported if needed

    try:
        return ask(place.hub, question)
    except (OSError, ValueError):
        return None


def _begin(place: Place, agent: str, environment: Mapping[str, str]) -> tuple[dict[str, Any] | None, str]:
    """Tell a new session what it should know, and pass its name to the commands that it runs."""
    file = environment.get("CLAUDE_ENV_FILE")
    if file:
        line = f"export ANTS_COORD_AGENT={agent}\n"
        with open(file, "a+", encoding="utf-8") as kept:
            kept.seek(0)
            if line not in kept.read():
                kept.write(line)
    from .prime import briefing  # noqa: PLC0415 - once a session

    told = {"hookEventName": events.BEGINS, "additionalContext": briefing(place, agent)}
    return {"hookSpecificOutput": told}, f"{agent}: begins"


def _note(place: Place, event: Mapping[str, Any], why: str) -> None:
    """Add a line to the log; a log that has grown long is renamed, so that two together stay below 2 MiB."""
    what = f"{event.get('hook_event_name')!s:.40} {event.get('tool_name') or '-'!s:.40}"
    line = f"{time.strftime('%Y-%m-%dT%H:%M:%SZ', time.gmtime())} {what} {why}"
    line = "".join(sign if sign.isprintable() else "?" for sign in line[:2_000])
    try:
        if os.path.exists(place.log) and os.path.getsize(place.log) > _LONGEST_LOG:
            os.replace(place.log, place.log + ".1")
        file = os.open(place.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(file, line.encode(errors="replace") + b"\n")
        finally:
            os.close(file)
    except OSError as problem:
        sys.stderr.write(f"ants-coord hook: {place.log}: {problem.strerror}\n")
