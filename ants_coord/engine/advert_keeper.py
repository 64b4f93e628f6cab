"""
Refreshing adverts: one batch for all agents of a coordinator.

As with leases, a refresh is sent a third of the ttl before the deadline. The agents of one coordinator are
refreshed together, by the same alarm that renews leases.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..commands.matching import Advertise, Refresh, Withdraw
from ..commands.shared import Command, Refused
from ..errors import CoordinationError, JournalConflictError, JournalCorruptError, JournalVersionError
from ..frozen import entity
from ..values.adverts import Advert
from .lobby import NEVER_NS

Try = Callable[[Command[Any]], Any]


@entity
class KeptAdvert:
    """An advert that is refreshed until it is withdrawn, or refused because its agent has a newer start."""

    advert: Advert
    refresh_ns: int
    is_refused: bool = False


class AdvertKeeper:
    """The adverts that one engine refreshes; every method is called under its lock."""

    def __init__(self) -> None:
        self._kept: dict[str, KeptAdvert] = {}

    @property
    def at_ns(self) -> int:
        """When the next refresh is due."""
        return min((kept.refresh_ns for kept in self._kept.values()), default=NEVER_NS)

    def keep(self, advert: Advert, now_ns: int) -> KeptAdvert:
        """Refresh an advert from now on; tell an earlier start of the same agent that it is replaced."""
        before = self._kept.get(advert.agent)
        if before is not None and before.advert.incarnation < advert.incarnation:
            before.is_refused = True
        kept = KeptAdvert(advert, now_ns + _third(advert))
        self._kept[advert.agent] = kept
        return kept

    def let_go(self, kept: KeptAdvert) -> None:
        """Stop refreshing."""
        if self._kept.get(kept.advert.agent) is kept:
            del self._kept[kept.advert.agent]

    def run(self, now_ns: int, try_: Try) -> None:
        """Refresh what is due, together with what is due soon."""
        due = [kept for kept in self._kept.values() if kept.refresh_ns <= now_ns + _third(kept.advert) // 2]
        if not due:
            return
        try:
            answers = try_(Refresh(tuple([(kept.advert.agent, kept.advert.incarnation) for kept in due])))
        except (JournalConflictError, JournalCorruptError, JournalVersionError):
            raise
        except CoordinationError:
            for kept in due:  # tried again soon; an advert lives for two ttls
                kept.refresh_ns = now_ns + max(_third(kept.advert) // 3, 1_000_000)
            return
        for kept, answer in zip(due, answers, strict=True):
            kept.refresh_ns = now_ns + _third(kept.advert)
            if answer.status == "unknown":
                answer = try_(Advertise(kept.advert))  # noqa: PLW2901 - it had gone: declare it again
            if isinstance(answer, Refused) or answer.status in ("refused", "retired"):
                kept.is_refused = True
                self.let_go(kept)

    def close(self, try_: Try) -> None:
        """Withdraw everything: an agent that leaves should not have to fade."""
        kept, self._kept = self._kept, {}
        for one in kept.values():
            try_(Withdraw(one.advert.agent, one.advert.incarnation))


def _third(advert: Advert) -> int:
    return max(1, round(advert.ttl * 1e9) // 3)
