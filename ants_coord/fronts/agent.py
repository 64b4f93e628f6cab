"""
The common part of agent handles in both colours.

The handles themselves (`Agent`, `MatchAgent`, `BoardAgent` in aio/ and sync/) are generated from the verbs.
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any, TypeVar

from ..commands.shared import Command, Query, Renew
from ..errors import ForeignLeaseError
from ..values.frozen import evolve
from ..values.tasks import Lease, TaskRecord

if TYPE_CHECKING:
    from ..engine.engine import Engine
    from ..engine.keeper import Kept

__all__ = ["Handle", "veil"]

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
        return veil(found, self._agent) if self.is_keyed else found


def veil(found: Any, agent: str) -> Any:
    """
    Return what an untrusted agent may see of tasks and leases.

    Token, payload and inputs of other agents' leases are hidden, and so is the way results are checked: an
    agent that knew which tasks are canaries could be honest only there.
    """
    if isinstance(found, tuple):
        return tuple([veil(one, agent) for one in found])
    if isinstance(found, Lease) and found.agent != agent:
        return evolve(found, token=0, payload=None, inputs={}, notes=())
    if not isinstance(found, TaskRecord):
        return found
    task, lease = found.task, found.lease
    if task.verify is not None:
        task = evolve(task, verify=None)
    if lease is not None and lease.agent != agent:
        task, lease = evolve(task, payload=None), veil(lease, agent)
    return evolve(found, task=task, lease=lease)


class Handle:
    """A coordinator as seen by one agent."""

    _board: Any

    def __init__(self, board: Any, name: str) -> None:
        self._whole = board
        self._board = copy.copy(board)
        self._spoken = self._board._engine = SpokenFor(board._engine, name)  # noqa: SLF001 - our own class
        self.name = name

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
