"""
The values of capability matching: what an agent can do, and what is offered to it.

An advert says what an agent CAN do, not what it is doing. It is soft state: it is refreshed while its agent
lives, and fades when the agent falls silent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from ..errors import LimitError
from ..frozen import field, frozen, taking
from ..requirements import parse
from .checks import check_name, count, lasting, listed, plain, quoted, seconds, strings

MAX_CAPABILITIES = 512
MAX_ATTRIBUTES = 256
_VERSION = r"v?[0-9]{1,9}(\.[0-9]{1,9}){0,7}([-+._]?[A-Za-z][A-Za-z0-9.+_-]*)?"
_CAPABILITY = re.compile(rf"[A-Za-z_][A-Za-z0-9_/@-]*(\.[A-Za-z0-9_/@-]+)*(:{_VERSION})?\Z")
_ATTRIBUTE = re.compile(r"[A-Za-z_][A-Za-z0-9_/@-]*(\.[A-Za-z0-9_/@-]+)*\Z")
_WORDS = frozenset({"and", "or", "not", "in", "true", "false"})
_set = object.__setattr__


def checked_requirement(value: object, field: str) -> str | None:
    """Return a requirement that can be parsed, or None; otherwise raise an error with the column."""
    if value is None:
        return None
    if not isinstance(value, str):
        raise TypeError(f"{field} must be a string such as 'gpu and mem >= 16', not {quoted(value)}")
    parse(value)
    return value


def _capability(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"each of capabilities must be a string, not {quoted(value)}")
    if len(value) > 128 or _CAPABILITY.match(value) is None or value in _WORDS:
        raise ValueError(
            f"each of capabilities must be a dotted name such as 'doc.parse', with a version such as "
            f"'python:3.11' if it has one, not {value[:140]!r}"
        )
    return plain(value)


def _attribute(name: object, value: object) -> tuple[str, int | float | str | bool]:
    if not isinstance(name, str) or len(name) > 128 or _ATTRIBUTE.match(name) is None or name in _WORDS:
        raise ValueError(f"each name in attributes must be a word such as 'gpu_mem', not {quoted(name)}")
    if isinstance(value, str):
        if len(value) > 256 or any(
            ord(c) < 32 or 127 <= ord(c) < 160 or 0xD800 <= ord(c) < 0xE000 for c in value
        ):
            raise ValueError(
                f"attributes[{name!r}] must be at most 256 characters without controls: {value[:60]!r}"
            )
    elif not isinstance(value, (bool, int, float)):
        raise TypeError(
            f"attributes[{quoted(name)}] must be a number, a string or a bool, not {quoted(value)}"
        )
    elif not isinstance(value, bool) and not abs(value) <= 1 << 53:
        raise ValueError(f"attributes[{quoted(name)}] must be finite and within 2**53, not {quoted(value)}")
    elif isinstance(value, float) and value == int(value):
        value = int(value)
    if isinstance(value, str):
        value = plain(value)
    elif isinstance(value, int) and value.__class__ not in (int, bool):
        value = int(value)  # an IntEnum's member
    return plain(name), value


@frozen
class Advert:
    """
    What an agent says it can do.

    Args:
        agent: name of the agent.
        capabilities: dotted names; "doc.parse.pdf" meets a requirement of "doc.parse" or "doc". A version
            follows a colon ("python:3.11"), and an agent may have several; in "v1.22" or "3.13.0rc1" only the
            numbers are compared.
        attributes: name -> number, string or bool; a whole number is a capacity that `uses=` of tasks can
            occupy.
        slots: number of tasks at a time; with 0 the agent can be found, but is never offered anything.
        load: how busy the agent says it is, 0 to 1; at 1 it gets nothing.
        accepts: the agent's own rule about a task: kind, priority, place, limit, uses.NAME, and tags as bare
            names. Tasks for which it is not true are not offered.
        ttl: seconds that the advert lives without a refresh.
        incarnation: grows with every start of the agent; an advert with a lower one is refused.

    Raises:
        TypeError, ValueError, LimitError, RequirementError: the message names the field and the rule.

    Source:
        Soft state as in HTCondor's collector, Jini's leases and Eureka; symmetric matching as in ClassAds.

    Example:
        >>> from ants_coord import Advert, Matchmaker, Task
        >>> with Matchmaker() as market:
        ...     _ = market.submit(Task("train", requires="gpu and mem >= 16"))
        ...     _ = market.advertise(Advert("w1", {"gpu"}, {"mem": 24}))
        ...     market.claim("w1").task
        'train'

    """

    agent: str
    capabilities: tuple[str, ...] = taking(default=(), converter=strings)
    attributes: Mapping[str, int | float | str | bool] = field(factory=dict)
    slots: int = 1
    load: float = 0.0
    accepts: str | None = None
    ttl: float = taking(default=60.0, converter=lasting)
    incarnation: int = 0

    def __attrs_post_init__(self) -> None:
        _set(self, "agent", check_name(self.agent, "agent"))
        said = listed(self.capabilities, "capabilities", "a set of strings")
        names = tuple(sorted({_capability(name) for name in said}))
        if len(names) > MAX_CAPABILITIES:
            raise LimitError("capabilities of one advert", len(names), MAX_CAPABILITIES)
        _set(self, "capabilities", names)
        if not isinstance(self.attributes, Mapping):
            raise TypeError(
                f"attributes must be a mapping such as {{'gpu_mem': 24}}, not {quoted(self.attributes)}"
            )
        if len(self.attributes) > MAX_ATTRIBUTES:
            raise LimitError("attributes of one advert", len(self.attributes), MAX_ATTRIBUTES)
        pairs = [_attribute(name, value) for name, value in self.attributes.items()]
        _set(self, "attributes", dict(sorted(pairs)))
        _set(self, "slots", count(self.slots, "slots", least=0, most=100_000))
        _set(self, "load", checked_load(self.load))
        checked_requirement(self.accepts, "accepts")
        _set(self, "ttl", seconds(self.ttl, "ttl"))
        _set(self, "incarnation", count(self.incarnation, "incarnation", least=0, most=(1 << 62)))


def checked_load(value: object) -> float:
    """Return a load between 0 and 1, or raise an error that names the field."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"load must be a number from 0 to 1, not {quoted(value)}")
    if not 0 <= value <= 1:
        raise ValueError(f"load must be from 0 to 1, not {quoted(value)}")
    return float(value)


@frozen
class Advertised:
    """
    The answer to an advert or a refresh.

    `status` is "joined" (it is new), "renewed" (only the time changed), "changed" or "rejoined" (it had
    faded, or the agent was started again). A refresh may also get "unknown" (there is no advert: advertise
    again), "refused" (the name belongs to a newer start of the agent) or "retired" (the agent has left or was
    taken out). `expires_ns` is on the board's clock.
    """

    agent: str
    status: Literal["joined", "renewed", "changed", "rejoined", "unknown", "refused", "retired"]
    expires_ns: int = 0


@frozen
class AgentRecord:
    """
    The present state of an agent.

    `state` is "live" or "fading"; `held` counts its live leases; `load` is the larger of the reported load
    and held/slots. `benched_for` is how many seconds it gets nothing because of failures in a row, and
    `limited_for` how many seconds it has said that it wants nothing. `proofs` says, for each capability that
    the board has a proof of, whether it is only "claimed", "proven" or "refuted".
    """

    agent: str
    state: str
    advert: Advert
    held: int
    load: float
    benched_for: float
    expires_ns: int
    limited_for: float = 0.0
    proofs: Mapping[str, str] = field(factory=dict)


@frozen
class Roster:
    """
    The agents found, and the event cursor of that instant, from which changes can be followed without a gap.
    """

    agents: tuple[AgentRecord, ...]
    cursor: int


@frozen
class AgentChange:
    """
    An agent that came, changed or went.

    `what` is "present" (it was here when the watch started), "joined", "changed", "fading" or "departed";
    `record` is the present state of the agent, None once it is gone. Resume from `cursor`.
    """

    what: str
    agent: str
    record: AgentRecord | None
    cursor: int


@frozen
class Offer:
    """A task that an agent could claim now."""

    task: str
    kind: str
    priority: int
    requires: str | None
    uses: Mapping[str, int] | None
    waited_ns: int
