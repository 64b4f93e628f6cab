"""
A bazaar that nobody manages: agents in several processes join, leave, decline, hang, are limited, boast, lie and die.

Every task is done, with the right result. There is no trust= here: what keeps a hanging agent from holding the
last task is `stall_after`, and what keeps a liar's result from counting is that two agents must agree. It is the
demo, `ants-coord demo --bazaar`, with more tasks.
"""

import os
import signal
import sys
import tempfile
from pathlib import Path

from ants_coord.cli.demo import bazaar

IS_QUICK = os.environ.get("ANTS_COORD_PROFILE", "quick") == "quick"
TASKS = 200 if IS_QUICK else 2_000
PROCESSES, SHARE = (3, 3) if IS_QUICK else (6, 1)


def main():
    path = Path(tempfile.mkdtemp()) / "bazaar.db"
    told = []
    found = bazaar.run(str(path), tasks=TASKS, processes=PROCESSES, share=SHARE, say=told.append)
    assert sorted(found.codes) == [-signal.SIGKILL] + [0] * (PROCESSES - 1), found.codes
    assert (found.done, found.wrong) == (TASKS, 0), found
    for kind in ("stalled", "declined", "departed", "expired", "proved", "refuted"):
        assert found.events.get(kind), (kind, found)
    assert found.events["handed in"] > TASKS, found  # two that agree would do, if nobody had lied
    assert any("killed" in line for line in told), told
    print(
        f"done: {TASKS} tasks by {found.agents} agents in {PROCESSES} processes, one killed; {found.events}"
    )


if __name__ == "__main__":
    sys.exit(main())
