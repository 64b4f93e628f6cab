"""
What a fuzzer may throw bytes at: every reader of what comes from outside.

A target takes any bytes and returns quietly if they were read or refused as
documented. Whatever else escapes is a finding. What was understood must also
say something that can be written and read again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from ants_coord.adapters.coding import events
from ants_coord.cli.jobs.batch import read_tasks
from ants_coord.commands.shared import Command
from ants_coord.core import Machine, restore
from ants_coord.errors import CoordinationError, RequirementError
from ants_coord.fronts.arguments import pair
from ants_coord.hub import program_lines
from ants_coord.journals.codec import decode, decode_piece, encode
from ants_coord.requirements import evaluate, facts_of, parse, show
from ants_coord.values.checks import check_name

__all__ = ["TARGETS", "seeds"]


_SNAPSHOT_ERRORS = (ValueError, TypeError, KeyError, IndexError, AttributeError)
"""what the reader of a snapshot turns into JournalCorruptError"""


def entry(body: bytes) -> None:
    """Read an entry of a log."""
    try:
        request, command = decode(body)
    except (ValueError, TypeError, KeyError):
        return
    again = encode(request, command)
    assert encode(*decode(again)) == again


def snapshot(body: bytes) -> None:
    """Read a snapshot. A checksum stands before this; should it fail, the loader must end, and with these."""
    try:
        records = decode_piece(body)
    except ValueError:
        return
    try:
        restore(Machine(), records)
    except _SNAPSHOT_ERRORS:
        return


def requirement(body: bytes) -> None:
    """Read a requirement, as a task or an advert states it."""
    try:
        found = parse(body.decode("utf-8", "replace"))
    except RequirementError:
        return
    again = parse(found.text)
    assert again.root == found.root
    assert again.text == found.text
    facts = facts_of(("gpu", "doc.parse.pdf", "python:3.11"), {"mem": 16, "region": "eu"})
    assert evaluate(again.root, facts) == evaluate(found.root, facts)
    assert show(found.root)


def jobs(body: bytes) -> None:
    """Read a job file of `ants-coord run`."""
    lines = body.decode("utf-8", "replace").splitlines()
    tasks, problems = read_tasks(lines)
    assert tasks or problems or not any(line.strip() for line in lines)
    assert all(isinstance(problem, str) for problem in problems)


def handle(body: bytes) -> None:
    """Read the handle of a lease, as a child process gets it."""
    text = body.decode("utf-8", "replace")
    try:
        task, token = pair(text)
    except ValueError:
        return
    assert pair(f"{task}#{token}") == (task, token)


def line(body: bytes) -> None:
    """Read a line that a hub is sent."""
    try:
        found = program_lines.read(body)
        if found.get("verb") == "hello":
            return
        asked = program_lines.read_line(found, None)
    except (ValueError, TypeError, OSError, CoordinationError) as problem:
        assert json.loads(program_lines.refusal(problem))["ok"] is False
        return
    if isinstance(asked.what, Command):
        assert encode(("s", 1), asked.what)


def event(body: bytes) -> None:
    """Read what a coding agent tells its hook."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return
    if isinstance(found, dict):
        for read in (events.files_of, lambda each: check_name(events.name_of(each, None), "agent")):
            try:
                read(found)
            except ValueError as problem:
                assert len(str(problem)) < 300


TARGETS: dict[str, Callable[[bytes], None]] = {
    one.__name__: one for one in (entry, snapshot, requirement, jobs, handle, line, event)
}


def seeds(target: str) -> list[bytes]:
    """Return examples to begin with: what the reader is meant for."""
    if target == "entry":
        logs = sorted((Path(__file__).parent.parent / "golden").glob("*.jsonl"))
        lines = [line for log in logs for line in log.read_text(encoding="utf-8").splitlines()[1:]]
        return [json.loads(line)[1].encode() for line in lines if line.startswith("[")]
    if target == "snapshot":
        from ants_coord.core.snapshot import records
        from tests.match.test_model import Walk

        walk = Walk(3)
        for _ in range(80):
            walk.step()
        return [json.dumps(list(records(walk.model.machine))).encode()]
    return {
        "requirement": [
            b"gpu and mem >= 16",
            b'python:>=3.10 or region in {"eu", "us"}',
            b"not (a or b) and c.d",
        ],
        "jobs": [b'{"id": "a", "cmd": "true", "priority": 3}\n{"argv": ["x"], "needs": ["a"], "timeout": 2}'],
        "handle": [b"frame-1#1700000000000000"],
        "line": [
            b'{"verb": "claim", "agent": "a", "kinds": ["x"], "lease_ttl": 1.5, "id": "r"}',
            b'{"verb": "lock", "agent": "a", "names": ["x/"], "paths": ["y"], "root": "/", "shared": true}',
            b'{"verb": "complete", "lease": "a#1", "result": {"n": [1, 2.5, null]}, "late": "accept"}',
            b'{"verb": "mark", "agent": "a", "kind": "k", "place": "p", "strength": 2}',
        ],
        "event": [
            b'{"hook_event_name": "PreToolUse", "session_id": "s-1", "tool_name": "Edit", "tool_input": {"file_path": "a"}}',
            b'{"session_id": "s-1", "tool_name": "apply_patch", "tool_input": {"command": "*** Update File: a\\n"}}',
        ],
    }[target]
