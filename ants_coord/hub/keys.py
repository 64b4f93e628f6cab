"""
A hub with keys: what a connection may ask that has shown the keys of some agents.

It may ask what the handles of these agents can (fronts/agent.py), and nothing else: what a command or query
names is not enough, because one that names no agent acts for the holder of a lease, or on the whole board.
Everything that is not listed here is refused, so a new command is closed until somebody opens it.

A session's name is a secret of the client that drew it (8 random bytes, in no answer and no event). So nobody
can repeat or withdraw the requests of another.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from ..commands import board, matching, purses, reading, shared
from ..commands.reading import Find, Leases
from ..commands.shared import Command, Complete, Query, Renew
from ..engine.engine import Engine
from ..engine.lobby import Waiter
from ..errors import WrongKeyError
from ..fronts import arguments
from ..fronts.agent import veil
from ..fronts.keys import is_same
from ..frozen import evolve
from ..values.settings import Settings

Asked = Command[Any] | Query[Any]

_FREE: frozenset[type] = frozenset(
    {
        board.Changes, board.Entries, board.History, board.Read, board.Sense, board.Strongest,
        reading.Explain, reading.Find, reading.Leases, reading.Outcomes, reading.SettingsOf, reading.Tasks,
        shared.Submit,
    }
)  # fmt: skip
"""they name no agent (a list of leases may); the answers are veiled. The tools of models ask for tasks and
settings, too"""
_ITS_OWN: frozenset[type] = frozenset(
    {
        board.Deposit, board.Diffuse, board.Erase, board.Take, board.Thresholds, board.Write,
        matching.Offers, matching.WhyNot, matching.Withdraw,
        reading.BriefingOf, reading.ExplainAgent, reading.StandingOf,
        shared.Adopt, shared.Claim, shared.ClaimMany, shared.Decline, shared.LockNames, shared.ReleaseAll,
    }
)  # fmt: skip
"""they name the agent that asks"""
_ON_LEASES: frozenset[type] = frozenset(
    {
        purses.Spend, shared.Complete, shared.CompleteMany, shared.Fail, shared.Note, shared.Release,
        shared.Renew, shared.Split,
    }
)  # fmt: skip
"""they may name the agent that asks; if they do not, they would act for any holder"""
_ALWAYS = frozenset({"hello", "key", "last", "leave", "now", "unkeep", "wait"})
"""lines that only concern the connection itself; and a wait, which must be answered under its number"""
_NEVER = frozenset({"check", "digest"})


class Gate:
    """
    The judge of what connections may ask. `names` are always the agents whose keys the connection has shown.

    Args:
        engine: the board's engine, which has the secret.
        key_of: returns an agent's key; raises ValueError for what is no name.

    """

    def __init__(self, engine: Engine, key_of: Callable[[str], str]) -> None:
        self._engine = engine
        self._key_of = key_of

    def show(self, names: set[str], agent: object, key: object) -> None:
        """Add an agent to the names if this is its key; raises WrongKeyError."""
        if not isinstance(agent, str) or not isinstance(key, str):
            raise WrongKeyError(str(agent))
        if not is_same(key, self._key_of(agent)):
            raise WrongKeyError(agent)
        names.add(agent)

    def show_all(self, names: set[str], keys: dict[str, Any]) -> None:
        """
        Add every agent whose key is right.

        Wrong ones are not an error here: the client may speak for many agents, and one that is wrong must not
        keep the others out. It is told when it uses that name.
        """
        for agent, key in keys.items():
            with contextlib.suppress(WrongKeyError, ValueError):
                self.show(names, agent, key)

    def admit(self, names: set[str], what: Asked) -> None:
        """
        Refuse what these agents may not ask, and name the one that acts on a lease.

        Raises:
            WrongKeyError: it needs the key of an agent, which was not shown.
            ValueError: it is not for agents.

        """
        kind = what.__class__
        if kind in _ON_LEASES:
            self.sign(names, what)
        elif kind not in _FREE and kind not in _ITS_OWN:
            raise ValueError(
                f"a hub with keys takes no {kind.__name__}, which is no verb of an agent's handle; "
                "open the board itself for it"
            )
        named = what.agents if isinstance(what, Renew) else (getattr(what, "agent", None),)
        for agent in named:
            if agent is not None and agent not in names:
                raise WrongKeyError(agent, shown=False)
        if not names:
            raise WrongKeyError("", shown=False)
        if isinstance(what, Complete):  # an agent that drew for itself would never be checked
            assert self._engine.secret is not None
            what.draw = arguments.drawn(self._engine.secret, what.task, what.token)

    def sign(self, names: set[str], what: Any) -> None:
        """Put the agent that acts into a command on leases that names none."""
        if what.__class__ is Renew:
            told = what.agents or (None,) * len(what.leases)
            if len(told) != len(what.leases):
                raise ValueError(f"Renew has {len(what.leases)} leases and {len(told)} agents")
            pairs = zip(told, what.leases, strict=True)
            what.agents = tuple([agent or self._holder(names, token) for agent, (_, token) in pairs])
        elif what.agent is None:
            ends = getattr(what, "endings", None)
            what.agent = self._holder(names, what.token if ends is None else ends[0][1] if ends else 0)

    def _holder(self, names: set[str], token: int) -> str:
        """
        Return which of these agents holds a lease; any of them if none does.

        In the latter case the core refuses the command, as one on another agent's lease, or on none.
        """
        for name in sorted(names):
            if any(lease.token == token for lease in self._engine.ask(Leases(name))):
                return name
        return min(names, default="")

    def admit_word(self, names: set[str], word: str) -> None:
        """Refuse a line about waits and leases from a connection that has shown no key."""
        if word in _NEVER:
            raise ValueError(f"a hub with keys takes no {word}; open the board itself for it")
        if word not in _ALWAYS and not names:
            raise WrongKeyError("", shown=False)

    def admit_wait(self, names: set[str], what: Asked, waiter: Waiter) -> None:
        """Refuse a wait for what these agents may not ask, or in another's place in the line."""
        self.admit(names, what)
        if waiter.agent and waiter.agent not in names:
            raise WrongKeyError(waiter.agent, shown=False)

    def admit_watch(self, names: set[str], task: str, token: int) -> None:
        """Refuse to watch another agent's lease."""
        found = self._engine.ask(Find(task))
        lease = None if found is None else found.lease
        if lease is not None and lease.token == token and lease.agent not in names:
            raise WrongKeyError(lease.agent, shown=False)

    def veiled(self, names: set[str], reply: Any) -> Any:
        """Return what these agents may see of an answer."""
        return self.told(reply) if isinstance(reply, Settings) else veil(reply, names)

    def told(self, settings: Settings) -> Settings:
        """Return the settings without those that say how results and claims are checked."""
        return evolve(settings, trust=None, proofs=())
