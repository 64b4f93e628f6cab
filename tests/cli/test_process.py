"""Every command once in a process of its own: the other tests of this folder call it within theirs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ants_coord import Blackboard, ClaimQueue, Mark, Task
from ants_coord.cli.demo import index_job

from .command import ENVIRONMENT, LIMIT_S, ants, ants_process
from .test_demo import tree  # noqa: F401 - a fixture

JOBS = '{"id": "job", "cmd": "true"}\n'


@pytest.fixture
def boards(tmp_path):
    """Return the paths of three boards with something on them, by name."""
    queue, ground, jobs = (tmp_path / f"{name}.db" for name in ("queue", "ground", "jobs"))
    with ClaimQueue(queue) as board:
        board.submit_many([Task("a"), Task("bad")])
        board.fail(board.claim_nowait("ann", task="bad"), "boom", retry=False)
    with Blackboard(ground) as board:
        board.deposit(Mark("food", "here", 8.0), agent="ann")
    assert ants("submit", jobs, "-", stdin=JOBS).returncode == 0
    return {"queue": queue, "ground": ground, "jobs": jobs}


READING = {
    "status": ("queue", "1 ready"),
    "explain": ("queue a", "a"),
    "events": ("queue", "submitted"),
    "standing": ("queue", ""),
    "trails": ("ground", "here"),
    "cancel": ("queue a", ""),
    "requeue": ("queue bad", ""),
    "submit": ("jobs -", "0 submitted"),
    "run": ("- --json", '"job"'),
    "work": ("jobs --json", '"completed": 1'),
}


@pytest.mark.parametrize("command", READING)
def test_a_process_says_the_same(boards, command):
    """The way in, the streams and the exit code are those of a real program."""
    words, said = READING[command]
    done = ants_process(command, *[boards.get(word, word) for word in words.split()], stdin=JOBS)
    assert "Traceback" not in done.stderr
    assert done.returncode == 0, done.stderr
    assert said in done.stdout


def test_the_demo_is_a_program(tree):  # noqa: F811
    done = ants_process("demo", "--path", tree, "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, index_job.index_tree(tree))


def test_errors_leave_through_stderr_and_the_exit_code(tmp_path):
    done = ants_process("status", tmp_path / "nowhere.db")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no such board" in done.stderr
    assert ants_process("status").returncode == 2


def test_the_installed_script_is_the_same_program():
    """`ants-coord` beside this Python, where it is installed."""
    script = Path(sys.executable).with_name("ants-coord")
    if not script.exists():
        pytest.skip("the package is on the path only: there is no script")
    done = subprocess.run(
        [script, "--version"], capture_output=True, text=True, env=ENVIRONMENT, timeout=LIMIT_S, check=False
    )
    assert (done.returncode, done.stdout) == (0, ants("--version").stdout)


@pytest.mark.parametrize("moment", ["_app", "app", "end"])
def test_ctrl_c_at_any_moment_prints_no_traceback(tmp_path, moment):
    """While the commands are imported, while one runs, and on the way out."""
    interrupt = "import os, signal; os.kill(os.getpid(), signal.SIGINT)"
    (tmp_path / "starts.py").write_text(
        f"""
import sys
from ants_coord import cli
def interrupt():
    {interrupt}
load = cli._app
def app():
    if {moment!r} == "app":
        interrupt()
def loading():
    if {moment!r} == "_app":
        interrupt()
    load()
    return app
cli._app = loading
sys.argv = ["ants-coord"]
cli.main()
interrupt()
"""
    )
    done = subprocess.run(
        [sys.executable, tmp_path / "starts.py"], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("command", ["hook", "guard", "prime"])
def test_ctrl_c_prints_no_traceback_of_the_quick_commands_either(command):
    """They go around all that the others share."""
    code = f"""
import os, signal, sys
from ants_coord import cli
from ants_coord.adapters import coding
coding.at_once = lambda command: os.kill(os.getpid(), signal.SIGINT)
sys.argv = ["ants-coord", {command!r}]
cli.main()
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stderr) == (130, "")


def test_who_is_told_to_ignore_ctrl_c_ignores_it_from_the_start():
    """As a shell tells what it starts in the background; the imports take longest."""
    code = """
import os, signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
from ants_coord import cli
def loading():
    os.kill(os.getpid(), signal.SIGINT)
    return lambda: print("done")
cli._app = loading
cli.main()
assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def test_importing_the_package_waits_for_nothing():
    """Or Ctrl-C would come before anybody could catch it."""
    code = "import sys; before = set(sys.modules); import ants_coord.cli; print(*set(sys.modules) - before)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert set(done.stdout.split()) <= {"__future__", "ants_coord", "ants_coord.cli"}


def test_the_commands_load_no_event_loop_and_no_database():
    """Each command is a process of its own, and most need neither: 15 and 4 ms at every start."""
    code = "import sys; from ants_coord import cli; cli._app(); print(*{'asyncio', 'sqlite3'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=ENVIRONMENT, check=True
    )
    assert done.stdout.split() == []
