"""Every interleaving of short scripts."""

import math

import pytest

from ants_coord import ClaimQueue, LeaseLostError, Task
from ants_coord.testing import ManualClock, assert_no_double_grant, interleavings


def steps(count):
    def script(world):
        for number in range(count):
            world.append(number)
            yield

    return script


@pytest.mark.parametrize("sizes", [(1, 1), (2, 3), (4, 4), (2, 2, 2), (0, 2)])
def test_each_order_once(sizes):
    runs = [run.order for run in interleavings(list, *[steps(size) for size in sizes])]
    moves = [size + 1 for size in sizes]  # the last step of a script is its end
    expected = math.factorial(sum(moves)) // math.prod(math.factorial(n) for n in moves)
    assert len(runs) == len(set(runs)) == expected


def test_a_race_is_found():
    """Two agents that look before they take: some order lets both take."""

    def agent(name):
        def script(world):
            free = world["holder"] is None
            yield
            if free:
                world["holder"] = name
                world["takers"] += 1

        return script

    runs = list(interleavings(lambda: {"holder": None, "takers": 0}, agent("ann"), agent("bob")))
    assert {run.world["takers"] for run in runs} == {1, 2}


def test_leases_hold_in_every_order():
    def make():
        board = ClaimQueue(clock=ManualClock(), lease_ttl=30)
        board.submit_many([Task("a"), Task("b", needs=("a",))])
        return board

    def agent(name):
        def script(board):
            done = 0
            for _ in range(2):
                lease = board.claim_nowait(name)
                yield
                if lease is not None:
                    board.complete(lease, name)
                    done += 1
            return done

        return script

    def time(board):
        board._engine._clock.advance(30)
        yield

    counts = set()
    for run in interleavings(make, agent("ann"), agent("bob"), time):
        assert_no_double_grant(run.world)
        run.world.check()
        assert all(error is None or isinstance(error, LeaseLostError) for error in run.errors)
        counts.add(sum(by or 0 for by in run.results))
        run.world.close()
    assert counts >= {1, 2}


def test_too_many_orders_are_refused():
    with pytest.raises(ValueError, match="more than 100 orders"):
        list(interleavings(list, steps(9), steps(9), most=100))


@pytest.mark.parametrize("script", [lambda board: board.statistics(), lambda board: iter([1])])
def test_a_script_without_a_yield_is_refused(script):
    """It would run when the world is made: nothing would be interleaved, and every assertion could pass."""
    with pytest.raises(TypeError, match="each script must be a generator function"):
        list(interleavings(ClaimQueue, script))
