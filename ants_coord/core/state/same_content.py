"""
Equal content: when two submissions of one id mean the same task.

Compared after normalising, so a payload that was a tuple equals the list it
became. A forgotten task leaves a digest of its content behind.
"""

from __future__ import annotations

from typing import Any

from ...frozen import evolve, fields
from ...values.tasks import Task

_FIELDS = tuple(
    field.name for field in fields(Task) if field.init and field.name not in ("payload", "verify", "spends")
)


def same_content(one: Task, payload: Any, other: Task, other_payload: Any) -> bool:
    """Tell whether two submissions are equal in every field."""
    if one.verify != other.verify or one.spends != other.spends or payload != other_payload:
        return False
    return all(getattr(one, name) == getattr(other, name) for name in _FIELDS)


def content_digest(task: Task, payload: Any) -> str:
    """Return a hash of the content."""
    import hashlib  # noqa: PLC0415 - 4 ms that most programs never need
    import json  # noqa: PLC0415

    content = [str(getattr(task, name)) for name in _FIELDS] + [payload]
    if task.verify is not None:
        content.append(str(task.verify))
    # added later than the other fields: digests of tasks without it must stay what they were
    if task.spends is not None:
        content.append(f"spends {dict(task.spends)}")
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def as_check(spec: Task) -> Task:
    """Return what a task looks like to those who may check it."""
    verify = spec.verify
    if verify is None or verify.method != "check":
        return spec
    assert verify.kind is not None
    return evolve(spec, kind=verify.kind, requires=verify.requires, place=None)
