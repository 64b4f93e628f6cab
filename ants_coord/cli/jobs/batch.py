"""
`run` and `work`: commands from a JSON Lines file, carried out by agents.

A file is read strictly and as a whole: every malformed line is reported, with
its number and the field, before anything is submitted.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

from ...errors import CoordinationError
from ...sync import Board, Matchmaker
from ...values.checks import count
from ...values.tasks import Task
from ..common.boards import is_there, open_board, troubles
from ..common.show import BAD_INPUT, clean, fail, warnings

KIND = "command"
AS_NEEDED, MOST_AS_NEEDED = "as-needed", 20
DEATHS = 10
"""how often the runner of a command may die before the command itself is suspected of killing it"""
MOST_ATTEMPTS = 100_000
BOARD_SETTINGS: dict[str, Any] = {
    "retention": 1e9,
    "retention_count": 1 << 40,
    "id_retention": 1e9,
    "id_retention_count": 1 << 40,
}
"""of a board that `run` makes: it never forgets what it has done"""

_TASK_FIELDS = (
    "id",
    "priority",
    "requires",
    "uses",
    "spends",
    "needs",
    "if_need_fails",
    "delay",
    "finish_by",
    "lease_ttl",
    "stall_after",
    "max_attempts",
    "key",
    "limit",
    "tags",
)
_COMMAND_FIELDS = ("cmd", "argv", "env", "cwd", "timeout")
_HINTS = ("seconds", "kind")
"""fields that `advise` uses, and that running a job does not need"""


def how_many(text: str) -> int | None:
    """Return a typed number of agents; None for as many as needed."""
    if text == AS_NEEDED:
        return None
    number = int(text) if text.isdecimal() else 0
    if not 1 <= number <= 1_000:
        raise fail(f"--agents: must be a number from 1 to 1,000 or {AS_NEEDED}, not {text!r}", BAD_INPUT)
    return number


def read_tasks(
    lines: Iterable[str], on_board: Callable[[set[str]], set[str]] | None = None
) -> tuple[list[Task], list[str]]:
    """
    Return the tasks of a file and what is wrong with it, one sentence per problem.

    The tasks may only be used if there are no problems. `on_board` tells which ids need not be in the file,
    because they are on the board already.
    """
    tasks: list[Task] = []
    problems: list[str] = []
    seen: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            task = _task(_parse(line), number)
        except (ValueError, TypeError, CoordinationError) as problem:
            problems.append(f"line {number}: {problem}")
            continue
        if task.id in seen:
            problems.append(f"line {number}: id: {task.id!r} is taken by line {seen[task.id]}")
        seen.setdefault(task.id, number)
        tasks.append(task)
    return tasks, problems + _unknown_needs(tasks, seen, on_board)


def read_hints(lines: Iterable[str]) -> tuple[dict[str, float], dict[str, str]]:
    """Return (id -> seconds, id -> kind) of a file that `read_tasks` has found nothing wrong with."""
    seconds: dict[str, float] = {}
    kinds: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            found = _parse(line)
            name = found.get("id", f"line-{number}")
            if "seconds" in found:
                seconds[name] = float(found["seconds"])
            if "kind" in found:
                kinds[name] = found["kind"]
    return seconds, kinds


def _unknown_needs(
    tasks: list[Task], seen: dict[str, int], on_board: Callable[[set[str]], set[str]] | None
) -> list[str]:
    missing = {need for task in tasks for need in task.needs if need not in seen}
    if missing and on_board is not None:
        missing -= on_board(missing)
    return [
        f"line {seen[task.id]}: needs: {need!r} is neither in the file nor on a board that was named"
        for task in tasks
        for need in task.needs
        if need in missing
    ]


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key}: stands twice")
        found[key] = value
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _parse(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line, object_pairs_hook=_unique, parse_constant=_no_constant)
    except json.JSONDecodeError as problem:
        raise ValueError(f"not JSON: {problem.msg} at column {problem.colno}") from None
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(found, dict):
        raise TypeError(f'a task must be an object such as {{"cmd": "make"}}, not {line.strip()[:60]}')
    return found


def _task(found: dict[str, Any], number: int) -> Task:
    unknown = [name for name in found if name not in (*_TASK_FIELDS, *_COMMAND_FIELDS, *_HINTS)]
    if unknown:
        known = ", ".join((*_COMMAND_FIELDS, *_TASK_FIELDS, *_HINTS))
        raise ValueError(f"{unknown[0]}: no such field; there are {known}")
    _check_hints(found)
    payload = _command(found)
    options = {name: found[name] for name in _TASK_FIELDS if name in found}
    if not isinstance(options.get("needs", []), list):
        raise TypeError(f"needs: must be a list of ids, not {options['needs']!r}")
    options.setdefault("id", f"line-{number}")
    attempts = count(options.get("max_attempts", 1), "max_attempts", most=MOST_ATTEMPTS)
    # the death of a runner is not a failure of its command. The board counts both, so the runners count the
    # failures, and the board allows that many deaths on top
    payload["attempts"] = attempts  # run_child reads it
    options["max_attempts"] = attempts + DEATHS
    for moment in ("delay", "finish_by"):
        if isinstance(options.get(moment), str):
            raise TypeError(f"{moment}: must be seconds, not {options[moment]!r}")
    return Task(kind=KIND, payload=payload, **options)


def command_after(line: str, folder: str | None, prefix: str) -> Task:
    """Return the task of a reaction: a shell command in a folder, which gets the changed path."""
    payload = _command({"cmd": line} | ({} if folder is None else {"cwd": folder}))
    return Task(kind=KIND, payload=payload | {"prefix": prefix, "attempts": 1}, max_attempts=1 + DEATHS)


def _check_hints(found: dict[str, Any]) -> None:
    if "seconds" in found and not _is_positive(found["seconds"]):
        raise TypeError(f"seconds: must be an estimate above 0, not {found['seconds']!r}")
    if "kind" in found and not (isinstance(found["kind"], str) and found["kind"]):
        raise TypeError(f'kind: must be text such as "test", not {found["kind"]!r}')


def _command(found: dict[str, Any]) -> dict[str, Any]:
    if ("cmd" in found) == ("argv" in found):
        raise ValueError('cmd, argv: exactly one of "cmd" (a shell line) and "argv" (a list) is needed')
    checks: dict[str, tuple[Callable[[Any], bool], str]] = {
        "cmd": (lambda v: isinstance(v, str) and bool(v.strip()), "a shell line"),
        "argv": (lambda v: isinstance(v, list) and _all_strings(v) and bool(v and v[0]), "a list of strings"),
        "env": (lambda v: isinstance(v, dict) and _all_strings(v.values()), "an object of strings"),
        "cwd": (lambda v: isinstance(v, str) and bool(v), "a directory"),
        "timeout": (_is_positive, "seconds, more than 0"),
    }
    payload = {}
    for name, (is_good, wanted) in checks.items():
        if name in found:
            if not is_good(found[name]):
                raise TypeError(f"{name}: must be {wanted}, not {found[name]!r}")
            payload[name] = found[name]
    _check_texts(payload)
    return payload


def _check_texts(payload: dict[str, Any]) -> None:
    """
    Refuse commands that no system can start: otherwise this would be reported only when their turn has come.
    """
    environment = payload.get("env", {})
    for name in environment:
        if not name or "=" in name:
            raise ValueError(f"env: a variable cannot have the name {name!r}")
    texts = [("cmd", payload.get("cmd", "")), ("cwd", payload.get("cwd", ""))]
    texts += [("argv", text) for text in payload.get("argv", ())]
    texts += [("env", text) for pair in environment.items() for text in pair]
    for field, text in texts:
        if "\0" in text:
            raise ValueError(f"{field}: {text[:60]!r} holds a NUL, which no command can be given")
        try:
            text.encode()
        except UnicodeEncodeError as problem:
            broken = text[problem.start]
            raise ValueError(f"{field}: {broken!r} is half a character (a lone surrogate)") from None


def _all_strings(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def _is_positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < 1e9


def read_file(file: str, board: str | None = None) -> list[Any]:
    """
    Read and check a JSON Lines file; every problem is printed before anything is submitted.

    Tasks may need tasks that are on `board` already.
    """
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as problem:
        raise fail(f"{file}: {problem}", BAD_INPUT) from None
    on_board = None if board is None else partial(_those_on, board)
    tasks, problems = read_tasks(text.split("\n"), on_board)
    if problems:
        for sentence in problems:
            warnings.print(f"[red]error:[/red] {clean(sentence, 2000)}")
        raise fail(f"{file}: {len(problems)} problem(s), nothing was submitted", BAD_INPUT)
    return tasks


def _those_on(where: str, ids: set[str]) -> set[str]:
    """Return which of these tasks are on a board."""
    with troubles():
        if not is_there(where):
            return set()
    with open_board(where) as board:
        return {one for one in ids if board.find(one) is not None}


def kind_for(tasks: list[Any]) -> type[Board]:
    """Return the strategy that a board must have for these tasks; a board that can do more stays as it is."""
    return Matchmaker if any(task.requires or task.uses for task in tasks) else Board
