"""What people rely on when they run files of commands: deaths, retries, output, names."""

from __future__ import annotations

import json
import os
import re
import signal
import threading
from types import SimpleNamespace

import pytest

from ants_coord import ClaimQueue, Task

from .command import ants, start
from .test_run import lines


def states(board) -> dict[str, str]:
    with ClaimQueue(board) as opened:
        return {record.task.id: str(record.state) for record in opened.tasks()}


@pytest.mark.parametrize("deaths", [1, 3])
def test_the_death_of_a_runner_is_no_failure_of_its_command(tmp_path, deaths):
    """kill -9 while a command of one attempt runs: the next runner starts it again."""
    path, board, fifo = tmp_path / "jobs.jsonl", tmp_path / "board.db", tmp_path / "fifo"
    os.mkfifo(fifo)
    command = f"echo up > {fifo}; until test -e {tmp_path}/go; do sleep 0.05; done"
    path.write_text(lines({"id": "a", "cmd": command}, {"id": "b", "cmd": "true", "needs": ["a"]}))
    words = ("run", path, "--board", board, "--lease-ttl", 0.5, "--agents", 1)
    for _ in range(deaths):
        runner = start(*words)
        fifo.read_text()
        os.killpg(runner.pid, signal.SIGKILL)
        runner.communicate()
    (tmp_path / "go").touch()
    threading.Thread(target=fifo.read_text, daemon=True).start()
    done = ants(*words)
    assert done.returncode == 0, done.stdout + done.stderr
    assert states(board) == {"a": "done", "b": "done"}


def test_a_command_has_as_many_failures_as_its_line_allows(tmp_path):
    """Neither more nor fewer, with deaths in between or not; requeued, it has them again."""
    path, board, log = tmp_path / "jobs.jsonl", tmp_path / "board.db", tmp_path / "log"
    path.write_text(lines({"id": "a", "cmd": f"echo x >> {log}; exit 3", "max_attempts": 2}))
    for total in (2, 4):
        again = ["--retry-failed"] if total > 2 else []
        done = ants("run", path, "--board", board, *again)
        assert (done.returncode, len(log.read_text().split())) == (1, total)
    with ClaimQueue(board) as opened:
        assert opened.outcome("a").reason == "exit code 3"


def test_failures_are_retried_only_when_that_is_asked_for(tmp_path):
    """A second run leaves what has failed; --retry-failed runs it again, and what it held up."""
    path, board = tmp_path / "jobs.jsonl", tmp_path / "board.db"
    path.write_text(
        lines(
            {"id": "a", "cmd": f"test -e {tmp_path}/mended"},
            {"id": "b", "cmd": "true", "needs": ["a"]},
        )
    )
    assert ants("run", path, "--board", board).returncode == 1
    (tmp_path / "mended").touch()
    assert ants("run", path, "--board", board).returncode == 1
    assert states(board) == {"a": "failed", "b": "cancelled"}
    assert ants("run", path, "--board", board, "--retry-failed").returncode == 0
    assert states(board) == {"a": "done", "b": "done"}
    assert ants("run", path, "--retry-failed").returncode == 2


def test_output_is_shown_while_the_command_runs(tmp_path):
    """A line is there before its command ends, with the task's name in front."""
    path, fifo = tmp_path / "jobs.jsonl", tmp_path / "fifo"
    os.mkfifo(fifo)
    path.write_text(lines({"id": "a", "cmd": f"echo first; cat {fifo}; printf 'no end'"}))
    runner = start("run", path)
    assert runner.stdout.readline() == "a | first\n"
    fifo.write_text("second\n")
    rest = runner.stdout.read().splitlines()
    runner.communicate()
    assert rest[:2] == ["a | second", "a | no end"]
    assert re.fullmatch(r"\[1/1\] done a in \d+\.\d s by \S+-\d", rest[2])
    assert rest[3] == "1 done, 0 failed or cancelled, 0 left"


def test_a_failure_is_told_once(tmp_path):
    """One line for a failed task, none from the log; what was cancelled follows at the end."""
    path = tmp_path / "jobs.jsonl"
    path.write_text(
        lines(
            {"id": "bad", "cmd": "echo why >&2; exit 5"},
            {"id": "next", "cmd": "true", "needs": ["bad"]},
            {"id": "twice", "cmd": "exit 6", "max_attempts": 2},
        )
    )
    runner = start("run", path)
    out, err = runner.communicate()
    assert out.count("exit code 5: why") == 2  # of the task itself, and as the reason of the next
    assert out.count("exit code 6") == 2  # one for each attempt
    assert out.count("cancelled next") == 1
    assert err == "bad | why\n"


def test_agents_have_numbers(tmp_path):
    """Each of several agents goes by a name of its own."""
    path = tmp_path / "jobs.jsonl"
    path.write_text(lines(*[{"id": f"t{n}", "cmd": "sleep 0.2"} for n in range(4)]))
    done = json.loads(ants("run", path, "--agents", 2, "--json").stdout)
    names = {one["by"] for one in done}
    assert {name.rpartition("-")[2] for name in names} == {"1", "2"}
    assert len({name.rpartition("-")[0] for name in names}) == 1


@pytest.mark.parametrize("verb", ["run", "submit"])
def test_needs_may_be_on_the_board_already(tmp_path, verb):
    """A later file may need tasks of an earlier one, but not what nobody knows."""
    board = tmp_path / "board.db"
    assert ants("submit", board, "-", stdin=lines({"id": "a", "cmd": "true"})).returncode == 0
    more = lines({"id": "b", "cmd": "true", "needs": ["a"]})
    words = ("run", "-", "--board", board) if verb == "run" else ("submit", board, "-")
    assert ants(*words, stdin=more).returncode == 0
    wrong = ants(*words, stdin=lines({"id": "c", "cmd": "true", "needs": ["nobody"]}))
    assert wrong.returncode == 2
    assert "'nobody' is neither in the file nor on a board" in wrong.stderr
    assert set(states(board)) == {"a", "b"}


def test_what_a_command_left_running_ends_with_it(tmp_path):
    """A background child holds the pipe open; the reader sees its end when the task ends, not before."""
    fifo, path = tmp_path / "fifo", tmp_path / "jobs.jsonl"
    os.mkfifo(fifo)
    path.write_text(lines({"id": "a", "cmd": f"exec 3> {fifo}; sleep 600 & echo started"}))
    runner = start("run", path)
    assert fifo.read_bytes() == b""
    assert "a | started" in runner.communicate()[0]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"cmd": "true", "env": {"A": "x\0"}}, "env: 'x\\x00' holds a NUL"),
        ({"cmd": "true", "env": {"A=B": "1"}}, "env: a variable cannot have the name 'A=B'"),
        ({"cmd": "true", "env": {"": "1"}}, "env: a variable cannot have the name ''"),
        ({"argv": ["a\0"]}, "argv: 'a\\x00' holds a NUL"),
        ({"argv": [""]}, "argv: must be a list of strings"),
        ({"cmd": "echo \ud800"}, "lone surrogate"),
        ({"cmd": "pwd", "cwd": "/tmp\0"}, "cwd: '/tmp\\x00' holds a NUL"),
    ],
)
def test_what_no_system_can_start_is_refused_before_anything_is_submitted(tmp_path, line, said):
    board = tmp_path / "board.db"
    done = ants("run", "-", "--board", board, stdin=lines({"cmd": "true"}, line))
    assert done.returncode == 2
    assert said in done.stderr
    assert not board.exists()


def test_a_missing_directory_is_named(tmp_path):
    done = ants("run", "-", "--json", stdin=lines({"cmd": "pwd", "cwd": "/nowhere"}))
    assert "'/nowhere'" in json.loads(done.stdout)[0]["reason"]


def test_work_says_what_it_waits_for_and_does_what_it_can(tmp_path):
    """A task of another kind is named at once; idle ends all the same."""
    board = tmp_path / "board.db"
    with ClaimQueue(board) as opened:
        opened.submit(Task("for-a-model", kind="prompt"))
    assert ants("submit", board, "-", stdin=lines({"id": "job", "cmd": "true"})).returncode == 0
    worker = start("work", board)
    assert "for-a-model" in worker.stderr.readline()
    with ClaimQueue(board) as opened:
        opened.complete(opened.claim("model", kinds=["prompt"]))
    worker.communicate()
    assert worker.returncode == 0
    assert states(board) == {"for-a-model": "done", "job": "done"}


def test_boards_of_python_and_of_the_command_line_are_the_same(tmp_path):
    """A board made in Python takes jobs; one that was made for jobs is opened in Python."""
    made_here, made_there = tmp_path / "here.db", tmp_path / "there.db"
    with ClaimQueue(made_here, lease_ttl=7) as board:
        board.submit(Task("a", kind="command", payload={"cmd": "echo hi"}))
    more = lines({"id": "b", "cmd": "true", "needs": ["a"]})
    assert ants("run", "-", "--board", made_here, stdin=more).returncode == 0
    assert ants("submit", made_there, "-", stdin=lines({"id": "a", "cmd": "true"})).returncode == 0
    for path in (made_here, made_there):
        with ClaimQueue(path) as board:
            assert board.find("a").task.payload["cmd"]


@pytest.mark.parametrize("text", ["\u2028", "\u3164", "\u202e", "\ufeff", "\U000e0041", "\x1b[2J", "\u2800"])
def test_what_is_not_seen_is_shown_as_an_escape(text):
    from ants_coord.cli.common.show import clean, shown

    assert text not in shown(f"a{text}b")
    assert text not in clean(f"a{text}b")
    assert shown(f"a{text}b").isprintable()


def test_letters_stay_letters():
    """Text of the world, and rich's own marks: a name like :bug: is no picture."""
    from ants_coord.cli.common.show import clean, console, shown

    assert shown("Grüße, 日本語 🐜") == "Grüße, 日本語 🐜"
    with console.capture() as got:
        console.print(clean(":bug: [red]x[/red]"))
    assert got.get() == ":bug: [red]x[/red]\n"


def test_a_file_in_pieces_is_put_in_order_by_looking_at_each_need_once():
    """A report that needs ten thousand others may be its first line; the order is else the file's."""
    from ants_coord.cli.jobs.running import _in_order

    looked = []

    class Needs(tuple):
        def __iter__(self):
            return (looked.append(need) or need for need in super().__iter__())

    ids = [f"t{n}" for n in range(10_000)]
    tasks = [
        SimpleNamespace(id="all", needs=Needs(ids)),
        *[SimpleNamespace(id=one, needs=Needs()) for one in ids],
    ]
    tasks.append(SimpleNamespace(id="late", needs=Needs(("t1", "elsewhere"))))
    assert [task.id for task in _in_order(tasks)] == [*ids, "all", "late"]
    assert len(looked) == len(ids) + 2
    circle = [SimpleNamespace(id=one, needs=Needs((ids[n - 1],))) for n, one in enumerate(ids)]
    assert len(_in_order(circle)) == len(ids)
