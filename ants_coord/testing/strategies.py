"""
Hypothesis strategies for tasks, adverts, marks and commands. Needs the package `hypothesis`.

    from hypothesis import given
    from ants_coord.testing import strategies as ants

    @given(ants.tasks())
    def test_my_planner_keeps_the_priority(task): ...
"""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from ..commands import shared as c
from ..values.adverts import Advert
from ..values.marks import Mark
from ..values.tasks import Backoff, Task
from ..values.verification import Verify
from .simulation.report import Faults

__all__ = ["adverts", "agents", "batches", "commands", "faults", "json_values", "marks", "tasks"]

_CAPABILITIES = ("python", "python:3.11", "doc.parse", "gpu", "review:2")
_ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789._-"


def json_values(max_leaves: int = 8) -> SearchStrategy[Any]:
    """Return JSON values that payloads and results may be: no NaN, integers within 2**53."""
    text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
    whole = st.integers(-(1 << 53), 1 << 53)
    floats = st.floats(allow_nan=False, allow_infinity=False)
    leaves = st.none() | st.booleans() | whole | floats | text
    return st.recursive(
        leaves,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
        max_leaves=max_leaves,
    )


def names() -> SearchStrategy[str]:
    """Return names of agents, kinds, capabilities, limits."""
    return st.text(_ALPHABET, min_size=1, max_size=12).filter(lambda name: name[0].isalnum())


def agents(count: int = 3) -> SearchStrategy[str]:
    """Return one of a few agents, because stories need the same ones repeatedly."""
    return st.sampled_from([f"agent-{number}" for number in range(1, count + 1)])


def tasks(ids: SearchStrategy[str] | None = None, *, verify: bool = False) -> SearchStrategy[Task]:
    """
    Return tasks that every strategy honours.

    Args:
        ids: a strategy for their ids; fresh ids by default.
        verify: whether the results of some are checked by others.

    """
    ways = st.none()
    if verify:
        ways = st.sampled_from([None, Verify.by_check(), Verify.by_quorum(), Verify.by_check(votes=3)])
    return st.builds(
        Task,
        st.just("") if ids is None else ids,
        kind=st.sampled_from(["default", "index", "test"]),
        payload=json_values(),
        priority=st.integers(-5, 5),
        delay=st.none() | st.floats(0, 100),
        lease_ttl=st.none() | st.floats(1, 100),
        stall_after=st.none() | st.floats(0, 100),
        max_attempts=st.none() | st.integers(1, 5),
        backoff=st.none()
        | st.builds(Backoff, st.floats(0, 10), st.floats(0, 60), st.integers(1, 3), jitter=st.floats(0, 1)),
        limit=st.none() | st.sampled_from(["db", "net"]),
        tags=st.lists(names(), max_size=2, unique=True).map(tuple),
        verify=ways,
    )


@st.composite
def batches(draw: Any, max_size: int = 8) -> list[Task]:
    """Return tasks that need each other, without a cycle."""
    size = draw(st.integers(0, max_size))
    made: list[Task] = []
    for number in range(size):
        some = (
            st.lists(st.sampled_from([task.id for task in made]), max_size=2, unique=True)
            if made
            else st.just([])
        )
        made.append(
            Task(
                f"task-{number}",
                priority=draw(st.integers(-2, 2)),
                needs=tuple(draw(some)),
                if_need_fails=draw(st.sampled_from(["cancel", "run"])),
            )
        )
    return made


def adverts(agent: SearchStrategy[str] | None = None) -> SearchStrategy[Advert]:
    """Return adverts that a Matchmaker or Blackboard accepts."""
    plain = st.integers(0, 100) | st.booleans() | names()
    return st.builds(
        Advert,
        agents() if agent is None else agent,
        capabilities=st.lists(st.sampled_from(_CAPABILITIES), max_size=4, unique=True).map(tuple),
        attributes=st.dictionaries(st.sampled_from(["mem", "region", "fast"]), plain, max_size=3),
        slots=st.integers(0, 8),
    )


def marks() -> SearchStrategy[Mark]:
    """Return marks that a Blackboard accepts."""
    return st.builds(
        Mark,
        st.sampled_from(["food", "danger"]),
        st.sampled_from(["here", "there", "src/a.py"]),
        st.floats(0.1, 1_000.0),
    )


def commands(count: int = 3) -> SearchStrategy[c.Command[Any]]:
    """
    Return commands of a few agents about a few tasks, for machines that are driven directly.

    Tokens are small numbers; map them to the tokens that your story was granted.
    """
    ids = st.sampled_from([f"task-{number}" for number in range(1, count + 1)])
    token = st.integers(0, 5)
    who = agents(count)
    return st.one_of(
        st.builds(lambda task: c.submission((task,)), tasks(ids)),
        st.builds(c.Claim, who),
        st.builds(c.Claim, who, task=ids),
        st.builds(c.ClaimMany, who, st.integers(1, 3)),
        st.builds(lambda task, one: c.Renew(((task, one),)), ids, token),
        st.builds(c.Complete, ids, token, json_values()),
        st.builds(c.Fail, ids, token, st.just("no"), retry=st.booleans()),
        st.builds(c.Release, ids, token),
        st.builds(c.ReleaseAll, who),
        st.builds(c.Cancel, ids),
        st.builds(c.Requeue, ids),
        st.builds(c.Wakeup),
    )


def faults() -> SearchStrategy[Faults]:
    """Return faults for a Colony, from none to nearly all."""
    share = st.sampled_from([0.0, 0.01, 0.05])
    return st.builds(
        Faults,
        crash_every=st.sampled_from([0.0, 30.0, 120.0]),
        pause_every=st.sampled_from([0.0, 30.0, 120.0]),
        clock_off=st.sampled_from([0.0, 1.0, 15.0]),
        lost_reply=share,
        refused=share,
        duplicate=share,
    )
