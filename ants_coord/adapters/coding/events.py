"""
The input of hooks of coding agents: one JSON object on standard input for each event.

Claude Code names the file of an edit; Codex sends the patch, which names its files.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

WRITES = "PreToolUse"
BEGINS = "SessionStart"
ENDS = ("SessionEnd", "Stop")
"""after these a session holds nothing; Claude Code is asked for the first one, Codex only has the second"""

_FILE = ("Edit", "MultiEdit", "NotebookEdit", "Write")
_PATCH = "apply_patch"
_SHELL = "Bash"
_BEGIN = "*** Begin Patch"
_PATCHED = re.compile(r"^\*\*\* (?:(?:Add|Update|Delete) File|Move to): (.+?)\s*$", re.MULTILINE)
_STRANGE = re.compile(r"[^A-Za-z0-9._-]")


def files_of(event: Mapping[str, Any]) -> list[str] | None:
    """
    Return the paths that a tool is about to write; None if the tool does not write.

    Raises:
        ValueError: the tool writes, but its input does not say what.

    """
    tool, given = event.get("tool_name"), event.get("tool_input")
    if tool == _SHELL and isinstance(given, dict) and _BEGIN in str(given.get("command")):
        # Codex models without that tool put the patch into a command, and Codex applies it all the same
        tool = _PATCH
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
    """Return the session as the holder of locks; its subagents share it."""
    return _STRANGE.sub("-", str(event.get("session_id")))[:120]


def _is_codex(event: Mapping[str, Any]) -> bool:
    # unlike all other events, its first one has no turn; but the session's file has the same name in each
    transcript = str(event.get("transcript_path")).replace("\\", "/").rpartition("/")[2]
    return event.get("tool_name") == _PATCH or "turn_id" in event or transcript.startswith("rollout-")


def name_of(event: Mapping[str, Any], given: str | None) -> str:
    """
    Return the session's name as an agent: different for each session, even of the same user.

    Args:
        event: the input of the hook.
        given: the value of ANTS_COORD_AGENT, used as a prefix.

    Raises:
        ValueError: the event names no session.

    """
    session = event.get("session_id")
    if not isinstance(session, str) or not session:
        raise ValueError(f"session_id must be a word, not {session!r:.80}")
    # its end: ids of Codex begin with the time, which is equal for all sessions of a minute
    end = _STRANGE.sub("", session)[-8:].strip("-._") or "x"
    first = given or ("codex" if _is_codex(event) else "claude")
    first = _STRANGE.sub("-", first)[:60]
    return first if first.endswith(end) else f"{first}-{end}"
