"""What an exit code says: each error of the library has one of the three meanings that the page promises."""

from __future__ import annotations

import inspect

import pytest

from ants_coord import errors
from ants_coord.cli.common.boards import troubles

from .command import ants, ants_process

NOT_NOW = {
    "AdvertRefusedError", "AgentGoneError", "DeadlockError", "ForeignLeaseError", "HeldError", "LeaseLostError",
    "NotOfferedError", "NotOwnerError", "QuarantinedError", "StaleVersionError", "TaskDroppedError", "TaskFailedError",
}  # fmt: skip
"""1: nobody's mistake, and another time it may be otherwise"""
BAD_INPUT = {
    "CursorTooOld", "DependencyError", "FaintMarkError", "FieldNotHonouredError", "IllegalTransitionError", "LimitError",
    "PurseError", "RequestReusedError", "RequirementError", "TaskExistsError", "TaskNotFoundError", "UnknownKindError",
    "VerdictError",
}  # fmt: skip
NO_BOARD = {
    "ClosedError", "CoordinationError", "JournalConflictError", "JournalCorruptError", "JournalError",
    "JournalRewoundError", "JournalVersionError", "NotSupportedError", "ReentrantCallError", "RequestTooOld",
    "SettingsError", "WrongKeyError",
}  # fmt: skip
EXPECTED = dict.fromkeys(NOT_NOW, 1) | dict.fromkeys(BAD_INPUT, 2) | dict.fromkeys(NO_BOARD, 3)
CLASSES = {
    name: found
    for name, found in inspect.getmembers(errors, inspect.isclass)
    if issubclass(found, errors.CoordinationError)
}


def test_every_error_has_a_place():
    """A new one, too: without a place it would claim that the board cannot be read."""
    assert CLASSES.keys() == EXPECTED.keys()


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_an_error_ends_with_its_code(name, capsys):
    error = type(name, (CLASSES[name],), {"__init__": lambda self: None, "__str__": lambda self: "why"})
    with pytest.raises(SystemExit) as end, troubles():
        raise error
    assert end.value.code == EXPECTED[name]


def test_tasks_that_need_each_other_are_bad_input_for_both_verbs(tmp_path):
    """Neither for run nor for submit is the board at fault."""
    circle = '{"id": "a", "cmd": "true", "needs": ["b"]}\n{"id": "b", "cmd": "true", "needs": ["a"]}\n'
    for words in (("run", "-"), ("submit", tmp_path / "b.db", "-")):
        done = ants(*words, stdin=circle)
        assert (done.returncode, "needs itself" in done.stderr) == (2, True), words


def test_what_cannot_be_advised_about_is_told_in_a_sentence(tmp_path):
    """A folder, and a place where no prediction can be kept."""
    jobs = tmp_path / "jobs.jsonl"
    jobs.write_text("".join(f'{{"id": "j{n}", "cmd": "true"}}\n' for n in range(12)))
    folder = ants("advise", tmp_path)
    assert (folder.returncode, "Is a directory" in folder.stderr) == (2, True)
    nowhere = ants("advise", jobs, "--board", tmp_path / "none" / "b.db")
    assert (nowhere.returncode, "No such file" in nowhere.stderr) == (2, True)


def test_an_empty_path_locks_nothing(tmp_path, monkeypatch):
    """A shell's variable may be unset: that must not lock the whole repository."""
    monkeypatch.chdir(tmp_path)
    ants("submit", "b.db", "-", stdin='{"id": "a", "cmd": "true"}\n')
    refused = ants("lock", "b.db", "", "--agent", "ann")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "must be a path, not ''" in refused.stderr


def test_an_error_is_one_line_also_where_no_terminal_is(tmp_path):
    """Programs look for it: a log of 80 columns must not break it in two."""
    name = "a-name-that-is-much-too-long-for-a-terminal-" * 3
    for words in (("status", tmp_path / name), ("run", tmp_path / name)):
        done = ants_process(*words, columns=80)
        assert done.stderr.count("\n") == 1, done.stderr
        assert name in done.stderr
    many = ants_process("run", "-", stdin='{"cmd": "true", "priority": "' + "x" * 100 + '"}\n', columns=80)
    assert many.stderr.count("\n") == 2, many.stderr


def test_a_window_without_an_amount_is_refused(tmp_path):
    """It would be ignored, and the purse have no window."""
    ants("submit", tmp_path / "b.db", "-", stdin='{"id": "a", "cmd": "true"}\n')
    done = ants("purse", tmp_path / "b.db", "usd", "--per", 60)
    assert (done.returncode, "--per" in done.stderr) == (2, True)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("status", "x" * 300), 3),
        (("tax", "x" * 300), 3),
        (("hub", "x" * 300), 3),
        (("advise", "x" * 300), 2),
        (("demo", "--path", "x" * 300), 2),
        (("lab", "--world", "x" * 300 + ".py:mine"), 2),
        (("--import", "", "bench"), 2),
        (("--import", "../mine", "bench"), 2),
    ],
)
def test_a_name_that_can_be_nobodys_is_told_in_a_sentence(words, code):
    """Also one that the system cannot even look for."""
    done = ants(*words)
    assert (done.returncode, done.stderr.startswith("error: ")) == (code, True)
