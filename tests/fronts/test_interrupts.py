"""
An exception wherever CPython may deliver a signal in engine and fronts: no lock is held, no waiter lost.

The core and the journals have tests of their own. Here a trace function raises at the k-th place of engine,
fronts and scopes, for every k: behind a call, at a function's beginning, at a jump backwards. Elsewhere no
signal is delivered, so `with lock:` is whole. (Alarms ring in a thread of
ours, to which none is.) The same trace function calls a verb, or the collector, instead.
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import opcode
import pathlib
import sys
import threading

import pytest

import ants_coord
from ants_coord import ClaimQueue, CoordinationError, Task
from ants_coord.errors import ReentrantCallError
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.testing import ManualClock
from tests.scale import of

from ..landing import Landed
from .conftest import LIMIT_S, Background, standing, sweep, until, waits


@pytest.fixture(autouse=True)
def swept():
    """Sockets whose makers were cut short here are closed here, and not in another test."""
    yield
    sweep()


ROOT = pathlib.Path(ants_coord.__file__).parent
FOLDERS = tuple(
    str(ROOT / name) for name in ("engine", "fronts", "sync", "hub/client", "hub/wire", "hub/columns")
)
STRIDE = of(5, 1, 1)
HUB_STRIDE = of(7, 1, 1)
# between the making of a socket and the note of it: it is closed by the collector
pytestmark = pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning")
DELIVERING = {
    opcode.opmap[name]
    for name in (
        "CALL",
        "CALL_FUNCTION_EX",
        "CALL_KW",
        "JUMP_BACKWARD",
        "RESUME",
        "CALL_FUNCTION",
        "CALL_METHOD",
    )
    if name in opcode.opmap
}


def land():
    raise Landed


@contextlib.contextmanager
def at(step, do=land):
    """Do something at the step-th place; swallow Landed; yield where it was, as a list."""
    left, came, inlined = step, [], set()

    def enter(frame, event, _):
        # no signal is delivered behind the call of a function that is written in Python
        inlined.add(frame.f_back)
        if came or not frame.f_code.co_filename.startswith(FOLDERS):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        code, before = frame.f_code.co_code, -1

        def local(frame, event, _):
            nonlocal left, before
            if event == "opcode":
                has_come, before = before in DELIVERING and frame not in inlined, code[frame.f_lasti]
                inlined.discard(frame)
                if has_come and not came:
                    left -= 1
                    if left < 0:
                        came.append((frame.f_code.co_qualname, frame.f_lineno))
                        do()
            return local

        return local

    outer = sys.gettrace()
    gc.disable()  # what is raised in the `__del__` of some board of an earlier test concerns nobody
    sys.settrace(enter)
    try:
        yield came
    except Landed:
        pass
    finally:
        sys.settrace(outer)
        inlined.clear()  # frames, and with them whatever they hold
        gc.enable()


def is_remote(board):
    return hasattr(board._engine, "hub")


def stride(board):
    return HUB_STRIDE if is_remote(board) else STRIDE


def every_step(do, stride=STRIDE):
    """Call `do(step)` for one step after another until it says that nothing was hit any more."""
    for step in itertools.count(0, stride):
        if not do(step):
            assert step, "nothing was traced"
            return


def assert_free(board):
    """Another thread may have the lock now, and nobody is thought to be inside."""
    engine, got = board._engine, []

    def take():
        got.append(engine._lock.acquire(timeout=LIMIT_S))
        engine._lock.release()

    thread = threading.Thread(target=take)
    thread.start()
    thread.join()
    assert got == [True], "the lock is held"
    assert not engine._is_inside


@pytest.fixture(params=["memory", "log", "file", "hub"])
def make(request, tmp_path, over_hub):
    made = []

    def make(clock=None, **settings):
        if request.param == "hub":
            board = over_hub(ClaimQueue, None, clock, **settings)
        elif request.param == "memory":
            board = ClaimQueue(clock=clock, **settings)
        elif request.param == "log":
            board = ClaimQueue(MemoryJournal(clock), **settings)
        elif clock is None:
            board = ClaimQueue(tmp_path / f"{len(made)}.db", durability="process", **settings)
        else:
            path = tmp_path / f"{len(made)}.db"
            board = ClaimQueue(SQLiteJournal(path, durability="process", clock=clock), **settings)
        made.append(board)
        return board

    yield make
    for board in made:
        if not board._engine.is_closed:
            board.check()
        board.close()


def test_a_command_cut_short_holds_nothing_and_loses_no_waiter(make):
    """Written or not; and a caller that waits for what it made gets it, though no other verb is called."""
    board = make()
    board.statistics()

    def cut(step):
        waiting = Background(board.claim, "ann", kinds=["k"])
        waits(board)
        with at(step) as came:
            board.submit(Task(f"t{step}", kind="k"))
        assert_free(board)
        if board.find(f"t{step}") is None:
            board.submit(Task(f"t{step}", kind="k"))
        lease = waiting.get()
        assert lease.task == f"t{step}", came
        board.complete(lease)
        return came

    every_step(cut, stride(board))


def test_an_ending_cut_short_loses_nobody_who_waits_for_it(make):
    """A caller that waits for the result hears it."""
    board = make()

    def cut(step):
        board.submit(Task(f"t{step}"))
        lease = board.claim_nowait("ann")
        waiting = Background(board.result, f"t{step}")
        waits(board)
        with at(step) as came:
            board.complete(lease, step)
        assert_free(board)
        with contextlib.suppress(CoordinationError):
            board.complete(lease, step)
        assert waiting.get() == step, came
        return came

    every_step(cut, stride(board))


def test_a_wait_cut_short_leaves_the_lobby_and_passes_its_hint_on(make):
    """It is in no line any more, and who stands behind it is served."""
    board = make()
    board.statistics()

    def cut(step):
        with at(step) as came, contextlib.suppress(TimeoutError):
            board.claim("ann", kinds=["k"], timeout=0)
        assert_free(board)
        waiting = Background(board.claim, "bob", kinds=["k"])
        waits(board)
        board.submit(Task(f"t{step}", kind="k"))
        board.complete(waiting.get())
        until(lambda: not [one for one in standing(board) if one.agent == "ann"])
        return came

    every_step(cut, stride(board))


def test_a_claim_cut_short_is_no_lease_for_ever(make):
    """Taken or not: nobody renews it, so its time ends it."""
    clock = ManualClock()
    board = make(clock, lease_ttl=30)

    def cut(step):
        board.submit(Task(f"t{step}"))
        with at(step) as came:
            board.claim_nowait("ann")
        assert_free(board)
        clock.advance(31)
        lease = board.claim_nowait("bob")
        while lease is None:  # it came before the expiry's pause was over
            clock.advance(5)
            lease = board.claim_nowait("bob")
        board.complete(lease)
        return came

    every_step(cut, stride(board))


def test_closing_gives_back_what_a_claim_through_a_hub_was_granted(over_hub):
    """Wherever it is cut short: granted or not, heard of or not, what nobody holds is free when it is closed."""
    clock = ManualClock()
    first = over_hub(ClaimQueue, None, clock)
    hub, done = first._engine.hub, []

    def cut(step):
        first.submit(Task(f"t{step}"))
        board = ClaimQueue(f"hub:{hub.path}", clock=clock)
        board.statistics()
        with at(step) as came:
            done.append(board.claim_nowait("ann"))
        board.close()
        assert first.find(f"t{step}").state == "ready", came
        first.cancel(f"t{step}")
        return came

    with first:
        every_step(cut, HUB_STRIDE)
    assert len(done) == 1  # all others were cut short


def test_a_scope_cut_short_renews_nothing(make):
    """Wherever it lands, the lease is given back, ended, or ends by itself; nothing is kept alive."""
    clock = ManualClock()
    board = make(clock, lease_ttl=30)

    def cut(step):
        board.submit(Task(f"t{step}"))
        lease = board.claim_nowait("ann")
        with at(step) as came, board.work(lease, timeout=10) as job:
            job.result = 1
        job = None  # where the end of the scope was not even begun, that it is gone ends the renewing
        assert_free(board)
        for _ in range(20):
            clock.advance(5)
            if board.find(f"t{step}").state == "ready":
                board.complete(board.claim_nowait("bob"))
        assert not len(board._engine._keeper), came
        assert not board._engine._deadlines._timed, came
        assert board.find(f"t{step}").state == "done", came
        return came

    every_step(cut, stride(board))


def test_a_lock_cut_short_is_free_when_its_time_is_over(make):
    """Nobody renews it."""
    clock = ManualClock()
    board = make(clock, lease_ttl=30)
    board.statistics()

    def cut(step):
        with at(step) as came, board.lock(f"n{step}", agent="ann"):
            pass
        assert_free(board)
        # a hub may not have come to the request yet, and would grant it after that time
        until(lambda: not getattr(board._engine, "_withdrawn", None))
        clock.advance(31)
        assert not len(board._engine._keeper), came
        board.release(board.lock_nowait(f"n{step}", agent="bob"))
        return came

    every_step(cut, stride(board))


def test_opening_and_closing_cut_short_can_be_done_again(make):
    """Said again, both work."""

    def cut_opening(step):
        board = make()
        with at(step) as came:
            board.statistics()
        assert_free(board)
        board.submit(Task("a"))
        board.close()
        return came

    def cut_closing(step):
        board = make()
        waiting = Background(board.claim, "ann")
        waits(board)
        with at(step) as came:
            board.close()
        assert_free(board)
        board.close()
        with pytest.raises(CoordinationError):
            waiting.get()
        return came

    every_step(cut_opening)
    every_step(cut_closing)


# -- something else of the same thread instead of an exception ------------------------------------


def test_a_verb_in_the_middle_of_a_verb_is_answered_or_refused_at_every_place(make):
    """As from `__del__`, a signal handler, a trace: never a wait for oneself, and the outer verb is not harmed."""
    board = make()
    board.statistics()
    said = {"answered": 0, "refused": 0}

    def cut(step):
        def verb():
            try:
                board.submit(Task(f"inner{step}"))
                said["answered"] += 1
            except ReentrantCallError:
                said["refused"] += 1

        with at(step, verb) as came:
            board.submit(Task(f"outer{step}"))
        assert_free(board)
        assert board.find(f"outer{step}") is not None, came
        return came

    every_step(cut, stride(board) if board._engine.blocking else 1)
    # in memory the lock is held over nothing but the core, whose places this does not visit
    # and through a hub no verb is inside another
    assert said["answered"] and (said["refused"] or not board._engine.blocking or is_remote(board)), said


class Garbage:
    """Something of a user's, in a ring, with a board in its hands when it is collected."""

    def __init__(self, board, note):
        self.me, self.board, self.note = self, board, note

    def __del__(self):
        try:
            self.board.submit(Task("last words"), if_exists="keep")
            self.note("answered")
        except ReentrantCallError:
            self.note("refused")


def test_the_collector_in_the_middle_of_a_verb_at_every_place(make):
    """`__del__` of a user's object calls a verb of the same board, at any place of another verb."""
    board = make()
    board.statistics()
    said = []

    def cut(step):
        Garbage(board, said.append)

        with at(step, gc.collect) as came:
            board.submit(Task(f"t{step}"))
        assert_free(board)
        assert board.find(f"t{step}") is not None, came
        gc.collect()
        return came

    gc.disable()
    try:
        every_step(cut, 7 * HUB_STRIDE if is_remote(board) else STRIDE if board._engine.blocking else 1)
    finally:
        gc.enable()
    both = board._engine.blocking and not is_remote(board)
    assert set(said) >= ({"answered", "refused"} if both else {"answered"})


@pytest.mark.filterwarnings("ignore:the board .* was dropped:ResourceWarning")
def test_the_collector_may_find_a_board_on_the_same_file_in_the_middle_of_a_verb(tmp_path):
    """A dropped board closes its file in a thread of its own: it waits for the file's lock, not we for it."""
    path = tmp_path / "b.db"
    with ClaimQueue(path, durability="process") as board:
        board.statistics()

        def cut(step):
            other = ClaimQueue(path, durability="process")
            other.submit(Task(f"other{step}"))
            other.ring = other  # type: ignore[attr-defined]
            del other
            with at(step, gc.collect) as came:
                board.submit(Task(f"t{step}"))
            assert_free(board)
            gc.collect()
            return came

        gc.disable()
        try:
            for step in range(0, 200, 23):
                cut(step)
        finally:
            gc.enable()
        board.check()
