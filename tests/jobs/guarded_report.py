"""A holder that sleeps past its lease wakes up and writes late; one line stops it, in any process."""

import subprocess
import sys
import tempfile
from pathlib import Path

from ants_coord import ClaimQueue, Task
from ants_coord.guard import Guard, StaleTokenError
from ants_coord.testing import ManualClock

folder, clock = Path(tempfile.mkdtemp()), ManualClock()


def write(text, token):
    Guard(folder / "guard.db").check("report.txt", token)
    (folder / "report.txt").write_text(text)


with ClaimQueue(clock=clock, lease_ttl=30) as board:
    board.submit(Task("the report"))
    asleep = board.claim("ann")
    clock.advance(31)
    awake = board.claim("bob")
    write("by bob", awake.token)
    try:
        write("by ann", asleep.token)
        raise AssertionError("a late write went through")
    except StaleTokenError as refusal:
        assert refusal.newest == awake.token
    late = "import sys; from ants_coord.guard import Guard; Guard(sys.argv[1]).check('report.txt', int(sys.argv[2]))"
    other = subprocess.run(
        [sys.executable, "-c", late, str(folder / "guard.db"), str(asleep.token)],
        capture_output=True,
        text=True,
    )
    assert "StaleTokenError" in other.stderr, other.stderr

assert (folder / "report.txt").read_text() == "by bob"
print("done: the late writer was refused, here and in another process")
