"""
A small world, explored to the end: two or three agents, two or three tasks, every order of events.

Breadth first over the real core. Two boards count as one state if they can
only behave alike: times are taken relative to now, tokens by what they are
still worth, tallies and history are left out. Every token ever granted on the
way is remembered and tried again, so each stale holder gets its say.
"""

import collections
import math
from typing import NamedTuple

import attrs
import pytest

from ants_coord.commands import shared as c
from ants_coord.core import TRANSITIONS, Machine, restore
from ants_coord.core.snapshot import records
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import FINAL, Backoff, Lease, Task
from ants_coord.values.verification import Verify

from ..scale import of

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND
SETTINGS = Settings(lease_ttl=2, max_attempts=2, backoff=Backoff(first=1, factor=1, on_expiry=True))
AGENTS = ("ann", "bob", "cy")


class World(NamedTuple):
    tasks: tuple[Task, ...]
    agents: int = 2
    extra: tuple[str, ...] = ()
    """which further commands are sent in it: each multiplies the states"""
    shows: frozenset[tuple[str, str]] = frozenset()
    """arrows that must be taken in it"""


def life_cycle():
    """Return the arrows of the life cycle, without those that these worlds have no commands for."""
    absent = ("miss", "rewrite", "postpone", "split")  # no finish_by, delay, replacement or new parts
    # ways that another arrow of the same command follows at once
    unseen = (("revive", "failed"), ("recall", "cancelled"), ("reject", "ready"))
    return {
        (str(state), str(new))
        for state, verbs in TRANSITIONS.items()
        for verb, new in verbs.items()
        if verb not in absent and (verb, str(state)) not in unseen
    }


WORLDS = {
    "one needs the other": World(
        (Task("a", key="k"), Task("b", needs=("a",))),
        shows=frozenset(
            (life_cycle() | {("failed", "ready"), ("cancelled", "waiting")})
            - {("leased", "waiting")}  # nobody splits here
        ),
    ),
    "apart, one slot": World(
        (Task("a", limit="one"), Task("b", limit="one", priority=1, backoff=Backoff(0)))
    ),
    "checked by the other": World(
        (Task("a", verify=Verify.by_check()), Task("b", verify=Verify.by_quorum(), max_attempts=1))
    ),
    "needs it dead or alive": World(
        (Task("a"), Task("b", needs=("a",), if_need_fails="run", max_attempts=1)),
        shows=frozenset({("failed", "waiting"), ("waiting", "leased")}),
    ),
    "late, delayed, replaced": World(
        (Task("a", finish_by=2, max_attempts=1), Task("b", delay=1, needs=("a",), max_attempts=1)),
        agents=1,
        extra=("replace",),
        shows=frozenset({("ready", "failed"), ("ready", "delayed"), ("waiting", "delayed")}),
    ),
    "paused, limited, given up together": World(
        (Task("a", limit="one", max_attempts=1), Task("b", limit="one", max_attempts=1)),
        extra=("pause", "limit", "batch"),
    ),
    "locks beside a task": World((Task("a", max_attempts=1),), extra=("lock", "batch")),
    "three agents, three tasks": World(
        (Task("a", max_attempts=1), Task("b", needs=("a",), max_attempts=1), Task("c", max_attempts=1)),
        agents=3,
    ),
}

MOST = of(120, math.inf, math.inf)
MANY_STATES = set(WORLDS) - {"one needs the other"}
"""which worlds the quick profile does not explore to the end"""


class State(NamedTuple):
    pieces: list
    now: int
    tokens: tuple


def revived(state):
    machine = Machine()
    restore(machine, state.pieces)
    return machine


def key_of(machine, now, tokens):
    """Say what a board can still do, and no more; agents are interchangeable, so they are numbered as met."""
    met, told = {}, []
    for task, row in machine.ledger.tasks.items():
        holder = met.setdefault(row.agent, len(met)) if row.state == "leased" else None
        left = row.deadline_ns - now if row.state == "leased" else None
        pause = row.due_ns - now if row.state == "delayed" else None
        stale = any(token < row.token for name, token in tokens if name == task)
        _, given = machine.ledger.tables["handed"].get(task, (0, ()))
        handed = tuple((met.setdefault(agent, len(met)), value) for agent, _, value in given)
        mine = bool(given) and given[-1][1] == row.token
        late = row.finish_by_ns - now if row.finish_by_ns and row.state not in FINAL else None
        told.append(
            (
                (str(row.state), row.attempts, row.lost, row.cause, holder, left, pause, row.token > 0),
                (stale, handed, mine, late, row.spec.priority),
            )
        )
    ledger = machine.ledger
    locks = tuple(
        (lock.names, min(lock.depth, 2), lock.deadline_ns - now, met.setdefault(lock.agent, len(met)))
        for lock in ledger.locks.values()
    )
    return tuple(told), locks, ledger.paused, tuple(sorted(ledger.limits.items()))


def moves(world, tokens, results):
    """Yield every command that somebody could send, with any token of the past."""
    for agent in AGENTS[: world.agents]:
        yield c.Claim(agent)
        yield c.Adopt(agent, force=True)
    yield c.Claim("bob", task="a")
    for task in world.tasks:
        yield c.Cancel(task.id)
        yield c.Requeue(task.id)
        if "replace" in world.extra:
            yield c.submission((task,), "rerun")
            for priority in (0, 1):
                yield c.submission((attrs.evolve(task, priority=priority),), "replace")
    yield from extra_moves(world, tokens)
    for task, token in [*tokens, ("a", 1)]:
        yield c.Renew(((task, token),))
        for result in results:
            yield c.Complete(task, token, result)
        yield c.Complete(task, token, 1, "accept")
        yield c.Fail(task, token, "no")
        yield c.Fail(task, token, "no", retry=False)
        yield c.Release(task, token)


def extra_moves(world, tokens):
    if "pause" in world.extra:
        yield from (c.Pause(), c.Resume())
    if "limit" in world.extra:
        yield from (c.SetLimit("one", 0), c.SetLimit("one", 2))
    if "batch" in world.extra:
        yield from (c.ClaimMany("ann", 2), c.ReleaseAll("ann"), c.ReleaseAll("bob"))
        if len(tokens) > 1:
            yield c.CompleteMany(tuple((task, token, 1) for task, token in tokens[-2:]))
    if "lock" in world.extra:
        for agent in AGENTS[: world.agents]:
            yield c.LockNames(("x",), agent)
            yield c.LockNames(("y", "x"), agent)


def without_head(machine):
    return [record for record in records(machine) if record[0] not in ("head", "refusals")]


def step(state, command, wait_ns):
    """Take one step and hold the guarantees against it; returns the machine and the next state."""
    machine, now = revived(state), state.now + wait_ns
    rows = machine.ledger.tasks
    before = {task: (row.state, row.token, row.generation) for task, row in rows.items()}
    last, held = machine.ledger.last_token, set(machine.ledger.locks)
    quiet = without_head(machine) if not wait_ns else None
    reply = machine.apply(command, now_ns=now)
    machine.check()
    assert list(rows) == list(before)  # S4: each in exactly one state, says check()
    told = reply if isinstance(reply, tuple) else (reply,)
    granted = [part for part in told if isinstance(part, Lease)]
    # S2: tokens only grow; who enters a lock again keeps its own
    assert all(lease.token > last or lease.token in held for lease in granted)
    if isinstance(reply, c.Refused) or (told and isinstance(told[0], c.Lost)):
        assert quiet is None or without_head(machine) == quiet  # S5
    for task, (was, token, generation) in before.items():
        row = rows[task]
        if was == "done":
            assert row.state == "done"  # S3
        if was == "failed" and row.state not in FINAL:
            assert row.generation == generation + 1
        if was == "leased" and row.state == "leased" and row.token != token and not wait_ns:
            assert isinstance(command, c.Adopt)  # S1: nobody else was let in
    for lock in granted:
        if lock.names:  # nobody else held any of these, or the lease said so
            rows_of = machine.ledger.lock_of
            assert all(row.agent == lock.agent for name in lock.names for row in rows_of[name])
        stale = getattr(command, "token", None) not in (None, token) and command.task == task
        if stale and not wait_ns:
            assert (row.state, row.token) == (was, token)  # S2: an old token moves nothing
    fresh = [(lease.task, lease.token) for lease in granted if lease.token > last]
    tokens = (*state.tokens, *fresh)
    locks = [token for task, token in tokens if task not in rows]  # of locks, the last three holders
    tokens = tuple(pair for pair in tokens if pair[0] in rows or pair[1] in locks[-3:])
    return machine, State(list(records(machine)), now, tokens)


def explore(world, most):
    """Visit every state, or the `most` that are nearest; returns them and the arrows that were taken."""
    machine, tasks = Machine(), world.tasks
    machine.apply(c.Configure(SETTINGS), now_ns=START)
    machine.apply(c.submission(tasks), now_ns=START)
    first = State(list(records(machine)), START, ())
    seen, arrows = {key_of(machine, START, ())}, set()
    todo = collections.deque([first])
    results = (True, False) if tasks[0].verify else (1,)
    while todo and len(seen) < most:
        state = todo.popleft()
        ways = [(command, 0) for command in moves(world, state.tokens, results)]
        for command, wait_ns in [*ways, (c.Wakeup(), SECOND), (c.Claim("ann"), 2 * SECOND)]:
            old = {record[1]["id"]: record[5] for record in state.pieces if record[0] == "task"}
            machine, following = step(state, command, wait_ns)
            arrows |= {(old[t], str(row.state)) for t, row in machine.ledger.tasks.items()}
            key = key_of(machine, following.now, following.tokens)
            if key not in seen:
                seen.add(key)
                todo.append(following)
    return seen, arrows


@pytest.mark.parametrize("name", WORLDS)
def test_every_interleaving_of_a_few_agents_and_tasks(name, capsys):
    """S1 to S5 hold in every reachable state of a small world, after every command."""
    most = MOST if name in MANY_STATES else math.inf
    seen, arrows = explore(WORLDS[name], most)
    with capsys.disabled():
        print(f"\n  small scope: {len(seen)} states, {name}{'' if len(seen) < most else ' (there are more)'}")
    assert len(seen) > 100
    assert len(seen) >= most or WORLDS[name].shows - arrows == set()
