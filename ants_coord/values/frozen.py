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


__all__ = ["lasting", "lasting_or_none", "maker", "quick", "strings", "taking"]

_set = object.__setattr__
_V = TypeVar("_V")


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
