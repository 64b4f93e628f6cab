"""
The strategies by name: which parts each is made of.

A function makes the parts when a board's settings first name the strategy, so
a claim queue never imports what only the others need.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, ClassVar, cast

from ..frozen import evolve
from .state.ledger import Ledger, ns
from .state.parts import Anyone, Common, Part, Refusals, Strategy
from .work.ready import ByPriority

if TYPE_CHECKING:
    from ..values.trust import TrustPolicy
    from .state.records import Row


def by_priority(ledger: Ledger) -> ByPriority:
    """Make the order part of the claim queue and the matchmaker."""
    return ByPriority(ns(ledger.settings.aging), ledger.is_open)


def _claim() -> Strategy:
    return Strategy(Anyone(), by_priority)


def _match() -> Strategy:
    from .matching import adverts as advertising  # noqa: PLC0415
    from .matching.eligibility import Capable  # noqa: PLC0415
    from .matching.order import BySignature  # noqa: PLC0415
    from .trust.skills import Skills  # noqa: PLC0415

    skills = Skills()
    part = Capable(advertising.COMMANDS, advertising.QUERIES, skills)
    return Strategy(part, lambda ledger: BySignature(ledger, part), (part, skills), frozenset({"claim"}))


def _board() -> Strategy:
    from .board.diffusion import Diffusion  # noqa: PLC0415
    from .board.entries import Writing  # noqa: PLC0415
    from .board.order import ByTrails  # noqa: PLC0415
    from .board.reactions import Activations  # noqa: PLC0415
    from .board.rollback import Rollback  # noqa: PLC0415
    from .board.surroundings import Surroundings  # noqa: PLC0415
    from .board.thresholds import Thresholds  # noqa: PLC0415
    from .board.trails import Trails  # noqa: PLC0415
    from .matching import adverts as advertising  # noqa: PLC0415
    from .matching.eligibility import Capable  # noqa: PLC0415
    from .trust.skills import Skills  # noqa: PLC0415

    around, skills = Surroundings(), Skills()
    able = Capable(advertising.COMMANDS, advertising.QUERIES, skills)
    trails, thresholds = Trails(around), Thresholds()
    entries = Writing(around, trails)
    rest = (entries, Activations(around, trails), Diffusion(around, trails), Rollback(trails, entries))

    def order(ledger: Ledger) -> ByTrails:
        around.order = made = ByTrails(ledger, able, trails, thresholds)
        return made

    return Strategy(
        able, order, (able, skills, around, trails, thresholds, *rest), frozenset({"claim", "match"})
    )


def _waking(name: str) -> Callable[..., Any]:
    """Make a method that loads its part and calls the method of that name there."""

    def wake_and_do(part: Any, *args: Any, **options: Any) -> Any:
        return getattr(part.awake(), name)(*args, **options)

    return wake_and_do


class Dormant(Part):
    """
    A part that most boards never need: a stand-in that becomes the part at its first use.

    As long as its tables are empty, so is the part. The rest of the core reads some of its indexes without
    asking it; these are here, empty. There is no `__getattr__`: it would make each of these looks ten times
    as dear, at every command.
    """

    home: ClassVar[str]
    """module and class of the part"""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        """Empty the indexes that others read."""

    def awake(self) -> Any:
        """Become the part."""
        from importlib import import_module  # noqa: PLC0415 - with the first use

        module, _, name = self.home.partition(":")
        kind = getattr(import_module(f".{module}", __package__), name)
        kind.__init__(self)
        self.__class__ = kind  # last: if this is cut short earlier, it is still the stand-in
        return self

    def rebuild(self, ledger: Ledger) -> None:
        """Start empty, unless there is something in the tables."""
        self.clear()
        if any(ledger.tables[name] for name in self.tables):
            self.awake().rebuild(ledger)

    def check(self, ledger: Ledger) -> None:
        """Have the part check itself if it is in use."""
        if any(ledger.tables[name] for name in self.tables):
            self.awake().check(ledger)


class NoSigns(Dormant):
    """The part of a board on which nobody has shown a sign of work, nor left a note."""

    home, tables = "work.holding:Signs", ("signs", "notes")


class NoSplits(Dormant):
    """The part of a board on which no task was split."""

    home, tables = "work.splitting:Splits", ("splits",)


class NoOpenings(Dormant):
    """The part of a board on which no opening whose end can be detected holds anything."""

    home, tables = "work.openings:Openings", ("openings",)


class NoDeclines(Dormant):
    """The part of a board on which nobody has declined anything."""

    home, tables = "work.declining:Declines", ("declines", "limited")
    limits, limited_ns, bars, told = map(_waking, ("limits", "limited_ns", "bars", "told"))
    put, limit, took, succeeded = map(_waking, ("put", "limit", "took", "succeeded"))
    forget, forget_task, forget_open = map(_waking, ("forget", "forget_task", "forget_open"))
    expire, next_ns = map(_waking, ("expire", "next_ns"))

    def clear(self) -> None:
        """Empty the indexes that others read."""
        self.active: dict[str, Any] = {}
        self.decliners: dict[str, Any] = {}
        self.known: dict[str, Any] = {}
        self.tried: dict[str, Any] = {}
        self.alarms: list[Any] = []

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return what `statistics()` shows of the part while it is empty."""
        return {"declines": 0, "limited": 0}


class Unchecked(Dormant):
    """The part of a board on which no result waits for a check."""

    home, tables = "trust.checks:Checking", ("handed",)
    enter, kind_of, payload, problem = map(_waking, ("enter", "kind_of", "payload", "problem"))
    before, offers, why_not, why = map(_waking, ("before", "offers", "why_not", "why"))
    take, again, forget = map(_waking, ("take", "again", "forget"))

    def clear(self) -> None:
        """Empty the indexes that others read."""
        self.opinions: Any = SimpleNamespace(rows={})
        self.open: dict[str, int] = {}

    def replaced(self, ledger: Ledger, row: Row) -> None:
        """Forget the results that were handed in for the old content."""
        if ledger.tables["handed"]:
            # the ledger keeps this hook, and may call it when the part is awake
            part = self.awake() if type(self) is Unchecked else self
            type(part).replaced(part, ledger, row)


class NoPrincipals(Dormant):
    """The part of a board on which nobody vouches for anybody."""

    home, tables = "trust.principals:Principals", ("principals",)
    of, vouched = map(_waking, ("of", "vouched"))


def common_parts(trust: TrustPolicy | None, has_purses: bool, has_proofs: bool) -> Common:
    """Make the parts that every strategy has; they cost nothing until they are used."""
    from .trust.evidence import Reputation  # noqa: PLC0415 - with the first board, not with the import

    declines, reputation, restraint = NoDeclines(), Reputation(), None
    if trust is not None:
        from .trust.effects import Restraint  # noqa: PLC0415 - boards with a policy only

        restraint = Restraint(reputation)
    first: tuple[Part, ...] = (NoSigns(), declines, NoSplits(), NoOpenings())
    purses = None
    if has_purses:
        from .work.purses import Purses  # noqa: PLC0415 - most boards have none

        purses = Purses()
        first = (*first, purses)
    if has_proofs:
        from .matching.proofs import Proofs  # noqa: PLC0415 - most boards have none

        first = (*first, Proofs())  # before the index, which sees agents as this part shows them
    return Common(
        first, cast("Refusals", declines), Unchecked(), NoPrincipals(), reputation, restraint, purses
    )


def every_part() -> Iterator[Part]:
    """
    Yield one instance of each part of ours, the common ones first; a caller that stops early imports no more.
    """
    from .trust.checks import Checking  # noqa: PLC0415 - parts know the ledger
    from .trust.effects import Restraint  # noqa: PLC0415

    common = common_parts(None, has_purses=True, has_proofs=True)
    yield from (*common.first, Checking(), *common.last[1:], Restraint(common.reputation))
    for name in OURS:
        yield from STRATEGIES[name]().parts


def added_parts() -> Iterator[Part]:
    """Yield one instance of each part of the strategies that users have added."""
    for name in STRATEGIES.keys() - OURS:
        yield from STRATEGIES[name]().parts


STRATEGIES: dict[str, Callable[[], Strategy]] = {"claim": _claim, "match": _match, "board": _board}
"""settings.strategy -> function that makes the parts"""
OURS = tuple(STRATEGIES)
LEARNERS: list[Callable[[Strategy], None]] = []
"""called with each strategy that is added later, by codecs that have already learnt all messages"""


def add(name: str, version: int, make: Callable[[], Strategy]) -> None:
    """Add a strategy; adding it again from the same place replaces the older one. See `register`."""
    source = (version, make.__module__, make.__qualname__)
    if name in STRATEGIES and _ADDED.get(name) != source:
        raise ValueError(f"strategy {name!r} is registered already; choose another name")
    made = make()
    for learn in LEARNERS:
        learn(made)
    _ADDED[name] = source
    STRATEGIES[name] = lambda: evolve(make(), version=version)


_ADDED: dict[str, tuple[int, str, str]] = {}
"""name -> (version, module and name of the function that makes it)"""
