"""
What an opening of a board holds, and what it knows about other openings.

A journal that can detect the end of openings has `live`, which names this opening and makes its end known to
others, and `lives`, by which they ask. With any other journal, a lease only ends at its deadline. Commands
that succeed never ask: only a caller that finds nothing to do, is refused, waits, or asks who holds what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..commands.reading import Explain, ExplainAgent, Find, Holder, Leases, Tasks
from ..commands.shared import Adopt, Command, EndOpening, Query, Refused, Release
from ..core.state.ledger import Ledger
from ..core.work.openings import holding
from ..errors import HeldError
from ..frozen import evolve
from ..journals.ports import Journal
from ..values.checks import fresh_session
from ..values.tasks import Lease, TaskState
from .board_lock import entering
from .combining import UNNUMBERED, Slot
from .engine import Engine

_ABOUT_HOLDERS = (Explain, ExplainAgent, Find, Holder, Leases, Tasks)
"""queries that tell who holds something"""
_PAUSE_NS = 20_000_000
"""minimum time between two looks: a caller that polls must not ask the system about each holder each time"""
_AT_ONCE = -1


class Openings(Engine):
    """An engine that announces its own life, and ends openings that are gone; LogEngine has the rest."""

    _journal: Journal
    _session = ""
    _outlives = False
    """whether grants made here outlive this instance"""
    _look_at_ns = _AT_ONCE

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._grants = Grants()

    def _write(self, batch: list[Slot]) -> None:
        raise NotImplementedError

    def _name_session(self) -> None:
        """
        Draw the name of this opening; where possible, a name by which others can tell when it is gone.

        A new name each time: the name that a first, closed journal gave would be that of a dead opening.
        """
        live: Callable[[], str] | None = getattr(self._journal, "live", None)
        name = "" if live is None or self._outlives else live()
        self._session = name or fresh_session()

    @entering
    def outlive(self) -> None:
        """Let grants from here on outlive this instance: its end does not end them."""
        self._outlives = True
        self._session = self._session and fresh_session()

    # -- under the lock -------------------------------------------------------------------------

    def _end_the_gone(self) -> bool:
        """End the openings that are gone, after the log was read; tell whether there were any."""
        if not self._machine.ledger.tables["openings"] or getattr(self._journal, "is_read_only", False):
            return False
        now = self._clock.now_ns()
        if now < self._look_at_ns <= now + _PAUSE_NS:
            return False
        self._look_at_ns = now + _PAUSE_NS
        gone = self._gone()
        if gone:
            self._write([Slot(EndOpening(name), UNNUMBERED) for name in gone])
        return bool(gone)

    def _gone(self) -> list[str]:
        """Return the openings that hold something and are gone, as far as that can be detected."""
        lives: Callable[[str], bool] | None = getattr(self._journal, "lives", None)
        if lives is None:
            return []
        return [name for name in holding(self._machine.ledger) if name != self._session and not lives(name)]

    def _once_more(self, slot: Slot) -> None:
        """
        Repeat a command that was refused because of a holder that is gone.

        But not if the caller has named or numbered it: the refusal has answered that request for good.
        """
        while slot.reply.__class__ is Refused and isinstance(slot.reply.error, HeldError):
            self._look_at_ns = _AT_ONCE
            if not self._end_the_gone() or slot.request[0] != self._session:
                return
            slot.request, slot.done = UNNUMBERED, False
            self._write([slot])

    def _look_around(self, query: Query[Any]) -> None:
        """Before a query that tells who holds something, check whether the holders still exist."""
        if query.__class__ in _ABOUT_HOLDERS:
            self._end_the_gone()

    def _naming_the_gone(self, command: Adopt) -> Adopt:
        """Add to an Adopt which openings are gone."""
        if not hasattr(self._journal, "lives"):
            return command
        self._catch_up()
        return evolve(command, gone=tuple(self._gone()))

    def _last_words(self) -> Sequence[Command[Any]]:
        """Return the command that gives back all that this opening holds, or leaves it without an owner."""
        ledger = self._machine.ledger
        if not self.keeps_leases:
            return self._grants.releases(ledger)
        return [EndOpening(self._session, keep=True)] if self._session in holding(ledger) else []


class Grants:
    """The tokens of leases and locks that were granted through one engine."""

    def __init__(self) -> None:
        self._tokens: set[int] = set()

    def note(self, reply: Any, ledger: Ledger) -> None:
        """Note what a reply grants, if anything; forget ended ones now and then."""
        if reply.__class__ is Lease:
            self._tokens.add(reply.token)
        elif reply.__class__ is tuple and reply and reply[0].__class__ is Lease:
            self._tokens.update(lease.token for lease in reply)
        else:
            return
        if len(self._tokens) > 64 and len(self._tokens) > 2 * _held(ledger):
            self._tokens = self._tokens.intersection(live(ledger))

    def releases(self, ledger: Ledger) -> list[Release]:
        """Return the commands that give back what is still held."""
        alive = live(ledger)
        return [Release(alive[token], token) for token in sorted(self._tokens) if token in alive]


def _held(ledger: Ledger) -> int:
    return ledger.counts[TaskState.LEASED] + len(ledger.locks)


def live(ledger: Ledger) -> dict[int, str]:
    """Return the tokens of all live leases and locks, and what each is for."""
    found = dict.fromkeys(ledger.locks, "lock:")
    for agent in ledger.agents.values():
        found.update((token, row.spec.id) for token, row in agent.leases.items())
    return found
