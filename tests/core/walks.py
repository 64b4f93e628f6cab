"""
Random commands for a small crowded world, where ids, keys, limits and names meet often.

Everything is drawn from the `dice` handed in (a `random.Random`, or the one of
Hypothesis), so a seed is the whole story.
"""

import random

import attrs

from ants_coord.commands import shared as c
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Task

from .pair import AGENTS, SECOND, Pair

IDS = tuple("abcdefgh")
STEPS_NS = [0, 1, SECOND, 5 * SECOND, 10 * SECOND, 40 * SECOND, 200 * SECOND]


def a_task(dice, task=None):
    """Draw a task from a small world, where ids, keys and limits meet often."""
    pick = dice.choice
    return Task(
        task or pick(IDS),
        kind=pick(["default", "default", "k2"]),
        payload=pick([None, 1]),
        priority=pick([-1, 0, 0, 1]),
        needs=tuple(dice.sample(IDS, pick([0, 0, 1, 2]))),
        if_need_fails=pick(["cancel", "cancel", "run"]),
        delay=pick([None, None, None, 7.0]),
        finish_by=pick([None, None, None, 45.0]),
        lease_ttl=pick([None, None, 5.0, 60.0]),
        stall_after=pick([None, None, 0, 12.0]),
        max_attempts=pick([None, 1, 2]),
        backoff=pick([None, Backoff(first=0), Backoff(first=3, on_expiry=True)]),
        key=pick([None, None, None, "k"]),
        limit=pick([None, None, "db"]),
    )


def a_board(dice):
    """Draw settings; retention and events are short enough to run out."""
    pick = dice.choice
    return Settings(
        lease_ttl=pick([10.0, 30.0]),
        stall_after=pick([0.0, 0.0, 15.0, 70.0]),
        max_attempts=pick([1, 2, 3]),
        backoff=pick([Backoff(), Backoff(first=0), Backoff(first=2, on_expiry=True)]),
        aging=pick([0.0, 0.0, 4.0]),
        retention=pick([20.0, 20.0, 20.0, 86_400.0]),
        retention_count=pick([0, 1, 3, 3, 10_000]),
        id_retention=pick([30.0, 30.0, 604_800.0]),
        id_retention_count=pick([0, 2, 100_000]),
        event_count=pick([16, 10_000]),
    )


def a_batch(pair, dice):
    """Draw a Submit. Mostly its needs can be met: earlier letters that are known or in the batch."""
    ids = dice.sample(IDS, dice.choice([1, 1, 2, 3]))
    batch = [a_task(dice, task) for task in ids]
    if dice.random() < 0.8:
        known = {*pair.machine.ledger.tasks, *ids}
        batch = [
            attrs.evolve(task, needs=[need for need in task.needs if need in known and need < task.id])
            for task in batch
        ]
    again = dice.choice(["same", "keep", "replace", "replace", "rerun", "rerun"])
    return c.submission(tuple(batch), again)


def a_split(pair, dice, lease):
    """Draw a Split; mostly its parts are new."""
    free = [one for one in IDS if one not in pair.machine.ledger.tasks]
    ids = dice.sample(free, min(len(free), dice.choice([1, 1, 2]))) if dice.random() < 0.8 else []
    batch = tuple(a_task(dice, part) for part in ids or dice.sample(IDS, 2))
    return c.Split(*lease, tuple(task.id for task in batch), batch, tuple(task.payload for task in batch))  # type: ignore[call-arg]


def a_decline(dice, lease):
    """Draw a Decline: of a lease by its holder, whose name need not be said, or of a task on offer."""
    pick = dice.choice
    everything = pick([False, False, True])
    pause = pick([0, 4 * SECOND, 20 * SECOND] if everything else [None, 0, 4 * SECOND, 20 * SECOND])
    if pick([True, False]):
        return c.Decline(pick(["", "", *AGENTS]), lease[0], "429", pause, lease[1], everything)
    return c.Decline(pick(AGENTS), pick(IDS), "no", pause, 0, everything)


def a_lock(dice):
    """Draw a lock of paths that lie in one another, for one of two holders, sometimes shared."""
    names = tuple(dice.sample(["x", "x/", "x/a", "x/a/b", "x/c", "y/a", "/"], dice.choice([1, 1, 2])))
    ttl = dice.choice([3, 12, 40]) * SECOND
    return c.LockNames(names, dice.choice(AGENTS), ttl, dice.choice(["", "h"]), dice.choice([True, False]))


def a_command(pair, dice):
    """Draw a command; the tokens in it are old or new, right or wrong."""
    pick = dice.choice
    some = lambda: pair.some(pick([0, 0, 1, 2, 3, 4, 5, 9]))  # noqa: E731
    kinds = pick([None, None, None, ("default",), ("k2", "default")])
    drawn = [
        (8, lambda: a_batch(pair, dice)),
        (6, lambda: c.Claim(pick(AGENTS), kinds, pick([None, None, None, *IDS[:2]]))),
        (2, lambda: c.ClaimMany(pick(AGENTS), pick([1, 2, 4]), kinds, 8 * SECOND)),
        (2, lambda: c.Renew(tuple(dict.fromkeys((some(), some()))), pick([None, SECOND, 50 * SECOND]))),
        (5, lambda: c.Complete(*some(), pick([None, {"n": 1}]), pick(["refuse", "accept"]))),  # type: ignore[call-arg]
        (1, lambda: c.CompleteMany(((*some(), None), (*some(), 2)))),
        (5, lambda: c.Fail(*some(), "no", pick([True, False]), pick([None, None, 0]))),  # type: ignore[call-arg]
        (2, lambda: c.Release(*some())),
        (2, lambda: a_decline(dice, some())),
        (1, lambda: c.Renew((some(), some()), agents=(pick(AGENTS), None))),
        (1, lambda: c.Complete(*some(), 3, agent=pick(AGENTS))),  # type: ignore[call-arg]
        (1, lambda: c.CompleteMany(((*some(), 4),), pick(AGENTS))),
        (1, lambda: pick([c.Fail(*some(), "no", agent=pick(AGENTS)), c.Release(*some(), pick(AGENTS))])),  # type: ignore[call-arg]
        (1, lambda: c.Note(*some(), 1, agent=pick(AGENTS))),  # type: ignore[call-arg]
        (3, lambda: a_split(pair, dice, some())),
        (2, lambda: c.Note(*some(), pick([{"half": "way"}, "half way", 7]))),  # type: ignore[call-arg]
        (1, lambda: c.Adopt(pick(AGENTS), pick([True, False]))),
        (1, lambda: c.ReleaseAll(pick(AGENTS))),
        (2, lambda: c.Cancel(pick(IDS), "not wanted")),
        (4, lambda: c.Requeue(pick(IDS))),
        (2, lambda: c.LockNames(tuple(dice.sample("xyz", pick([1, 2]))), pick(AGENTS), 12 * SECOND)),
        (2, lambda: a_lock(dice)),
        (1, lambda: c.SetLimit("db", pick([0, 1, 1, 2]))),
        (1, lambda: pick([c.Pause, c.Resume, c.Resume, c.Resume])()),
        (1, lambda: c.Configure(a_board(dice))),
        (2, c.Wakeup),
    ]
    return dice.choices([make for _, make in drawn], [weight for weight, _ in drawn])[0]()


def walk(seed, steps):
    """Take a long way through one board's life, everything compared; returns the pair at its end."""
    dice, pair = random.Random(seed), Pair()
    pair.both(c.Configure(a_board(dice)))
    for _ in range(steps):
        match dice.choices(["command", "tick", "back", "sleep", "again", "move"], [40, 8, 1, 3, 3, 2])[0]:
            case "command":
                pair.both(a_command(pair, dice))
            case "tick":
                pair.now += dice.choice(STEPS_NS)
            case "back":
                pair.now -= dice.choice([1, 3 * SECOND, 60 * SECOND])
            case "sleep" if pair.machine.next_wakeup_in_ns is not None:
                pair.now = pair.naive.raw + pair.machine.next_wakeup_in_ns
                pair.both(c.Wakeup())
            case "again":
                pair.say_again(dice.randrange(20))
            case "move":
                pair.move_house()
        pair.compare()
    return pair


class Scribe:
    """A lone machine that walks like a pair does, and whose log is kept."""

    def __init__(self, seed):
        self.dice, self.pair = random.Random(seed), Pair()
        self.machine = self.pair.machine
        self.log = []
        self.write(c.Configure(a_board(self.dice)))

    def write(self, command):
        number = len(self.log)
        entry = (self.pair.now, command, ("scribe", number // 2) if number % 5 == 0 else None)
        self.log.append(entry)
        play(self.machine, [entry], self.pair.tokens)

    def walk(self, steps):
        for _ in range(steps):
            self.pair.now += self.dice.choice([*STEPS_NS, 0, 0, 0, -SECOND])
            self.write(a_command(self.pair, self.dice))
        return self


def play(machine, log, tokens=None):
    """Apply a log of (stamp, command, request); tokens of the leases it grants go to `tokens`."""
    for now, command, request in log:
        reply = machine.apply(command, now_ns=now, request=request)
        for part in reply if isinstance(reply, tuple) else (reply,):
            if tokens is not None and hasattr(part, "names"):
                tokens.append((part.task, part.token))
