"""
Refusals for a model: what is wrong, and which tool to call next.

Error messages address Python programmers and mention arguments and methods; a model only has tools.
"""

from __future__ import annotations

import re
from collections.abc import Container

from ... import errors
from .arguments import Refusal

MOST = 600
"""most characters of a sentence; explanations of large boards can be long"""

_STEPS = {
    "claim_task": "Call claim_task for a task of your own.",
    "list_tasks": "Call list_tasks to see what there is.",
    "why": "Call why to see what is known of it.",
    "lock_files": "Call lock_files to reserve files.",
    "read_board": "Call read_board to see what there is.",
    "advertise": "Call advertise to say what you can do.",
}
"""tool -> what to do with it next"""

_NEXT: tuple[tuple[type[Exception], str], ...] = (
    (errors.LeaseLostError, "claim_task"),
    (errors.ForeignLeaseError, "claim_task"),
    (errors.TaskNotFoundError, "list_tasks"),
    (errors.TaskExistsError, "why"),
    (errors.DependencyError, "list_tasks"),
    (errors.IllegalTransitionError, "claim_task"),
    (errors.AdvertRefusedError, "advertise"),
    (errors.AgentGoneError, "advertise"),
    (errors.UnknownKindError, "read_board"),
    (errors.NotOwnerError, "read_board"),
    (errors.StaleVersionError, "read_board"),
)
"""error -> the tool that helps; for all others, the tool that was called, with other arguments"""


def plain(text: str) -> str:
    """Return a message of the library without the parts that only Python programmers can use."""
    text = re.sub(r"\(\)|\b[a-z_]+\(since=.*?\)\)?", "", " ".join(text.split()))
    text = re.sub(r"\b(\w+)=(?=[\w'.])", r"\1 ", text)
    return text if len(text) <= MOST else text[: MOST - 3] + "..."


def refused(error: Exception, tool: str, agent: str, tools: Container[str]) -> str:
    """
    Return the sentence for an error.

    Args:
        error: the error that the board raised.
        tool: the tool that was called.
        agent: the agent that called it.
        tools: the agent's tools.

    """
    if isinstance(error, errors.ClosedError):
        return "The board is closed; nothing can be done here any more."  # no tool helps
    if isinstance(error, errors.JournalError):
        return f"The board cannot be used now: {plain(str(error))}. Call {tool} again in a minute."
    told = str(error) if isinstance(error, Refusal) else _told(error, agent)
    if isinstance(error, errors.HeldError) and tool == "lock_files":
        return f"{told} Work on other files, and call lock_files again later."
    helps = _helpful(error)
    step = _STEPS[helps] if helps in tools else f"Call {tool} again, with other arguments."
    return f"{told} {step}"


def _helpful(error: Exception) -> str:
    if isinstance(error, Refusal):
        return error.next_tool or ""
    return next((tool for kind, tool in _NEXT if isinstance(error, kind)), "")


def _told(error: Exception, agent: str) -> str:
    if isinstance(error, errors.LeaseLostError):
        why = plain(str(error)).partition(" is lost: ")[2].partition(";")[0]
        return f"You do not hold {error.task_id} any more: {why or error.reason}. Stop working on it."
    if isinstance(error, errors.ForeignLeaseError):
        return f"{error.task_id} is held by {error.holder}, not by you."
    if isinstance(error, errors.HeldError):
        holder = error.holder if error.holder != agent else "another session under your name"
        return f"{error.name} is held by {holder}."
    if isinstance(error, errors.TaskNotFoundError):
        return f"There is no task {error.task_id}{', it ended long ago' if error.forgotten else ''}."
    if isinstance(error, errors.TaskExistsError):
        return f"There is a task {error.task_id} already, with other content; take another id."
    text = plain(str(error) or type(error).__name__)
    return text[0].upper() + text[1:] + ("" if text.endswith((".", "...")) else ".")
