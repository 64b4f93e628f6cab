"""Identity: keys, handles, principals, newcomers."""

import asyncio

import attrs
import pytest

from ants_coord import ClaimQueue, Matchmaker, Task, TrustPolicy, Verify, aio
from ants_coord.errors import ForeignLeaseError, LeaseLostError, WrongKeyError
from ants_coord.testing import ManualClock

from . import threats

SECRET = b"0123456789abcdef"


def test_an_agent_speaks_with_its_key_only():
    with ClaimQueue(clock=ManualClock(), secret=SECRET) as board:
        board.submit_many([Task("a"), Task("b"), Task("c")])
        shared = board.shared()
        ann, bob = (shared.as_agent(name, board.key_of(name)) for name in ("ann", "bob"))
        for key in (board.key_of("bob"), "", None, board.key_of("ann") + "0"):
            with pytest.raises(WrongKeyError, match=r"not the key of agent 'ann'"):
                shared.as_agent("ann", key)
        lease = ann.claim_nowait()
        for verb, more in (
            ("complete", (1,)),
            ("fail", ("no",)),
            ("release", ()),
            ("renew", ()),
            ("work", ()),
        ):
            with pytest.raises(ForeignLeaseError, match="is 'ann''s; 'bob' may not speak for it"):
                getattr(bob, verb)(lease, *more)
        with pytest.raises(ForeignLeaseError):
            bob.complete_many([(lease, 1)])
        for claims_to_be_bobs in (lease.handle, attrs.evolve(lease, agent="bob")):
            for verb, more in (("complete", (1,)), ("fail", ("no",)), ("release", ()), ("progress", (1,))):
                with pytest.raises(ForeignLeaseError, match="is 'ann''s; 'bob' may not speak for it"):
                    getattr(bob, verb)(claims_to_be_bobs, *more)
            with pytest.raises(LeaseLostError, match="another agent's"):
                bob.renew(claims_to_be_bobs)
            with pytest.raises(ForeignLeaseError):
                bob.complete_many([(claims_to_be_bobs, 1)])
        assert board.find("a").lease.agent == "ann"
        assert ann.complete(lease, 1).state == "done"
        with bob.work(bob.claim_nowait()) as job:
            job.result = 2
        with pytest.raises(AttributeError, match="ask the coordinator"):
            ann.cancel("c")  # type: ignore[attr-defined]


def test_a_scope_that_is_not_its_own_is_lost_at_the_first_renewal():
    """A Lease with a changed name gets past the handle; the core tells the scope that it holds nothing."""
    clock = ManualClock()
    with ClaimQueue(clock=clock, lease_ttl=30) as board:
        board.submit(Task("a"))
        lease = board.claim_nowait("ann")
        bob = board.as_agent("bob")
        with (
            pytest.raises(LeaseLostError, match="another agent's"),
            bob.work(attrs.evolve(lease, agent="bob")),
        ):
            clock.advance(11)
        clock.advance(18)
        assert board.find("a").lease.agent == "ann"  # and it was not renewed by the stranger
        clock.advance(2)
        assert board.find("a").lease is None


def test_a_key_shows_nothing_by_which_to_act_as_another():
    """Neither tokens nor payloads of others, nor how a result is checked; one's own is shown."""
    with ClaimQueue(clock=ManualClock(), secret=SECRET) as board:
        board.submit(Task("a", payload={"password": 1}))
        board.submit(Task("b", payload={"x": 1}, verify=Verify.by_canary("Paris")))
        shared = board.shared()
        ann, bob = (shared.as_agent(name, board.key_of(name)) for name in ("ann", "bob"))
        hers = ann.claim_nowait(task="a")
        his = bob.claim_nowait(task="b")
        seen = bob.find("a")
        assert (seen.lease.agent, seen.lease.token, seen.lease.payload, seen.task.payload) == (
            "ann",
            0,
            None,
            None,
        )
        assert ann.find("a").lease == hers
        assert bob.find("b").task.verify is None
        assert bob.find("b").lease == his
        assert bob.leases() == [his]
        assert board.find("b").task.verify is not None


def test_keys_need_a_secret_and_are_the_same_everywhere(tmp_path):
    with (
        ClaimQueue(clock=ManualClock()) as board,
        pytest.raises(ValueError, match=r"secret=secrets.token_bytes"),
    ):
        board.key_of("ann")
    keys = set()
    for cls in (ClaimQueue, Matchmaker):
        with cls(secret=SECRET) as board:
            keys.add(board.key_of("ann"))
            assert board.key_of("ann") != board.key_of("bob")
    assert len(keys) == 1
    with pytest.raises(ValueError, match="agent"), ClaimQueue(secret=SECRET) as board:
        board.key_of("no name!")


def test_handles_for_event_loops_need_keys_too():
    async def story():
        async with aio.ClaimQueue(clock=ManualClock(), secret=SECRET) as board:
            await board.submit(Task("a"))
            shared = board.shared()
            ann, bob = (shared.as_agent(name, board.key_of(name)) for name in ("ann", "bob"))
            lease = await ann.claim_nowait()
            with pytest.raises(ForeignLeaseError):
                await bob.complete(lease, 1)
            assert (await ann.complete(lease, 1)).state == "done"

    asyncio.run(story())


def established(board, *names):
    for name in names:
        for _ in range(4):
            board.submit(Task())
            board.complete(board.claim_nowait(name))


def test_newcomers_get_their_share_and_no_more():
    policy = TrustPolicy(newcomers=0.1, claims_most=4)
    with ClaimQueue(clock=ManualClock(), trust=policy, lease_ttl=1_000) as board:
        established(board, "ann", "bob", "cy")
        board.submit_many([Task(f"t{n}") for n in range(60)])
        for name in ("ann", "bob", "cy"):
            board.claim_nowait(name)
        assert board.claim_nowait("new") is None
        assert "newcomers have had their 10% of claims" in board.standing("new").barred
        for _ in range(40):
            board.complete(board.claim_nowait("ann"))
        assert board.claim_nowait("new").agent == "new"
        board._engine.check()


def test_newcomers_do_the_work_when_nobody_else_does():
    with ClaimQueue(clock=ManualClock(), trust=TrustPolicy(newcomers=0.0)) as board:
        established(board, "ann", "bob", "cy")
        board.submit_many([Task("a"), Task("b")])
        assert board.claim_nowait("new").task == "a"


def test_a_newcomer_that_was_held_back_is_woken():
    async def story():
        async with aio.ClaimQueue(
            clock=ManualClock(), trust=TrustPolicy(newcomers=0.0), lease_ttl=1_000
        ) as board:
            established(board.sync, "ann", "bob", "cy")
            await board.submit_many([Task(f"t{n}") for n in range(4)])
            held = [await board.claim(name) for name in ("ann", "bob", "cy")]
            waiting = asyncio.create_task(board.claim("new"))
            await asyncio.sleep(0)
            assert not waiting.done()
            await board.complete(held[0])  # two are at work: too few to hold anybody back
            assert (await asyncio.wait_for(waiting, 30)).agent == "new"

    asyncio.run(story())


def test_coming_back_under_a_new_name_costs_the_share():
    off = threats.attack("whitewash", trust=True, attackers=20, seeds=1)
    on = threats.attack("whitewash", trust=True, attackers=20, seeds=1, newcomers=0.1)
    assert off.lost > 0.25
    assert on.lost <= 0.05 + 0.1 + 0.02  # what is lost in peace, the share, and a little
    assert on.honest == 0


@pytest.mark.parametrize("bad", [-0.1, 1.5, "much"])
def test_a_share_is_a_share(bad):
    with pytest.raises((ValueError, TypeError), match="newcomers"):
        TrustPolicy(newcomers=bad)
