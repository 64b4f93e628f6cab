"""How mistakes are noticed in what hubs and their clients say to each other; see judge.py."""

from __future__ import annotations

from pathlib import Path


def hub():
    import tempfile

    from pytest import MonkeyPatch

    from tests.cli import repository
    from tests.cli import test_hook as hooks
    from tests.hub import test_connections as connections
    from tests.hub import test_verbs as verbs

    def fresh():
        return Path(tempfile.mkdtemp())

    def waited_for(folder):
        with MonkeyPatch.context() as patch:
            connections.test_who_was_answered_together_is_waited_for(folder, patch)

    verbs.test_locks_by_name_and_by_path(None, fresh() / "hub", fresh())
    verbs.test_an_agent_speaks_for_its_own_leases_only(fresh() / "hub")
    verbs.test_a_repeat_with_the_same_id_is_done_once(fresh() / "board.db", fresh() / "hub")
    verbs.test_the_hub_renews_for_nobody_and_gives_nothing_back(fresh() / "hub")
    for test in (
        connections.test_one_turn_is_one_transaction,
        waited_for,
        connections.test_who_does_not_come_back_is_not_waited_for_long,
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
    import tempfile

    from hypothesis import HealthCheck, settings
    from pytest import MonkeyPatch

    # before the tests are imported: a busy machine is no mistake of the package
    settings.register_profile("judge", deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.load_profile("judge")
    from tests.hub import test_odd_lines as odds
    from tests.hub import test_wire as wires
    from tests.journals import test_usual as usuals

    wires.test_a_batch_comes_as_it_was()
    wires.test_no_two_values_of_a_batch_share_what_may_be_changed()
    for seed in range(8):
        with MonkeyPatch.context() as patch:
            usuals.test_by_hand_and_the_general_way_are_one(seed, patch)
    for command in odds.COMMANDS:
        if command.__class__.__name__ in ("Submit", "Claim", "Note"):
            odds.test_every_command_with_something_odd(command, Path(tempfile.mkdtemp()))
    for query in odds.ASKED:
        if query.__class__.__name__ in ("Changes", "Tasks"):
            odds.test_every_query_with_something_odd(query, Path(tempfile.mkdtemp()))


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
