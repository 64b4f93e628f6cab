"""
Openings that come, work, die and leave in any order; and what it costs to look for the dead.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from pathlib import Path

import attrs
import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from ants_coord import Board, ClaimQueue, HeldError, Task
from ants_coord.core.work.openings import holding, opening_of
from ants_coord.journals import MemoryJournal, SQLiteJournal, files
from ants_coord.testing import ManualClock
from ants_coord.values.checks import is_told, told_session
from ants_coord.values.tasks import Backoff, Lease

from .test_openings import a_board, engine_of, held

pytestmark = pytest.mark.skipif(not files.CAN_TELL, reason="this system cannot tell")


class Mortal:
    """One opening of a log in memory, whose end others can tell; several share the log."""

    def __init__(self, log, alive, number):
        self.log, self.alive, self.name = log, alive, told_session("home", str(number))
        self.clock = log.clock

    def live(self):
        self.alive.add(self.name)
        return self.name

    def lives(self, name):
        return name in self.alive

    def close(self):
        self.alive.discard(self.name)

    def __getattr__(self, name):
        return getattr(self.log, name)


@attrs.define
class Held:
    """What the model knows of a lease."""

    lease: Lease
    until_ns: int
    granted: ClaimQueue
    owner: ClaimQueue | None
    """whose end ends it; None once several have spoken for it, or its opening has left it standing"""


class Openings(RuleBasedStateMachine):
    """
    Openings that come, work, are killed, close and keep, in any order.

    Nobody loses what it holds while it lives and its time is not over, however often others look; and what the
    dead held is there for the next one that asks.
    """

    which = st.integers(0, 3)

    def made(self, number):
        return ClaimQueue(
            Mortal(self.log, self.alive, number), lease_ttl=self.ttl, backoff=Backoff(0), max_attempts=10_000
        )

    def killed(self, board):
        self.alive.discard(engine_of(board)._session)

    @initialize(ttl=st.sampled_from([5, 1_000]))
    def begin(self, ttl):
        self.clock, self.ttl, self.numbers = ManualClock(), ttl, 0
        self.log, self.alive = MemoryJournal(self.clock), set()
        self.boards, self.dead, self.mine = [], [], {}
        self.place = Path(tempfile.mkdtemp())
        self.open()
        self.boards[0].submit_many([Task(f"t{number}") for number in range(4)])

    def teardown(self):
        for board in [*getattr(self, "boards", []), *getattr(self, "dead", [])]:
            board.close()
        if hasattr(self, "place"):
            shutil.rmtree(self.place)

    def one(self, which):
        self.clock.advance(0.03)
        return self.boards[which % len(self.boards)]

    def takes(self, board, lease):
        if lease is not None:
            self.mine[lease.token] = Held(lease, self.clock.now_ns() + lease.ttl_ns, board, board)

    @rule()
    def open(self):
        if len(self.boards) < 4:
            self.numbers += 1
            self.boards.append(self.made(self.numbers))
            self.boards[-1].settings()

    @rule(which=which)
    def claim(self, which):
        board = self.one(which)
        free = 4 - sum(1 for one in self.held().values() if not one.lease.names)
        lease = board.claim_nowait("w")
        assert (lease is not None) == (free > 0)
        self.takes(board, lease)

    @rule(which=which)
    def lock(self, which):
        board = self.one(which)
        if any(one.lease.names for one in self.held().values()):
            with pytest.raises(HeldError):
                board.lock_nowait("x", agent="w")
        else:
            self.takes(board, board.lock_nowait("x", agent="w"))

    @rule(which=which, data=st.data(), how=st.sampled_from(["renew", "renew", "end", "renew another's"]))
    def speak(self, which, data, how):
        board = self.one(which)
        tokens = [token for token, one in self.held().items() if one.owner is board or "another" in how]
        if tokens:
            one = self.mine[data.draw(st.sampled_from(sorted(tokens)))]
            if how == "end":
                del self.mine[one.lease.token]
                board.release(one.lease)
            else:
                one.until_ns = board.renew(one.lease)
                one.owner = one.owner if one.owner is board else None

    @rule(which=which)
    def adopt(self, which):
        board = self.one(which)
        now, before = self.clock.now_ns(), self.held()
        loud = {
            token for token, one in before.items()
            if one.owner is not None and 3 * (now - one.until_ns + one.lease.ttl_ns) < 2 * one.lease.ttl_ns
        }  # fmt: skip
        for lease in board.adopt("w"):
            (old,) = [token for token, one in before.items() if one.lease.task == lease.task]
            assert old not in loud
            del self.mine[old]
            self.takes(board, lease)

    @rule(which=which, then=st.sampled_from(["adopt", "claim", "lock", "look"]))
    def kill(self, which, then):
        if len(self.boards) > 1:
            board = self.one(which)
            self.boards.remove(board)
            self.dead.append(board)
            self.killed(board)
            left = {token: one for token, one in self.held().items() if one.owner is board}
            self.mine = {token: one for token, one in self.mine.items() if token not in left}
            # before anybody else has looked
            if then == "adopt":
                self.adopts_of_the_dead({one.lease.task for one in left.values() if not one.lease.names})
            elif then != "look":
                getattr(self, then)(0)

    def adopts_of_the_dead(self, tasks):
        """The attempts that they had begun go on: all of their tasks, and none of their locks."""
        adopted = self.boards[0].adopt("w")
        assert tasks <= {lease.task for lease in adopted}
        for lease in adopted:
            self.mine = {token: one for token, one in self.mine.items() if one.lease.task != lease.task}
            self.takes(self.boards[0], lease)

    @rule(which=which, keep=st.booleans())
    def close(self, which, keep):
        if len(self.boards) > 1:
            board = self.one(which)
            self.boards.remove(board)
            board.close(keep=keep)
            if keep:
                for one in self.mine.values():
                    one.owner = None if one.owner is board else one.owner
            else:  # whatever it was granted, no matter which opening has renewed it
                self.mine = {token: one for token, one in self.mine.items() if one.granted is not board}

    @rule(seconds=st.sampled_from([0, 0.5, 4, 6]))
    def time_passes(self, seconds):
        self.clock.advance(seconds)

    def held(self):
        """What must still be held: by the living, or by nobody, with time left."""
        now = self.clock.now_ns()
        return {token: one for token, one in self.mine.items() if one.until_ns > now}

    @invariant()
    def everybody_sees_what_the_living_hold_and_nothing_else(self):
        if hasattr(self, "boards"):
            for board in self.boards:
                self.clock.advance(0.03)
                assert {lease.token for lease in board.leases()} == set(self.held())
            board.check()


class OpeningsOfAFile(Openings):
    """The same on a file, with the kernel's locks."""

    def made(self, number):
        journal = SQLiteJournal(self.place / "b.db", clock=self.clock, durability="process")
        return ClaimQueue(journal, lease_ttl=self.ttl, backoff=Backoff(0), max_attempts=10_000)

    def killed(self, board):
        engine_of(board)._journal._lock.close()  # what the kernel does


TestOpenings = Openings.TestCase
TestOpeningsOfAFile = OpeningsOfAFile.TestCase


# -- what it costs ------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch):
    """Count how often the system is asked whether an opening lives."""
    count, real = [], files.FileLock.lives

    def lives(self, name):
        if is_told(name):
            count.append(name)
        return real(self, name)

    monkeypatch.setattr(files.FileLock, "lives", lives)
    return count


def test_nobody_is_asked_on_the_way_of_work(tmp_path, asked):
    """A hundred cycles beside a holder: not one system call more; an opening takes one lock, once."""
    path = a_board(tmp_path / "b.db", "held")
    with ClaimQueue(path) as one, ClaimQueue(path) as board:
        one.claim_nowait("ann")
        board.settings()
        asked.clear()
        for number in range(100):
            board.submit(Task(f"n{number}"))
            lease = board.claim_nowait("bob")
            board.renew(lease)
            board.complete(lease)
            with board.lock(f"name {number}", agent="bob"):
                pass
        assert asked == []


def test_who_polls_asks_the_system_now_and_then(tmp_path, asked):
    """Once for each opening that holds something, and not at each try."""
    clock, path = ManualClock(), a_board(tmp_path / "b.db", *"abcd")
    others = [ClaimQueue(SQLiteJournal(path, clock=clock)) for _ in range(2)]
    board = ClaimQueue(SQLiteJournal(path, clock=clock))
    with contextlib.ExitStack() as stack:
        for each in (*others, board):
            stack.enter_context(each)
        for each in others:
            each.claim_many("ann", 2)
        asked.clear()
        for _ in range(50):
            assert board.claim_nowait("bob") is None
        assert sorted(asked) == sorted(engine_of(each)._session for each in others)
        clock.advance(0.1)
        assert board.claim_nowait("bob") is None
        assert len(asked) == 4


def test_a_board_nobody_holds_anything_of_asks_nobody(tmp_path, asked):
    path = a_board(tmp_path / "b.db", "t")
    with ClaimQueue(path) as one, ClaimQueue(path) as board:
        one.complete(one.claim_nowait("ann"))
        assert board.claim_nowait("bob") is None
        assert asked == []
        assert holding(board._engine._machine.ledger) == []


def test_what_is_to_outlive_its_opening_costs_no_entry(tmp_path):
    """A shell verb, a hook, a hub: said before the first verb, and nothing is written at the end."""
    path = a_board(tmp_path / "b.db")
    board = ClaimQueue(path)
    board._engine.outlive()
    lease = board.claim_nowait("ann")
    assert opening_of(board._engine._machine.ledger, lease.token) == ""
    position = board.statistics().position
    board.close(keep=True)
    with ClaimQueue(path) as other:
        assert other.statistics().position == position
        assert held(other, lease.handle)


@pytest.mark.parametrize("is_open", [False, True])
def test_what_a_hub_grants_is_not_the_hubs(tmp_path, is_open):
    """Killed, it takes nothing of its clients along: they may go on without it."""
    from ants_coord.hub.loop import Hub

    path = a_board(tmp_path / "b.db", "t", "u")
    board = Board(path)
    if is_open:
        board.statistics()
    hub = Hub(board, f"{path}.hub")
    (lease,) = board._engine.carry_out([(None, _claim())])
    engine_of(board)._journal._lock.close()
    with ClaimQueue(path) as other:
        assert held(other, lease.handle)
        other.complete(lease)
    hub.stop()
    hub.serve()
    board.close(keep=True)


def _claim():
    from ants_coord.commands.shared import Claim

    return Claim("ann")
