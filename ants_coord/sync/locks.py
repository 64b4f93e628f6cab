# Generated, do not edit: change the verbs in ants_coord/aio/ and run `python -m tests.colours`.
# fmt: off
# ruff: noqa
"""
The verbs that lock resources by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..engine.lobby import Waiter, mute
from ..fronts import arguments
from ..fronts.arguments import Seconds
from ..values.tasks import Lease
from .results import ResultVerbs

if TYPE_CHECKING:
    from ..fronts.hold import LockHold
    from ..fronts.file_names import Path


class LockVerbs(ResultVerbs):
    """The verbs that lock resources."""

    def lock(
        self,
        *names: str,
        agent: str,
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
    ) -> LockHold:
        """
        Return a scope that locks all names or none: it waits at its entry and unlocks at its exit.

        Args:
            names: resources, such as paths; 1 to 512 bytes each, 256 at most. "src/" covers everything below
                it.
            agent: name of the agent that locks.
            lease_ttl: seconds that a lock lasts without renewal (the scope renews it); by default as the
                board says.
            timeout: seconds to wait at the entry; None waits for ever.
            holder: a name, such as a session's id; scopes with the same holder may re-enter. Without it,
                another scope of the same agent waits like anybody else.
            shared: whether others that also lock shared may be inside at the same time.

        Returns:
            A scope; within it, it has the lock's `token` for `Guard`.

        Raises:
            TimeoutError: at the entry: others held a name for all that time; the message says who.
            QuarantinedError: at the entry: the agent may not change the shared state.
            LeaseLostError: at the exit: the lock ran out in between; others may have been inside.
            ClosedError: the coordinator was closed during the wait.

        Example:
            >>> board = ClaimQueue()
            >>> with board.lock("app.py", "src/", agent="ann", timeout=5):
            ...     print((board.holder("src/main.py")).agent)
            ann

        """
        command = arguments.lock(names, agent, lease_ttl, holder, shared=shared)
        waiter_for = command.names

        def acquire() -> Lease:
            waiter = Waiter(mute, names=waiter_for)
            return self._wait(lambda w: self._engine.try_or_enter(command, w), waiter, timeout, command)

        return self._lock_hold(acquire)

    def lock_nowait(
        self,
        *names: str,
        agent: str,
        lease_ttl: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
        request_id: str | None = None,
    ) -> Lease:
        """
        Lock all names now, or none. Nobody renews the lock: `release` it, or let it expire.

        Args:
            names: as in `lock`.
            agent: name of the agent that locks.
            lease_ttl: seconds that the lock lasts; by default as the board says.
            holder: as in `lock`.
            shared: as in `lock`.
            request_id: an id of your own; repeating the call with it returns the first reply.

        Returns:
            The Lease of the lock, with its `token` and `names`.

        Raises:
            HeldError: somebody else holds one of the names; the error says who, and for how long at most.
            QuarantinedError: the agent may not change the shared state.

        Example:
            >>> board = ClaimQueue()
            >>> lock = board.lock_nowait("app.py", agent="ann", lease_ttl=60)
            >>> lock.names
            ('app.py',)
            >>> board.release(lock)

        """
        command = arguments.lock(names, agent, lease_ttl, holder, shared=shared)
        return self._engine.execute(command, request_id)

    def lock_files(
        self,
        *paths: Path,
        agent: str,
        root: Path = ".",
        lease_ttl: Seconds | None = None,
        timeout: Seconds | None = None,
        holder: str | None = None,
        shared: bool = False,
    ) -> LockHold:
        """
        Return a scope that locks files, however their paths are spelled; otherwise it is as `lock`.

        Args:
            paths: files, and folders with everything below them; absolute, or relative to the root.
            agent: name of the agent that locks.
            root: the folder that names are relative to, such as the repository's; it must be the same for all
                users of a board. By default the current folder.
            lease_ttl: as in `lock`.
            timeout: as in `lock`.
            holder: as in `lock`.
            shared: as in `lock`.

        Returns:
            A scope, as `lock` does.

        Raises:
            ValueError: a path lies outside the root.
            TimeoutError, QuarantinedError, LeaseLostError, ClosedError: as in `lock`.

        Example:
            >>> board = ClaimQueue()
            >>> with board.lock_files("./src/../app.py", agent="ann"):
            ...     print((board.holder("app.py")).agent)
            ann

        """
        from ..fronts.file_names import names_of_files  # noqa: PLC0415 - it needs Unicode tables

        return self.lock(
            *names_of_files(paths, root),
            agent=agent,
            lease_ttl=lease_ttl,
            timeout=timeout,
            holder=holder,
            shared=shared,
        )
