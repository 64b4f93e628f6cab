"""
The strategies by name: which parts each is made of.

A function makes the parts when a board's settings first name the strategy, so
a claim queue never imports what only the others need.
"""

from __future__ import annotations

from collections.abc import Callable

import attrs

from .state.ledger import Ledger, ns
from .state.parts import Anyone, Part, Strategy
from .work.declining import Declines
from .work.ready import ByPriority
from .work.signs import Signs
from .work.splitting import Splits

__all__ = ["LEARNERS", "OURS", "STRATEGIES", "add", "by_priority", "every_part", "shared_parts"]


def by_priority(ledger: Ledger) -> ByPriority:
    """Make the order part of the claim queue and the matchmaker."""
    return ByPriority(ns(ledger.settings.aging), ledger.is_open)


def _claim() -> Strategy:
    return Strategy(Anyone(), by_priority)


def _match() -> Strategy:
    from .matching import adverts as advertising  # noqa: PLC0415
    from .matching.eligibility import Capable  # noqa: PLC0415
    from .matching.order import BySignature  # noqa: PLC0415

    part = Capable(advertising.COMMANDS, advertising.QUERIES)
    return Strategy(part, lambda ledger: BySignature(ledger, part), (part,), frozenset({"claim"}))


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

    around = Surroundings()
    able = Capable(advertising.COMMANDS, advertising.QUERIES)
    trails, thresholds = Trails(around), Thresholds()
    entries = Writing(around, trails)
    rest = (entries, Activations(around, trails), Diffusion(around, trails), Rollback(trails, entries))

    def order(ledger: Ledger) -> ByTrails:
        around.ledger, around.order = ledger, ByTrails(ledger, able, trails, thresholds)
        return around.order

    return Strategy(able, order, (able, around, trails, thresholds, *rest), frozenset({"claim", "match"}))


def shared_parts(has_purses: bool) -> tuple[Part, ...]:
    """Make the parts that every strategy has; they cost nothing while nobody uses them."""
    if not has_purses:
        return (Signs(), Declines(), Splits())
    from .work.purses import Purses  # noqa: PLC0415 - most boards have none

    return (Signs(), Declines(), Splits(), Purses())


def every_part() -> list[Part]:
    """Return one of each part of every strategy: for codecs, which must know all messages."""
    from .trust.checks import Checking  # noqa: PLC0415 - parts know the ledger
    from .trust.effects import Restraint  # noqa: PLC0415
    from .trust.evidence import Reputation  # noqa: PLC0415
    from .trust.principals import Principals  # noqa: PLC0415

    reputation = Reputation()
    return [
        *[part for make in STRATEGIES.values() for part in make().parts],
        *shared_parts(has_purses=True), Checking(), Principals(), reputation, Restraint(reputation),
    ]  # fmt: skip


STRATEGIES: dict[str, Callable[[], Strategy]] = {"claim": _claim, "match": _match, "board": _board}
"""settings.strategy -> function that makes the parts"""
OURS = frozenset(STRATEGIES)
LEARNERS: list[Callable[[Strategy], None]] = []
"""told of each strategy that is added later, such as codecs that have already learnt all messages"""


def add(name: str, version: int, make: Callable[[], Strategy]) -> None:
    """Add a strategy, once; see `ants_coord.strategies.register`."""
    source = (version, make.__module__, make.__qualname__)
    if _ADDED.get(name) == source:
        return  # a module that is imported twice, perhaps under two names of its file
    if name in STRATEGIES:
        raise ValueError(f"strategy {name!r} is registered already; choose another name")
    made = make()
    for learn in LEARNERS:
        learn(made)
    _ADDED[name] = source
    STRATEGIES[name] = lambda: attrs.evolve(make(), version=version)


_ADDED: dict[str, tuple[int, str, str]] = {}
"""name -> (version, module and name of the function that makes it)"""
