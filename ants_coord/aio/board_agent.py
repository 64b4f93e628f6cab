# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
An agent's own handle on a Blackboard for event loops; see Agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .match_agent import MatchAgent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping
    from ..fronts.arguments import Seconds
    from ..values.entries import Change, Entry
    from ..values.marks import Mark, Threshold, Trail
    from .blackboard import Blackboard

__all__ = ["BoardAgent"]


class BoardAgent(MatchAgent):
    """An agent's own handle on a Blackboard for event loops; see Agent."""

    _board: Blackboard

    async def deposit(self, mark: Mark, *, request_id: str | None = None) -> Trail:
        """
        Lay a mark: it reinforces the trail of its kind at its place, or starts one.

        Args:
            mark: the kind, the place and the strength.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The trail as it is now; `laid` is the part of the mark that counted, which a ceiling may limit.

        Raises:
            UnknownKindError: the board declares its kinds of marks (`kinds=`), and this is none of them.
            FaintMarkError: the mark is too weak to start a trail; lay a stronger one.
            NotOwnerError: a namespace gives the place to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            LimitError: the agent has begun as many trails as the board's `quota` allows.

        """
        return await self._board.deposit(mark, agent=self.name, request_id=request_id)

    async def sense(self, place: str, *, kind: str | None = None) -> list[Trail]:
        """
        Read the trails at a place, sorted by kind; reading changes nothing.

        Args:
            place: the place, as in Mark.
            kind: only this kind of mark; by default all kinds.

        Returns:
            A list of Trails with their strength now; an empty list if there are none.

        """
        return await self._board.sense(place, kind=kind)

    async def strongest(self, kind: str | None = None, *, count: int = 10) -> list[Trail]:
        """
        Read the strongest trails, strongest first.

        Args:
            kind: only this kind; None ranks places by the net of all kinds, with repelling kinds subtracted.
            count: most trails to return.

        Returns:
            A list of Trails with their strength now; `kind` is None for the net of all kinds.

        """
        return await self._board.strongest(kind, count=count)

    async def diffuse(
        self,
        kind: str,
        neighbours: Mapping[str, Iterable[str]],
        *,
        share: float = 0.5,
        request_id: str | None = None,
    ) -> int:
        """
        Let trails of one kind spread once over a graph of places; only trails that become faint are lost.

        Args:
            kind: kind of mark.
            neighbours: place -> the places that it gives to; at most 10,000 places and edges.
            share: the share of its trail, 0 to 1, that a place divides among its neighbours.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            How many trails changed.

        Raises:
            UnknownKindError: the board declares its kinds of marks (`kinds=`), and this is none of them.
            NotOwnerError: a namespace gives one of the places to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            LimitError: there are too many places and edges, or the agent's `quota` of trails is used up.

        """
        return await self._board.diffuse(
            kind,
            neighbours,
            agent=self.name,
            share=share,
            request_id=request_id,
        )

    async def thresholds(self) -> list[Threshold]:
        """
        Read an agent's response threshold for each kind of task that it has done, sorted by kind.

        Returns:
            A list of Thresholds, 0 to 1: the lower one is, the more the agent is drawn to that kind.

        """
        return await self._board.thresholds(self.name)

    async def write(
        self,
        path: str,
        value: object,
        *,
        expect: int | None = None,
        ttl: Seconds | None = None,
        mark: str | None = None,
        request_id: str | None = None,
    ) -> Entry:
        """
        Write an entry.

        Args:
            path: 1 to 512 bytes of text; "/" separates segments.
            value: any JSON value.
            expect: the version that the entry must have; 0 means that there must be no entry. By default any.
            ttl: seconds after which the entry expires; by default it does not.
            mark: the kind of a mark of strength 1 to lay at the path in the same step; both are done, or
                neither. By default none.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The Entry as it is now; give its `version` as `expect` to the next write.

        Raises:
            StaleVersionError: the entry has another version; read it again.
            NotOwnerError: a namespace gives the path to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            LimitError: the agent has written as many entries as the board's `quota` allows; erase some.
            UnknownKindError, FaintMarkError: as in `deposit`, for the mark; nothing was written.

        """
        return await self._board.write(
            path,
            value,
            agent=self.name,
            expect=expect,
            ttl=ttl,
            mark=mark,
            request_id=request_id,
        )

    async def read(self, path: str) -> Entry | None:
        """
        Read an entry.

        Args:
            path: path of the entry.

        Returns:
            The Entry with `value`, `version` and `author`; None if there is none.

        """
        return await self._board.read(path)

    async def wait_for(self, pattern: str, *, newer_than: int = 0, timeout: Seconds | None = None) -> Entry:
        """
        Wait until an entry matches, and return it.

        Args:
            pattern: a path; `*` stands for one segment or a part of it, and `**` at the end for all that
                follow.
            newer_than: only versions after this one; 0 takes any.
            timeout: seconds to wait; None waits for ever.

        Returns:
            The first matching Entry, by path; it stays on the board. `take` removes it.

        Raises:
            TimeoutError: nothing matched in time.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        """
        return await self._board.wait_for(pattern, newer_than=newer_than, timeout=timeout)

    async def entries(
        self,
        prefix: str = "",
        *,
        pattern: str | None = None,
        after: str | None = None,
        count: int = 1000,
    ) -> list[Entry]:
        """
        List entries by path.

        Args:
            prefix: the beginning of the paths; by default all.
            pattern: a pattern that the paths must match, such as `inbox/*/text`; by default none.
            after: continue after this path; by default at the first.
            count: most entries to return.

        Returns:
            A list of Entries.

        """
        return await self._board.entries(prefix, pattern=pattern, after=after, count=count)

    async def take(
        self,
        pattern: str,
        *,
        timeout: Seconds | None = None,
        lease_ttl: Seconds | None = None,
    ) -> Entry:
        """
        Wait for a matching entry, remove it and return it: exactly one taker gets it.

        Args:
            pattern: as in `wait_for`; the first match by path is taken.
            timeout: seconds to wait; None waits for ever.
            lease_ttl: seconds after which the entry returns, unless its taker has confirmed it with
                `erase(entry.path, agent=..., expect=entry.version)`. With None it never returns, even if the
                taker dies.

        Returns:
            The Entry as it was.

        Raises:
            TimeoutError: nothing matched in time.
            NotOwnerError: a namespace gives the entry to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.
            DeadlockError: the caller works on a task, and so do all other holders of tasks: all of them wait.
            ClosedError: the coordinator was closed during the wait.

        """
        return await self._board.take(pattern, agent=self.name, timeout=timeout, lease_ttl=lease_ttl)

    async def take_nowait(
        self,
        pattern: str,
        *,
        lease_ttl: Seconds | None = None,
        request_id: str | None = None,
    ) -> Entry | None:
        """
        Take an entry if one matches now, otherwise return None. `take` waits for one.

        Args:
            pattern: as in `wait_for`.
            lease_ttl: as in `take`.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The Entry as it was, or None if none matches.

        Raises:
            NotOwnerError: a namespace gives the entry to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.

        """
        return await self._board.take_nowait(
            pattern,
            agent=self.name,
            lease_ttl=lease_ttl,
            request_id=request_id,
        )

    async def erase(self, path: str, *, expect: int | None = None, request_id: str | None = None) -> bool:
        """
        Remove an entry.

        Args:
            path: path of the entry.
            expect: the version that the entry must have; by default any.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            Whether there was one.

        Raises:
            StaleVersionError: the entry has another version; read it again.
            NotOwnerError: a namespace gives the path to others.
            QuarantinedError: the agent may not change the shared state; `standing` says why.

        """
        return await self._board.erase(path, agent=self.name, expect=expect, request_id=request_id)

    async def history(self, path: str) -> list[Change]:
        """
        Read the history of an entry: who changed it, when and how; the last ten changes, oldest first.

        Args:
            path: path of the entry, which may be gone.

        Returns:
            A list of Changes with `what`, `agent`, `version` and `value`.

        """
        return await self._board.history(path)

    def watch(
        self,
        prefix: str = "",
        *,
        since: int | None = None,
        follow: bool = True,
    ) -> AsyncIterator[Change]:
        """
        Iterate over changes of entries and trails, each once and in order.

        Args:
            prefix: the beginning of the paths and places; by default all.
            since: continue after the cursor of an earlier change; None first returns everything that exists,
                as "present".
            follow: wait for more changes until the coordinator closes.

        Yields:
            Changes of entries (`path`) and of trails (`kind` and `strength`, too); each has its `cursor`.

        Raises:
            CursorTooOld: changes after `since` are gone; start again without it.

        """
        return self._board.watch(prefix, since=since, follow=follow)
