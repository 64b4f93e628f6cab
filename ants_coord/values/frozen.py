"""
Cheap frozen values: attrs classes that are made in half the time; and fields that take more than they keep.
"""

from __future__ import annotations

import datetime as dt
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
    an instance is born as its writable twin (same slots), filled by plain
    stores, checked by `_check`, and becomes frozen by one class assignment.
    For the values that every cycle makes; nothing else touches the twin.
    """
    check = cls.__dict__.get("_check")
    writable: type[Any]

    def __attrs_pre_init__(self: Any) -> None:
        _set(self, "__class__", writable)

    def __attrs_post_init__(self: Any) -> None:
        if check is not None:
            check(self)
        self.__class__ = frozen

    def __setattr__(self: Any, name: str, value: object) -> None:
        raise attrs.exceptions.FrozenInstanceError

    def __delattr__(self: Any, name: str) -> None:
        raise attrs.exceptions.FrozenInstanceError

    for method in (__attrs_pre_init__, __attrs_post_init__, __setattr__, __delattr__):
        setattr(cls, method.__name__, method)
    frozen = attrs.define(cls, slots=True, weakref_slot=False)
    # both must be object's own: only then does CPython store without asking the class
    plain = {"__slots__": (), "__setattr__": object.__setattr__, "__delattr__": object.__delattr__}
    writable = type(cls.__name__, (frozen,), plain)
    return frozen


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
