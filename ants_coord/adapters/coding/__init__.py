"""
Coding agents that share a repository: each file is held by the session that writes it first.

repository  which repository an agent works in, and where its board is
events      the input of the hooks of coding agents
hook        the hook of a coding agent: holds a file for the session that writes it first, refuses others
commits     files that another agent is editing, before a commit
prime       what an agent should know when its session starts
setup       the hook in the agents' own configuration: adding, showing, removing it

`repository`, `events` and `hook` need only the standard library while a hub runs, because an agent waits for
them.
"""

from __future__ import annotations


def at_once(command: str) -> int:
    """Run one of the commands that an agent or a commit waits for; return its exit code."""
    if command == "hook":
        from .hook import main as run  # noqa: PLC0415
    elif command == "guard":
        from .commits import main as run  # noqa: PLC0415
    else:
        from .prime import main as run  # noqa: PLC0415
    return run()
