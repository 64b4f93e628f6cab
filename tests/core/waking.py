"""
An agent that may take a task which it could not take before must be told of it, or its claim waits for ever.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator

from ants_coord.commands.shared import Claim
from ants_coord.core import Machine
from ants_coord.core.state.records import ANY, READY, TASK, Row
from ants_coord.core.work.leases import pick

SEAT = "a seat of some team"
_known: tuple[Machine | None, tuple[str, ...], set[tuple[str, str]]] = (None, (), set())
"""the last board that was looked at, and what was found there"""


def may_take(machine: Machine, agents: Iterable[str]) -> set[tuple[str, str]]:
    """
    Return each (agent, task) such that the agent could claim the task by name now.

    All seats are one: an agent that could sit in one team and now would sit in another has nothing new.
    """
    ledger = machine.ledger
    ready = [row.spec for row in ledger.tasks.values() if row.state is READY]
    ledger.undo.look()
    found = {
        (agent, spec.id if spec.seat is None else SEAT)
        for agent in agents
        for spec in ready
        if isinstance(pick(ledger, Claim(agent, task=spec.id)), Row)
    }
    ledger.undo.entries.clear()
    return found


@contextlib.contextmanager
def hints_are_complete(machine: Machine, agents: Iterable[str]) -> Iterator[None]:
    """Assert that the news of what happens inside name each agent that may take something new to it."""
    global _known
    agents, news = tuple(agents), machine.news
    # a command begins where the last one ended: looking once for each is half of what this costs
    before = _known[2] if _known[0] is machine and _known[1] == agents else may_take(machine, agents)
    news.is_wanted = True
    yield
    told = {hint[TASK] for hint in news.ready}
    told |= {SEAT for task in told if (row := machine.ledger.tasks.get(task)) is not None and row.spec.seat}
    after = may_take(machine, agents)
    _known = machine, agents, after
    if ANY not in news.ready:
        untold = {(agent, task) for agent, task in after - before if task not in told}
        assert {agent for agent, _ in untold} <= {*news.agents, *[agent for agent, _ in news.gone]}, untold
    for each in (news.agents, news.changed, news.ready, news.ended, news.freed, news.gone):
        each.clear()
