"""
The common part of agent handles in both colours, and what a handle needs at a board that asks for keys.

The handles themselves (`Agent`, `MatchAgent`, `BoardAgent` in aio/ and sync/) are generated from the verbs.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Container
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from ..commands.shared import Command, Query, Renew
from ..errors import ForeignLeaseError, WrongKeyError
from ..frozen import evolve
from ..values.tasks import Lease, TaskRecord
from . import arguments
from .keys import is_same

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.keeper import Kept
    from ..engine.lobby import Waiter

A = TypeVar("A", covariant=True)
L = TypeVar("L")


class SpokenFor:
    """
    An engine as one agent uses it: every command on a lease names the agent.

    The core compares the name with the holder, so a handle "id#token", or a Lease with a changed name, only
    works for its own agent. The board's own verbs name nobody: they act for the holder.
    """

    is_short = False
    """the agent must be named in each command, which the short way cannot do"""

    def __init__(self, engine: Engine, agent: str) -> None:
        self._engine = engine
        self._agent = agent
        self.is_keyed = False
        """whether the agent is untrusted: it must see nothing by which it could act as another, or cheat"""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def execute(self, command: Command[Any], request_id: str | None = None) -> Any:
        """Carry a command out in the agent's name."""
        if isinstance(command, Renew):
            command.agents = (self._agent,) * len(command.leases)
        elif getattr(command, "agent", "") is None:
            command.agent = self._agent  # type: ignore[attr-defined]
        return self._engine.execute(command, request_id)

    def keep(self, kept: Kept) -> None:
        """Renew a lease in the agent's name."""
        kept.agent = self._agent
        self._engine.keep(kept)

    def ask(self, query: Query[Any]) -> Any:
        """Answer a query; an untrusted agent does not see everything."""
        found = self._engine.ask(query)
        return veil(found, (self._agent,)) if self.is_keyed else found


class Introduced(SpokenFor):
    """
    An engine as one agent uses it whose key is checked elsewhere: by the hub that serves the board.

    The key is shown before each use, since only the first time is a trip to the hub: so both colours show it
    where they may wait, and a key that the hub no longer accepts is noticed.
    """

    def __init__(self, engine: Engine, agent: str, key: str) -> None:
        super().__init__(engine, agent)
        self._key = key

    def _show(self) -> None:
        self._engine.show_key(self._agent, self._key)  # type: ignore[attr-defined]  # only some have it

    def execute(self, command: Command[Any], request_id: str | None = None) -> Any:
        """Carry a command out in the agent's name."""
        self._show()
        return super().execute(command, request_id)

    def ask(self, query: Query[Any]) -> Any:
        """Answer a query, as far as the agent may see the answer."""
        self._show()
        return super().ask(query)

    def try_or_enter(self, command: Command[Any], waiter: Waiter, turn: Any = None) -> Any:
        """Try, or wait in the line."""
        self._show()
        return self._engine.try_or_enter(command, waiter, turn)

    def look_or_enter(self, query: Query[Any], done: Callable[[Any], bool], waiter: Waiter) -> Any:
        """Ask, or watch for the answer."""
        self._show()
        return self._engine.look_or_enter(query, done, waiter)

    def next_ended(self, waiter: Waiter) -> Any:
        """Return what has ended, or wait for it."""
        self._show()
        return self._engine.next_ended(waiter)

    def stands_still(self, waiter: Waiter, quiet_ns: int, idle: int = 0) -> str | None:
        """Say why a wait will never end."""
        self._show()
        return self._engine.stands_still(waiter, quiet_ns, idle)

    def give_back(self, reply: Any) -> None:
        """
        Give back what a reply that nobody has heard hands over.

        An entry is written again in the agent's own name: the hub would refuse its author's, and it would be
        lost. The hub has seen the key, since it has granted something.
        """
        self._engine.give_back(reply, self._agent)


def veil(found: Any, agents: Container[str]) -> Any:
    """
    Return what untrusted agents may see of tasks and leases.

    Token, payload and inputs of other agents' leases are hidden, and so is the way results are checked: an
    agent that knew which tasks are canaries could be honest only there.
    """
    if isinstance(found, tuple):
        return tuple([veil(one, agents) for one in found])
    if isinstance(found, Lease) and found.agent not in agents:
        return evolve(found, token=0, payload=None, inputs={}, notes=())
    if not isinstance(found, TaskRecord):
        return found
    task, lease = found.task, found.lease
    if task.verify is not None:
        task = evolve(task, verify=None)
    if lease is not None and lease.agent not in agents:
        task, lease = evolve(task, payload=None), veil(lease, agents)
    return evolve(found, task=task, lease=lease)


class Shared(Generic[A]):
    """
    A coordinator that many agents may share: each acts through a handle, for which it needs its key.

    For hosts that forward agents' calls (a tool server, a web service): the name comes with the call, and the
    key proves that it is the caller's own. A handle only accepts leases of its agent.
    """

    def __init__(self, board: Any) -> None:
        self._board = board

    def as_agent(self, name: str, key: str) -> A:
        """
        Return an agent's handle.

        Args:
            name: the agent.
            key: the key that the host's `key_of(name)` returned.

        Raises:
            WrongKeyError: this is not the agent's key; get it from the host's `key_of(name)`. Over a hub,
                which has the secret, the first verb of the handle raises it.

        """
        if not isinstance(key, str):
            raise WrongKeyError(arguments.agent_name(name))
        engine = self._board._engine  # noqa: SLF001 - our own class
        is_checked_elsewhere = hasattr(engine, "show_key")
        if engine.secret is not None or not is_checked_elsewhere:
            expected = self._board.key_of(name)
            if not is_same(key, expected):
                raise WrongKeyError(name)
        handle: A = self._board.as_agent(name)
        if is_checked_elsewhere:
            handle._introduce(key)  # type: ignore[attr-defined]  # noqa: SLF001 - our own class
        handle._spoken.is_keyed = True  # type: ignore[attr-defined]  # noqa: SLF001 - our own class
        return handle


class Handle:
    """A coordinator as seen by one agent."""

    _board: Any

    def __init__(self, board: Any, name: str) -> None:
        self._whole = board
        self._board = copy.copy(board)
        self._spoken = self._board._engine = SpokenFor(board._engine, name)  # noqa: SLF001 - our own class
        self.name = name

    def _introduce(self, key: str) -> None:
        """Show the agent's key where the board is, with its first verb."""
        spoken = Introduced(self._spoken._engine, self.name, key)  # noqa: SLF001 - our own class
        self._spoken = self._board._engine = spoken  # noqa: SLF001 - our own class

    def _own(self, lease: L) -> L:
        """
        Refuse another agent's lease at once; the core refuses a lease that merely carries our agent's name.
        """
        inner: Any = getattr(lease, "lease", lease)
        holder = getattr(inner, "agent", None)
        if holder is not None and holder != self.name:
            raise ForeignLeaseError(self.name, str(inner.task), str(holder))
        return lease

    if not TYPE_CHECKING:  # a type checker must go on refusing attributes that do not exist

        def __getattr__(self, verb: str) -> Any:
            if verb.startswith("_"):
                raise AttributeError(verb)
            raise AttributeError(f"an agent has no verb {verb!r}; ask the coordinator itself")

    def __repr__(self) -> str:
        return f"<agent {self.name!r} of {self._whole!r}>"
