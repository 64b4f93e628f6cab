"""Coordinators at a hub with keys: each agent can do what its own handle can, and nothing in another's name."""

from __future__ import annotations

import asyncio
import contextlib
import threading

import pytest

from ants_coord import Blackboard, ClaimQueue, Task, TrustPolicy, Verify, aio
from ants_coord.adapters.tools import Toolbox
from ants_coord.commands.board import Take
from ants_coord.commands.reading import Find, Leases, SettingsOf, Tasks
from ants_coord.commands.shared import Complete, CompleteMany, Fail, Renew
from ants_coord.errors import ForeignLeaseError, LeaseLostError, WrongKeyError
from ants_coord.hub import wire
from tests.adapters.callers import ALL, Caller, colour  # noqa: F401 - a fixture
from tests.fronts.conftest import LIMIT_S, Background, until

from .by_hand import SECRET, Hand, over
from .running import running


@pytest.fixture
def address(tmp_path):
    return tmp_path / "hub"


@pytest.fixture
def board():
    with Blackboard(secret=SECRET, lease_ttl=30, trust=TrustPolicy()) as made:
        yield made


# -- what a user does -----------------------------------------------------------------------------


def test_an_agent_that_shows_its_key_works_as_at_the_board(board, address):
    """Submit, claim, hold, renew, lock, take, wait: everything that its handle has."""
    with running(board, address, keys=True), over(address) as queue:
        ann, bob = queue.handle("ann"), queue.handle("bob")
        ann.submit_many([Task("a", payload={"n": 1}), Task("b", needs=("a",)), Task("c"), Task("d")])
        with ann.work(ann.claim(timeout=LIMIT_S)) as job:
            assert job.payload == {"n": 1}
            ann.progress(job, "half")
            ann.renew(job)
            job.result = 5
        assert bob.result("a", timeout=LIMIT_S) == 5
        lease = bob.claim_nowait(task="b")
        assert lease.inputs == {"a": 5}
        assert [one.task for one in bob.leases()] == ["b"]
        (again,) = bob.adopt(force=True)
        with pytest.raises(LeaseLostError):
            bob.complete(lease, "late")
        bob.complete_many([(again, 6)])
        with ann.lock("file.py"):
            assert board.holder("file.py").agent == "ann"
        assert board.holder("file.py") is None
        ann.fail(ann.claim_nowait(task="c"), "no", retry=False)
        ann.release(ann.claim_nowait(task="d"))
        ann.decline("d", 60)
        ann.write("p/x", {"v": 1}, mark="seen")
        assert [mark.kind for mark in bob.sense("p/x")] == ["seen"]
        assert bob.take("p/*", timeout=LIMIT_S).value == {"v": 1}
        assert ann.read("p/x") is None
        assert [change.agent for change in ann.history("p/x")] == ["ann", "bob"]
        assert "ann" in str(ann.explain_agent())
        assert ann.standing().agent == "ann"
        assert [outcome.by for outcome in (board.outcome("a"), board.outcome("b"))] == ["ann", "bob"]
        board.check()


def test_both_colours_show_keys(board, address):
    """Also the await of a verb, a scope with its renewal, and a wait; none of them blocks the loop."""

    async def main():
        async with aio.Blackboard(f"hub:{address}") as queue:
            ann = queue.shared().as_agent("ann", board.key_of("ann"))
            guess = queue.shared().as_agent("bob", "a guess")
            claim = asyncio.ensure_future(ann.claim())
            await asyncio.to_thread(until, lambda: any(peer.waits for peer in list(hub._peers)))
            await ann.submit(Task("a"))
            async with ann.work(await claim) as job:
                job.result = 1
            assert await ann.result("a") == 1
            async with ann.lock("x"):
                assert board.holder("x").agent == "ann"
            await ann.write("p", 1)
            assert (await ann.take("p")).value == 1
            for verb in (guess.claim_nowait, guess.claim, guess.leases, guess.release_all):
                with pytest.raises(WrongKeyError, match="not the key of agent 'bob'"):
                    await verb()

    with running(board, address, keys=True) as hub:
        asyncio.run(main())
    assert board.outcome("a").by == "ann"


FIRST = {
    "complete_task": {"lease": "a"}, "submit_task": {"id": "b"}, "lock_files": {"paths": ["x"]}, "why": {"task": "a"},
    "leave_mark": {"kind": "seen", "place": "p"}, "post_note": {"path": "p", "text": "x"},
    "advertise": {"capabilities": ["python"]},
}  # fmt: skip
SAID_OTHERWISE = {
    "complete_task": "You do not hold a",
    "unlock": "You have not locked anything",
    "advertise": "open the board itself",  # the host says what its agents can do
}


@pytest.mark.parametrize("tool", ALL)
def test_any_tool_of_an_agent_may_be_the_first(tool, colour, board, address):  # noqa: F811
    """Each shows the key; what the whole board is asked, such as its tasks, is asked in the agent's name, too."""
    board.submit(Task("a"))
    with running(board, address, keys=True), over(address) as queue:
        with Toolbox(queue, "ann", key=board.key_of("ann")) as box:
            assert set(ALL) == set(box.names)
            answer = getattr(Caller(box, colour), tool)(**FIRST.get(tool, {}))
        assert answer["ok"] is (tool not in SAID_OTHERWISE), answer
        assert SAID_OTHERWISE.get(tool, "") in answer["say"]
        with Toolbox(queue, "bob", key=board.key_of("ann")) as guess:
            if tool != "unlock":  # which asks nobody: bob has locked nothing through these tools
                wrong = getattr(Caller(guess, colour), tool)(**FIRST.get(tool, {}))
                assert (wrong["ok"], "not the key of agent 'bob'" in wrong["say"]) == (False, True)


def test_without_a_key_nobody_acts(board, address):
    """It is said by name, with the way out, and nothing is done."""
    board.submit(Task("a"))
    before = board._engine.digest()
    with running(board, address, keys=True), over(address) as queue:
        for verb in (
            lambda: queue.claim_nowait("ann"),
            lambda: queue.claim("ann"),
            lambda: queue.as_agent("ann").claim_nowait(),
            lambda: queue.lock_nowait("x", agent="ann"),
            lambda: queue.write("p", 1, agent="ann"),
            lambda: queue.take("p", agent="ann"),
            lambda: queue.release_all("ann"),
        ):
            with pytest.raises(
                WrongKeyError, match=r"key of agent 'ann' was not shown.*as_agent\('ann', key\)"
            ):
                verb()
        for verb in (
            lambda: queue.find("a"),
            lambda: queue.submit(Task("b")),
            lambda: queue.complete("a#1"),
            lambda: queue.outcome("a"),
            lambda: queue.renew("a#1"),
            lambda: queue.read("p"),
        ):
            with pytest.raises(WrongKeyError, match="no key was shown"):
                verb()
        for verb in (queue.pause, queue.statistics, queue.check, lambda: queue.cancel("a")):
            with pytest.raises(ValueError, match="open the board itself"):
                verb()
    assert board._engine.digest() == before


def test_a_wrong_key_opens_nothing_and_harms_nobody(board, address):
    """Nor where the process has shown the right one already; a key of another agent is a wrong one."""
    with running(board, address, keys=True), over(address) as queue:
        ann = queue.handle("ann")
        ann.submit(Task("a"))
        for key in ("a guess", "", board.key_of("bob"), "ä" * 32):
            guess = queue.shared().as_agent("ann", key)
            for verb in (
                guess.claim_nowait,
                guess.claim,
                guess.leases,
                lambda by=guess: by.find("a"),
                lambda by=guess: by.outcome("a", timeout=1),
                lambda by=guess: by.lock_nowait("x"),
            ):
                with pytest.raises(WrongKeyError, match="not the key of agent 'ann'"):
                    verb()
        with pytest.raises(WrongKeyError):
            queue.shared().as_agent("ann", None)
        lease = ann.claim_nowait()
        with pytest.raises(ForeignLeaseError):
            queue.handle("bob").complete(lease.handle)
        ann.complete(lease)


def test_agents_see_what_they_see_at_the_board(board, address):
    """Payload, token and check of others stay hidden, by whichever way they are asked for."""
    board.submit(Task("a", payload="private", verify=Verify.by_check("review")))
    held = board.claim_nowait("ann")
    with running(board, address, keys=True), over(address) as queue, Hand(address, board, "bob") as hand:
        bob, ann = queue.handle("bob"), queue.handle("ann")
        records = [
            bob.find("a"),
            hand.ask(Find("a")),
            hand.wait(Find("a")),
            *hand.ask(Tasks()),
            *hand.wait(Tasks()),
        ]
        for record in records:
            assert (record.task.payload, record.task.verify, record.lease.token) == (None, None, 0)
        assert ann.find("a").lease.token == held.token
        assert bob.find("a").lease.token == 0  # although the connection has shown ann's key as well
        for found in (hand.ask(Leases()), hand.wait(Leases())):
            assert [(one.token, one.payload) for one in found] == [(0, None)]
        _, _, settings = hand.greeting
        for told in (wire.unpack(settings), hand.ask(SettingsOf()), hand.wait(SettingsOf())):
            assert (told.trust, told.lease_ttl) == (None, 30)


def test_the_hub_draws_whether_a_result_is_checked(board, address, monkeypatch):
    """A client that draws for itself would never be checked."""
    drawn, carry_out = [], board._engine.carry_out
    monkeypatch.setattr(
        board._engine,
        "carry_out",
        lambda batch: (
            drawn.extend(one.draw for _, one in batch if isinstance(one, Complete)),
            carry_out(batch),
        )[1],
    )
    board.submit(Task("a"))
    lease = board.claim_nowait("ann")
    with running(board, address, keys=True), Hand(address, board, "ann") as hand:
        assert hand.ask(Complete("a", lease.token, draw=0.999999)).by == "ann"
    (draw,) = drawn
    assert draw not in (None, 0.999999)


@pytest.mark.parametrize("secret", [None, SECRET])
def test_a_hub_without_keys_checks_none(board, address, secret):
    """Then the process that has the secret checks them here, and nobody else takes a key for checked."""
    with running(board, address), Blackboard(f"hub:{address}", secret=secret) as queue:
        queue.submit(Task("a"))
        ann = queue.shared().as_agent("ann", board.key_of("ann"))
        if secret is None:
            with pytest.raises(ValueError, match=r"cannot check that of 'ann': start it with --keys"):
                ann.claim_nowait()
            assert board.leases() == []
        else:
            ann.complete(ann.claim_nowait())
            with pytest.raises(WrongKeyError):
                queue.shared().as_agent("ann", "a guess")


# -- connections that come and go -----------------------------------------------------------------


def test_the_next_hub_is_shown_the_keys_again(tmp_path, address):
    """By requests, by waits, by renewals; and one with another secret refuses them by name."""
    path = tmp_path / "board.db"

    @contextlib.contextmanager
    def served(secret=SECRET):
        with contextlib.ExitStack() as stack:
            board = ClaimQueue(path, secret=secret)
            stack.callback(board.close, keep=True)
            yield stack.enter_context(running(board, address, keys=True))

    def waiting(hub, count):
        until(lambda: sum(len(peer.waits) for peer in list(hub._peers)) >= count)

    with over(address, ClaimQueue) as queue:
        ann, bob = queue.handle("ann"), queue.handle("bob")
        with served() as hub:
            ann.submit(Task("a"))
            scope = ann.work(ann.claim_nowait())
            job = scope.__enter__()
            calls = [Background(ann.claim, timeout=LIMIT_S)]
            waiting(hub, 1)
            calls.append(
                Background(bob.claim, timeout=LIMIT_S)
            )  # its key, on a connection that is there already
            waiting(hub, 2)
        with served() as hub:
            ann.renew(job)
            scope.__exit__(None, None, None)
            assert ann.outcome("a").by == "ann"
            waiting(hub, 2)
            bob.submit_many([Task("b"), Task("c")])
            held = [call.get() for call in calls]
            assert sorted(lease.agent for lease in held) == ["ann", "bob"]
            assert not job.lost.is_set()
            ann.complete(held[0])
            call = Background(ann.claim, timeout=LIMIT_S)
            waiting(hub, 1)
        with served(b"another secret"):
            with pytest.raises(WrongKeyError):  # who waits is told as well
                call.get()
            for verb in (ann.claim_nowait, ann.leases, lambda: bob.complete(held[1]), bob.claim):
                with pytest.raises(WrongKeyError, match=r"'(ann|bob)' was not shown"):
                    verb()
        with served():
            bob.complete(held[1])


def test_a_key_shown_while_a_connection_begins(board, address, monkeypatch):
    """It came too late for the greeting, and the connection forgets what was said before it began."""
    with running(board, address, keys=True) as hub, over(address) as queue:
        ann, bob = queue.handle("ann"), queue.handle("bob")
        ann.leases()
        greet = queue._engine._dial.open

        def greet_and_show(purpose, timeout):
            sock = greet(purpose, timeout)
            if purpose == "push":
                bob.leases()
            return sock

        monkeypatch.setattr(queue._engine._dial, "open", greet_and_show)
        calls = [Background(ann.claim, timeout=LIMIT_S)]
        until(lambda: sum(len(peer.waits) for peer in list(hub._peers)) == 1)
        calls.append(Background(bob.claim, timeout=LIMIT_S))
        until(lambda: sum(len(peer.waits) for peer in list(hub._peers)) == 2)
        bob.submit_many([Task("a"), Task("b")])
        assert sorted(call.get().agent for call in calls) == ["ann", "bob"]


def test_closing_gives_back_what_its_agents_hold(board, address):
    """Locks too; what others hold stays."""
    with running(board, address, keys=True):
        board.submit_many([Task("a"), Task("b"), Task("c")])
        board.claim_nowait("eve")
        with over(address) as queue:
            for name in ("ann", "bob"):
                handle = queue.handle(name)
                handle.claim_nowait()
                handle.lock_nowait(f"of {name}")
    assert [lease.agent for lease in board.leases()] == ["eve"]


def test_an_entry_is_not_lost_to_a_take_that_is_cancelled(board, address, monkeypatch):
    """It returns in the name of the agent that took it, since its author's key is not there."""

    async def main():
        async with aio.Blackboard(f"hub:{address}") as queue:
            ann = queue.shared().as_agent("ann", board.key_of("ann"))
            await ann.leases()
            asked, go, execute = threading.Event(), threading.Event(), queue._engine.execute

            def slow(command, request_id=None):
                reply = execute(command, request_id)
                if isinstance(command, Take):
                    asked.set()
                    assert go.wait(LIMIT_S)
                return reply

            monkeypatch.setattr(queue._engine, "execute", slow)
            take = asyncio.ensure_future(ann.take_nowait("p"))
            await asyncio.to_thread(asked.wait, LIMIT_S)
            assert board.read("p") is None
            take.cancel()
            with pytest.raises(asyncio.CancelledError):
                await take
            go.set()
            await asyncio.to_thread(until, lambda: board.read("p") is not None)

    board.write("p", "news", agent="eve")
    with running(board, address, keys=True):
        asyncio.run(main())
    assert (board.read("p").value, board.read("p").author) == ("news", "ann")


def test_what_times_out_is_ended_in_the_agents_name(board, address):
    """The command of a scope whose time is over names nobody; the hub knows whose lease it is."""
    board.submit_many([Task("a"), Task("b")])
    held = [board.claim_nowait("ann"), board.claim_nowait("bob")]
    with running(board, address, keys=True), Hand(address, board, "ann", "bob") as hand:
        assert hand.ask(Fail("b", held[1].token, "too slow", retry=False)) == "failed"
        (renewed,) = hand.ask(Renew((("a", held[0].token),)))
        assert renewed.token == held[0].token
        assert hand.ask(CompleteMany((("a", held[0].token, 1),)))[0].by == "ann"
        assert hand.ask(CompleteMany(())) == ()
