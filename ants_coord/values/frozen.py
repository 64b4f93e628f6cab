"""
Cheap frozen values: attrs classes that are made in half the time; and fields that take more than they keep.
"""

from __future__ import annotations

import datetime as dt
import functools
import inspect
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import attrs

from .checks import seconds

if TYPE_CHECKING:
    from attrs import field as taking
else:

    def taking(*, converter: object, **options: Any) -> Any:
        """
        Return a field that takes more than it keeps: a list where it keeps a tuple, a timedelta for seconds.

        The converter only tells type checkers what the constructor takes. Each class checks and
        converts by itself, with an error that names the field, and a call less for each field.
        """
        return attrs.field(**options)


__all__ = ["lasting", "lasting_or_none", "maker", "problem", "quick", "record", "strings", "taking"]

_set = object.__setattr__
_V = TypeVar("_V")
_C = TypeVar("_C", bound=type)


def quick(cls: type[_V]) -> type[_V]:
    """
    Make a frozen, slotted attrs class whose construction costs half of attrs.frozen's.

    attrs fills a frozen instance through object.__setattr__, 50 ns a field. So
    an instance becomes its writable twin (same slots), is filled by plain
    stores, checked by `_check`, and becomes frozen by one class assignment.
    For the values that every cycle makes; nothing else touches the twin.
    """
    check = cls.__dict__.get("_check")

    def __setattr__(self: Any, name: str, value: object) -> None:
        raise attrs.exceptions.FrozenInstanceError

    def __delattr__(self: Any, name: str) -> None:
        raise attrs.exceptions.FrozenInstanceError

    for method in (__setattr__, __delattr__):
        setattr(cls, method.__name__, method)
    frozen = attrs.define(cls, init=False, slots=True, weakref_slot=False)
    # both must be object's own: only then does CPython store without asking the class
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    writable = type(cls.__name__, (frozen,), plain)
    frozen.__init__ = _initializer(frozen, writable, check)  # type: ignore[method-assign]
    return frozen


def _initializer(frozen: Any, writable: type[Any], check: Callable[[Any], None] | None) -> Any:
    """
    Return the __init__ of a `quick` class: one function, where attrs would call two more around it.

    It takes unknown names as well, and refuses them with the field that was probably meant.
    """
    parameters = ["self"]
    body = ["    if unknown: refuse(unknown)", '    become(self, "__class__", writable)']
    known = {"become": _set, "writable": writable, "frozen": frozen, "check": check, "nothing": attrs.NOTHING}
    known["refuse"] = functools.partial(_refuse_unknown, frozen)
    for field in attrs.fields(frozen):
        name, default = field.name, field.default
        made = f"default_{name}"
        if isinstance(default, attrs.Factory):  # type: ignore[arg-type]
            known[made] = default.factory
            value = f"{made}() if {name} is nothing else {name}" if field.init else f"{made}()"
            given = f"{name}=nothing"
        else:
            known[made] = default
            value = name if field.init else made
            given = name if default is attrs.NOTHING else f"{name}={made}"
        body.append(f"    self.{name} = {value}")
        if field.init:
            if field.kw_only and "*" not in parameters:
                parameters.append("*")
            parameters.append(given)
    body += ["    check(self)"] if check is not None else []
    text = "\n".join(
        [f"def __init__({', '.join(parameters)}, **unknown):", *body, "    self.__class__ = frozen"]
    )
    exec(text, known)  # noqa: S102 - as attrs does it; the text is made from field names
    made_here: Any = known["__init__"]
    made_here.__qualname__ = f"{frozen.__qualname__}.__init__"
    shown = inspect.signature(made_here)
    made_here.__signature__ = shown.replace(parameters=[*shown.parameters.values()][:-1])
    return made_here


def _refuse_unknown(kind: type, unknown: dict[str, Any]) -> None:
    import difflib  # noqa: PLC0415 - only mistakes need it

    names = [field.name for field in attrs.fields(kind) if field.init]
    name = next(iter(unknown))
    close = difflib.get_close_matches(name, names, 1)
    way = f"did you mean {close[0]}?" if close else f"there are {', '.join(names)}"
    raise TypeError(f"{kind.__name__} has no field {name}; {way}")


def maker(value: type[_V]) -> Callable[..., _V]:
    """
    Return a function that makes a `quick` value without checks, all fields given, in order.

    For the three values that the core makes in every cycle; half the time of the class itself.
    """
    fields = [field.name for field in attrs.fields(value)]  # type: ignore[arg-type]
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    source = [
        f"def make({', '.join(fields)}):",
        "    made = new(writable)",
        *[f"    made.{name} = {name}" for name in fields],
        "    made.__class__ = frozen",
        "    return made",
    ]
    known = {"new": object.__new__, "writable": type(value.__name__, (value,), plain), "frozen": value}
    exec("\n".join(source), known)  # noqa: S102 - as attrs does it; the text is made from field names
    return known["make"]  # type: ignore[return-value]


def strings(values: Iterable[str]) -> tuple[str, ...]:
    """Say that a field takes any iterable of strings, and keeps a tuple."""
    return tuple(values)


def lasting(value: float | dt.timedelta) -> float:
    """Say that a field takes seconds or a timedelta, and keeps seconds."""
    return seconds(value, "a duration", zero=True)


def lasting_or_none(value: float | dt.timedelta | None) -> float | None:
    """Say that a field takes seconds, a timedelta or None."""
    return None if value is None else lasting(value)


# -- commands, queries, errors ------------------------------------------------------------------

# attrs takes half a millisecond and more for a class, and there are seventy commands, queries and
# errors: a third of an import. What they have of attrs is an `__init__`, slots, equality and a repr, so these
# are made here. Whoever asks attrs about such a class (the codec does) gets the true
# answer, which attrs works out at that moment.

if TYPE_CHECKING:
    from attrs import define as problem
    from attrs import define as record
else:

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
        made.__init__ = _plain_initializer(made, dict(own), defaults, ends="")
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
        cls.__init__ = _plain_initializer(cls, fields, defaults, ends)
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


def _plain_initializer(cls: type, fields: dict[str, str], defaults: dict[str, Any], ends: str) -> Any:
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
