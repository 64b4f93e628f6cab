"""
Replay golden logs and print their digests as JSON: `python tests/golden/replay.py FILE ...`.

Runs alone, under any Python that the package supports, so it imports nothing of the tests.
"""

import json
import sys

from ants_coord.core import Machine, digest, restore
from ants_coord.core.snapshot import records
from ants_coord.journals.codec import decode


def replay(path, *, moving=False):
    """Return the digests where the file has some; `moving` writes the state down and reads it back there."""
    machine, digests = Machine(), []
    with open(path, encoding="utf-8") as lines:
        next(lines)
        for entry in map(json.loads, lines):
            if isinstance(entry, dict):
                digests.append(digest(machine))
                if moving:
                    twin = Machine()
                    restore(twin, json.loads(json.dumps(list(records(machine)))))
                    machine = twin
                continue
            stamp, body = entry
            request, command = decode(body.encode())
            machine.apply(command, now_ns=stamp, request=request)
    return digests


def recorded(path):
    """Return the digests that stand in the file."""
    with open(path, encoding="utf-8") as lines:
        return [
            line["digest"] for line in map(json.loads, lines) if isinstance(line, dict) and "digest" in line
        ]


if __name__ == "__main__":
    print(json.dumps({path: replay(path) for path in sys.argv[1:]}))
