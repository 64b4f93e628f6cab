"""
No refusal goes untested, or unsaid: whether every place in the core that refuses was made to, and whether the
docstrings of the verbs name each error with which their commands were refused.

`Refused` is watched while the tests run. A whole run in which some place never refused, or something unsaid was
raised, fails and names it; a part of the suite is not judged.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import sys
from pathlib import Path
from types import FrameType

import ants_coord
from ants_coord import errors
from ants_coord.commands.shared import Command, Query, Refused
from ants_coord.fronts import arguments

CORE = Path(ants_coord.__file__).parent / "core"
_MAKES = re.compile(r"\bRefused\(")


def places() -> set[tuple[str, int]]:
    """Return (file, line) of every place that makes a Refused."""
    return {
        (path.relative_to(CORE).as_posix(), number)
        for path in CORE.rglob("*.py")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if _MAKES.search(line)
    }


@functools.cache
def _within_core(filename: str) -> str:
    path = Path(filename)
    return path.relative_to(CORE).as_posix() if path.is_relative_to(CORE) else filename


def watch() -> set[tuple[str, int] | tuple[str, str]]:
    """Note from now on where refusals are made, and with which error of what; returns the set that grows."""
    seen: set[tuple[str, int] | tuple[str, str]] = set()
    make = Refused.__init__

    def noted(self: Refused, error: object) -> None:
        frame = sys._getframe(1)
        seen.add((_within_core(frame.f_code.co_filename), frame.f_lineno))
        seen.add((_asked(frame), type(error).__name__))
        make(self, error)  # type: ignore[arg-type]

    Refused.__init__ = noted  # type: ignore[method-assign]
    return seen


def _asked(frame: FrameType | None) -> str:
    """Return the name of the command or query that is refused: of a task that a change makes, its Submit."""
    while frame is not None:
        if _within_core(frame.f_code.co_filename) != frame.f_code.co_filename:
            what = frame.f_locals.get("command", frame.f_locals.get("query"))
            if isinstance(what, (Command, Query)):
                return type(what).__name__
        frame = frame.f_back
    return ""


_EVERYWHERE = {"ForeignLeaseError", "NotSupportedError", "RequestReusedError", "RequestTooOld"}
"""said of all verbs and handles, or, for verbs of another strategy, of none"""
_OF_NO_VERB = {("Withdraw", "AdvertRefusedError")}
"""met only by a command with a field that the verb leaves out: a start that is no longer the newest"""


def unsaid(seen: set[tuple[str, int] | tuple[str, str]]) -> set[tuple[str, str]]:
    """Return (command, error) of what was refused in a way that no verb with this command tells."""
    told = raised_by_command()
    return {
        (asked, error)
        for asked, error in seen
        if isinstance(error, str)
        and hasattr(errors, error)
        and asked in told
        and error not in told[asked] | _EVERYWHERE
    } - _OF_NO_VERB


def raised_by_command() -> dict[str, set[str]]:
    """Return name of a command or query -> the errors that the verbs which make it say they raise."""
    made: dict[str, set[str]] = {}
    builders = {
        name: build.__annotations__.get("return", "")
        for name, build in vars(arguments).items()
        if inspect.isfunction(build)
    }
    for path in CORE.with_name("aio").glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)) or node.name.startswith("_"):
                continue
            raises = (ast.get_docstring(node) or "").partition("\nRaises:\n")[2].partition("\nExample:\n")[0]
            for call in ast.walk(node):
                match call:
                    case ast.Name(id=name) | ast.Attribute(attr=name):
                        made.setdefault(builders.get(name, name), set()).update(re.findall(r"\w+", raises))
    return made
