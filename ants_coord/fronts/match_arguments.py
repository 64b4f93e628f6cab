"""Adverts, checked for the verbs that take one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypedDict

from ..values.adverts import Advert
from ..values.checks import listed, quoted, seconds
from ..values.rules import LOAD, checked_rule
from .arguments import Seconds

Attributes = Mapping[str, int | float | str | bool]
"""What an agent says of itself in figures and words, such as {"gpu_mem": 24}."""


class AdvertChanges(TypedDict, total=False):
    """What `update` changes of an advert: all but whose it is, and which start of that agent."""

    capabilities: Iterable[str]
    attributes: Attributes
    slots: int
    load: float
    accepts: str | None
    ttl: Seconds


_GIVEN = ("proven", "addressee")
"""reserved prefixes of names: those that only a board gives, and some others"""


def advert_of(
    agent: str,
    capabilities: Iterable[str],
    attributes: Attributes | None,
    slots: int,
    load: float,
    accepts: str | None,
    ttl: Seconds,
) -> Advert:
    """Build an Advert."""
    if isinstance(capabilities, (str, bytes)):
        raise TypeError(f"capabilities must be a set such as {{{quoted(capabilities)}}}, not a string")
    named = {} if attributes is None else attributes
    advert = Advert(
        agent,
        listed(capabilities, "capabilities", "a set of strings"),
        named,
        slots,
        load,
        accepts,
        seconds(ttl, "ttl"),
    )
    return checked_advert(advert)


def checked_advert(advert: object) -> Advert:
    """Return a checked Advert, or raise an error that says what to use instead."""
    if not isinstance(advert, Advert):
        raise TypeError(f"advertise takes an Advert, not {quoted(advert)}; or use join(agent, capabilities)")
    if advert.accepts is not None:
        # here and not in Advert: old boards have adverts with rules that can never be true
        checked_rule(advert.accepts, "accepts", LOAD)
    if any(name.startswith(_GIVEN) for name in (*advert.capabilities, *advert.attributes)):
        from ..values.verification import checked_capabilities  # noqa: PLC0415 - rarely

        checked_capabilities((*advert.capabilities, *advert.attributes))
    return advert
