"""A file of commands from a shell: a runner is killed while it works, and an agent that has only a shell helps."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp())
board, log = folder / "jobs.db", folder / "log"
os.environ.update(ANTS_COORD_BOARD=str(board), ANTS_COORD_AGENT="shelly", COLUMNS="200")


def ants(*words: object) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-m", "ants_coord", *map(str, words)], capture_output=True, text=True, check=False
    )


jobs = [
    {
        "id": "fetch",
        "cmd": f"echo begun > {folder}/begun; until test -e {folder}/go; do sleep 0.05; done; echo data",
    },
    {"id": "build", "cmd": f"echo built >> {log}", "needs": ["fetch"]},
    {"id": "flaky", "cmd": f"test -e {folder}/go || exit 7"},
]
(folder / "jobs.jsonl").write_text("".join(json.dumps(job) + "\n" for job in jobs))
os.mkfifo(folder / "begun")
run = ["run", folder / "jobs.jsonl", "--board", board, "--lease-ttl", "0.5"]

runner = subprocess.Popen(
    [sys.executable, "-m", "ants_coord", *map(str, run)], stdout=subprocess.DEVNULL, start_new_session=True
)
(folder / "begun").read_text()
os.killpg(runner.pid, signal.SIGKILL)
runner.wait()

(folder / "go").touch()
os.unlink(folder / "begun")
again = ants(*run)  # goes on where the dead one was; only what had failed stays failed
assert again.returncode in (0, 1), again.stderr
assert ants("requeue", "--all").returncode == 0
last = ants(*run)
assert last.returncode == 0, last.stdout + last.stderr
assert "3 done" in last.stdout
assert log.read_text() == "built\n"
assert ants("result", "fetch").stdout == "data\n"

(folder / "more.jsonl").write_text(json.dumps({"id": "review", "cmd": "true", "needs": ["build"]}) + "\n")
assert ants("submit", board, folder / "more.jsonl").returncode == 0
handle = ants("claim", "--ttl", 600).stdout.strip()
assert handle.startswith("review#")
assert ants("note", handle, "looks right").returncode == 0
assert ants("complete", handle, "--result", '"fine"').returncode == 0
assert ants("claim").returncode == 1  # there is nothing left
states = {row["task"]: row["state"] for row in json.loads(ants("list", "--json").stdout)}
assert set(states.values()) == {"done"}, states
print("done:", states)
