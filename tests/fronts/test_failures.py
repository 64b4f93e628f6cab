"""What is kept of an exception, and that each message of ours travels between processes."""

from __future__ import annotations

import functools
import json
import logging
import pickle
import signal

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import ClaimQueue, GiveUp, LeaseLostError, NotNow, RetryAfter, Task, errors, guard
from ants_coord.fronts.failures import is_stop, summary, trace_of
from ants_coord.values.tasks import Outcome, TaskState

HERE = "test_failures.py"


def error_of(call):
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("it raised nothing")


def lineno(call):
    return call.__code__.co_firstlineno + 1


def bad_json():
    return json.loads("{")


def bad_payload():
    return ClaimQueue().submit(Task("a", payload={1}))


def plain():
    raise ValueError("two\nlines \0 and \udc80")


@pytest.mark.parametrize("call", [bad_json, bad_payload, plain])
def test_the_reason_names_the_users_line(call):
    """Not a line of ours, nor one of the standard library: nobody could mend those."""
    assert summary(error_of(call)).endswith(f" at {HERE}:{lineno(call)}")


def test_a_reason_is_one_clean_line():
    """Line ends, NUL and lone surrogates are gone; a journal keeps it."""
    assert summary(error_of(plain)) == f"ValueError: two lines ? and ? at {HERE}:{lineno(plain)}"


class Mute(Exception):
    def __str__(self):
        raise self


class NotText(Exception):
    def __str__(self):
        return None


class Endless(Exception):
    def __str__(self):
        return str(self)


@pytest.mark.parametrize("kind", [Mute, NotText, Endless])
def test_an_error_without_text_fails_its_attempt(board, kind):
    """The text of an exception is foreign code, too."""

    def handler(job):
        raise kind

    board.submit(Task("a", max_attempts=1))
    assert board.serve(handler, agent="w", until="drained").failed == 1
    assert f"{kind.__name__}: (its text cannot be made: " in board.find("a").outcome.reason


def deep(n):
    if n:
        deep(n - 1)
    raise ValueError("x" * 100_000)


def test_a_traceback_is_bounded_and_begins_with_the_user():
    """Thirty frames, 4,000 characters, the end of it: where the error is told."""
    text = trace_of(error_of(lambda: deep(200)))
    assert len(text) <= 4_000
    assert text.startswith("Traceback (most recent call last):\n")
    assert text.endswith("xxx")


def test_history_keeps_the_traceback_of_the_newest_failure_only(board, clock):
    """`explain` shows it; what is older is one line each."""

    def handler(job):
        raise KeyError("missing")

    board.submit(Task("a", max_attempts=2))
    board.serve(handler, agent="w", until="idle")
    clock.advance(10)
    board.serve(handler, agent="w", until="idle")
    first, second = board.find("a").history
    assert first.startswith("attempt 1 by w: KeyError: 'missing' at ")
    assert "\n" not in first
    assert second.count("Traceback") == 1
    assert 'raise KeyError("missing")' in str(board.explain("a"))
    assert "serving.py" not in second
    assert "Traceback" not in board.find("a").outcome.reason


def test_the_log_has_the_traceback_of_a_failure(board, caplog):
    """Below our own frames; messages to the scope say all in a line."""

    def handler(job):
        raise ZeroDivisionError if job.lease.task == "a" else GiveUp("no")

    board.submit_many([Task("a"), Task("b")])
    with caplog.at_level(logging.WARNING, "ants_coord"):
        board.serve(handler, agent="w", until="idle")
    failure, message = [record for record in caplog.records if record.name == "ants_coord"]
    assert failure.exc_info[0] is ZeroDivisionError
    assert failure.exc_info[2].tb_frame.f_code.co_name == "handler"
    assert message.exc_info is None


# -- what stops a program ---------------------------------------------------------------------


def test_an_exit_is_a_failure_unless_a_signal_asked_for_it():
    """argparse exits in the middle of a handler; a signal handler that exits is somebody's wish."""

    def leave(number, frame):
        raise SystemExit

    before = signal.signal(signal.SIGUSR1, leave)
    try:
        assert is_stop(error_of(lambda: signal.raise_signal(signal.SIGUSR1)))
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert not is_stop(error_of(lambda: leave(0, None)))
    assert is_stop(KeyboardInterrupt())
    assert is_stop(GeneratorExit())


# -- pickling ---------------------------------------------------------------------------------

VALUES = {
    "str": st.text(max_size=9),
    "int": st.integers(0, 1 << 60),
    "float": st.floats(0, 1e9),
    "bool": st.booleans(),
    "object": st.none() | st.integers() | st.text(max_size=5),
    "tuple[str, ...]": st.lists(st.text(max_size=5), max_size=3).map(tuple),
    "str | None": st.none() | st.text(max_size=5),
    "Outcome": st.builds(Outcome, st.text("ab", min_size=1), st.sampled_from(TaskState), st.integers()),
    "dict[str, tuple[object, object]]": st.dictionaries(
        st.text(max_size=5), st.tuples(st.integers(), st.none())
    ),
}


def every_error():
    found, todo = [], [errors.CoordinationError]
    while todo:
        kind = todo.pop()
        todo += kind.__subclasses__()
        if kind.__module__.startswith("ants_coord."):
            found.append(kind)
    assert guard.StaleTokenError in found
    return found


def made(kind):
    if not attrs.has(kind):
        return st.builds(kind)
    return st.builds(kind, *[VALUES[str(field.type)] for field in attrs.fields(kind)])


@functools.cache
def messages():
    ours = [made(kind) for kind in every_error()]
    return st.one_of(
        *ours,
        st.builds(GiveUp, st.text()),
        st.builds(RetryAfter, st.floats(0, 1e6), st.text()),
        st.builds(NotNow, st.floats(0, 1e6), st.text(), all=st.booleans()),
    )


@given(messages(), st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_every_message_survives_a_journey_to_another_process(error, protocol):
    """A pool that cannot unpickle what its worker raised is broken for good."""
    error.add_note("from the other side")
    again = pickle.loads(pickle.dumps(error, protocol))
    assert type(again) is type(error)
    assert str(again) == str(error)
    assert vars(again) == vars(error)
    assert again.__notes__ == ["from the other side"]


def test_a_lost_lease_keeps_its_fields():
    """Fields are what programs read."""
    again = pickle.loads(pickle.dumps(LeaseLostError("t", 5, "expired")))
    assert (again.task_id, again.token, again.reason) == ("t", 5, "expired")


@pytest.mark.parametrize("kind", every_error(), ids=lambda kind: kind.__name__)
def test_an_error_is_told_in_the_reference_by_when_it_is_raised(kind):
    """What a reader of a traceback looks up."""
    if kind is not errors.CoordinationError:
        first = (kind.__doc__ or "").strip()
        assert first.startswith("Raised when "), first
