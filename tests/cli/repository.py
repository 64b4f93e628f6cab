"""Repositories for tests of what coding agents do, and the events that their hooks send."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from ants_coord import ClaimQueue
from ants_coord.adapters.coding.repository import BOARD

from .command import ENVIRONMENT, ROOT

PLAIN = {
    name: value
    for name, value in ENVIRONMENT.items()
    if not name.startswith(("GIT_", "ANTS_COORD_", "CLAUDE"))
} | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def git(folder, *arguments, **options):
    who = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(
        ["git", "-C", str(folder), *who, *arguments], env=PLAIN, capture_output=True, text=True, **options
    )


def repository(folder: Path) -> Path:
    """Make a repository with one commit and a board."""
    folder.mkdir()
    git(folder, "init", "-q", "-b", "main", check=True)
    git(folder, "commit", "-q", "--allow-empty", "-m", "first", check=True)
    with ClaimQueue(folder / ".git" / BOARD):
        pass
    return folder


def write(folder, path, session="0000-sessiona", tool="Edit", **more):
    """Return the event of Claude Code before it writes a file."""
    name = "notebook_path" if tool == "NotebookEdit" else "file_path"
    return {
        "hook_event_name": "PreToolUse", "session_id": session, "cwd": str(folder), "tool_name": tool,
        "tool_input": {name: str(path), "content": "x"}, **more,
    }  # fmt: skip


def patch(folder, *paths, session="0192-codexone"):
    """Return the event of Codex before it applies a patch."""
    body = "".join(f"*** Update File: {path}\n@@\n-a\n+b\n" for path in paths)
    return {
        "hook_event_name": "PreToolUse", "session_id": session, "cwd": str(folder), "tool_name": "apply_patch",
        "turn_id": "t", "tool_input": {"command": f"*** Begin Patch\n{body}*** End Patch\n"},
    }  # fmt: skip


def hook(event, environment=None):
    """Run the hook as a coding agent does; return what it was told, None if nothing."""
    done = subprocess.run(
        [sys.executable, "-m", "ants_coord", "hook"],
        input=event if isinstance(event, str) else json.dumps(event),
        capture_output=True, text=True, env={**PLAIN, **(environment or {})}, cwd=ROOT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done
    return (json.loads(done.stdout) if done.stdout else None), done.stderr
