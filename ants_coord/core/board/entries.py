"""
Entries: the shared state that agents write, read, take and watch.

A write copies nothing but what it was given, and replaces the value under its
path; versions come from the one sequence that orders the whole board. `take`
removes and returns in one step, so exactly one taker gets an entry (Linda's
`in`, Gelernter 1985). Earlier versions of an entry are kept for a while.
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedDict, SortedList

from ...commands.board import Changes, Deposit, Entries, Erase, History, Read, Take, Write
from ...commands.shared import Refused
from ...errors import LimitError, StaleVersionError
from ...values.entries import Change, Entry, Namespace, Page, literal, matches
from ...values.payloads import copy_json
from ..state.ledger import FAR_NS, Ledger, ns
from ..state.parts import Part
from ..state.timeline import CALENDAR
from .last_changes import (
    DEED_BY,
    DEED_EXPIRES_NS,
    DEED_VERSION,
    DEED_WHAT,
    NOBODY,
    Deed,
    forget,
    last_deed,
    paths_of,
    replace_deeds,
)
from .ranking import LAST_BY, LAST_NS
from .surroundings import changes

if TYPE_CHECKING:
    from .surroundings import Surroundings
    from .trails import Trails

VERSION, VALUE, AUTHOR, WRITTEN_NS, EXPIRES_NS = range(5)
"""a row of the table `entries`"""
GONE_NS = 2
"""of a row in `pasts`: when that version was written, or the entry ended"""
TAKER, BACK_NS, LENT = range(3)
"""a row of the table `loans`"""
_PAST = 10
"""earlier versions kept of each entry, besides its present value"""
_AT_ONCE = 1_000


class Writing(Part):
    """
    The entries of a board.

    Tables:
        entries: path -> (version, value, author, written ns, expires ns or 0)
        pasts: path -> ((version, agent, at ns, what, value), ...), oldest first, without the present version
        deeds: path -> last deed of each agent except the present author; see last_changes.py
        loans: path -> (taker, ns when it returns, the row that was taken); such a path has no entry
    """

    tables = ("entries", "pasts", "deeds", "loans")
    values = (Change, Entry, Namespace, Page)

    def __init__(self, around: Surroundings, trails: Trails) -> None:
        self.around, self.trails = around, trails
        around.entries = self
        self.commands = {Write: self.write, Take: self.take, Erase: self.erase}
        self.idle = {Take: self.nothing_to_take}
        self.queries = {
            Read: self.read,
            Entries: self.list,
            History: self.history,
            Changes: self.changes,
        }
        self.by_path: SortedDict = SortedDict()
        """path -> version: the order of paths"""
        self.authored: Counter[str] = Counter()
        self.lapses: list[tuple[int, str, int]] = []
        """heap of (expires ns, path, version), lazily corrected"""
        self.gone: SortedList = SortedList()
        """(ns of the last change, path) of entries of which only the history is left"""
        self.returns: SortedList = SortedList()
        """(ns when it returns, path) of each loan"""

    def rebuild(self, ledger: Ledger) -> None:
        """Rebuild the order and the alarms."""
        entries = ledger.tables["entries"]
        self.by_path = SortedDict({path: row[VERSION] for path, row in entries.items()})
        self.authored = Counter(row[AUTHOR] for row in entries.values())
        self.lapses = sorted(
            (row[EXPIRES_NS], path, row[VERSION]) for path, row in entries.items() if row[EXPIRES_NS]
        )
        pasts = ledger.tables["pasts"]
        self.gone = SortedList(
            (past[-1][GONE_NS], path) for path, past in pasts.items() if path not in entries
        )
        self.returns = SortedList((loan[BACK_NS], path) for path, loan in ledger.tables["loans"].items())

    # -- commands ---------------------------------------------------------------------------

    def write(self, ledger: Ledger, command: Write) -> Entry | Refused:
        """Write an entry. O(log n)."""
        path, agent = command.path, command.agent
        error = self.around.forbidden(ledger, path, agent)
        if error is not None:
            return Refused(error)
        entries, now = ledger.tables["entries"], ledger.timeline.reading[CALENDAR]
        old = entries.get(path)
        found = 0 if old is None else old[VERSION]
        if command.expect is not None and command.expect != found:
            return Refused(StaleVersionError(path, command.expect, found))
        quota, mine = ledger.settings.quota, self.authored.get(agent, 0)
        if mine >= quota and (old is None or old[AUTHOR] != agent):
            return Refused(LimitError(f"entries written by {agent}", mine + 1, quota))
        if command.mark is not None:
            # the mark first, since only the mark can still be refused here: both are done, or neither
            laid = self.trails.deposit(ledger, Deposit(command.mark, agent))
            if isinstance(laid, Refused):
                return laid
        version = ledger.ordinal()
        expires = 0 if command.ttl_ns is None else now + command.ttl_ns
        if old is None:
            replace_deeds(ledger, path, agent)
        elif old[AUTHOR] != agent:
            replace_deeds(ledger, path, agent, _deed(old))
        row = (version, command.value, agent, now, expires)
        self._put(ledger, path, old, row)
        ledger.emit("written", None, agent, version, path)
        self.around.entry_changed(ledger, "created" if old is None else "changed", path, version, agent)
        return _entry(path, row)

    def _put(self, ledger: Ledger, path: str, old: tuple[Any, ...] | None, row: tuple[Any, ...]) -> None:
        """Put an entry at a path, in place of the old one if there is one, and index it."""
        version, _, author, _, expires = row
        self._end_loan(ledger, path)  # the new value stands, and a loan must not return over it
        if old is not None:
            self._remember(ledger, path, old)
            self._disown(old[AUTHOR])
        elif path in ledger.tables["pasts"]:
            self.gone.remove((ledger.tables["pasts"][path][-1][GONE_NS], path))
        ledger.undo.put(ledger.tables["entries"], path, row)
        self.by_path[path] = version
        self.authored[author] += 1
        if expires:
            self._watch_lapse(ledger, expires, path, version)
            self.around.due(expires)

    def take(self, ledger: Ledger, command: Take) -> Entry | Refused | None:
        """Remove and return the first match. O(log n + paths that share the prefix and do not match)."""
        path = next(self._matching(command.pattern), None)
        if path is None:
            return None
        error = self.around.forbidden(ledger, path, command.agent)
        if error is not None:
            return Refused(error)
        row = ledger.tables["entries"][path]
        self._remove(ledger, path, row, "taken", command.agent)
        if command.ttl_ns is not None:
            until = ledger.timeline.reading[CALENDAR] + command.ttl_ns
            ledger.undo.put(ledger.tables["loans"], path, (command.agent, until, row))
            self.returns.add((until, path))
            self.around.due(until)
        return _entry(path, row)

    def _end_loan(self, ledger: Ledger, path: str) -> None:
        loan = ledger.tables["loans"].get(path)
        if loan is not None:
            ledger.undo.drop(ledger.tables["loans"], path)
            self.returns.remove((loan[BACK_NS], path))

    def _come_back(self, ledger: Ledger, path: str) -> None:
        """Return a loan to its path, with its author and under a new version."""
        _, until, row = ledger.tables["loans"][path]
        self._end_loan(ledger, path)
        _, value, author, written, expires = row
        if not 0 < expires <= until:  # otherwise it has expired meanwhile
            self._restore(ledger, path, None, (author, row[VERSION], written, "written", value, expires))

    def roll_back(self, ledger: Ledger, agent: str) -> tuple[int, int]:
        """
        Make every entry what it would be without an agent; return how many were restored and how many erased.
        """
        entries, loans = ledger.tables["entries"], ledger.tables["loans"]
        for path in [path for path, (_, _, row) in sorted(loans.items()) if row[AUTHOR] == agent]:
            self._end_loan(ledger, path)  # this agent took it, so the loan must not return
        mine = {path for path, row in entries.items() if row[AUTHOR] == agent}
        restored = erased = 0
        for path in sorted(mine.union(paths_of(ledger, agent))):
            row, last = entries.get(path), last_deed(ledger, path)
            replace_deeds(ledger, path, agent)
            honest = last_deed(ledger, path)
            now = ledger.timeline.reading[CALENDAR]
            has_value = (
                honest is not None
                and honest[DEED_WHAT] == "written"
                and not 0 < honest[DEED_EXPIRES_NS] <= now
            )
            if row is not None and row[AUTHOR] != agent:
                continue  # the present value is somebody else's
            if row is None and (last is None or last[DEED_BY] != agent):
                continue  # somebody else has ended it since
            if has_value:
                assert honest is not None
                self._restore(ledger, path, row, honest)
                restored += 1
            elif row is not None:
                self._remove(ledger, path, row, "erased", None, is_deed=False)
                erased += 1
        return restored, erased

    def _restore(self, ledger: Ledger, path: str, row: tuple[Any, ...] | None, deed: Deed) -> None:
        """Restore the value that an entry had by somebody's deed."""
        author, _, _, _, value, expires = deed
        version, now = ledger.ordinal(), ledger.timeline.reading[CALENDAR]
        replace_deeds(ledger, path, author)  # its deed is the entry itself again
        self._put(ledger, path, row, (version, value, author, now, expires))
        ledger.emit("restored", None, author, version, path)
        self.around.entry_changed(ledger, "created" if row is None else "changed", path, version, None)

    def nothing_to_take(self, ledger: Ledger, command: Take) -> bool:
        """Tell whether no entry matches."""
        return next(self._matching(command.pattern), None) is None

    def erase(self, ledger: Ledger, command: Erase) -> bool | Refused:
        """Remove an entry."""
        path = command.path
        error = self.around.forbidden(ledger, path, command.agent)
        if error is not None:
            return Refused(error)
        row = ledger.tables["entries"].get(path)
        loan = ledger.tables["loans"].get(path)
        mine = None if loan is None or loan[TAKER] != command.agent else loan[LENT]
        found = next((one[VERSION] for one in (row, mine) if one is not None), 0)
        if command.expect is not None and command.expect != found:
            return Refused(StaleVersionError(path, command.expect, found))
        if row is None:
            if mine is not None:
                self._end_loan(ledger, path)
            return mine is not None
        self._remove(ledger, path, row, "erased", command.agent)
        return True

    def _remove(
        self,
        ledger: Ledger,
        path: str,
        row: tuple[Any, ...],
        what: str,
        agent: str | None,
        *,
        is_deed: bool = True,
    ) -> None:
        now = ledger.timeline.reading[CALENDAR]
        version = ledger.ordinal()
        self._remember(ledger, path, row, (version, agent, now, what, None))
        if is_deed:
            who = agent or NOBODY
            removal: Deed = (who, version, now, what, None, 0)
            replace_deeds(ledger, path, who, *([] if row[AUTHOR] == who else [_deed(row)]), removal)
        self.gone.add((now, path))
        self.around.due(self._next_forgotten(ledger))
        ledger.undo.drop(ledger.tables["entries"], path)
        del self.by_path[path]
        self._disown(row[AUTHOR])
        ledger.emit(what, None, agent, row[VERSION], path)
        self.around.entry_changed(ledger, "deleted", path, row[VERSION], agent)

    def _remember(self, ledger: Ledger, path: str, row: tuple[Any, ...], *end: tuple[Any, ...]) -> None:
        """Add to the history of an entry the version that it has, and its end if it has come."""
        past = ledger.tables["pasts"].get(path, ())
        version, value, author, written, _ = row
        fresh = (*past, (version, author, written, "written", value), *end)[-_PAST:]
        ledger.undo.put(ledger.tables["pasts"], path, fresh)

    def _disown(self, author: str) -> None:
        self.authored[author] -= 1
        if not self.authored[author]:
            del self.authored[author]

    # -- time -------------------------------------------------------------------------------

    def pass_due(self, ledger: Ledger) -> None:
        """Expire entries that are due, and forget the history of entries that are gone."""
        now, entries = ledger.timeline.reading[CALENDAR], ledger.tables["entries"]
        for _ in range(_AT_ONCE):  # first: a loan that returns may have expired meanwhile
            if not self.returns or self.returns[0][0] > now:
                break
            self._come_back(ledger, self.returns[0][1])
        for _ in range(_AT_ONCE):
            if self._next_lapse(ledger) > now:
                break
            _, path, _ = heapq.heappop(self.lapses)
            self._remove(ledger, path, entries[path], "lapsed", None)
        for _ in range(_AT_ONCE):
            if self._next_forgotten(ledger) > now:
                break
            _, path = self.gone.pop(0)
            ledger.undo.drop(ledger.tables["pasts"], path)
            forget(ledger, path)

    def next_due(self, ledger: Ledger) -> int:
        """Return when the next entry expires, or the next history is forgotten."""
        back = self.returns[0][0] if self.returns else FAR_NS
        return min(self._next_lapse(ledger), back, self._next_forgotten(ledger))

    def _next_forgotten(self, ledger: Ledger) -> int:
        settings = ledger.settings
        if not self.gone:
            return FAR_NS
        return 0 if len(self.gone) > settings.retention_count else self.gone[0][0] + ns(settings.retention)

    def _watch_lapse(self, ledger: Ledger, expires: int, path: str, version: int) -> None:
        entries, lapses = ledger.tables["entries"], self.lapses
        if len(lapses) > 2 * len(entries) + 64:  # mostly entries of versions that have been replaced since
            lapses[:] = [
                (when, path, version)
                for when, path, version in lapses
                if entries.get(path, (0,))[VERSION] == version
            ]
            heapq.heapify(lapses)
        heapq.heappush(lapses, (expires, path, version))

    def _next_lapse(self, ledger: Ledger) -> int:
        lapses, entries = self.lapses, ledger.tables["entries"]
        while lapses:
            when, path, version = lapses[0]
            row = entries.get(path)
            if row is not None and row[VERSION] == version:
                return when
            heapq.heappop(lapses)
        return FAR_NS

    # -- queries ----------------------------------------------------------------------------

    def _paths(self, prefix: str, after: str | None = None) -> Iterator[str]:
        first = prefix if after is None or after < prefix else after
        for path in self.by_path.irange(first, inclusive=(first != after, False)):
            if not path.startswith(prefix):
                return
            yield path

    def _matching(self, pattern: str) -> Iterator[str]:
        return (path for path in self._paths(literal(pattern)) if matches(pattern, path))

    def read(self, ledger: Ledger, query: Read) -> Entry | None:
        """Read one entry. O(1)."""
        row = ledger.tables["entries"].get(query.path)
        if row is None or 0 < row[EXPIRES_NS] <= ledger.asked_ns:
            return None
        return _entry(query.path, row)

    def list(self, ledger: Ledger, query: Entries) -> tuple[Entry, ...]:
        """List a page of entries. O(log n + paths that share the prefix, up to the end of the page)."""
        entries = ledger.tables["entries"]
        prefix = query.prefix
        if query.pattern is not None:
            beginning = literal(query.pattern)
            if not beginning.startswith(prefix):
                if not prefix.startswith(beginning):
                    return ()
                beginning = prefix
            prefix = beginning
        found = (
            path
            for path in self._paths(prefix, query.after)
            if (query.pattern is None or matches(query.pattern, path))
            and entries[path][VERSION] > query.newer_than
        )
        return tuple([_entry(path, entries[path]) for path in islice(found, query.count)])

    def history(self, ledger: Ledger, query: History) -> tuple[Change, ...]:
        """Read the history of an entry."""
        path = query.path
        past = list(ledger.tables["pasts"].get(path, ()))
        row = ledger.tables["entries"].get(path)
        if row is not None:
            past.append((row[VERSION], row[AUTHOR], row[WRITTEN_NS], "written", row[VALUE]))
        return tuple(
            [
                Change(what, path, agent, at, version, value=copy_json(value))
                for version, agent, at, what, value in past
            ]
        )

    def changes(self, ledger: Ledger, query: Changes) -> Page | Refused:
        """Read changes after a cursor, or the state itself."""
        if query.since is not None:
            return changes(ledger, query)
        cursor = ledger.cursor
        found = []
        for path in self._paths(query.prefix):
            version, _, author, at, _ = ledger.tables["entries"][path]
            found.append(Change("present", path, author, at, version, cursor=cursor))
        now = ledger.asked_ns
        for (kind, place), row in sorted(ledger.tables["trails"].items()):
            if place.startswith(query.prefix):
                strength = self.trails.strength(self.trails.rules[kind], row, now)
                if strength:
                    found.append(
                        Change(
                            "present",
                            place,
                            row[LAST_BY],
                            row[LAST_NS],
                            kind=kind,
                            strength=strength,
                            cursor=cursor,
                        )
                    )
        return Page(tuple(found), cursor)

    def describe(self, ledger: Ledger) -> dict[str, Any]:
        """Return the number of entries."""
        return {"entries": len(self.by_path)}

    def check(self, ledger: Ledger) -> None:
        """Assert that the orders follow the tables."""
        entries, pasts = ledger.tables["entries"], ledger.tables["pasts"]
        assert dict(self.by_path) == {path: row[VERSION] for path, row in entries.items()}
        for path, row in entries.items():
            assert not row[EXPIRES_NS] or (row[EXPIRES_NS], path, row[VERSION]) in self.lapses
        assert dict(self.authored) == Counter(row[AUTHOR] for row in entries.values())
        assert list(self.gone) == sorted(
            (past[-1][GONE_NS], path) for path, past in pasts.items() if path not in entries
        )
        assert all(len(past) <= _PAST for past in pasts.values())
        for path, deeds in ledger.tables["deeds"].items():
            agents = [deed[DEED_BY] for deed in deeds]
            assert len(agents) == len(set(agents))
            assert path in entries or path in pasts
            assert path not in entries or entries[path][AUTHOR] not in agents
            assert [deed[DEED_VERSION] for deed in deeds] == sorted(deed[DEED_VERSION] for deed in deeds)
        loans = ledger.tables["loans"]
        assert not loans.keys() & entries.keys()
        assert list(self.returns) == sorted((loan[BACK_NS], path) for path, loan in loans.items())


def _deed(row: tuple[Any, ...]) -> Deed:
    """Return the deed that the present value stands for."""
    version, value, author, written, expires = row
    return author, version, written, "written", value, expires


def _entry(path: str, row: tuple[Any, ...]) -> Entry:
    version, value, author, written, expires = row
    return Entry(path, copy_json(value), version, author, written, expires or None)
