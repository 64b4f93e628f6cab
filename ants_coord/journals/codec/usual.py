"""
The commands of every cycle, hand-written: as commands/plain_data.py and `text`, in a third of the time.

This speeds up replay, and cycles on a file (benchmarks "replay" and "SQLite NORMAL: cycle"). Each function
handles the usual form of its command and returns None for any other, which goes the general way. What is
written is the same to the byte, and everything accepted here has exactly the meaning that the general way
gives it (a test compares the two).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...commands.shared import Claim, Command, Complete, CompleteMany, Renew, Submit
from ...values.tasks import Task
from .text import dumps, quoted

Fields = dict[str, Any]


def _write_submit(command: Submit) -> str | None:
    if command.if_exists != "same" or command.ahead_ns:
        return None
    if len(command.tasks) != 1:
        return _write_batch(command)
    task = command.tasks[0]
    if task.__class__ is not Task:
        return None  # it has more fields than most
    fields = f'"id":{quoted(task.id)}'
    if task.kind != "default":
        fields += f',"kind":{quoted(task.kind)}'
    if task.priority:
        fields += f',"priority":{task.priority}'
    return f'{{"tasks":[{{{fields}}}],"payloads":{dumps(command.payloads)}}}'


def _write_batch(command: Submit) -> str | None:
    told = []
    for task in command.tasks:
        if task.__class__ is not Task or task.kind != "default" or task.priority:
            return None
        told.append({"id": task.id})
    return dumps({"tasks": told, "payloads": command.payloads})


def _write_claim(command: Claim) -> str | None:
    if command.kinds is None and command.task is None and command.ttl_ns is None:
        agent = command.agent
        return f'{{"agent":{quoted(agent)}}}' if agent.__class__ is str else None
    return None


def _write_complete(command: Complete) -> str | None:
    if command.late != "refuse" or command.draw is not None or command.agent is not None:
        return None
    task, token, result = command.task, command.token, command.result
    if task.__class__ is not str or token.__class__ is not int:  # another encoder of JSON would be needed
        return None
    if result is None:
        return f'{{"task":{quoted(task)},"token":{token}}}'
    return f'{{"task":{quoted(task)},"token":{token},"result":{dumps(result)}}}'


def _write_complete_many(command: CompleteMany) -> str | None:
    return dumps({"endings": command.endings}) if command.agent is None else None


def _read_submit(fields: Fields) -> Submit | None:
    if len(fields) != 2 or "tasks" not in fields or "payloads" not in fields:
        return None
    tasks, payloads = fields["tasks"], fields["payloads"]
    if not tasks.__class__ is list is payloads.__class__ or len(tasks) != len(payloads):
        return None
    made = []
    for told in tasks:
        if told.__class__ is not dict or len(told) != 1:
            return None
        task = told.get("id")
        if task.__class__ is not str or not task:
            return None
        made.append(Task(task))
    return Submit(tuple(made), tuple(payloads))


def _read_claim(fields: Fields) -> Claim | None:
    if len(fields) == 1 and "agent" in fields and fields["agent"].__class__ is str:
        return Claim(fields["agent"])
    return None


def _read_complete(fields: Fields) -> Complete | None:
    if "task" not in fields or "token" not in fields or len(fields) != 2 + ("result" in fields):
        return None
    task, token = fields["task"], fields["token"]
    if task.__class__ is not str or token.__class__ is not int:
        return None
    return Complete(task, token, fields.get("result"))


def _read_complete_many(fields: Fields) -> CompleteMany | None:
    if len(fields) != 1 or "endings" not in fields or fields["endings"].__class__ is not list:
        return None
    endings = []
    for ending in fields["endings"]:
        if ending.__class__ is not list or len(ending) != 3:
            return None
        task, token, result = ending
        if task.__class__ is not str or token.__class__ is not int:
            return None
        endings.append((task, token, result))
    return CompleteMany(tuple(endings))


def _read_renew(fields: Fields) -> Renew | None:
    if len(fields) != 1 or "leases" not in fields or fields["leases"].__class__ is not list:
        return None
    leases = []
    for pair in fields["leases"]:
        if pair.__class__ is not list or len(pair) != 2:
            return None
        task, token = pair
        if task.__class__ is not str or token.__class__ is not int:
            return None
        leases.append((task, token))
    return Renew(tuple(leases))


WRITE: dict[type, Callable[[Any], str | None]] = {
    Submit: _write_submit,
    Claim: _write_claim,
    Complete: _write_complete,
    CompleteMany: _write_complete_many,
}
"""command type -> its fields as JSON, if it has its usual form"""

READ: dict[str, Callable[[Fields], Command[Any] | None]] = {
    "Submit": _read_submit,
    "Claim": _read_claim,
    "Complete": _read_complete,
    "CompleteMany": _read_complete_many,
    "Renew": _read_renew,
}
"""command name -> the command with these fields, if they have its usual form"""
