"""
A journal as the engine sees it: its errors become JournalErrors, and its answers are checked.

A journal may be written by anybody. What it raises reaches callers as a JournalError with the cause chained.
If a journal lies (returns entries that nobody appended, or that were read before), the positions show it
before anything is applied. What an opened log holds is compared with what was asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from ..core.state.ledger import Ledger
from ..errors import CoordinationError, JournalCorruptError, JournalError, SettingsError
from ..frozen import as_dict
from ..journals.ports import Clock, Entry, Journal
from ..values.settings import Settings

R = TypeVar("R")

_ALONE = 64
"""looks and appends in a row that found nothing of others, after which we consider ourselves alone"""
_FAR = 250
"""this many entries of others take long to carry out (some 25 ms)"""


class Log:
    """
    One journal.

    Args:
        journal: the journal.

    """

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.is_remote = bool(getattr(journal, "is_remote", False))
        """whether a look is a round trip over a network, and dearer than a claim written in vain"""
        self._lag = 0
        """how many entries of others the last look found, if there were many"""
        self.is_outrun = False
        """whether others write faster than we follow"""
        self.undisturbed = 0
        """how many looks and appends in a row found nothing of others"""

    @property
    def name(self) -> str:
        """Its name in error messages."""
        return str(getattr(self._journal, "path", "journal"))

    @property
    def is_ahead(self) -> bool:
        """
        Whether a grantable claim is better written at once, without a look for others' entries.

        Over a network a look is a round trip. And if nobody else has written for a while, a look would
        probably find nothing. If this is wrong, one claim is written in vain, and we look again before the
        next ones.
        """
        return self.is_remote or self.undisturbed >= _ALONE

    def append(self, after: int, bodies: Sequence[bytes]) -> list[Entry]:
        """Append all bodies, or none, and return every entry after `after`, including ours."""
        try:
            entries = self._journal.append(after, bodies)
        except CoordinationError:
            raise
        except Exception as problem:
            raise self._error(problem) from problem
        if len(entries) == 1 == len(bodies):  # as it nearly always is
            ((position, _, body),) = entries
            if position == after + 1 and body == bodies[0]:
                self.undisturbed += 1
                self._lag = 0
                return entries
        self._check(entries, after)
        others = len(entries) - len(bodies)
        if not others:
            self.note_foreign(0)
        for number, body in enumerate(bodies, others):
            if number < 0 or entries[number].body != body:
                raise JournalCorruptError(self.name, "what was appended is not what it returned", after + 1)
        return entries

    def read(self, after: int) -> list[Entry]:
        """Return the entries after a position."""
        try:
            entries = self._journal.read(after)
        except CoordinationError:
            raise
        except Exception as problem:
            raise self._error(problem) from problem
        if entries:
            self._check(entries, after)
        return entries

    def heard(self, after: int) -> list[Entry] | None:
        """Return the entries after a position that the journal was notified of; None if it must be read."""
        tell = getattr(self._journal, "heard", None)
        entries: list[Entry] | None = None if tell is None else self._named(tell, after)
        if entries:
            self._check(entries, after)
        return entries

    def note_foreign(self, count: int) -> None:
        """Note how many entries of others were found at once."""
        self.undisturbed = 0 if count else self.undisturbed + 1
        if count > _FAR:
            self.is_outrun, self._lag = self._lag > 0, count
        else:
            self._lag = 0

    def take_turns(self, position: Callable[[], int], absorb: Callable[[list[Entry]], None]) -> None:
        """
        Follow the log, taking turns with its writers, until we have caught up.

        A process carries out its own commands without decoding them, so it may write faster than another can
        follow. The backlog of the other one then grows with each verb; it was seen to wait for seconds, until
        the first one stopped. Holding the lock while some hundred entries are carried out makes the faster
        one wait its turn.
        """
        self.is_outrun, self._lag = False, 0
        follow = getattr(self._journal, "follow", None)

        def some(entries: list[Entry]) -> None:
            if entries:
                absorb(entries)

        while follow is not None and self._named(follow, position(), _FAR, some):
            pass

    def load(self) -> tuple[int, Iterable[bytes]] | None:
        """Return the newest whole snapshot as (position, pieces), or None."""
        return self._named(self._journal.load)

    def save(self, position: int, part: int, piece: bytes | None) -> None:
        """Keep one piece of a snapshot; None says that it is complete."""
        self._named(self._journal.save, position, part, piece)

    def watch(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed` whenever another process may have appended; return a function that stops this."""
        return self._named(self._journal.watch, changed)

    def close(self) -> None:
        """Close the journal."""
        self._named(self._journal.close)

    def _check(self, entries: Sequence[Entry], after: int) -> None:
        if not entries:
            return
        first, last = entries[0].position, entries[-1].position
        if first <= after:
            raise JournalCorruptError(self.name, "an entry was handed out again", first)
        if last - first != len(entries) - 1:
            raise JournalCorruptError(self.name, "the entries have a gap in them", first)

    def _named(self, call: Callable[..., R], *args: object) -> R:
        try:
            return call(*args)
        except CoordinationError:
            raise
        except Exception as problem:
            raise self._error(problem) from problem

    def _error(self, problem: Exception) -> JournalError:
        return JournalError(self.name, f"{type(problem).__name__}: {problem}")


class Unopened(Clock):
    """A stand-in for the journal's clock until the journal is open."""

    def now_ns(self) -> int:
        """Fail: nothing may read this clock."""
        raise AssertionError("the journal is not open")

    def alarm(self, ring: Callable[[], None]) -> Any:
        """Fail: nothing may set an alarm on this clock."""
        raise AssertionError("the journal is not open")


def compare(ledger: Ledger, asked: dict[str, Any]) -> None:
    """
    Refuse a board whose settings differ from those asked for: opening never changes a board.

    Args:
        ledger: the board's state.
        asked: the settings that the user named; all others are the board's own.

    Raises:
        SettingsError: a setting differs.

    """
    has = ledger.settings
    different = {
        name: (getattr(has, name), value)
        for name, value in as_dict(Settings(**asked)).items()
        if name in asked and getattr(has, name) != value
    }
    if different:
        raise SettingsError(different)


def compare_refusals(ledger: Ledger, log: Log, seen: tuple[int, int], at: int) -> None:
    """Raise JournalCorruptError if a writer refused other commands than we did."""
    position, refusals = seen
    refused = ledger.refused_at
    if refusals == ledger.refusals and (not refused or refused[-1] <= position):
        return  # usually nothing was refused since
    ours = ledger.refusals_until(position)
    if ours is not None and ours != refusals:
        raise JournalCorruptError(
            log.name,
            f"its writer had refused {refusals} commands up to position {position}, and here it is "
            f"{ours}: the two follow different rules",
            at,
        )
