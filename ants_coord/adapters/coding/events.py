"""
What the hooks of coding agents say: one JSON object on standard input for each event.

Claude Code names the file of an edit; Codex sends the patch, which names its files.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

__all__ = ["BEGINS", "ENDS", "WRITES", "files_of", "holder_of", "name_of"]

WRITES = "PreToolUse"
BEGINS = "SessionStart"
ENDS = ("SessionEnd", "Stop")
"""after these a session holds nothing; of Claude Code the first is asked for, Codex has only the second"""

_FILE = ("Edit", "MultiEdit", "NotebookEdit", "Write")
_PATCH = "apply_patch"
_SHELL = "Bash"
_BEGIN = "*** Begin Patch"
_PATCHED = re.compile(r"^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\s*$", re.MULTILINE)
_STRANGE = re.compile(r"[^A-Za-z0-9._-]")


def files_of(event: Mapping[str, Any]) -> list[str] | None:
    """
    Return the paths that a tool is about to write; None if it is no tool that writes.

    Raises:
        ValueError: it is one, and does not say what it writes.

    """
    tool, given = event.get("tool_name"), event.get("tool_input")
    if tool == _SHELL and isinstance(given, dict) and _BEGIN in str(given.get("command")):
        tool = _PATCH  # models of Codex without that tool write it into a command; Codex patches all the same
    if tool != _PATCH and tool not in _FILE:
        return None
    if not isinstance(given, dict):
        raise ValueError(f"tool_input of {tool} must be an object, not {given!r:.80}")  # noqa: TRY004
    if tool == _PATCH:
        patch = given.get("command", given.get("input"))
        if isinstance(patch, list):
            patch = "\n".join(map(str, patch))
        found = list(dict.fromkeys(_PATCHED.findall(patch))) if isinstance(patch, str) else []
    else:
        path = given.get("notebook_path") if tool == "NotebookEdit" else given.get("file_path")
        found = [path] if isinstance(path, str) and path else []
    if not found:
        raise ValueError(f"tool_input of {tool} names no file")
    return found


def holder_of(event: Mapping[str, Any]) -> str:
    """Return the session as the holder of locks; its subagents are one with it."""
    return _STRANGE.sub("-", str(event.get("session_id")))[:120]


def _is_codex(event: Mapping[str, Any]) -> bool:
    # its first event, unlike all others, has no turn; but the file of a session is called alike in each
    transcript = str(event.get("transcript_path")).replace("\\", "/").rpartition("/")[2]
    return event.get("tool_name") == _PATCH or "turn_id" in event or transcript.startswith("rollout-")


def name_of(event: Mapping[str, Any], given: str | None) -> str:
    """
    Return the name of the session as an agent: another one for each session, also of one user.

    Args:
        event: what the hook was told.
        given: what ANTS_COORD_AGENT says, to stand before it.

    Raises:
        ValueError: the event names no session.

    """
    session = event.get("session_id")
    if not isinstance(session, str) or not session:
        raise ValueError(f"session_id must be a word, not {session!r:.80}")
    # the end of it: ids of Codex begin with the time, alike for all sessions of a minute
    end = _STRANGE.sub("", session)[-8:].strip("-._") or "x"
    first = given or ("codex" if _is_codex(event) else "claude")
    first = _STRANGE.sub("-", first)[:60]
    return first if first.endswith(end) else f"{first}-{end}"
