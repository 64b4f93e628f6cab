"""
Replay golden logs and print what they come to as JSON: `python tests/golden/replay.py FILE ...`.

Runs alone, under any Python that the package supports, so it imports nothing of the tests.

A log of this format has digests of the whole state in it. One of an older format has the outcomes in a file
beside it, as the release that wrote it came to them: what a caller can see, not how the state is kept.
"""

import hashlib
import json
import sys
from pathlib import Path

from ants_coord.core import Machine, digest, restore
from ants_coord.core.short_log import follow
from ants_coord.core.snapshot import records
from ants_coord.core.state.rule_versions import OLD_RULES
from ants_coord.journals.codec import decode


def replay(path, *, moving=False, judge=None, shortly=False):
    """
    Return digests (or what `judge` says) where the file has some.

    `moving` writes the state down and back; `shortly` follows the log as an engine does, by the short way.
    """
    machine, found = Machine(), []
    with open(path, encoding="utf-8") as lines:
        head = json.loads(next(lines))
        judge = judge or (outcomes if _beside(path).exists() else digest)
        for entry in map(json.loads, lines):
            if isinstance(entry, dict):
                found.append(judge(machine))
                if moving:
                    twin = Machine()
                    restore(twin, json.loads(json.dumps(list(records(machine)))))
                    machine = twin
                continue
            stamp, body = entry
            request, command = decode(body.encode())
            if head["format"] == 1 and not machine.ledger.configured:
                command.rules = OLD_RULES  # type: ignore[attr-defined]  # as a reader of such a log does
            if shortly and request is not None:
                follow(machine, command, stamp, request, machine.ledger.position + 1)
            else:
                machine.apply(command, now_ns=stamp, request=request)
    return found


def outcomes(machine):
    """Return a hash of what a caller can see: tasks, results, who holds what, entries, trails."""
    ledger = machine.ledger
    seen = [
        sorted(_task(row) for row in ledger.tasks.values()),
        sorted(repr((name, lock.agent)) for lock in ledger.locks.values() for name in lock.names),
        sorted(
            (agent, row.claimed, row.completed, row.failed, row.expired, row.released)
            for agent, row in ledger.agents.items()
        ),
        sorted(repr(key) for name in ("entries", "trails") for key in ledger.tables.get(name, {})),
        ledger.last_token,
    ]
    return hashlib.sha256(json.dumps(seen, sort_keys=True).encode()).hexdigest()


def _task(row):
    ended = row.outcome
    told = None if ended is None else (ended.result, ended.reason, ended.by, ended.attempts, ended.late)
    return json.dumps(
        [row.spec.id, row.state.value, row.attempts, row.token, row.agent, told], sort_keys=True
    )


def recorded(path):
    """Return what stands in the file, or beside it if it is of an older format."""
    with open(path, encoding="utf-8") as lines:
        if _beside(path).exists():
            return json.loads(_beside(path).read_text(encoding="utf-8"))
        return [
            line["digest"] for line in map(json.loads, lines) if isinstance(line, dict) and "digest" in line
        ]


def _beside(path):
    return Path(path).with_suffix(".outcomes.json")


if __name__ == "__main__":
    print(json.dumps({path: replay(path) for path in sys.argv[1:]}))
