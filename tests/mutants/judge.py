"""
The methods that judge a mutant, each quick: `python -m tests.mutants.judge METHOD`.

It runs in a process of its own, on whatever `ants_coord` it finds: 0 means
that the method is content, anything else that it has noticed something.
`python -m tests.mutants.judge seeds N` prints in how many of N seeds the two
properties notice something.
"""

import asyncio
import sys
from pathlib import Path

from .judge_hubs import hub, keyed, remote, wire

SCENARIOS = Path(__file__).parent.parent / "core" / "scenarios"


def conformance():
    from ants_coord import Blackboard, ClaimQueue, Matchmaker
    from ants_coord.journals import MemoryJournal
    from ants_coord.testing import check_coordinator

    for cls in (ClaimQueue, Matchmaker, Blackboard):
        check_coordinator(cls)
    check_coordinator(lambda clock, **settings: ClaimQueue(MemoryJournal(clock), **settings))


def scenarios():
    from tests.core.stage import Stage

    for path in sorted(SCENARIOS.glob("*.txt")):
        Stage().play(path.read_text())


def walk():
    from tests.core.walks import walk as go

    for seed in range(12):
        go(seed, 150)


def short_way():
    from tests.core import test_short_way as tests

    tests.test_a_decline_is_forgotten_with_its_task()
    tests.test_what_the_short_way_grants_ends_in_time()
    tests.test_what_is_known_is_for_the_long_way_to_say()
    tests.test_a_snapshot_keeps_what_the_short_way_ends_meanwhile()
    for seed in range(6):
        tests.test_the_short_way_is_the_long_way(seed)


def logged():
    from ants_coord.commands.shared import Claim
    from tests.core import test_logged as tests

    tests.test_a_renewal_to_a_shorter_time_ends_in_time()
    tests.test_an_exception_at_any_byte_code_leaves_the_old_or_the_new_state(lambda *_: Claim("a"))
    for seed in range(6):
        tests.test_the_short_way_is_the_long_way(seed)


def colony():
    from ants_coord import Task
    from ants_coord.testing import Colony, Faults
    from tests.kit.test_colony import rough, worker

    small = Colony(seed=1, faults=Faults(crash_every=30, pause_every=30, lost_reply=0.05, duplicate=0.01))
    small.submit(Task(f"t{n}", max_attempts=1_000) for n in range(15))
    small.add(worker, count=3)
    small.run(limit=7_200)
    for seed in range(9):
        report = rough(seed).run(limit=7_200)
        assert report.done == 40, str(report)


def purses():
    from tests.core.test_purses import Walk, test_a_window_begins_by_itself_and_a_debt_is_paid_first

    test_a_window_begins_by_itself_and_a_debt_is_paid_first()
    for strategy in ("claim", "board"):
        for seed in range(3):
            made = Walk(strategy, seed)
            for _ in range(150):
                made.step()


def proofs():
    from tests.core import test_proof_attacks as attacks
    from tests.core.test_proofs import Walk
    from tests.trust import test_skills as skills

    skills.test_evidence_is_kept_by_what_a_task_required("match")
    skills.test_a_log_that_does_not_name_it_keeps_no_evidence_by_capability()

    for seed in range(4):
        made = Walk("match", seed)
        for _ in range(150):
            made.step()
    attacks.test_a_boaster_goes_on_with_what_it_can()
    attacks.test_who_comes_back_gets_no_fresh_proof()
    attacks.test_a_question_is_seen_by_its_agent_alone_and_stays_the_same()
    attacks.test_who_turns_bad_is_asked_again_and_then_believed_no_more()
    attacks.test_silence_says_nothing_and_is_asked_again()
    attacks.test_nobody_says_of_itself_that_it_has_proved_something("proven.gpu")
    attacks.test_nothing_of_an_answer_can_be_read()
    attacks.test_other_settings_ask_other_questions("match")


def checks():
    import random

    from tests.trust.test_checks import AGENTS, MOVES, VALUES, Both

    for seed in range(9):
        dice, both = random.Random(seed), Both(("claim", "match", "board")[seed % 3])
        for _ in range(250):
            both.step(dice.choice(MOVES), dice.randrange(31), dice.choice(AGENTS), dice.choice(VALUES))


def match():
    from tests.match.test_core import test_amounts_are_summed_over_all_leases
    from tests.match.test_model import Walk

    test_amounts_are_summed_over_all_leases()
    for seed in range(8):
        one = Walk(seed)
        for _ in range(300):
            one.step()


def copies():
    from tests.board import test_copies as tests

    for seed in range(20):
        tests.test_trails_go_on_alike_whatever_was_spread_and_taken_back(seed)


def layout():
    from tests.match.test_layout import play, shrink
    from tests.match.test_model import Walk

    shrink()
    for seed in range(8):
        for strategy, extra in (("match", {}), ("board", {"explore": 0.5})):
            play(strategy, seed, extra)
        one = Walk(seed)
        for _ in range(200):
            one.step()


def board():
    from tests.board.test_model import Walk

    for seed in range(8):
        one = Walk(seed)
        for _ in range(150):
            one.step()


EVERYTHING = (0, 5, 6, 20, 670)
"""seeds of walks in which each of its mutants is met"""


def everything():
    from tests.core.test_everything import Walk, test_an_agent_without_an_advert_gets_no_seat

    test_an_agent_without_an_advert_gets_no_seat()
    for seed in EVERYTHING:
        one = Walk(seed)
        for _ in range(250):
            one.step()


def who_has_left_stays_away():
    from ants_coord import ClaimQueue
    from ants_coord.commands.shared import Claim
    from ants_coord.engine.lobby import Waiter

    waiter = Waiter(lambda: None, ready=True, agent="ann")
    with ClaimQueue() as board:
        assert board._engine.try_or_enter(Claim("ann"), waiter) is None
        board._engine.leave(waiter)
        try:
            board._engine.try_or_enter(Claim("ann"), waiter)
        except TimeoutError:
            return
    raise AssertionError("it stands in the line again")


def waiting():
    """In virtual time a lost wake-up is not a test that hangs but an error at once."""
    from ants_coord import Task, aio
    from ants_coord.testing import ManualClock, run
    from tests.fronts.test_lost_replies import (
        test_a_claim_that_waits_is_given_the_task_whose_submission_seemed_to_fail,
    )

    clock = ManualClock()

    async def everybody_is_woken():
        async with aio.ClaimQueue(clock=clock, lease_ttl=30) as board:
            claim, result = asyncio.create_task(board.claim("ann")), None
            await asyncio.sleep(1)
            await board.submit(Task("a"))
            lease = await claim
            result = asyncio.create_task(board.result("a"))
            drained = asyncio.create_task(board.drain())
            await asyncio.sleep(1)
            await board.complete(lease, 1)
            then = clock.now_ns()
            assert await result == 1
            await drained
            assert clock.now_ns() == then  # told at once; not found when it looked around after a while
            await board.submit(Task("b"))
            lease = await board.claim("ann")
            heir = asyncio.create_task(board.claim("bob"))
            await asyncio.sleep(1)
            await board.release(lease)
            await board.complete(await heir)
            held = await board.lock_nowait("x", agent="ann")
            other = asyncio.create_task(take_lock(board))
            await asyncio.sleep(1)
            await board.release(held)
            await other
            try:
                await board.claim("cy", timeout=5)
            except TimeoutError:
                return
            raise AssertionError("nothing was there")

    async def a_hint_is_passed_on():
        async with aio.ClaimQueue(clock=clock) as board:
            first, second = (asyncio.create_task(board.claim(name)) for name in ("ann", "bob"))
            await asyncio.sleep(1)
            await board.submit(Task("a"))
            first.cancel()  # woken, and gone before it could look
            assert (await second).task == "a"
            await board.limit("db", 1)
            await board.submit_many([Task("b", limit="db"), Task("c", limit="db", kind="y")])
            held = await board.claim("ann")
            picky = asyncio.create_task(board.claim("cy", kinds=["other"]))
            patient = asyncio.create_task(board.claim("dan", kinds=["y"]))
            await asyncio.sleep(1)
            await board.complete(held)
            assert (await patient).task == "c"
            picky.cancel()

    async def take_lock(board):
        async with board.lock("x", agent="bob"):
            return

    test_a_claim_that_waits_is_given_the_task_whose_submission_seemed_to_fail()
    who_has_left_stays_away()
    run(everybody_is_woken(), clock=clock)
    run(a_hint_is_passed_on(), clock=clock)


def shared():
    from tests.journals.test_combining import (
        test_each_coordinator_of_a_log_sees_at_once_what_another_has_written,
    )

    test_each_coordinator_of_a_log_sees_at_once_what_another_has_written()


def corners():
    """Run the tests of corners that mistakes of a stranger had found untried."""
    import pytest

    raise SystemExit(
        pytest.main(
            [
                "-xq", "-p", "no:cacheprovider", "--rootdir=.",
                "tests/core/test_corners.py", "tests/journals/test_corners.py", "tests/fronts/test_wakeups.py",
                *[f"tests/fronts/test_serve.py::{name}" for name in (
                    "test_an_error_that_ends_one_thread_ends_the_crowd",
                    "test_a_wish_to_stop_that_comes_between_look_and_wait_is_heard",
                )],
                "tests/fronts/test_particular_tasks.py",
                "tests/fronts/test_trouble.py::"
                "test_a_waiter_is_woken_although_the_journal_failed_when_its_task_was_due",
                *[f"tests/board/test_ranking.py::{name}" for name in (
                    "test_a_trail_that_is_gone_is_in_no_run",
                    "test_a_trail_that_comes_back_to_a_weight_is_read_once",
                    "test_no_call_pays_for_all_deposits",
                )],
                *[f"tests/match/test_core.py::{name}" for name in (
                    "test_a_short_delay_of_the_writer_excuses_nobody",
                    "test_nobody_is_benched_for_more_than_a_minute",
                )],
                *[f"tests/trust/test_core.py::{name}" for name in (
                    "test_what_an_outcome_has_strengthened_is_taken_back_with_it",
                    "test_the_authors_of_a_trail_are_known_one_by_one_up_to_a_number",
                )],
            ]
        )
    )  # fmt: skip


def exclusivity(seed=1):
    """Play the two properties as the quick profile does, from one seed; a story that fails need not be short."""
    from hypothesis import Phase, settings

    from tests.properties.places import play
    from tests.properties.test_lease_expiry import LeaseExpiry
    from tests.properties.test_lock_exclusivity import LockExclusivity

    settings.register_profile("judge", deadline=None, phases=[Phase.generate], report_multiple_bugs=False)
    settings.load_profile("judge")
    for machine in (LeaseExpiry, LockExclusivity):
        play(machine, "core", examples=100, steps=40, at=seed)


def noticing_seeds(count):
    """Return how many of the first seeds let `exclusivity` notice that something is wrong."""
    noticed = 0
    for seed in range(count):
        try:
            exclusivity(seed)
        except Exception:
            noticed += 1
    return noticed


def tools():
    import random

    from ants_coord import ClaimQueue
    from ants_coord.adapters.tools import Toolbox
    from ants_coord.testing import ManualClock
    from tests.adapters import test_tools as told
    from tests.adapters.callers import IDLE, Caller

    for seed in range(40):
        dice = random.Random(seed)
        told.act([(dice.randrange(3), dice.choice(told.CALLS), dice.choice(told.PAUSES)) for _ in range(25)])
    for test in (
        told.test_a_lease_outlives_the_thinking,
        told.test_a_lease_does_not_outlive_the_agent,
        told.test_who_comes_back_in_time_goes_on,
        lambda board, _, agent: told.test_a_repeat_answers_the_same(board, agent, "done"),
    ):
        clock = ManualClock()
        with ClaimQueue(clock=clock, lease_ttl=30) as board:
            test(board, clock, lambda name="ann", board=board: Caller(Toolbox(board, name, idle=IDLE)))


def postgres():
    from pytest import MonkeyPatch

    from ants_coord.journals.postgres.journal import PostgresJournal
    from tests.postgres import test_journal as journals
    from tests.postgres import test_listener as listeners
    from tests.postgres.server import Server, binaries

    folder = binaries()
    assert folder is not None
    server = Server(folder)
    try:
        with MonkeyPatch.context() as patch:
            listeners.without_looks(patch)
            patch.setattr(listeners, "LIMIT_S", 10)
            writer = PostgresJournal(server.dsn("one"), durability="process")
            listeners.test_an_announcement_that_does_not_fit_is_asked_about(
                None, server.dsn("one"), server, writer
            )
            writer.close()
        journals.test_processes_race_for_tasks_and_each_has_one_winner(server.dsn("two"))
    finally:
        server.close()


def openings():
    import tempfile

    from hypothesis import Phase, settings
    from pytest import MonkeyPatch

    from ants_coord import Blackboard
    from tests.core import test_openings as core
    from tests.journals import test_any_openings as any_order
    from tests.journals import test_openings as one_by_one

    def fresh():
        return Path(tempfile.mkdtemp())

    core.test_what_a_dead_opening_held_returns_at_once()
    core.test_what_is_kept_is_nobodys()
    core.test_what_two_openings_speak_for_ends_with_neither("renew", ("0123456789abcdef", 1))
    core.test_what_two_openings_speak_for_ends_with_neither("enter", ("chosen", 0))
    core.test_entering_a_lock_of_nobody_knows_whom_makes_it_nobodys()
    core.test_adopt_takes_from_the_gone_however_short_their_silence()
    one_by_one.test_adopt_takes_from_the_dead_at_once(fresh())
    core.test_the_table_does_not_grow_with_what_has_ended()
    for machine, steps in ((core.TestLives, 30), (any_order.TestOpenings, 20)):
        machine.settings = settings(
            max_examples=25,
            stateful_step_count=steps,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
        )
        machine().runTest()
    one_by_one.test_whoever_waits_gets_the_task_of_the_dead(fresh())
    one_by_one.test_a_lock_of_the_dead_is_had_at_the_first_try(fresh())
    one_by_one.test_every_strategy_notices(fresh(), Blackboard)
    one_by_one.test_two_openings_of_one_process_are_two(fresh())
    one_by_one.test_a_copy_of_the_board_knows_nothing_of_the_openings_of_the_original(fresh())
    one_by_one.test_without_the_lock_file_nobody_is_declared_dead(fresh())
    any_order.test_what_is_to_outlive_its_opening_costs_no_entry(fresh())
    any_order.test_what_a_hub_grants_is_not_the_hubs(fresh(), True)
    one_by_one.test_closed_and_opened_again_it_is_another_opening(fresh())
    with MonkeyPatch.context() as patch:
        one_by_one.test_a_name_whose_lock_is_taken_is_not_used(fresh(), patch)


METHODS = {
    one.__name__: one
    for one in (
        conformance, scenarios, walk, short_way, logged, purses, proofs, colony, checks, match, layout, board, waiting,
        shared, exclusivity, corners, tools, openings, everything,
        hub, remote, keyed, wire, postgres, copies,
    )
}  # fmt: skip

if __name__ == "__main__":
    from tests.fronts import conftest

    conftest.LIMIT_S = 8  # seconds until a mutant that leaves somebody waiting is noticed
    if sys.argv[1] == "seeds":
        print(noticing_seeds(int(sys.argv[2])))
    else:
        METHODS[sys.argv[1]]()
