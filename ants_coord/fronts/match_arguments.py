"""The arguments of the verbs about adverts, checked once and turned into commands for both colours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..commands.matching import Agents, Retire
from ..values.adverts import Advert, checked_requirement
from ..values.checks import count, listed, quoted, seconds
from ..values.payloads import json_value
from ..values.rules import LOAD, checked_rule
from . import arguments
from .arguments import Seconds

CHANGES = ("joined", "changed", "fading", "departed")
"""events about adverts"""
_GIVEN = ("proven", "addressee")
"""reserved prefixes of names: those that only a board gives, and some others"""


def advert_of(
    agent: str,
    capabilities: Iterable[str],
    attributes: Mapping[str, int | float | str | bool] | None,
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


def retire(agent: str, reason: str) -> Retire:
    """Build a Retire."""
    if not isinstance(reason, str):
        raise TypeError(f"reason must be a string, not {quoted(reason)}")
    return Retire(arguments.agent_name(agent), json_value(reason[:500], "reason"))


def most(value: int) -> int:
    """Return a checked `count`."""
    return count(value, "count", most=1 << 30)


def agents(requires: str | None, prefer: Iterable[str], n: int) -> Agents:
    """Build an Agents query."""
    if isinstance(prefer, str):
        raise TypeError(f"prefer must be a list of requirements such as [{quoted(prefer)}], not a string")
    wishes = listed(prefer, "prefer", "a list of requirements")
    for wish in wishes:
        if not isinstance(wish, str):
            raise TypeError(f"each of prefer must be a requirement such as 'gpu', not {quoted(wish)}")
        checked_requirement(wish, "prefer")
    return Agents(checked_requirement(requires, "requires"), wishes, count=most(n))
