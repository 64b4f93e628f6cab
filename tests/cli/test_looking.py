"""`status`, `explain`, `events`, `cancel`, `requeue`, `race`: what people and programs see."""

from __future__ import annotations

import json
import sqlite3

import pytest

from ants_coord import Advert, ClaimQueue, Matchmaker, Task

from .command import ants


@pytest.fixture
def board(tmp_path):
    """A board with one task of each sort, and a name that tries to paint the terminal."""
    path = tmp_path / "board.db"
    opened = ClaimQueue(path)
    opened.submit_many([Task("held"), Task("bad"), Task("after", needs=("held",)), Task("ready [bold]x")])
    opened.claim("ant-1", task="held", lease_ttl=3600)
    opened.fail(opened.claim("ant-2", task="bad"), "boom \x1b[31mred", retry=False)
    yield path, opened
    opened.close()


def test_status_tells_counts_holders_failures_and_waiting(board):
    """Both as tables and as JSON; nothing that an agent wrote reaches the terminal unescaped."""
    path, _ = board
    shown = ants("status", path)
    assert shown.returncode == 0, shown.stderr
    for word in ("1 leased", "ant-1", "boom", "after", "held"):
        assert word in shown.stdout
    assert "\x1b" not in shown.stdout
    found = json.loads(ants("status", path, "--json").stdout)
    assert found["tasks"]["leased"] == 1
    assert found["held"][0]["agent"] == "ant-1"
    assert found["failed"][0]["task"] == "bad"
    assert found["waiting"] == [{"task": "after", "waits_for": ["held"]}]


def test_explain_says_why(board):
    """The state and the cause, as text and as JSON; an unknown task is bad input."""
    path, _ = board
    assert "needs 'held', which is leased" in ants("explain", path, "after").stdout
    assert "ant-1" in json.loads(ants("explain", path, "held", "--json").stdout)["reasons"][0]
    assert ants("explain", path, "nobody").returncode == 2


def test_events_are_listed_and_continued(board):
    """One event a line; a cursor continues without a gap."""
    path, _ = board
    all_ = [json.loads(line) for line in ants("events", path, "--json").stdout.splitlines()]
    rest = [json.loads(line) for line in ants("events", path, "--json", "--since", 4).stdout.splitlines()]
    assert [event["cursor"] for event in all_] == list(range(1, len(all_) + 1))
    assert rest == all_[4:]
    assert "claimed" in ants("events", path).stdout


def test_cancel_and_requeue(board):
    """Both act on the board, and say what is not possible."""
    path, opened = board
    assert ants("requeue", path, "bad").returncode == 0
    assert opened.find("bad").state == "ready"
    assert ants("cancel", path, "held").returncode == 0
    assert opened.find("after").state == "cancelled"
    assert ants("requeue", path, "held").returncode == 2


def test_explain_shows_the_traceback_of_the_newest_failure(tmp_path):
    """Line for line, as Python prints it."""

    def handler(job):
        return {}["missing"]

    with ClaimQueue(tmp_path / "b.db") as board:
        board.submit(Task("t", max_attempts=1))
        board.serve(handler, agent="w", until="drained")
    lines = ants("explain", tmp_path / "b.db", "t").stdout.splitlines()
    assert "    Traceback (most recent call last):" in lines
    assert '        return {}["missing"]' in lines
    assert lines[-1] == "    KeyError: 'missing'"


@pytest.mark.parametrize("verb", [["status"], ["events"], ["explain"], ["cancel"], ["requeue"], ["work"]])
def test_a_board_that_does_not_exist_is_not_made(tmp_path, verb):
    """Looking never creates a file; exit 3."""
    path = tmp_path / "nowhere.db"
    extra = ["t"] if verb[0] in ("explain", "cancel", "requeue") else []
    done = ants(*verb, path, *extra)
    assert done.returncode == 3
    assert "no such board" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_other_files_are_refused_and_left_alone(tmp_path):
    """A directory, a text file and another program's database: exit 3, a reason, not a byte changed."""
    text, database = tmp_path / "notes.txt", tmp_path / "other.db"
    text.write_text("not a database at all, but long enough to look at " * 20)
    connection = sqlite3.connect(database)
    connection.execute("CREATE TABLE t (x)")
    connection.close()
    before = text.read_bytes(), database.read_bytes()
    for path, word in ((tmp_path, "directory"), (text, "not a board"), (database, "another program")):
        done = ants("status", path)
        assert done.returncode == 3
        assert word in done.stderr
    assert (text.read_bytes(), database.read_bytes()) == before


def test_the_race_has_one_winner_a_round():
    """Several processes, one task a round: granted once each, double grants 0."""
    done = ants("race", "--processes", 3, "--rounds", 40)
    assert done.returncode == 0, done.stderr
    assert "granted 40, double grants: 0" in done.stdout


def test_help_documents_the_exit_codes():
    """Every command has help, and the exit codes stand in the main one."""
    text = ants("--help").stdout
    assert "130 interrupted" in " ".join(text.split())
    for command in (
        "demo",
        "run",
        "work",
        "status",
        "explain",
        "submit",
        "cancel",
        "requeue",
        "events",
        "race",
    ):
        assert command in text
        assert ants(command, "--help").returncode == 0
    assert ants("--version").stdout.strip()


def test_a_purse_is_set_and_shown(tmp_path):
    """What is left after what was spent; bad amounts are refused."""
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit(Task("a"))
    assert ants("purse", path, "llm", "100", "--per", "3600").returncode == 0
    with ClaimQueue(path) as board:
        board.spent(board.claim("ann"), "llm", 30)
    assert json.loads(ants("purse", path, "--json").stdout)["llm"]["left"] == 70
    assert "llm" in ants("purse", path, "llm").stdout
    assert ants("purse", path, "llm", "5", "--per", "0").returncode == 2


def test_a_proof_is_set_asked_and_shown(tmp_path):
    """Added to a board that there is, shown with who passed, dropped; what nobody can pass is refused."""
    path = tmp_path / "b.db"
    with Matchmaker(path) as board:
        board.advertise(Advert("ann", ("gpu",)))
        board.advertise(Advert("bob", ("gpu",)))
    assert ants("proof", path, "gpu", "--payload", "7", "--kind", "square", "--answer", "49").returncode == 0
    assert ants("proof", path, "gpu", "--payload", "8", "--answer", "-", stdin="64").returncode == 0
    with Matchmaker(path) as board:
        for agent in ("ann", "bob"):
            lease = board.claim_nowait(agent)
            board.complete(lease, lease.payload**2 if agent == "ann" else "much")
    told = json.loads(ants("proof", path, "--json").stdout)
    assert told == {"gpu": {"questions": 2, "proven": 1, "refuted": 1, "claimed": 0}}
    assert "gpu" in ants("proof", path).stdout
    assert "gpu proven" in ants("status", path).stdout
    assert "by capability" in ants("standing", path).stdout
    for words in (
        ("gpu", "--answer", "Paris"),
        ("gpu", "--payload", "{"),
        ("gpu", "--answer", "1", "--drop"),
        ("--drop",),
        ("cpu", "--drop"),
        ("two words", "--answer", "1"),
        ("gpu", "--payload", "8", "--answer", "1"),
    ):
        done = ants("proof", path, *words)
        assert done.returncode == (2 if words != ("gpu", "--payload", "{") else 0), words
    assert ants("proof", path, "gpu", "--drop").returncode == 0
    assert json.loads(ants("proof", path, "--json").stdout) == {}
    with ClaimQueue(tmp_path / "q.db"):
        pass
    refused = ants("proof", tmp_path / "q.db", "gpu", "--answer", "1")
    assert refused.returncode == 2
    assert "means nothing to a ClaimQueue" in refused.stderr
