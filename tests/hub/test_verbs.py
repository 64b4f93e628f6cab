"""What a line asks and what it is answered; nothing that a line says can hurt the hub."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import Blackboard, ClaimQueue, Mark, Task
from ants_coord.hub.program_lines import VERBS
from ants_coord.hub.thin import Client, ask
from ants_coord.testing.simulation.clock import ManualClock
from tests.fronts.conftest import until

from .running import lines, plug, running


@pytest.fixture(params=["memory", "file"])
def place(request, tmp_path):
    """Where the board is."""
    return None if request.param == "memory" else tmp_path / "board.db"


@pytest.fixture
def address(tmp_path):
    return tmp_path / "hub"


def test_a_task_from_claim_to_result(place, address):
    """Each verb does what the verb of Python does, on the same board."""
    with ClaimQueue(place) as board, running(board, address), Client(address) as hub:
        assert hub.ask({"verb": "hello"}) == {"ok": True, "hub": hub_version(), "board": board.path}
        assert hub.ask({"verb": "claim", "agent": "ann"}) == {"ok": True, "lease": None}
        board.submit_many([Task("a", payload={"n": 1}), Task("b"), Task("c", max_attempts=1)])
        got = hub.ask({"verb": "claim", "agent": "ann", "task": "a", "lease_ttl": 60})
        assert (got["task"], got["payload"], got["attempt"], got["agent"]) == ("a", {"n": 1}, 1, "ann")
        assert 59 < got["expires_in"] <= 60
        assert [lease.handle for lease in board.leases("ann")] == [got["lease"]]
        assert 119 < hub.ask({"verb": "renew", "lease": got["lease"], "lease_ttl": 120})["expires_in"] <= 120
        assert hub.ask({"verb": "find", "task": "a"})["holder"] == "ann"
        done = hub.ask({"verb": "complete", "lease": got["lease"], "result": [1, None]})
        assert done == {"ok": True, "task": "a", "state": "done", "late": False}
        found = hub.ask({"verb": "find", "task": "a"})
        assert (found["state"], found["result"], found["by"]) == ("done", [1, None], "ann")
        given_back = hub.ask({"verb": "claim", "agent": "ann", "kinds": ["default"]})
        assert hub.ask({"verb": "release", "lease": given_back["lease"]}) == {"ok": True}
        failing = hub.ask({"verb": "claim", "agent": "ann", "task": "c"})
        assert hub.ask({"verb": "fail", "lease": failing["lease"], "reason": "no"})["state"] == "failed"
        assert hub.ask({"verb": "find", "task": "nowhere"}) == {"ok": True, "task": None}


def hub_version():
    import ants_coord

    return ants_coord.__version__


def test_locks_by_name_and_by_path(place, address, tmp_path):
    """A refusal names holder and time; the same holder enters again; all of an agent's goes back at once."""
    (tmp_path / "src").mkdir()
    mine = {
        "verb": "lock",
        "paths": ["src/../src/a.py"],
        "root": str(tmp_path),
        "agent": "ann",
        "holder": "s1",
    }
    with ClaimQueue(place) as board, running(board, address), Client(address) as hub:
        assert hub.ask({**mine, "lease_ttl": 60})["names"] == ["src/a.py"]
        refused = hub.ask({"verb": "lock", "names": ["src/"], "agent": "bob", "lease_ttl": 60})
        assert (refused["ok"], refused["error"], refused["holder"]) == (False, "HeldError", "ann")
        assert 0 < refused["expires_in"] <= 60
        assert hub.ask(mine)["ok"]
        assert not hub.ask({**mine, "holder": "s2"})["ok"]
        assert hub.ask({"verb": "release", "agent": "ann", "all": True}) == {"ok": True, "released": 1}
        got = hub.ask({"verb": "lock", "names": ["src/"], "agent": "bob"})
        assert hub.ask({"verb": "unlock", "lease": got["lease"]}) == {"ok": True}
        assert board.leases() == []


def test_marks_and_entries(address):
    with Blackboard() as board, running(board, address), Client(address) as hub:
        board.write("plan/a", {"x": 1}, agent="bob")
        assert hub.ask({"verb": "read", "path": "plan/a"})["value"] == {"x": 1}
        assert hub.ask({"verb": "read", "path": "plan/b"}) == {"ok": True, "path": None}
        laid = hub.ask({"verb": "mark", "agent": "ann", "kind": "trail", "place": "src/a", "strength": 2})
        assert (laid["kind"], laid["place"]) == ("trail", "src/a")
        board.deposit(Mark("trail", "src/a"), agent="bob")
        assert board.sense("src/a")[0].marks == 2


def test_an_agent_speaks_for_its_own_leases_only(address):
    """Named, an agent is held to what it holds; the lease alone speaks for its holder."""
    with ClaimQueue() as board, running(board, address), Client(address) as hub:
        board.submit(Task("a"))
        lease = hub.ask({"verb": "claim", "agent": "ann"})["lease"]
        for verb in ("complete", "release", "renew"):
            assert hub.ask({"verb": verb, "lease": lease, "agent": "bob"})["ok"] is False
        assert (
            hub.ask({"verb": "fail", "lease": lease, "agent": "bob", "reason": "x"})["error"]
            == "ForeignLeaseError"
        )
        assert board.find("a").lease is not None
        assert hub.ask({"verb": "complete", "lease": lease, "agent": "ann"})["ok"]


def test_a_repeat_with_the_same_id_is_done_once(place, address):
    """Also through another connection, and through the next hub."""
    claim = {"verb": "claim", "agent": "ann", "id": "r1"}
    with ClaimQueue(place) as board:
        board.submit_many([Task("a"), Task("b")])
        with running(board, address):
            first = ask(address, claim)
            assert ask(address, claim)["lease"] == first["lease"]
        with running(board, address):
            assert ask(address, claim)["lease"] == first["lease"]
            other = ask(address, {**claim, "agent": "bob"})
            assert other["error"] == "RequestReusedError"
            assert ask(address, {"verb": "claim", "agent": "bob"})["task"] == "b"


def test_the_hub_renews_for_nobody_and_gives_nothing_back(address):
    """Hanging up and stopping leave leases as they are; staying connected does not keep them alive."""
    clock = ManualClock()
    with ClaimQueue(clock=clock) as board:
        board.submit(Task("a", lease_ttl=10))
        with running(board, address), Client(address) as hub:
            held = hub.ask({"verb": "claim", "agent": "ann"})
        assert [lease.handle for lease in board.leases()] == [held["lease"]]
        with running(board, address), Client(address) as hub:
            assert hub.ask({"verb": "renew", "lease": held["lease"]})["ok"]
            clock.advance(11)
            lost = hub.ask({"verb": "renew", "lease": held["lease"]})
            assert (lost["error"], lost["reason"]) == ("LeaseLostError", "expired")


BAD = [
    (b"\xff\xfe", "no JSON"),
    (b"", "no JSON"),
    (b"[1]", "must be an object"),
    (b"[" * 100_000, ""),
    (b"{}", "there is no verb None"),
    (b'{"verb": ["claim"]}', "there is no verb ['claim']"),
    (b'{"verb": "drop"}', "there is no verb 'drop'"),
    (b'{"verb": "claim"}', "claim needs 'agent'"),
    (b'{"verb": "claim", "agent": 1}', "agent must be a string, not 1"),
    (b'{"verb": "claim", "agent": ""}', "agent"),
    (b'{"verb": "claim", "agent": "a", "kinds": "x"}', "kinds must be a list, not 'x'"),
    (b'{"verb": "claim", "agent": "a", "kinds": [1]}', "kinds must be a list of strings"),
    (b'{"verb": "claim", "agent": "a", "lease_ttl": NaN}', "NaN is not JSON"),
    (b'{"verb": "claim", "agent": "a", "lease_ttl": true}', "lease_ttl must be a whole number or a number"),
    (b'{"verb": "claim", "agent": "a", "color": 1}', "claim knows no 'color'"),
    (b'{"verb": "claim", "agent": "a", "id": " "}', "id"),
    (b'{"verb": "complete", "lease": "a"}', "lease must be a handle"),
    (b'{"verb": "complete", "lease": "a#1", "late": "maybe"}', "late must be"),
    (b'{"verb": "fail", "lease": "a#1"}', "fail needs 'reason'"),
    (b'{"verb": "release", "all": true}', "release needs 'agent'"),
    (b'{"verb": "lock", "agent": "a"}', "at least one name"),
    (b'{"verb": "lock", "agent": "a", "paths": ["x"]}', "root must be the folder"),
    (b'{"verb": "lock", "agent": "a", "paths": ["/x"], "root": "."}', "root must be the folder"),
    (b'{"verb": "lock", "agent": "a", "paths": ["x"], "root": "/nowhere"}', "not a folder"),
    (b'{"verb": "lock", "agent": "a", "paths": ["../../x"], "root": "/tmp"}', "outside the root"),
    (b'{"verb": "hello", "colour": 1}', "hello knows no 'colour'"),
    (b'{"verb": "complete", "lease": "a#1"}', "lost"),
    (b'{"verb": "mark", "agent": "a", "kind": "k", "place": "p"}', "strategy"),
]


def test_a_bad_line_is_answered_and_nothing_is_logged(address):
    """By field, value and way out; and the connection goes on."""
    with ClaimQueue() as board, running(board, address), plug(address) as sock:
        before = board._engine.digest()
        for line, told in BAD:
            sock.sendall(line + b"\n")
            (answer,) = lines(sock, 1)
            assert answer["ok"] is False
            assert told in answer["say"], (line, answer)
            if told not in ("lost", "strategy"):  # these are refused by the board itself
                assert board._engine.digest() == before, line


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
FIELDS = st.sampled_from(
    ["agent", "lease", "task", "kinds", "lease_ttl", "id", "names", "paths", "root", "holder", "shared", "all",
     "result", "reason", "retry", "late", "kind", "place", "strength", "path"]
)  # fmt: skip


def test_any_object_is_answered(tmp_path):
    """Whatever a model or a stranger sends: one answer for one line, and the next one is answered, too."""
    with Blackboard() as board, running(board, tmp_path / "hub"), plug(tmp_path / "hub") as sock:
        board.submit(Task("a"))

        @given(st.sampled_from(sorted(VERBS)), st.dictionaries(FIELDS, JSON, max_size=5))
        def check(verb, fields):
            sock.sendall(json.dumps({**fields, "verb": verb}).encode() + b"\n")
            (answer,) = lines(sock, 1)
            assert answer["ok"] in (True, False)
            assert answer["ok"] or (answer["error"] and answer["say"])

        check()
        board.check()


def test_a_task_can_be_submitted(place, address):
    """With what a line may say of it; a repeat under one id is the first again."""
    with ClaimQueue(place) as board, running(board, address), Client(address) as hub:
        told = hub.ask({"verb": "submit", "payload": {"n": 1}, "agent": "ann", "id": "s1"})
        assert (told["ok"], told["created"], told["state"]) == (True, True, "ready")
        assert hub.ask({"verb": "submit", "payload": {"n": 1}, "agent": "ann", "id": "s1"}) == told
        later = {
            "verb": "submit",
            "task": "b",
            "kind": "k",
            "needs": [told["task"]],
            "tags": ["x"],
            "priority": 2,
        }
        assert hub.ask(later) == {"ok": True, "task": "b", "created": True, "state": "waiting"}
        assert not hub.ask({**later, "if_exists": "keep"})["created"]
        refused = hub.ask({**later, "kind": "other"})
        assert refused["error"] == "TaskExistsError"
        task = board.find("b").task
        assert (task.kind, task.needs, task.tags, task.priority) == ("k", (told["task"],), ("x",), 2)
        assert board.find(told["task"]).task.payload == {"n": 1}


def test_a_claim_can_wait(place, address):
    """For a task of any connection; others are served meanwhile, and lines behind it wait for their turn."""
    with ClaimQueue(place) as board, running(board, address), plug(address) as sock, Client(address) as hub:
        sock.sendall(
            b'{"verb": "claim", "agent": "ann", "timeout": 60, "id": "c"}\n{"verb": "find", "task": "a"}\n'
        )
        until(lambda: len(board._engine._lobby) == 1)
        assert hub.ask({"verb": "hello"})["ok"]
        hub.ask({"verb": "submit", "task": "a"})
        got, found = lines(sock, 2)
        assert (got["task"], found["holder"]) == ("a", "ann")
        again = hub.ask({"verb": "claim", "agent": "ann", "timeout": 60, "id": "c"})
        assert again["lease"] == got["lease"]
        assert hub.ask({"verb": "claim", "agent": "ann", "timeout": 0}) == {"ok": True, "lease": None}
        assert (
            hub.ask({"verb": "claim", "agent": "ann", "task": "no", "timeout": 9})["error"]
            == "TaskNotFoundError"
        )
        assert "timeout" in hub.ask({"verb": "claim", "agent": "ann", "timeout": -1})["say"]
        with plug(address) as gone:
            gone.sendall(b'{"verb": "claim", "agent": "bob", "timeout": 60}\n')
            until(lambda: len(board._engine._lobby) == 1)
        until(lambda: len(board._engine._lobby) == 0)
        hub.ask({"verb": "submit", "task": "b"})
        assert board.claim_nowait("eve").task == "b"  # who has hung up swallows nothing
