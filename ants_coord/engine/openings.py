"""
What an opening of a board holds, and what it knows of others: which are gone, and what the log says of it.

A journal that can tell has `live`, which names this opening and makes its end known to others, and
`lives`, by which they ask. Where there is no such journal, or it cannot tell, a lease ends by its time alone.
Nothing is asked on the way of a command that is carried out: only where somebody finds nothing to do, is
refused, waits, or asks who holds what.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ..commands.shared import (
    Adopt,
    Command,
    EndOpening,
    Explain,
    ExplainAgent,
    Find,
    Holder,
    Leases,
    Query,
    Refused,
    Release,
    Tasks,
)
from ..core.state.ledger import Ledger
from ..core.work.openings import holding
from ..errors import HeldError
from ..journals.ports import Journal
from ..values.checks import fresh_session
from ..values.frozen import evolve
from ..values.tasks import Lease, TaskState
from .door import entering
from .engine import Engine
from .log import UNNUMBERED, Slot

__all__ = ["Grants", "Openings", "live"]

_ABOUT_HOLDERS = (Explain, ExplainAgent, Find, Holder, Leases, Tasks)
"""queries that tell who holds something"""
_PAUSE_NS = 20_000_000
"""between two looks at least: somebody who polls must not ask the system for each holder each time"""
_AT_ONCE = -1


class Openings(Engine):
    """An engine that tells of its own life, and ends the openings that are gone; LogEngine is the rest."""

    _journal: Journal
    _session = ""
    _outlives = False
    """whether what is granted here outlives this instance"""
    _look_at_ns = _AT_ONCE

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self._grants = Grants()

    def _write(self, batch: list[Slot]) -> None:
        raise NotImplementedError

    def _name_session(self) -> None:
        """
        Draw the name of this opening: one by which others can tell when it is gone, where that is possible.

        Always another one: the name that a first, closed journal gave would be that of a dead opening.
        """
        live: Callable[[], str] | None = getattr(self._journal, "live", None)
        name = "" if live is None or self._outlives else live()
        self._session = name or fresh_session()

    @entering
    def outlive(self) -> None:
        """Let what is granted from here on outlive this instance: the end of it ends nothing."""
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
        """Return the openings that hold something and are gone, as far as that can be told."""
        lives: Callable[[str], bool] | None = getattr(self._journal, "lives", None)
        if lives is None:
            return []
        return [name for name in holding(self._machine.ledger) if name != self._session and not lives(name)]

    def _once_more(self, slot: Slot) -> None:
        """
        Carry out again what was refused for the sake of somebody who is gone.

        Not what a caller has named or numbered: that request was answered by the refusal, whoever repeats it.
        """
        while slot.reply.__class__ is Refused and isinstance(slot.reply.error, HeldError):
            self._look_at_ns = _AT_ONCE
            if not self._end_the_gone() or slot.request[0] != self._session:
                return
            slot.request, slot.done = UNNUMBERED, False
            self._write([slot])

    def _look_around(self, query: Query[Any]) -> None:
        """Before a query that tells who holds something, see whether they are still there."""
        if query.__class__ in _ABOUT_HOLDERS:
            self._end_the_gone()

    def _naming_the_gone(self, command: Adopt) -> Adopt:
        """Say which openings are gone, for somebody who takes over an agent's leases."""
        if not hasattr(self._journal, "lives"):
            return command
        self._catch_up()
        return evolve(command, gone=tuple(self._gone()))

    def _last_words(self) -> Sequence[Command[Any]]:
        """Return what gives back all that this opening holds, or lets it stand as nobody's."""
        ledger = self._machine.ledger
        if not self.keeps_leases:
            return self._grants.releases(ledger)
        return [EndOpening(self._session, keep=True)] if self._session in holding(ledger) else []


class Grants:
    """The tokens of leases and locks that were granted through one engine."""

    def __init__(self) -> None:
        self._tokens: set[int] = set()

    def note(self, reply: Any, ledger: Ledger) -> None:
        """Take note of what a reply grants, if it does; forget now and then what has ended."""
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
