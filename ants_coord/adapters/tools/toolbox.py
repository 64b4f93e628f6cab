"""
Toolbox: an agent's tools on a board, as the plain functions that agent frameworks take.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import json
import re
from collections.abc import Awaitable, Callable, Iterable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ...fronts.arguments import Seconds
from ...values.checks import seconds
from ...values.tasks import Lease
from . import aio, sync
from .holding import Holding

if TYPE_CHECKING:
    from ...aio import Board as AsyncBoard
    from ...sync import Board

F = TypeVar("F", bound=Callable[..., Any])

_SHARED = ("claim_task", "complete_task", "submit_task", "lock_files", "unlock", "why", "list_tasks")
_MATCHING = ("advertise",)
_BOARD = ("leave_mark", "post_note", "read_board")
_BLOCKED_S = 1.0
"""longest wait of a function for threads: a cancelled run cannot stop it"""
_WAITED_S = 45.0
"""the same for event loops: hosts cancel calls after a minute"""
_NAME_CHARS = 128


def slug(name: str) -> str:
    """
    Return a framework's display name as an agent's name.

    Spaces become "-". A name that loses more than that gets the beginning of its hash, so that two names
    never become the same.

    Args:
        name: such as "Senior Researcher".

    Example:
        >>> slug("Senior Researcher")
        'Senior-Researcher'

    """
    if not isinstance(name, str):
        raise TypeError(f"agent must be a string, not {name!r}")
    words = "-".join(name.split())
    kept = re.sub(r"[^A-Za-z0-9._:/@-]+", "-", words).strip("-")
    if kept == words and 0 < len(kept) <= _NAME_CHARS:
        return kept
    mark = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return f"{kept[: _NAME_CHARS - 9] or 'agent'}-{mark}"


class Toolbox:
    """
    The tools of one agent on a board: plain functions that any agent framework takes.

    Every call is answered with a dict: `ok` says whether it was done, and `say` is a sentence for the model
    that names the next tool. A refusal is such an answer, never an exception. The agent's leases and locks
    are renewed while the model thinks, as long as it calls within `idle` seconds; closing the toolbox gives
    them back. The board stays open.

    Args:
        board: a ClaimQueue, Matchmaker or Blackboard of either colour; its class decides which tools there
            are.
        agent: name of the agent; `slug` turns a display name into a name.
        idle: seconds without a call after which nothing is renewed any more. `stall_after` of the board or a
            task applies, too: calls are signs of work.
        only: names of the tools to include; None means all.
        as_text: answer with JSON text instead of a dict, for frameworks that show results with str().
        key: the agent's key, if the board is shared with agents that are not trusted; see `shared`.

    Raises:
        TypeError, ValueError: an argument is wrong. WrongKeyError: this is not the agent's key.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> with ClaimQueue() as board, Toolbox(board, "Senior Coder") as box:
        ...     _ = board.submit(Task("fix-login"))
        ...     tools = {tool.__name__: tool for tool in box.functions()}
        ...     tools["claim_task"]()["say"]
        ...     tools["complete_task"]("fix-login", "fixed")["state"]
        'You hold fix-login. Do it, then call complete_task.'
        'done'

    """

    def __init__(
        self,
        board: Board | AsyncBoard,
        agent: str,
        *,
        idle: Seconds = 900,
        only: Iterable[str] | None = None,
        as_text: bool = False,
        key: str | None = None,
    ) -> None:
        self.agent: str = slug(agent)
        idle_ns = round(seconds(idle, "idle") * 1e9)
        self._key = key
        self._as_text = as_text
        self._boards = _both(board)
        self.names: tuple[str, ...] = _chosen(self._boards[0], only)
        """the tools that exist"""
        self._holding = Holding(self._boards[0]._engine, self.agent, idle_ns)
        self._tools = self._made(0)

    def _made(self, colour: int) -> Any:
        """Return the tools of a colour: 0 is for threads, 1 for event loops."""
        make: Any = (sync, aio)[colour].Tools
        board: Any = self._boards[colour]
        handle = (
            board.as_agent(self.agent)
            if self._key is None
            else board.shared().as_agent(self.agent, self._key)
        )
        # also the board is asked in the agent's name: a hub with keys answers nobody who has shown none
        asked = handle._board
        return make(asked, handle, self._holding, self.names, (_BLOCKED_S, _WAITED_S)[colour])

    def functions(self) -> list[Callable[..., Any]]:
        """
        Return the tools as functions for threads.

        A framework that calls them on its event loop would stand still meanwhile: give it `async_functions`.

        """
        tools, shown = self._tools, self._shown

        def function(name: str) -> Callable[..., Any]:
            def call(*args: Any, **options: Any) -> Any:
                return shown(tools._answer(name, args, options))

            return self._dressed(call, name, _BLOCKED_S)

        return [function(name) for name in self.names]

    def async_functions(self) -> list[Callable[..., Awaitable[Any]]]:
        """Return the tools as functions for event loops; a cancelled call gives back what it got."""
        tools, shown = self._made(1), self._shown

        def function(name: str) -> Callable[..., Awaitable[Any]]:
            async def call(*args: Any, **options: Any) -> Any:
                return shown(await tools._answer(name, args, options))

            return self._dressed(call, name, _WAITED_S)

        return [function(name) for name in self.names]

    def _shown(self, answer: dict[str, Any]) -> Any:
        return json.dumps(answer, ensure_ascii=False) if self._as_text else answer

    def _dressed(self, call: F, name: str, longest_s: float) -> F:
        """
        Give a function the name, signature and docstring of its tool, which is all that frameworks look at.
        """
        tool = getattr(self._tools, name)
        returns: Any = str if self._as_text else dict[str, Any]
        signature = inspect.signature(tool).replace(return_annotation=returns)
        function: Any = call
        function.__name__ = function.__qualname__ = name
        function.__module__ = __name__
        function.__doc__ = inspect.cleandoc(tool.__doc__).replace("at most 45", f"at most {longest_s:g}")
        function.__signature__ = signature
        function.__annotations__ = {one.name: one.annotation for one in signature.parameters.values()}
        function.__annotations__["return"] = returns
        return call

    @property
    def held(self) -> list[Lease]:
        """The tasks and locks that the agent holds through this toolbox, the oldest first."""
        return self._holding.leases

    def close(self) -> None:
        """Give back what the agent holds through this toolbox. May be repeated."""
        self._tools._give_back()

    async def aclose(self) -> None:
        """Do the same for event loops."""
        await self._made(1)._give_back()

    def __enter__(self) -> Self:
        """Return the toolbox."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    async def __aenter__(self) -> Self:
        """Return the toolbox."""
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it, even if the run is cancelled meanwhile."""
        closing = asyncio.ensure_future(self.aclose())
        try:
            await asyncio.shield(closing)
        except asyncio.CancelledError:
            # the loop may end as soon as we return, which would cancel it
            await asyncio.wait((closing,))
            raise


def _both(board: Any) -> tuple[Any, Any]:
    """Return a board for threads and for event loops."""
    from ...sync import Board  # noqa: PLC0415 - a front that is not used is not imported

    if isinstance(board, Board):
        return board, board.aio
    if hasattr(type(board), "sync"):
        return board.sync, board
    raise TypeError(f"Toolbox needs a ClaimQueue, Matchmaker or Blackboard, not {board!r}")


def _chosen(board: Any, only: Iterable[str] | None) -> tuple[str, ...]:
    has = type(board)
    every: tuple[str, ...] = _SHARED
    every += _MATCHING if hasattr(has, "advertise") else ()
    every += _BOARD if hasattr(has, "deposit") else ()
    if only is None:
        return every
    if isinstance(only, str):
        raise TypeError(f"only must be several names, not {only!r}; write [{only!r}]")
    wanted = tuple(only)
    for name in wanted:
        if name not in every:
            raise ValueError(f"a {has.__name__} has no tool {name!r}; there are {', '.join(every)}")
    return tuple(name for name in every if name in wanted)
