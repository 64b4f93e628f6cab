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

    settings.register_profile("judge", deadline=None, phases=[Phase.generate])
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


def hub():
    import tempfile

    from tests.cli import repository
    from tests.cli import test_hook as hooks
    from tests.hub import test_connections as connections
    from tests.hub import test_verbs as verbs

    def fresh():
        return Path(tempfile.mkdtemp())

    verbs.test_locks_by_name_and_by_path(None, fresh() / "hub", fresh())
    verbs.test_an_agent_speaks_for_its_own_leases_only(fresh() / "hub")
    verbs.test_a_repeat_with_the_same_id_is_done_once(fresh() / "board.db", fresh() / "hub")
    verbs.test_the_hub_renews_for_nobody_and_gives_nothing_back(fresh() / "hub")
    for test in (
        connections.test_one_turn_is_one_transaction,
        connections.test_who_does_not_read_holds_up_nobody,
        connections.test_a_second_hub_on_one_address_is_refused,
        lambda folder: connections.test_a_dead_socket_is_replaced_and_a_foreign_file_is_not(folder, folder),
        connections.test_nobody_else_may_answer_in_the_hubs_name,
        connections.test_a_port_needs_the_secret_of_the_file,
        connections.test_with_keys_each_name_is_shown,
    ):
        test(fresh())
    hooks.test_who_writes_first_has_the_file_until_its_session_ends(
        repository.repository(fresh() / "repo"), "alone"
    )


def keyed():
    import tempfile

    from pytest import MonkeyPatch

    from ants_coord import Blackboard, TrustPolicy
    from tests.hub import test_forged as forged
    from tests.hub import test_keys as keys

    def fresh(name):
        return Path(tempfile.mkdtemp()) / name

    for test in (
        forged.test_no_command_acts_for_an_agent_whose_key_was_not_shown,
        forged.test_no_query_tells_of_another_agent,
        forged.test_no_other_line_touches_what_another_agent_holds,
        forged.test_no_line_uses_the_name_of_an_opening_or_of_anothers_request,
        keys.test_a_wrong_key_opens_nothing_and_harms_nobody,
        keys.test_agents_see_what_they_see_at_the_board,
        keys.test_closing_gives_back_what_its_agents_hold,
        keys.test_what_times_out_is_ended_in_the_agents_name,
    ):
        trust = TrustPolicy() if test.__module__ == keys.__name__ else None
        with Blackboard(secret=keys.SECRET, lease_ttl=30, trust=trust) as board:
            test(board, fresh("hub"))
    for patched in (
        keys.test_the_hub_draws_whether_a_result_is_checked,
        keys.test_an_entry_is_not_lost_to_a_take_that_is_cancelled,
        keys.test_a_key_shown_while_a_connection_begins,
    ):
        with (
            Blackboard(secret=keys.SECRET, lease_ttl=30, trust=TrustPolicy()) as board,
            MonkeyPatch.context() as patch,
        ):
            patched(board, fresh("hub"), patch)
    folder = fresh("b").parent
    keys.test_the_next_hub_is_shown_the_keys_again(folder, folder / "hub")


def wire():
    from pytest import MonkeyPatch

    from tests.hub import test_wire as wires
    from tests.journals import test_usual as usuals

    wires.test_a_batch_comes_as_it_was()
    wires.test_no_two_values_of_a_batch_share_what_may_be_changed()
    for seed in range(8):
        with MonkeyPatch.context() as patch:
            usuals.test_by_hand_and_the_general_way_are_one(seed, patch)


def remote():
    import tempfile

    from pytest import MonkeyPatch

    from ants_coord import ClaimQueue
    from ants_coord.testing import ManualClock
    from tests.hub import test_connections as connections
    from tests.hub import test_remote as remotes
    from tests.hub import test_withdrawn as withdrawn

    def fresh(name):
        return Path(tempfile.mkdtemp()) / name

    def on_a_board(test, *more):
        with ClaimQueue(clock=ManualClock(), lease_ttl=0.9) as board:
            test(board, fresh("hub"), *more)

    remotes.test_a_retry_through_another_hub_of_the_board_is_the_first_reply(fresh("b.db"), fresh("hub"))
    remotes.test_who_waits_is_served_by_the_next_hub(fresh("b.db"), fresh("hub"))
    remotes.test_a_loss_is_told_at_once(fresh("b.db"), fresh("hub"))
    withdrawn.test_a_wait_that_begins_while_a_connection_does_is_said_once()
    on_a_board(withdrawn.test_a_wait_said_again_keeps_its_place)
    withdrawn.test_an_entry_returns_once(fresh("hub"))
    on_a_board(withdrawn.test_a_withdrawal_that_overtakes_its_claim)
    on_a_board(withdrawn.test_a_withdrawal_said_again_gives_back_once)
    for test in (
        withdrawn.test_closing_in_the_middle_of_anothers_claim,
        withdrawn.test_the_hub_that_granted_it_is_gone,
    ):
        with MonkeyPatch.context() as patch:
            on_a_board(test, patch)
    with MonkeyPatch.context() as patch:
        on_a_board(
            withdrawn.test_an_interrupt_in_the_middle_of_a_claim,
            patch,
            lambda queue: queue.claim_nowait("ann"),
        )
    with MonkeyPatch.context() as patch, tempfile.TemporaryDirectory(dir="/tmp") as short:
        patch.setattr(connections.addresses, "_TMP", short)
        folder = fresh("long")
        folder.mkdir()
        connections.test_the_first_private_folder_in_which_a_socket_has_room(folder, Path(short), patch)


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
        shared, exclusivity, corners, tools, openings,
        hub, remote, keyed, wire, postgres,
    )
}  # fmt: skip

if __name__ == "__main__":
    from tests.fronts import conftest

    conftest.LIMIT_S = 8  # seconds until a mutant that leaves somebody waiting is noticed
    if sys.argv[1] == "seeds":
        print(noticing_seeds(int(sys.argv[2])))
    else:
        METHODS[sys.argv[1]]()
