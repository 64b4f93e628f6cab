"""Every command that takes a board's path takes its address, and readers make nothing."""

from __future__ import annotations

import json

import pytest

from ants_coord import Blackboard, ClaimQueue, Mark, Task
from tests.cli.command import ants

pytest.importorskip("psycopg")

JOBS = '{"id": "a", "cmd": "true"}\n{"id": "b", "cmd": "true", "needs": ["a"]}\n'


def fine(*arguments, stdin=None) -> str:
    done = ants(*arguments, stdin=stdin)
    assert (done.returncode, done.stderr) == (0, ""), done
    return done.stdout


def test_a_job_from_submit_to_verify(server, dsn, tmp_path):
    assert fine("submit", dsn, "-", stdin=JOBS) == "2 submitted, 0 there already\n"
    assert "a" in fine("status", dsn)
    assert json.loads(fine("work", dsn, "--agents", 1, "--json"))["completed"] == 2
    assert "done" in fine("explain", dsn, "b")
    assert "completed" in fine("events", dsn)
    assert "a" in fine("trace", dsn)
    assert "ants_tasks" in fine("metrics", dsn)
    assert "<html" in fine("report", dsn).lower()
    assert fine("tax", dsn)
    assert fine("standing", dsn)
    assert fine("advise", dsn)
    assert "are unchanged" in fine("verify", dsn)
    head = json.loads(fine("verify", dsn, "--json"))["head"]
    assert "1 done" in fine("run", "-", "--board", dsn, "--agents", 1, stdin='{"id": "c", "cmd": "true"}\n')
    assert json.loads(fine("verify", dsn, "--head", head, "--json"))["last"] > 0
    assert ants("verify", dsn, "--head", "00").returncode == 2
    assert fine("submit", dsn, "-", stdin='{"id": "d", "cmd": "true"}\n')
    assert "cancelled d" in fine("cancel", dsn, "d")
    assert ants("requeue", dsn, "d").returncode == 2  # it was dropped on purpose
    assert "match" in fine("extend", dsn, "matchmaker")
    assert fine("retire", dsn, "nobody")
    done = ants("backup", dsn, tmp_path / "copy.db")
    assert (done.returncode, "pg_dump" in done.stderr) == (2, True)
    done = ants("advise", dsn, "--score")
    assert (done.returncode, "--score" in done.stderr) == (2, True)


def test_trails_and_a_changed_entry(server, dsn):
    with Blackboard(dsn) as board:
        board.deposit(Mark("food", "p", 5.0), agent="ann")
        board.submit(Task("a"))
    assert "p" in fine("trails", dsn)
    server.execute("UPDATE ants_coord.entry SET body = body || 'x' WHERE body LIKE '%\"a\"%'")
    done = ants("verify", dsn)
    assert (done.returncode, "damaged at position" in done.stderr) == (3, True)


@pytest.mark.parametrize(
    "command",
    ["status", "explain x", "events", "verify", "standing", "trails", "cancel x", "requeue x", "work", "trace",
     "metrics", "report", "tax", "advise", "retire x", "extend matchmaker"],
)  # fmt: skip
def test_a_board_that_is_not_there_is_a_sentence_and_stays_away(server, command):
    name, *rest = command.split()
    missing = server.dsn("not-there")
    done = ants(name, missing, *rest)
    assert done.returncode == 3, done
    assert "there is no such board" in done.stderr.replace("\n", " ")
    assert "Traceback" not in done.stderr
    known = server.execute("SELECT to_regclass('ants_coord.board') IS NOT NULL")[0][0]
    assert not known or ("not-there",) not in server.execute("SELECT name FROM ants_coord.board")


@pytest.mark.parametrize(
    ("address", "code", "words"),
    [
        ("postgresql://a:gehe1m@127.0.0.1", 2, "names no database"),
        ("postgresql://a:gehe1m@127.0.0.1:1/x", 3, "cannot be reached"),
        ("mysql://a:gehe1m@127.0.0.1:1/x", 2, "postgresql://"),
    ],
)
@pytest.mark.parametrize("command", ["status {}", "submit {} -", "run - --board {}", "verify {}", "init {}"])
def test_wrong_addresses(command, address, code, words, monkeypatch):
    monkeypatch.setattr("ants_coord.journals.postgres.server._NOBODY_S", 0)  # test_rights waits as users do
    done = ants(*command.format(address).split(), stdin=JOBS)
    assert (done.returncode, words in done.stderr.replace("\n", " ")) == (code, True), done
    assert "gehe1m" not in done.stderr + done.stdout


def test_init_makes_a_database_ready_for_a_role_that_may_make_nothing(server):
    server.execute("CREATE DATABASE made")
    server.execute("CREATE ROLE worker LOGIN")
    address = server.dsn(database="made").partition("#")[0]
    before = ants("submit", server.dsn("x", user="worker", database="made"), "-", stdin=JOBS)
    assert (before.returncode, "ants-coord init" in before.stderr.replace("\n", " ")) == (3, True)
    for _ in range(2):
        assert (
            fine("init", address, "--role", "worker")
            == f"{address} is ready for boards; worker may use them\n"
        )
    fine("submit", server.dsn("x", user="worker", database="made"), "-", stdin=JOBS)
    done = ants("init", address, "--role", "no'body")
    assert (done.returncode, "does not exist" in done.stderr) == (3, True)


def test_init_prints_what_it_would_run(server):
    server.execute("CREATE DATABASE printed")
    address = server.dsn(database="printed").partition("#")[0]
    text = fine("init", address, "--role", "ants", "--print")
    assert server.execute("SELECT to_regclass('ants_coord.board')", database="printed") == [(None,)]
    server.execute(text, database="printed")
    with ClaimQueue(server.dsn("x", database="printed")) as board:
        assert board.submit(Task("a")).created
