"""
The lines of any program: JSON objects in, JSON objects out.

Verbs have the same names and arguments as in Python. Nothing here touches a socket or the board: a line
becomes a command (or a query), and a reply becomes a line.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .._version import __version__
from ..commands.board import Deposit, Read
from ..commands.reading import Find
from ..commands.shared import Command, Lost, Query, Refused, ReleaseAll, Renew, Renewed, Submit, submission
from ..errors import CoordinationError, LeaseLostError
from ..fronts import arguments
from ..fronts.file_names import names_of_files
from ..values.checks import check_id, check_name, quoted, seconds
from ..values.entries import Entry
from ..values.marks import Mark, Trail
from ..values.tasks import Lease, Outcome, Task, TaskRecord
from .coordinator_lines import parsed

Json = dict[str, Any]


@attrs.frozen
class Asked:
    """One question: a command with its request id, or a query; and the agent that asks."""

    verb: str
    agent: str | None
    what: Command[Any] | Query[Any]
    request: str | None = None
    wait_s: float | None = None
    """how long a claim may wait for a task"""

    def answer(self, reply: Any, now_ns: int) -> bytes:
        """Return the line that answers it."""
        return answer_line(answer_of(self, reply, now_ns))

    def refusal(self, problem: Exception) -> bytes:
        """Return the line that replaces an answer."""
        return refusal(problem)


class _Fields:
    """The fields of a question; a field that nobody has read is refused by name at the end."""

    def __init__(self, given: Mapping[str, Any], secret: bytes | None) -> None:
        self._given = dict(given)
        self.secret = secret
        self.verb = self._given.pop("verb")
        self.agent: str | None = self.may("agent", str)

    def need(self, name: str, kind: type | tuple[type, ...]) -> Any:
        if self._given.get(name) is None:
            raise ValueError(f"{self.verb} needs {name!r}")
        return self.may(name, kind)

    def may(self, name: str, kind: type | tuple[type, ...], default: Any = None) -> Any:
        value = self._given.pop(name, None)
        if value is None:
            return default
        kinds = kind if isinstance(kind, tuple) else (kind,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            told = " or ".join(_JSON[each] for each in kinds)
            raise ValueError(f"{name} must be {told}, not {quoted(value)}")
        return value

    def speaker(self) -> str:
        if self.agent is None:
            raise ValueError(f"{self.verb} needs 'agent'")
        return self.agent

    def any(self, name: str) -> Any:
        return self._given.pop(name, None)

    def names(self, name: str) -> tuple[str, ...]:
        found = self.may(name, list, [])
        if not all(isinstance(each, str) for each in found):
            raise ValueError(f"{name} must be a list of strings, not {quoted(found)}")
        return tuple(found)

    def end(self) -> None:
        if self._given:
            raise ValueError(f"{self.verb} knows no {', '.join(map(repr, sorted(self._given)))}")


_NUMBERS = (int, float)
_TASK: dict[str, type | tuple[type, ...]] = {
    "kind": str, "priority": int, "requires": str, "place": str, "delay": _NUMBERS, "lease_ttl": _NUMBERS,
    "max_attempts": int, "key": str, "limit": str,
}  # fmt: skip
"""fields of a task in a line, besides `task` (its id), `payload`, `needs` and `tags`"""
_JSON = {str: "a string", int: "a whole number", float: "a number", bool: "true or false", list: "a list"}


def _claim(fields: _Fields) -> Command[Any]:
    task, kinds, ttl = fields.may("task", str), fields.names("kinds"), fields.may("lease_ttl", _NUMBERS)
    return arguments.claim(fields.speaker(), task, kinds or None, ttl)


def _submit(fields: _Fields) -> Command[Any]:
    given: dict[str, Any] = {name: fields.may(name, kind) for name, kind in _TASK.items()}
    given["id"] = fields.may("task", str)
    told = {name: value for name, value in given.items() if value is not None}
    told |= {name: fields.names(name) for name in ("needs", "tags")}
    if_exists = fields.may("if_exists", str, "same")
    return submission((Task(payload=fields.any("payload"), **told),), if_exists)


def _complete(fields: _Fields) -> Command[Any]:
    late = fields.may("late", str, "refuse")
    return arguments.complete(fields.need("lease", str), fields.any("result"), late, fields.secret)


def _fail(fields: _Fields) -> Command[Any]:
    retry = fields.may("retry", (bool, *_NUMBERS), True)
    return arguments.fail(fields.need("lease", str), fields.need("reason", str), retry)


def _release(fields: _Fields) -> Command[Any]:
    if fields.may("all", bool, False):
        return ReleaseAll(arguments.agent_name(fields.speaker()))
    return arguments.release(fields.need("lease", str))


def _renew(fields: _Fields) -> Command[Any]:
    return arguments.renew((fields.need("lease", str),), fields.may("lease_ttl", _NUMBERS))


def _lock(fields: _Fields) -> Command[Any]:
    names, paths, root = fields.names("names"), fields.names("paths"), fields.may("root", str)
    if paths:
        if root is None or not os.path.isabs(root):
            raise ValueError(
                f"root must be the folder that the paths are relative to, as a whole, not {quoted(root)}"
            )
        # here and not in the client: there is one rule for the names of files, and the client stays thin
        names = (*names, *names_of_files(paths, root))
    holder, shared = fields.may("holder", str), fields.may("shared", bool, False)
    return arguments.lock(names, fields.speaker(), fields.may("lease_ttl", _NUMBERS), holder, shared=shared)


def _mark(fields: _Fields) -> Command[Any]:
    strength = fields.may("strength", _NUMBERS, 1.0)
    mark = Mark(fields.need("kind", str), fields.need("place", str), strength)
    return Deposit(mark, arguments.agent_name(fields.speaker()))


def _read(fields: _Fields) -> Query[Any]:
    return Read(check_id(fields.need("path", str), "path"))


def _find(fields: _Fields) -> Query[Any]:
    return Find(arguments.task_id(fields.need("task", str)))


VERBS: dict[str, Callable[[_Fields], Command[Any] | Query[Any]]] = {
    "claim": _claim,
    "complete": _complete,
    "fail": _fail,
    "find": _find,
    "lock": _lock,
    "mark": _mark,
    "read": _read,
    "release": _release,
    "renew": _renew,
    "submit": _submit,
    "unlock": _release,
}
"""one row for each verb but "hello", which is about the connection"""


def read(line: bytes) -> Json:
    """Return the object that a line is, or raise ValueError or TypeError."""
    found = parsed(line)
    if not isinstance(found, dict):
        raise TypeError(f'the line must be an object such as {{"verb": "hello"}}, not {line[:60]!r}')
    return found


def read_line(asked: Json, secret: bytes | None) -> Asked:
    """
    Turn a question into a command or query; the board's secret decides which results are checked.

    Raises:
        ValueError, TypeError, CoordinationError: the question is wrong; the message names field and value.

    """
    verb = asked.get("verb")
    make = VERBS.get(verb) if isinstance(verb, str) else None
    if make is None:
        raise ValueError(f"there is no verb {quoted(verb)}; there are hello, {', '.join(VERBS)}")
    fields = _Fields(asked, secret)
    agent = fields.agent
    if agent is not None:
        arguments.agent_name(agent)
    request_id = fields.may("id", str)
    if request_id is not None:
        check_name(request_id, "id")
    wait_s = fields.may("timeout", _NUMBERS) if verb == "claim" else None
    if wait_s is not None:
        seconds(wait_s, "timeout", zero=True)
    what = make(fields)
    fields.end()
    _sign(what, agent)
    return Asked(str(verb), agent, what, request_id, wait_s)


def _sign(what: Command[Any] | Query[Any], agent: str | None) -> None:
    """Put the agent's name into a command, so that the core refuses another's lease."""
    if agent is None:
        return
    if isinstance(what, Renew):
        what.agents = (agent,) * len(what.leases)
    elif getattr(what, "agent", "") is None:
        what.agent = agent  # type: ignore[union-attr]


# -- answers ----------------------------------------------------------------------------------


def hello(board: str | None) -> bytes:
    """Return what a hub says about itself."""
    return answer_line({"ok": True, "hub": __version__, "board": board})


def refusal(problem: Exception) -> bytes:
    """Return the message that replaces an answer."""
    return answer_line(_refused(problem))


def _refused(problem: Exception) -> Json:
    """Return the error's name, its message and its fields."""
    told: Json = {"ok": False, "error": type(problem).__name__, "say": str(problem)}
    if isinstance(problem, CoordinationError) and attrs.has(type(problem)):
        for field in attrs.fields(type(problem)):  # type: ignore[arg-type]
            value = getattr(problem, field.name)
            if isinstance(value, (str, int, float, bool)):
                told.setdefault(field.name, value)
    return told


def answer_of(asked: Asked, reply: Any, now_ns: int) -> Json:
    """Return a reply as a JSON object."""
    if isinstance(reply, Refused):
        return _refused(reply.error)
    if isinstance(reply, Lease):
        return {"ok": True, **_lease(reply, now_ns)}
    if isinstance(asked.what, Submit):
        ticket = reply[-1]
        return {"ok": True, "task": ticket.id, "created": ticket.created, "state": str(ticket.state)}
    if isinstance(reply, Outcome):
        return {"ok": True, "task": reply.task, "state": str(reply.state), "late": reply.late}
    if isinstance(reply, TaskRecord):
        return {"ok": True, **_record(reply, now_ns)}
    if isinstance(reply, Entry):
        return {"ok": True, "path": reply.path, "value": reply.value, "version": reply.version}
    if isinstance(reply, Trail):
        return {"ok": True, "kind": reply.kind, "place": reply.place, "strength": reply.strength}
    if isinstance(asked.what, Renew):
        return _renewed(asked, reply[0], now_ns)
    # a search without success: null under the name that the result would have
    name = {"claim": "lease", "find": "task", "read": "path"}.get(asked.verb)
    if name is not None:
        return {"ok": True, name: None}
    if asked.verb == "fail":
        return {"ok": True, "state": str(reply)}
    return {"ok": True, "released": reply} if isinstance(asked.what, ReleaseAll) else {"ok": True}


def _lease(lease: Lease, now_ns: int) -> Json:
    told: Json = {
        "lease": lease.handle,
        "agent": lease.agent,
        "expires_in": max(0.0, (lease.expires_ns - now_ns) / 1e9),
    }
    if lease.names:
        return {**told, "names": list(lease.names)}
    return {
        **told,
        "task": lease.task,
        "kind": lease.kind,
        "payload": lease.payload,
        "inputs": lease.inputs,
        "attempt": lease.attempt,
    }


def _record(record: TaskRecord, now_ns: int) -> Json:
    told: Json = {
        "task": record.task.id,
        "kind": record.task.kind,
        "payload": record.task.payload,
        "state": str(record.state),
        "attempts": record.attempts,
    }
    if record.lease is not None:
        # not its handle: a reader must not be able to end another agent's lease
        told["holder"] = record.lease.agent
        told["expires_in"] = max(0.0, (record.lease.expires_ns - now_ns) / 1e9)
    if record.outcome is not None:
        told |= {"result": record.outcome.result, "reason": record.outcome.reason, "by": record.outcome.by}
    return told


def _renewed(asked: Asked, reply: Renewed | Lost, now_ns: int) -> Json:
    if isinstance(reply, Renewed):
        return {"ok": True, "expires_in": max(0.0, (reply.expires_ns - now_ns) / 1e9)}
    assert isinstance(asked.what, Renew)
    return _refused(LeaseLostError(asked.what.leases[0][0], reply.token, reply.reason))


def answer_line(answer: Json) -> bytes:
    """Return an answer as a line."""
    return json.dumps(answer, allow_nan=False, separators=(",", ":")).encode() + b"\n"
