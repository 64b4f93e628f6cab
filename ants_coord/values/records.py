"""
Plain records: classes that are made in a fifth of attrs' time, for the many that most programs never use.

attrs takes half a millisecond and more for a class, and there are seventy commands, queries and
errors: a third of an import. What they have of attrs is an `__init__`, slots, equality and a repr, so these
are made here. Whoever asks attrs about such a class (the codec does) gets the true
answer, which attrs works out at that moment.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

__all__ = ["problem", "record"]

if TYPE_CHECKING:
    from attrs import define as problem
    from attrs import define as record
else:
    _C = TypeVar("_C", bound=type)

    def record(cls: _C) -> _C:
        """Make a class with slots, compared by its fields, as `attrs.define` does."""
        own = inspect.get_annotations(cls)
        body = dict(cls.__dict__)
        if any(_says_more(body.get(name)) for name in own):
            return attrs.define(cls)
        defaults = {name: body.pop(name) for name in own if name in body}
        for name in ("__dict__", "__weakref__"):
            body.pop(name, None)
        names = tuple(own)
        body |= {
            "__slots__": names, "__match_args__": names, "__hash__": None,
            "__eq__": _equal, "__repr__": _shown, "__attrs_attrs__": _Fields(cls, own, defaults),
        }  # fmt: skip
        made = type(cls)(cls.__name__, cls.__bases__, body)
        made.__init__ = _initializer(made, dict(own), defaults, ends="")
        return made

    def problem(cls: _C) -> _C:
        """Make an exception with fields, those of its bases first, as `attrs.define(eq=False)` does."""
        fields: dict[str, str] = {}
        defaults: dict[str, Any] = {}
        for one in reversed(cls.__mro__):
            if one.__module__ == "builtins":
                continue
            own = inspect.get_annotations(one)
            fields |= own
            defaults |= {name: one.__dict__[name] for name in own if name in one.__dict__}
        cls.__match_args__ = tuple(fields)
        cls.__attrs_attrs__ = _Fields(cls, fields, defaults)
        # what is pickled, and what a traceback of an exception group shows, are the arguments
        ends = f"    raised(self, {', '.join(fields)})" if fields else "    raised(self)"
        cls.__init__ = _initializer(cls, fields, defaults, ends)
        return cls


def _says_more(default: object) -> bool:
    """Tell whether a field is more than a name, a type and a default."""
    return type(default).__module__.startswith("attr.")


class _Fields:
    """What attrs knows of a class, asked of attrs when somebody wants to know it."""

    def __init__(self, cls: type, fields: dict[str, str], defaults: dict[str, Any]) -> None:
        self._cls = cls
        self._body = {**defaults, "__annotations__": fields, "__module__": cls.__module__}
        self._known: Any = None

    def __get__(self, instance: object, owner: type) -> Any:
        if self._known is None:
            # without the bases of the class, which would know the twin as one more subclass
            twin: Any = attrs.define(type(self._cls.__name__, (), self._body), eq=False)
            self._known = twin.__attrs_attrs__
        return self._known


def _equal(self: Any, other: Any) -> Any:
    if other.__class__ is not self.__class__:
        return NotImplemented
    return all(getattr(self, name) == getattr(other, name) for name in self.__match_args__)


def _shown(self: Any) -> str:
    fields = [f"{name}={getattr(self, name)!r}" for name in self.__match_args__]
    return f"{self.__class__.__name__}({', '.join(fields)})"


def _initializer(cls: type, fields: dict[str, str], defaults: dict[str, Any], ends: str) -> Any:
    parameters = ["self"]
    known: dict[str, Any] = {"raised": BaseException.__init__}
    for name in fields:
        parameters.append(f"{name}=default_{name}" if name in defaults else name)
        if name in defaults:
            known[f"default_{name}"] = defaults[name]
    body = [f"    self.{name} = {name}" for name in fields]
    text = "\n".join([f"def __init__({', '.join(parameters)}):", *body, ends or "    return None"])
    exec(text, known)  # noqa: S102 - as attrs does it; the text is made from field names
    made: Any = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    made.__module__ = cls.__module__
    made.__annotations__ = {**fields, "return": "None"}
    return made
