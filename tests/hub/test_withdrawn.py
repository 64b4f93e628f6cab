"""Requests that nobody waits for any more: what was granted for them goes back, once, whatever is on its way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import threading

import pytest

from ants_coord import Blackboard, ClaimQueue, ClosedError, LeaseLostError, Task, aio
from ants_coord.commands.shared import Claim, Refused
from ants_coord.engine.lobby import Waiter
from ants_coord.errors import JournalError
from ants_coord.hub.client import lanes
from ants_coord.hub.client.pushes import Pushes
from ants_coord.hub.thin import read_line
from ants_coord.journals import SQLiteJournal
from ants_coord.testing import ManualClock
from tests.fronts.conftest import LIMIT_S, Background, until

from ..inside import inside
from .running import lines, plug, running


@pytest.fixture
def address(tmp_path):
    return tmp_path / "hub"


@pytest.fixture(params=["memory", "file"])
def board(request, tmp_path):
    """A board whose clock stands still: no lease runs out by itself."""
    clock = ManualClock()
    if request.param == "memory":
        made = ClaimQueue(clock=clock, lease_ttl=0.9)
    else:
        made = ClaimQueue(SQLiteJournal(tmp_path / "board.db", clock=clock), lease_ttl=0.9)
    with made:
        yield made
        made.check()


class Cut:
    """What comes in the place of an answer: it was read, and nobody hears of it."""

    def __init__(self, monkeypatch, of, do):
        self.left, self.do, self.of, self.read = 1, do, of, read_line
        monkeypatch.setattr(lanes, "read_line", self)

    def __call__(self, sock, most):
        line = self.read(sock, most)
        if self.left and self.of in line:
            self.left -= 1
            self.do()
        return line


def interrupt():
    raise KeyboardInterrupt


GRANTED = b'"Lease"'
"""what the answer to a claim has in it"""


def given_back(board, task="a"):
    """Return when a task may be claimed again; it was granted and given back once."""
    until(lambda: board.find(task).state == "ready")
    told = [event.type for event in board.events() if event.task == task]
    assert [one for one in told if one in ("claimed", "released")] == ["claimed", "released"], told
    assert board.find(task).attempts == 0


@pytest.mark.parametrize(
    "claim",
    [
        lambda queue: queue.claim_nowait("ann"),
        lambda queue: queue.claim_many("ann", 5),
        lambda queue: queue.claim("ann"),
    ],
)
def test_an_interrupt_in_the_middle_of_a_claim(board, address, monkeypatch, claim):
    """Nobody was told of the lease: the hub takes it back, and the next claim may have the task."""
    with running(board, address), ClaimQueue(f"hub:{address}") as queue:
        queue.submit(Task("a"))
        Cut(monkeypatch, GRANTED, interrupt)
        with pytest.raises(KeyboardInterrupt):
            claim(queue)
        given_back(board)
        until(lambda: not inside(queue)._withdrawn)
        assert queue.claim_nowait("bob").task == "a"


@pytest.mark.parametrize("take", ["take", "take_nowait"])
def test_an_interrupt_in_the_middle_of_a_take(address, monkeypatch, take):
    """Nobody was told of the entry: it is its author's again at its path, until its own time is over."""
    clock = ManualClock()
    with Blackboard(clock=clock) as board, running(board, address), Blackboard(f"hub:{address}") as shared:
        shared.write("box/1", 7, agent="ann", ttl=60)
        clock.advance(20)
        Cut(monkeypatch, b'"Entry"', interrupt)
        with pytest.raises(KeyboardInterrupt):
            getattr(shared, take)("box/*", agent="bob")
        until(lambda: not inside(shared)._withdrawn)
        entry = shared.take_nowait("box/*", agent="eve")
        assert (entry.value, entry.author) == (7, "ann")
        assert entry.expires_ns == clock.now_ns() + 40 * 10**9
        assert [change.what for change in board.history("box/1")] == ["written", "taken", "written", "taken"]


def test_an_entry_returns_once(address):
    """Withdrawals are said again to each hub, and what was taken since must not come back."""
    with Blackboard() as board, running(board, address), Blackboard(f"hub:{address}") as shared:
        shared.write("box/1", 7, agent="ann")
        with contextlib.closing(plug(address)) as sock:
            sock.sendall(b'["s", 1, "Take", {"pattern": "box/*", "agent": "bob"}]\n')
            lines(sock, 1)
            for _ in range(2):
                sock.sendall(b'["withdraw", [["s", 1, 0]]]\n')
                lines(sock, 1)
                shared.take_nowait("box/*", agent="eve")
        assert [change.what for change in board.history("box/1")] == ["written", "taken", "written", "taken"]


def test_a_new_value_is_not_overwritten_by_what_returns(address, monkeypatch):
    with Blackboard() as board, running(board, address), Blackboard(f"hub:{address}") as shared:
        shared.write("box/1", 7, agent="ann")
        Cut(monkeypatch, b'"Entry"', lambda: (board.write("box/1", 8, agent="eve"), interrupt()))
        with pytest.raises(KeyboardInterrupt):
            shared.take_nowait("box/*", agent="bob")
        until(lambda: not inside(shared)._withdrawn)
        assert board.read("box/1").value == 8


def test_an_interrupt_in_the_middle_of_locking(board, address, monkeypatch):
    with running(board, address), ClaimQueue(f"hub:{address}") as queue:
        queue.statistics()
        Cut(monkeypatch, GRANTED, interrupt)
        with pytest.raises(KeyboardInterrupt):
            queue.lock_nowait("x", agent="ann")
        until(lambda: board.holder("x") is None)
        assert queue.lock_nowait("x", agent="bob").agent == "bob"


def test_closing_after_an_interrupt(board, address, monkeypatch):
    """As a program does that Ctrl-C ends: nothing is held when it is gone, also with keep=True."""
    for keep in (False, True):
        with running(board, address):
            queue = ClaimQueue(f"hub:{address}")
            queue.submit(Task(f"t{keep}"))
            Cut(monkeypatch, GRANTED, interrupt)
            with pytest.raises(KeyboardInterrupt):
                queue.claim_nowait("ann")
            queue.close(keep=keep)
            assert board.leases() == []


def test_closing_in_the_middle_of_anothers_claim(board, address, monkeypatch):
    """The claim ends with ClosedError, or has a lease that closing has given back; nothing is held."""
    with running(board, address):
        queue = ClaimQueue(f"hub:{address}")
        queue.submit(Task("a"))
        Cut(monkeypatch, GRANTED, queue.close)
        with contextlib.suppress(ClosedError):
            queue.claim_nowait("ann")
        assert board.leases() == []


def test_closing_overtakes_anothers_claim(board, address, monkeypatch):
    """Closing has a command that does nothing take the claim's number; its refusal is not what the caller hears."""
    with running(board, address):
        queue = ClaimQueue(f"hub:{address}")
        queue.submit(Task("a"))

        def overtaken(*_of_the_claim):
            queue.close()
            return Refused(LeaseLostError("", 0, "unknown"))

        monkeypatch.setattr(inside(queue)._lanes, "do", overtaken)
        with pytest.raises(ClosedError):
            queue.claim("ann")
        assert board.leases() == []


def test_the_hub_that_granted_it_is_gone(board, address, monkeypatch):
    """The next one hears of it, and gives it back."""
    with contextlib.closing(ClaimQueue(f"hub:{address}")) as queue:
        with running(board, address) as hub:
            queue.submit(Task("a"))

            def end():
                hub.stop()
                raise KeyboardInterrupt

            Cut(monkeypatch, GRANTED, end)
            with pytest.raises(KeyboardInterrupt):
                queue.claim_nowait("ann")
        with running(board, address):
            given_back(board)


def test_a_claim_whose_outcome_is_unknown(board, address, monkeypatch):
    """The caller was told that no hub answers; what had been granted goes back as soon as there is one."""
    with contextlib.closing(ClaimQueue(f"hub:{address}")) as queue:
        with running(board, address) as hub:
            queue.submit(Task("a"))
            ended = threading.Event()

            def end():
                hub.stop()
                ended.set()
                raise ConnectionError("cut")

            Cut(monkeypatch, GRANTED, end)
            call = Background(queue.claim_nowait, "ann")
            assert ended.wait(LIMIT_S)
        with pytest.raises(JournalError, match="whether it was done is unknown"):
            call.get()
        with running(board, address):
            given_back(board)


def test_a_withdrawal_that_overtakes_its_claim(board, address):
    """The claim finds its number taken, and is granted nothing, however often it is said."""
    board.submit(Task("a"))
    claim = b'["s",1,"Claim",{"agent":"ann"}]\n'
    gone = b'["withdraw",[["s",1,0]]]\n'
    with running(board, address), plug(address) as sock:
        sock.sendall(gone + claim + claim + gone)
        withdrawn, first, second, again = lines(sock, 4)
        assert withdrawn == again == ["withdrawn", [["s", 1, 0]]]
        assert first == second and "Lease" not in json.dumps(first["v"][0])
        assert board.leases() == []


def test_a_withdrawal_said_again_gives_back_once(board, address):
    """The task may be another's by then."""
    board.submit(Task("a"))
    gone = b'["withdraw",[["s",1,0]]]\n'
    with running(board, address), plug(address) as sock:
        sock.sendall(b'["s",1,"Claim",{"agent":"ann"}]\n' + gone)
        lines(sock, 2)
        given_back(board)
        lease = board.claim_nowait("bob")
        sock.sendall(gone)
        lines(sock, 1)
        assert board.leases() == [lease]


@pytest.mark.parametrize(
    "said", [b'["withdraw",[["s",1]]]', b'["withdraw",[3]]', b'["withdraw",[["s","1",0]]]']
)
def test_what_is_no_withdrawal_is_refused(board, address, said):
    with running(board, address), plug(address) as sock:
        sock.sendall(said + b"\n")
        assert "no list of str, int, int" in lines(sock, 1)[0]["say"]


def test_a_hub_that_goes_while_a_client_tidies_up_takes_no_lease_from_a_caller(board, address, monkeypatch):
    """The look that forgets old grants is nobody's business but ours."""
    with running(board, address), ClaimQueue(f"hub:{address}") as queue:
        queue.submit(Task("a"))

        def gone(query):
            raise JournalError("hub", "no hub answers")

        monkeypatch.setattr(inside(queue), "_prune_at", 0)
        monkeypatch.setattr(inside(queue), "_look", gone)
        assert queue.claim_nowait("ann").task == "a"
        assert [lease.agent for lease in board.leases()] == ["ann"]


# -- waits ----------------------------------------------------------------------------------------


def begun(queue, agent):
    """Begin to wait for a task as a front does."""
    waiter = Waiter(lambda: None, ready=True, agent=agent)
    assert queue._engine.try_or_enter(Claim(agent), waiter) is None
    return waiter


def test_who_leaves_while_a_grant_is_on_its_way(board, address):
    """What was granted to a wait and not taken goes back."""
    with running(board, address), ClaimQueue(f"hub:{address}") as queue:
        queue.statistics()
        waiter = begun(queue, "ann")
        (wait,) = inside(queue)._by_number.values()
        queue.submit(Task("a"))
        assert wait.told.wait(LIMIT_S)
        queue._engine.leave(waiter)
        given_back(board)


def test_a_grant_that_was_lost_with_its_hub(board, address):
    """The caller that waited has left in between: the next hub gives back what the first had granted."""
    with contextlib.closing(ClaimQueue(f"hub:{address}")) as queue:
        with running(board, address) as hub:
            queue.statistics()
            waiter = begun(queue, "ann")
            until(lambda: any(peer.waits for peer in list(hub._peers)))
            hub._flush = lambda peer: None  # it writes, and does not come to answer
            board.submit(Task("a"))
            until(lambda: board.leases())
            queue._engine.leave(waiter)
        with running(board, address):
            given_back(board)


def test_who_leaves_a_line_writes_nothing(board, address):
    """Waits come and go by the thousand: one that still stood was granted nothing, and the log does not hear of it."""
    with running(board, address) as hub, ClaimQueue(f"hub:{address}") as queue:
        queue.statistics()
        waiters = [begun(queue, f"w{number}") for number in range(5)]
        until(lambda: sum(len(peer.waits) for peer in list(hub._peers)) == 5)
        before = board._engine.digest()
        for waiter in waiters:
            queue._engine.leave(waiter)
        until(lambda: not inside(queue)._withdrawn)
        assert board._engine.digest() == before


def test_closing_ends_waits_before_it_gives_back(board, address):
    """What one of its own holds is not granted to another one of its own, which nobody would hear of."""
    with running(board, address) as hub:
        queue = ClaimQueue(f"hub:{address}")
        queue.submit(Task("a"))
        queue.claim("ann")
        waiter = begun(queue, "bob")
        until(lambda: any(peer.waits for peer in list(hub._peers)))
        queue.close()
        with pytest.raises(ClosedError):
            queue._engine.try_or_enter(Claim("bob"), waiter)
        given_back(board)


def test_an_await_that_is_cancelled_in_the_middle(board, address, monkeypatch):
    """Its thread goes on, and gives back what it gets."""

    async def main():
        async with aio.ClaimQueue(f"hub:{address}") as queue:
            await queue.submit(Task("a"))
            asked, go = threading.Event(), threading.Event()

            def stop():
                asked.set()
                assert go.wait(LIMIT_S)

            Cut(monkeypatch, GRANTED, stop)
            claim = asyncio.ensure_future(queue.claim_nowait("ann"))
            await asyncio.to_thread(asked.wait, LIMIT_S)
            claim.cancel()
            with pytest.raises(asyncio.CancelledError):
                await claim
            go.set()
            await asyncio.to_thread(given_back, board)

    with running(board, address):
        asyncio.run(main())


# -- what is said twice ---------------------------------------------------------------------------


def test_a_wait_said_again_keeps_its_place(board, address):
    """And has one answer."""
    wait = b'["wait",1,false,["%s",1,"Claim",{"agent":"%s"}],{"ready":true,"agent":"%s"}]\n'
    ann, bob = wait % ((b"ann",) * 3), wait % ((b"bob",) * 3)
    with running(board, address) as hub, plug(address) as first, plug(address) as other:
        for sock, line, count in ((first, ann, 1), (other, bob, 2), (first, ann + b'["now"]\n', 2)):
            sock.sendall(line)
            until(lambda count=count: sum(len(peer.waits) for peer in list(hub._peers)) == count)
        lines(first, 1)  # its second line was read, since the third is answered
        board.submit_many([Task("a"), Task("b")])
        assert lines(first, 1)[0][1]["v"][0] == "Lease"
        lines(other, 1)
        assert {lease.task: lease.agent for lease in board.leases()} == {"a": "ann", "b": "bob"}
        first.sendall(b'["now"]\n')
        assert isinstance(lines(first, 1)[0], int)


def test_a_wait_that_begins_while_a_connection_does_is_said_once():
    """It is among what holds already, and was about to be said: over by then, it would be a new one for the hub."""
    ours, theirs = socket.socketpair()
    waiting = ["wait", 1, False, ["s", 1, "Claim", {"agent": "ann"}], {}]

    class Dial:
        shown = "hub:test"

        def open(self, purpose, timeout):
            return ours

    def holds():
        pushes.say(waiting)
        pushes.say(["wait", 2])
        return [waiting]

    pushes = Pushes(Dial(), lambda message: None, holds)
    pushes.say(["unkeep", 1])
    with theirs:
        told = lines(theirs, 2)
        pushes.close()
        assert told == [waiting, ["wait", 2]]
        assert theirs.recv(1 << 16) == b""  # nothing else came before it hung up
