"""
Whatever is given to any parameter of any verb: it is taken, or refused by a sentence of ours that names the field.

Nothing is listed by hand: verbs and parameters are read from the class. An error that a library or the interpreter
raises somewhere inside ("unhashable type: 'list'", "int too large to convert to float") names no field and no way
out, so the rule is about where it was raised: by a `raise` in the package.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import dis
import inspect
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

import ants_coord
from ants_coord import (
    Advert,
    Backoff,
    Blackboard,
    ClaimQueue,
    Mark,
    MarkKind,
    Matchmaker,
    Namespace,
    NotNow,
    Proof,
    RetryAfter,
    Task,
    TrustPolicy,
    Verify,
    aio,
)
from ants_coord.commands.matching import Retire
from ants_coord.commands.shared import Command
from ants_coord.core import Machine
from ants_coord.errors import CoordinationError, JournalCorruptError
from ants_coord.frozen import fields as fields_of
from ants_coord.guard import Guard, SQLGuard
from ants_coord.journals.codec import decode, encode
from ants_coord.testing import Colony, Faults, ManualClock, StuckError, run
from ants_coord.values.routes import Piece, Route
from ants_coord.values.settings import Settings

PACKAGE = str(Path(ants_coord.__file__).parent)
LONGEST = 2_000
"""characters of a message, whatever it quotes"""
OPAQUE = object()
HUGE_INT = 10**400
NAIVE = dt.datetime(2030, 1, 1)  # noqa: DTZ001 - a mistake that is often made
TAGS = "\U000e0041" * 127
HOSTILE = (
    None, True, 0, -1, 1.5, float("nan"), float("inf"), HUGE_INT, 10**5_000, -(2**70), "", " ", "a" * 100_000, "\ud800",
    "a\0b", "a\nb", "a#" + "9" * 5_000, b"x", bytearray(b"x"), [], {}, set(), OPAQUE, ["x", 1], [None], ["a" * 100_000],
    [b"x"], [[]], {"a": 1}, {1: []}, (("x", 1),), lambda: 1, int, dt.timedelta(-1), NAIVE, Task("z"),
    range(3), 1j,
    # as long as is allowed, and as long as possible in a message: each of these marks is shown as 10 characters
    "x == '" + "\\" * 4_000, " and ".join(["gpu"] * 1_000), TAGS, "a/" + TAGS, [f"{TAGS[3:]}{n}" for n in range(1_000)],
    ["x" * 120 + f"{n}" for n in range(1_000)], {f"k{n}": "x" * 200 for n in range(200)},
)  # fmt: skip
ORDINARY: dict[str, Any] = {
    "agent": "w", "name": "w", "task": "t", "tasks": ["t"], "path": "p", "place": "p", "pattern": "p/**", "kind": "k",
    "to": "matchmaker", "seconds": 1, "timeout": 0, "reason": "r", "amount": 1, "by": "b", "principal": "b", "n": 1,
    "count": 1, "handlers": lambda job: None, "requires": "gpu", "capabilities": {"gpu"}, "until": "idle", "value": 1, "note": 1,
    "advert": Advert("w", ("gpu",)), "mark": Mark("k", "p", 1.0), "purse": "p", "neighbours": {"p": ["q"]}, "share": 0.5, "what": "t",
    "query": None, "command": Retire("w"), "endings": [], "requirement": "gpu", "names": "x", "paths": "x", "root": ".",
}  # fmt: skip
CALLED = {
    "name": ("name", "agent", "limit", "purse", "mark kind"),
    "query": ("command",),
    "what": ("task", "lease", "agent must be given"),
    "paths": ("path", "lock name"),
    "names": ("lock name",),
    "endings": ("ending", "lease"),
    "known": ("known", "answer="),
    "digest": ("digest", "canary"),
    "where": ("path", "where", "uri"),
}
"""by which words a message may name a parameter, if not by its own"""
NOT_TRIED = {"close", "aio", "is_closed", "path", "over", "outbox"}
"""no arguments of theirs; `over` and `outbox` take objects of the caller's own"""


def verbs() -> Iterator[tuple[str, str]]:
    for verb in sorted(dir(aio.Blackboard)):
        method = getattr(aio.Blackboard, verb)
        if verb.startswith("_") or verb in NOT_TRIED or not callable(method):
            continue
        for parameter in list(inspect.signature(method).parameters.values())[1:]:
            if parameter.kind is not parameter.VAR_KEYWORD:
                yield verb, parameter.name


def raised_by(trace: TracebackType | None) -> tuple[str, str]:
    """Return the file and the instruction that an exception left first."""
    assert trace is not None
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    done = next(step.opname for step in dis.get_instructions(code) if step.offset == trace.tb_lasti)
    return code.co_filename, done


def complaint(error: BaseException, field: str) -> str | None:
    """Say what is wrong with an error, or None."""
    told = str(error)
    if isinstance(error, (CoordinationError, TimeoutError)):
        return f"{len(told)} characters" if len(told) > LONGEST else None
    if not isinstance(error, (TypeError, ValueError, FileNotFoundError)):
        return f"a {type(error).__name__}"
    file, done = raised_by(error.__traceback__)
    if not file.startswith((PACKAGE, "<")) or not done.startswith("RAISE"):
        return f"raised by {done} in {file}"
    if len(told) > LONGEST:
        return f"{len(told)} characters"
    named = any(word in told.lower() for word in CALLED.get(field, (field.removesuffix("s"),)))
    return None if named else "does not name the field"


def ordinary(verb: str, name: str) -> Any:
    if (verb, name) in (("react", "task"), ("submit", "task")):
        return Task("r")
    return (
        [Task("r")] if (verb, name) in (("split", "tasks"), ("submit_many", "tasks")) else ORDINARY.get(name)
    )


async def call(board: Any, verb: str, field: str, value: object) -> None:
    """Call a verb with one bad argument, and look at the first that it yields if it yields."""
    method = getattr(board, verb)
    given: dict[str, Any] = {}
    several: list[Any] = []
    for parameter in inspect.signature(method).parameters.values():
        name, wanted = parameter.name, ordinary(verb, parameter.name)
        if parameter.kind is parameter.VAR_POSITIONAL:  # *names
            several = [value if name == field else wanted]
        elif name == field:
            given[name] = value
        elif name == "lease":
            given[name] = await board.claim("w")
        elif name in ("agent", "timeout", "until") or parameter.default is parameter.empty:
            given[name] = wanted
    given.pop("changes", None)  # of configure
    answer = method(*several, **given)
    if inspect.isawaitable(answer) and not hasattr(answer, "__aenter__"):
        await answer
    elif isinstance(answer, AsyncIterator):
        with contextlib.suppress(StopAsyncIteration):
            await anext(answer)
    elif hasattr(answer, "__aenter__"):
        async with answer:
            pass


def refusals(verb: str, field: str) -> list[tuple[object, BaseException]]:
    """Try each value: on one board while it refuses them, on a new one when it has taken one."""
    left = list(HOSTILE)
    found: list[tuple[object, BaseException]] = []

    async def until_one_is_taken(clock: ManualClock) -> None:
        async with aio.Blackboard(clock=clock) as board:
            while left:
                await board.submit(Task("t"), if_exists="rerun")
                value = left.pop()
                try:
                    await call(board, verb, field, value)
                except Exception as error:
                    found.append((value, error))
                else:
                    break
                finally:
                    board.check()

    while left:
        clock = ManualClock()
        with contextlib.suppress(StuckError):  # the value was taken, and now the verb waits
            run(until_one_is_taken(clock), clock=clock)
    return found


@pytest.fixture
def readable(monkeypatch):
    """Whatever is carried out could be written to a log and read again: or the board would be lost for all."""
    apply = Machine.apply

    def applied(self, command, **given):
        if not isinstance(command, Command):
            return apply(self, command, **given)
        try:
            again = decode(encode(("s", 1), command))[1]
        except JournalCorruptError as problem:
            raise AssertionError(f"{command} cannot be read: {problem}") from None
        assert repr(again) == repr(command)
        return apply(self, command, **given)

    monkeypatch.setattr(Machine, "apply", applied)


@pytest.mark.parametrize(("verb", "field"), list(verbs()))
def test_a_bad_argument_is_refused_by_a_sentence_of_ours(verb, field, monkeypatch, tmp_path, readable):
    monkeypatch.chdir(tmp_path)
    wrong = []
    for value, error in refusals(verb, field):
        said = complaint(error, field)
        if said is not None:
            wrong.append(f"{type(value).__name__}: {said}: {type(error).__name__}: {str(error)[:200]}")
    assert wrong == []


@pytest.mark.parametrize("field", [setting.name for setting in fields_of(Settings)])
def test_a_bad_setting_is_refused_by_a_sentence_of_ours_or_can_be_read_again(field, readable):
    wrong = []
    with Blackboard() as board:
        for value in HOSTILE:
            try:
                board.configure(**{field: value})
            except Exception as error:
                said = complaint(error, field)
                if said is not None:
                    wrong.append(
                        f"{type(value).__name__}: {said}: {type(error).__name__}: {str(error)[:200]}"
                    )
    assert wrong == []


def settings_of(board: type[Any]) -> Callable[..., Any]:
    def made(**given: Any) -> None:
        board(**given).close()

    return made


BOARDS = {"ClaimQueue": ClaimQueue, "Matchmaker": Matchmaker, "Blackboard": Blackboard}
VALUES: dict[str, tuple[Callable[..., Any], dict[str, Any]]] = {
    "Task": (Task, {}),
    "Advert": (Advert, {"agent": "w"}),
    "Mark": (Mark, {"kind": "k", "place": "p"}),
    "MarkKind": (MarkKind, {"name": "k"}),
    "Backoff": (Backoff, {}),
    "TrustPolicy": (TrustPolicy, {}),
    "Verify": (Verify, {"method": "quorum", "agree": 2, "most": 3}),
    "Namespace": (Namespace, {"prefix": "p", "owners": ["w"]}),
    "Proof": (Proof, {"capability": "gpu", "answer": 1}),
    "Route": (Route, {"when": 'kind == "x"', "priority": 1}),
    "Piece": (Piece, {"name": "p"}),
    "RetryAfter": (RetryAfter, {"delay": 1}),
    "NotNow": (NotNow, {"delay": 1}),
    "Guard.check": (Guard().check, {"resource": "r", "token": 1}),
    "Guard": (Guard, {}),
    "SQLGuard": (SQLGuard, {}),
    "Colony": (Colony, {"seed": 1}),
    "Faults": (Faults, {}),
}


def fields() -> Iterator[tuple[str, str]]:
    for name, (make, _) in VALUES.items():
        for parameter in inspect.signature(make).parameters:
            yield name, parameter
    for name in BOARDS:
        yield name, "where"
        yield name, "secret"
        for setting in fields_of(Settings):
            yield name, setting.name


@pytest.mark.parametrize(("name", "field"), list(fields()))
def test_a_bad_field_of_a_value_is_refused_by_a_sentence_of_ours(name, field, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    make, given = (settings_of(BOARDS[name]), {}) if name in BOARDS else VALUES[name]
    wrong = []
    for value in HOSTILE:
        try:
            make(**{**given, field: value})
        except Exception as error:
            said = complaint(error, field)
            if said is not None:
                wrong.append(f"{type(value).__name__}: {said}: {type(error).__name__}: {str(error)[:200]}")
    assert wrong == []
