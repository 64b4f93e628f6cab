"""A strategy of a user's own: in memory, on a file, in both colours, in two processes, through kill -9, in the shell."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import attrs
import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.core import strategies as core
from ants_coord.core.machine import Machine
from ants_coord.core.snapshot import digest, records, restore
from ants_coord.errors import JournalVersionError, TaskNotFoundError
from ants_coord.strategies import Anyone, Command, Part, Strategy, by_priority, register
from ants_coord.sync import Board
from ants_coord.testing import ManualClock, check_coordinator, run

from .cli.command import ENVIRONMENT, ants
from .hub.running import running

EXAMPLES = Path(__file__).parent.parent / "docs" / "examples"
LIMIT_S = 120


@pytest.fixture(scope="module")
def auction():
    spec = importlib.util.spec_from_file_location("auction", EXAMPLES / "auction.py")
    module = sys.modules["auction"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def houses(auction, tmp_path):
    """The same board in memory and on a file."""
    clock = ManualClock()
    with auction.AuctionHouse(clock=clock, options={"open_for": 5}) as memory:
        yield clock, memory


def test_it_works_over_a_hub(auction, tmp_path):
    """Its commands are said to the hub as they are written to its log: by cattrs."""
    with auction.AuctionHouse(tmp_path / "house.db", options={"open_for": 3_600}) as house:
        with running(house, tmp_path / "hub"), auction.AuctionHouse(f"hub:{tmp_path / 'hub'}") as client:
            client.submit(Task("a"))
            assert [client.bid("a", *bid) for bid in (("ann", 5), ("bob", 6))] == [True, False]
            assert client._engine.digest() == house._engine.digest()
        assert house.bid("a", "bob", 4)


def test_the_lowest_bid_wins_when_the_auction_closes(houses):
    clock, house = houses
    house.submit(Task("a"))
    assert [house.bid("a", *bid) for bid in (("ann", 5), ("bob", 3), ("cid", 4))] == [True, True, False]
    assert house.claim_nowait("bob") is None
    assert "its auction has not closed" in str(house.explain("a"))
    clock.advance(5)
    assert house.claim_nowait("ann") is None
    assert "only bob may take it" in str(house.explain("a"))
    assert house.complete(house.claim_nowait("bob")).by == "bob"
    with pytest.raises(TaskNotFoundError):
        house.bid("ghost", "ann", 1)
    house.check()


def test_a_waiting_winner_is_woken_by_the_clock(auction):
    """No polling: the part says when it is due, and whom that concerns."""

    async def main(clock):
        async with auction.AsyncAuctionHouse(clock=clock, options={"open_for": 5}) as house:
            await house.submit(Task("a"))
            waiting = [asyncio.create_task(house.claim(name, timeout=60)) for name in ("ann", "bob")]
            await house.bid("a", "ann", 5)
            await house.bid("a", "bob", 3)
            lease = await waiting[1]
            waiting[0].cancel()
            return lease.agent, asyncio.get_running_loop().time()

    clock = ManualClock()
    assert run(main(clock), clock=clock) == ("bob", 5.0)


def test_replay_and_snapshots_know_its_tables(auction, tmp_path):
    """A second process, and a machine that is restored from records, have the same state."""
    path = tmp_path / "b.db"
    with auction.AuctionHouse(path, options={"open_for": 3600}) as one:
        one.submit_many([Task(f"t{n}") for n in range(5)])
        for n in range(5):
            one.bid(f"t{n}", "ann", 10 - n)
        with Board(path) as two:  # opens whatever it is
            assert two._engine.digest() == one._engine.digest()
            twin = Machine()
            restore(twin, list(records(two._engine._machine)))
            assert digest(twin) == two._engine.digest()


def test_it_survives_kill_9(auction, tmp_path):
    """Bids that were acknowledged before the kill are there, and decide."""
    path = tmp_path / "b.db"
    script = (
        "import auction, os, signal\n"
        "from ants_coord import Task\n"
        f"house = auction.AuctionHouse({str(path)!r}, options={{'open_for': 1}})\n"
        "house.submit(Task('a'))\n"
        "assert house.bid('a', 'ann', 5) and house.bid('a', 'bob', 3)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), ENVIRONMENT["PYTHONPATH"]])}
    done = subprocess.run([sys.executable, "-c", script], env=environment, check=False, timeout=LIMIT_S)
    assert done.returncode == -9
    with auction.AuctionHouse(path) as house:
        assert house.claim("bob", timeout=LIMIT_S).task == "a"


def test_a_process_without_it_stops_by_name(auction, tmp_path, monkeypatch):
    """Nothing is granted by rules that are not the board's."""
    path = tmp_path / "b.db"
    with auction.AuctionHouse(path, options={"open_for": 5}) as house:
        house.submit(Task("a"))
    monkeypatch.delitem(core.STRATEGIES, "auction")
    for opened in (Board, ClaimQueue):
        with pytest.raises(JournalVersionError, match="strategy 'auction'"), opened(path) as board:
            board.claim_nowait("eve")


def test_the_command_line_imports_it(auction, tmp_path, monkeypatch):
    """`--import` before the command; a module that is not there is named."""
    path = tmp_path / "b.db"
    with auction.AuctionHouse(path, options={"open_for": 5}) as house:
        house.submit(Task("a"))
        house.bid("a", "ann", 5)
    command = [sys.executable, "-m", "ants_coord"]
    environment = {**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([str(EXAMPLES), ENVIRONMENT["PYTHONPATH"]])}
    plain = subprocess.run(
        [*command, "status", path],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=LIMIT_S,
    )
    assert plain.returncode == 3
    assert "strategy 'auction'" in plain.stderr.replace("\n", " ")
    shown = subprocess.run(
        [*command, "--import", "auction", "explain", path, "a"],
        env=environment, capture_output=True, text=True, check=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert "ready" in shown.stdout
    for look in ("status", "list", "standing", "report", "tax", "verify"):
        seen = ants("--import", "auction", look, path)
        assert seen.returncode == 0, seen.stderr
    wrong = ants("--import", "no_such_module_here", "status", path)
    assert wrong.returncode == 2
    assert "no_such_module_here" in wrong.stderr


class Lifo(ClaimQueue):
    """A strategy without commands of its own: it must keep what every coordinator promises."""

    _strategy = "test-lifo"


def make_plain():
    return Strategy(Anyone(), by_priority)


def test_conformance_for_nothing():
    """The suite runs over a registered strategy like over ours."""
    register("test-lifo", 1, make_plain)
    register("test-lifo", 1, make_plain)  # a module that is imported twice
    assert "a task has one holder" in check_coordinator(Lifo)


@attrs.define
class Claim(Command[bool]):
    """The command to claim, whose name is taken."""


class Clashing(Part):
    commands = {Claim: lambda ledger, command: True}  # noqa: RUF012


def test_a_module_that_is_run_again_brings_its_newer_classes(auction, tmp_path):
    """As a cell of a notebook; boards that are opened afterwards know them, in memory and on a file."""
    spec = importlib.util.spec_from_file_location("auction", EXAMPLES / "auction.py")
    again = sys.modules["auction"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(again)
    assert again.Bid is not auction.Bid
    try:
        for where in (None, tmp_path / "board.db"):
            with again.AuctionHouse(where, options={"open_for": 5}) as house:
                house.submit(Task("a"))
                assert house.bid("a", "ann", 3)
    finally:
        sys.modules["auction"] = auction
        auction.register("auction", 1, auction.make)  # the others here go on with these
    with auction.AuctionHouse(options={"open_for": 5}) as house:
        house.submit(Task("a"))
        assert house.bid("a", "ann", 3)


def test_what_cannot_be_registered_is_refused(tmp_path):
    """Names of ours, names that are taken, things that are no strategy, commands that the log could not tell apart."""
    with pytest.raises(ValueError, match="one of the package's own"):
        register("claim", 1, make_plain)
    with pytest.raises(TypeError, match="make must return a Strategy, not None"):
        register("test-none", 1, lambda: None)
    with pytest.raises(TypeError, match="each of parts must be a Part"):
        register("test-part", 1, lambda: Strategy(Anyone(), by_priority, (3,)))
    register("test-taken", 1, make_plain)
    with pytest.raises(ValueError, match="registered already"):
        register("test-taken", 2, make_plain)
    with ClaimQueue(tmp_path / "b.db") as board:  # the codec is there from here on
        board.submit(Task("a"))
    with pytest.raises(ValueError, match="another command named Claim"):
        register("test-clash", 1, lambda: Strategy(Anyone(), by_priority, (Clashing(),)))
    assert "test-clash" not in core.STRATEGIES
    with pytest.raises(ValueError, match=r"options=.* means nothing to a ClaimQueue"):
        ClaimQueue(options={"open_for": 3})
    with pytest.raises(TypeError, match="options"):
        Lifo(options={"a": {1, 2}})
