"""The matchmaker for event loops, in memory, with a log and in a file, by a clock that is moved by hand."""

from __future__ import annotations

import itertools

import pytest

from ants_coord import Task
from ants_coord.aio import ClaimQueue, Matchmaker
from ants_coord.errors import (
    AdvertRefusedError,
    AgentGoneError,
    ClosedError,
    CursorTooOld,
    SettingsError,
    TaskNotFoundError,
)
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.testing import ManualClock
from ants_coord.values.adverts import Advert
from ants_coord.values.routes import Route

from ..fronts.loops import Background, finish, until, waits


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(params=["memory", "log", "file", "hub"])
def market(request, clock, tmp_path, over_hub):
    if request.param == "hub":
        board = over_hub(Matchmaker, MemoryJournal(clock), clock)
    elif request.param == "memory":
        board = Matchmaker(clock=clock)
    elif request.param == "log":
        board = Matchmaker(MemoryJournal(clock))
    else:
        board = Matchmaker(SQLiteJournal(tmp_path / "b.db", clock=clock))
    yield board
    finish(board)


async def states(market):
    return {found.agent: found.state for found in await market.agents()}


async def test_join_keeps_the_advert_fresh_and_withdraws(market, clock):
    """Hours pass without a fading; at the exit it is gone at once."""
    async with market.join("w", {"gpu"}, ttl=30) as me:
        for _ in range(300):
            clock.advance(20)
        assert await states(market) == {"w": "live"}
        assert me.name == "w"
        assert not [event async for event in market.events() if event.type == "fading"]
    assert await states(market) == {}
    assert [event.detail async for event in market.events() if event.type == "departed"] == ["withdrawn"]


async def test_the_silent_fade_and_go(market, clock):
    """An advert that nobody refreshes is live for its ttl, fading for one more, then gone."""
    await market.advertise(Advert("w", {"gpu"}, ttl=10))
    await market.submit(Task("t", requires="gpu"))
    clock.advance(9.9)
    assert await states(market) == {"w": "live"}
    clock.advance(0.1)
    assert await states(market) == {"w": "fading"}
    assert await market.claim_nowait("w") is None
    clock.advance(10)
    assert await states(market) == {}
    assert (await market.advertise(Advert("w", {"gpu"}, ttl=10))).status == "joined"
    assert (await market.claim_nowait("w")).task == "t"


async def test_a_newer_start_takes_the_name_over(market, clock):
    """The older scope is told at its next refresh, and neither refreshes nor withdraws any more."""
    async with market.join("w", {"old"}, ttl=30) as old:
        clock.advance(1)
        async with market.join("w", {"new"}, ttl=30):
            with pytest.raises(AdvertRefusedError):
                await old.update(load=0.5)
            clock.advance(40)
            assert (await market.agents())[0].advert.capabilities == ("new",)
        assert await states(market) == {}


async def nothing(market):
    return


async def a_task_that_does_not_fit(market):
    await market.submit(Task("t", requires="tpu"))


async def a_task_that_fits(market, clock):
    await market.submit(Task("t", requires="gpu"))


async def another_advert(market, clock):
    await market.advertise(Advert("w", {"gpu", "tpu"}))


async def a_slot_taken(market):
    await market.submit_many([Task("h"), Task("t", requires="gpu")])
    market.held = await market.claim("w", task="h")


async def an_amount_taken(market):
    await market.advertise(Advert("w", {"gpu"}, {"mem": 4}, slots=2))
    await market.submit_many([Task(i, requires="gpu", uses={"mem": 3}) for i in "ht"])
    market.held = await market.claim("w")


async def its_completion(market, clock):
    await market.complete(market.held)


async def a_decline(market):
    await market.submit(Task("t", requires="gpu"))
    await market.decline("t", 9, agent="w")


async def nine_seconds(market, clock):
    clock.advance(9)


WAKES = {
    "a task that fits": (nothing, a_task_that_fits),
    "an advert that changes": (a_task_that_does_not_fit, another_advert),
    "a slot that is free again": (a_slot_taken, its_completion),
    "a decline that ends": (a_decline, nine_seconds),
    "an amount that is free again": (an_amount_taken, its_completion),
}


@pytest.mark.parametrize("way", WAKES)
async def test_a_waiting_claim_wakes_on(market, clock, way):
    """Whatever makes a task claimable for THIS agent wakes it (L2)."""
    prepare, act = WAKES[way]
    await market.advertise(Advert("w", {"gpu"}))
    await prepare(market)
    waiting = Background(market.claim, "w")
    await waits(market)
    await act(market, clock)
    assert (await waiting.get()).task == "t"


async def test_a_task_wakes_only_who_may_take_it_the_least_capable_first(market):
    """A plain task goes to the plain agent, although the expert has waited longer."""
    await market.advertise(Advert("expert", {"gpu", "cuda", "python"}))
    await market.advertise(Advert("plain", {"python"}))
    await market.advertise(Advert("other", {"cobol"}))
    crowd = {}
    for number, name in enumerate(("other", "expert", "plain"), 1):
        crowd[name] = Background(market.claim, name)
        await waits(market, number)
    await market.submit(Task("easy", requires="python"))
    assert (await crowd["plain"].get()).task == "easy"
    await market.submit(Task("hard", requires="gpu"))
    assert (await crowd["expert"].get()).task == "hard"
    assert not crowd["other"].done.is_set()
    await market.close()
    with pytest.raises(ClosedError):
        await crowd["other"].get()


async def test_a_declined_task_goes_to_who_waits(market):
    """Declining passes the task on, and the one who declined is not asked again."""
    for name in ("a", "b"):
        await market.advertise(Advert(name, {"gpu"}))
    await market.submit(Task("t", requires="gpu"))
    await market.decline("t", reason="busy elsewhere", agent="b")
    assert await market.offers("b") == []
    assert [offer.task for offer in await market.offers("a")] == ["t"]
    await market.decline("t", agent="a")
    waiting = Background(market.claim, "b", task="t")
    assert (await waiting.get()).task == "t"


async def test_equal_agents_share_the_work(market):
    """Ties are broken by a hash of task and agent, not by who came first."""
    names = [f"w{number}" for number in range(4)]
    for name in names:
        await market.advertise(Advert(name, {"gpu"}))
    got = dict.fromkeys(names, 0)
    waiting = {}
    for number in range(40):
        for name in names:
            if name not in waiting:
                waiting[name] = Background(market.claim, name)
        await waits(market, 4)
        await market.submit(Task(f"t{number}", requires="gpu"))
        await until(lambda: any(waiting[name].done.is_set() for name in names))
        done = [name for name in names if waiting[name].done.is_set()]
        (name,) = done
        got[name] += 1
        await market.complete(await waiting.pop(name).get())
    assert min(got.values()) >= 4, got


async def test_watch_agents_has_no_gap(market, clock):
    """First who is here, then each change once; resumed from a cursor it goes on where it was."""
    await market.advertise(Advert("a", {"gpu"}, ttl=10))
    seen = [change async for change in market.watch_agents(follow=False)]
    assert [(change.what, change.agent) for change in seen] == [("present", "a")]
    await market.advertise(Advert("b", {"cpu"}, ttl=100))
    await market.advertise(Advert("a", {"gpu", "tpu"}, ttl=10))
    clock.advance(10)
    await market.statistics()
    clock.advance(10)
    more = [change async for change in market.watch_agents(since=seen[-1].cursor, follow=False)]
    assert [(change.what, change.agent) for change in more] == [
        ("joined", "b"), ("changed", "a"), ("fading", "a"), ("departed", "a"),
    ]  # fmt: skip
    assert [change.agent async for change in market.watch_agents("cpu", follow=False)] == ["b"]
    await market.configure(event_count=16)
    for number in range(200):
        await market.advertise(Advert("b", {f"c{number}"}))
    with pytest.raises(CursorTooOld):
        [change async for change in market.watch_agents(since=seen[-1].cursor, follow=False)]


async def test_the_loop_of_the_readme_runs_unchanged(market):
    """One loop for all strategies; `serve` inside `join` is a worker with a fresh advert."""
    await market.submit_many([Task(f"t{n}", requires="gpu" if n % 2 else None, payload=n) for n in range(6)])
    async with market.join("w", {"gpu"}, slots=2) as me:
        served = await me.serve(lambda job: job.payload * 2, until="drained", concurrency=2)
    assert served.completed == 6
    assert await market.results([f"t{n}" for n in range(6)]) == [0, 2, 4, 6, 8, 10]


async def test_a_claim_queue_becomes_a_matchmaker_and_not_the_other_way_round(tmp_path):
    """The upgrade is logged, tasks and leases stay; the old strategy is refused by name."""
    path = tmp_path / "b.db"
    async with ClaimQueue(path, lease_ttl=100) as board:
        await board.submit_many([Task("a"), Task("b")])
        await board.submit(Task("c"), request_id="same")
        with pytest.raises(
            SettingsError, match=r"open it as a ClaimQueue, or as a Board; extend..matchmaker"
        ):
            await Matchmaker(path).statistics()
        assert (await board.extend("matchmaker")).strategy == "match"
    async with Matchmaker(path) as market:
        await market.submit(Task("g", requires="gpu"))
        assert (await market.settings()).lease_ttl == 100
        async with market.join("w", {"gpu"}, slots=4) as me:
            assert [lease.task for lease in await me.claim_many(9)] == ["a", "b", "c", "g"]
        assert (await market.submit(Task("c"), request_id="same")).created  # the first reply, again
    with pytest.raises(SettingsError, match="strategy"):
        async with ClaimQueue(path) as board:
            await board.statistics()


async def test_closing_withdraws_what_it_kept_fresh(tmp_path):
    """Two coordinators on one file: who leaves is not waited for."""
    async with Matchmaker(tmp_path / "b.db") as one, Matchmaker(tmp_path / "b.db") as two:
        await one.join("w", {"gpu"}).__aenter__()
        assert await states(two) == {"w": "live"}
        await one.close()
        assert await states(two) == {}


async def test_offers_come_in_the_order_in_which_they_would_be_claimed(market):
    """Priority, then submission, over all queues that are open to the agent."""
    for number, (priority, requires) in enumerate(
        itertools.product((0, 2, 1), ("gpu", None, "tpu", "gpu or tpu"))
    ):
        await market.submit(Task(f"t{number}", priority=priority, requires=requires))
    await market.advertise(Advert("w", {"gpu"}, slots=99))
    offered = [offer.task for offer in await market.offers("w")]
    assert offered == [lease.task for lease in await market.claim_many("w", 99)]
    assert len(offered) == 9


async def test_a_process_that_stood_still_buries_nobody(clock):
    """The alarm rings 100 s late: adverts get one more ttl, so that their agents can be heard."""
    async with Matchmaker(clock=clock) as market:
        await market.advertise(Advert("w", {"gpu"}, ttl=10))
        waiting = Background(market.claim, "other", timeout=1000)
        await waits(market)
        clock.set(clock.now_ns() + 100 * 10**9)  # as after SIGSTOP: no alarm rang meanwhile
        clock.advance(0)
        assert await states(market) == {"w": "live"}
        clock.advance(10)
        assert await states(market) == {"w": "fading"}
        await market.submit(Task("t"))
        assert (await waiting.get()).task == "t"


async def test_asking_why_not_about_a_task_that_is_not_there():
    """The task is named."""
    async with Matchmaker() as board:
        with pytest.raises(TaskNotFoundError, match="'ghost'"):
            await board.why_not("ghost", agent="ann")


async def test_a_retired_agent_stays_out_and_is_told(market, clock):
    """Its advert, what it holds and its waiting claim go at once; only a new start comes back."""
    async with market.join("w", {"gpu"}, ttl=30) as me:
        await market.submit(Task("t", requires="gpu"))
        assert (await me.claim_nowait()).task == "t"
        waiting = Background(me.claim)
        await waits(market)
        assert await market.retire("w", reason="bad disk")
        with pytest.raises(AgentGoneError, match="retired: bad disk"):
            await waiting.get()
        clock.advance(60)
        assert await states(market) == {}
        assert (await market.find("t")).attempts == 0
        with pytest.raises(AgentGoneError):
            await me.update(slots=2)
        assert me.is_replaced
        with pytest.raises(AgentGoneError):
            await me.claim(timeout=0)
    assert not await market.retire("w")
    async with market.join("w", {"gpu"}) as me:
        assert (await me.claim_nowait()).task == "t"


async def test_an_update_changes_what_an_agent_says_and_not_who_it_is(market):
    """Else a handle could advertise under another agent's name."""
    async with market, market.join("w") as me:
        for change in ({"agent": "v"}, {"incarnation": 3}):
            with pytest.raises(TypeError, match=r"neither agent nor incarnation.*join as one"):
                await me.update(**change)
        assert [record.agent for record in await market.agents()] == ["w"]


async def test_a_claim_that_waits_ends_when_its_agent_leaves(market):
    """Nothing is ever offered to an agent without an advert: it is told instead of waiting for ever."""
    async with market.join("w", {"gpu"}) as me:
        waiting = Background(me.claim)
        await waits(market)
    with pytest.raises(AgentGoneError, match="withdrawn"):
        await waiting.get()
    with pytest.raises(AgentGoneError):
        await me.claim(timeout=0)


async def test_an_older_start_is_told_in_the_same_process(market, clock):
    """The newer one takes the name over; the older one's claims end, and it says so."""
    async with market.join("w", {"gpu"}, ttl=30) as one:
        waiting = Background(one.claim)
        await waits(market)
        clock.advance(1)
        async with market.join("w", {"cpu"}, ttl=30) as two:
            with pytest.raises(AdvertRefusedError):
                await waiting.get()
            assert one.is_replaced
            assert not two.is_replaced
            with pytest.raises(AgentGoneError):
                await one.claim(timeout=0)
            await market.submit(Task("t", requires="cpu"))
            assert (await two.claim_nowait()).task == "t"


async def test_departures_reach_a_watcher_that_resumes(market):
    """An agent that was there before the cursor is reported as gone, with and without a requirement."""
    async with market.join("a", {"pdf"}), market.join("b", {"pdf"}) as second:
        cursor = (await market.statistics()).cursor
        await second.update(capabilities={"png"})
    for requires in (None, "pdf"):
        told = [
            (change.what, change.agent, change.record)
            async for change in market.watch_agents(requires, since=cursor, follow=False)
        ]
        assert ("departed", "a", None) in told
        assert [agent for _, agent, _ in told].count("b") == (2 if requires is None else 1)


async def test_discovery_puts_those_first_that_deliver(market):
    """Among agents that could do it, the one that mostly fails is listed last."""
    async with market.join("a", {"gpu"}, slots=9) as fails, market.join("b", {"gpu"}, slots=9) as works:
        await market.submit_many([Task(max_attempts=1, requires="gpu") for _ in range(8)])
        for _ in range(4):
            await market.fail(await fails.claim_nowait(), "no", retry=False)
            await market.complete(await works.claim_nowait())
        assert [record.agent for record in await market.agents("gpu")] == ["b", "a"]


async def test_an_agents_own_rule_sees_its_load(market):
    """At its own claim, what it reports and what it holds; urgent work comes through."""
    rule = "load < 0.5 or priority >= 5"
    await market.submit_many([Task("a"), Task("b"), Task("c"), Task("urgent", priority=5)])
    async with market.join("w", {"gpu"}, slots=4, accepts=rule) as me:
        assert [offer.task for offer in await me.offers()] == ["urgent", "a", "b", "c"]
        await me.update(load=0.7)
        assert [offer.task for offer in await me.offers()] == ["urgent"]
        assert "at its load 0.7" in str(await market.why_not("a", agent="w"))
        await me.update(load=0.0)
        held = [await me.claim_nowait(), await me.claim_nowait()]
        assert [lease.task for lease in held] == ["urgent", "a"]
        assert await me.claim_nowait() is None
        assert "load 0.5" in str(await market.explain("b"))
        waiting = Background(me.claim)
        await waits(market)
        await market.complete(held[0])
        assert (await waiting.get()).task == "b"


@pytest.mark.parametrize(
    ("rule", "hint"),
    [
        ("loda < 0.5", "no rule can see 'loda'; did you mean 'load'"),
        ("prioirty >= 5", "did you mean 'priority'"),
        ('id == "x"', "no rule can see 'id'"),
        ("load", "'load' is compared with something"),
    ],
)
async def test_a_rule_about_what_no_rule_can_see_is_refused(rule, hint):
    """It would never be true, and nobody would hear why."""
    async with Matchmaker() as market:
        with pytest.raises(ValueError, match=hint):
            market.join("w", accepts=rule)
        with pytest.raises(ValueError, match=hint):
            await market.advertise(Advert("w", accepts=rule))


@pytest.mark.parametrize("when", ['knd == "book"', 'id == "x"', "load < 1"])
async def test_a_route_on_what_no_rule_can_see_is_refused(when):
    """At the constructor and in configure."""
    with pytest.raises(ValueError, match="no rule can see"):
        Matchmaker(routes=[Route(when, priority=1)])
    async with Matchmaker() as market:
        with pytest.raises(ValueError, match="no rule can see"):
            await market.configure(routes=[Route(when, priority=1)])


@pytest.mark.parametrize(
    ("label", "wanted"),
    [("python:3.13.0rc1", "python:>=3.13"), ("cuda:12.1-devel", "cuda:12.1"), ("go:v1.22", "go:<1.23")],
)
async def test_of_a_version_the_numbers_count(label, wanted):
    """Suffixes and a leading v are shown and not compared."""
    async with Matchmaker() as market, market.join("w", {label}):
        (found,) = await market.agents(wanted)
        assert found.advert.capabilities == (label,)


async def test_who_compares_a_version_like_a_number_is_told_how_to_write_it(market):
    """Nobody meets it, and "nobody advertises" would not be true."""
    await market.submit(Task("t", requires="python >= 3.11 and mem >= 3"))
    async with market.join("w", {"python:3.12"}, attributes={"mem": 4}):
        why = str(await market.explain("t"))
        assert "'python' is advertised with versions: write python:>=3.11" in why
        assert "write mem" not in why


async def test_reasons_name_the_last_one_that_could():
    """Nobody is here any more, and one that could do it was."""
    async with Matchmaker() as market:
        await market.submit(Task("t", requires="gpu"))
        assert "no agent has advertised yet" in str(await market.explain("t"))
        async with market.join("g", {"GPU", "gpu"}), market.join("other", {"cpu"}):
            pass
        assert "g could do it and has left (withdrawn)" in str(await market.explain("t"))
        async with market.join("h", {"GPU"}):
            why = str(await market.explain("t"))
            assert "did you mean 'GPU'" in why
            assert "g could do it and has left" in why


async def test_an_agent_may_come_back_at_the_very_instant_at_which_it_left(market):
    """Each entry is a start of its own, even by a clock that stands still; a decline with a time goes on."""
    await market.submit(Task("t", requires="gpu"))
    async with market.join("w", {"gpu"}) as me:
        await me.decline("t", 3600)
        await me.update(load=0.5)
        assert await me.offers() == []
    async with market.join("w", {"gpu"}) as me:
        assert await states(market) == {"w": "live"}
        assert await me.offers() == []
