"""
Published results on reputation and spot checks, run through the real coordinators in virtual time.

`python -m tests.trust.published` prints each published value beside ours.
"""

from __future__ import annotations

import math
import random
from unittest import mock

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.core import Machine
from ants_coord.core.trust import checks as checking
from ants_coord.core.trust import evidence as reputation
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Task
from ants_coord.values.trust import TrustPolicy
from ants_coord.values.verification import Verify

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def replication(jobs, *, wrong=0.0, error=0.5, least=0.0, seed=0):
    """
    One host works, every result that is drawn is checked by an honest one.

    With `least=0` and an error that never binds this is BOINC's adaptive replication: a streak of ten,
    then one in `streak`. Returns (checks per job, wrong results accepted per job).
    """
    dice, machine = random.Random(seed), Machine()
    machine.apply(
        c.Configure(Settings(max_attempts=1_000, retention_count=0, id_retention_count=0)), now_ns=START
    )
    verify, checks, bad, now = Verify.by_check(error=error), 0, 0, START
    with mock.patch.object(checking, "_LEAST", least):
        for job in range(jobs):
            now += SECOND
            machine.apply(c.submission((Task(f"t{job}", verify=verify, max_attempts=1),)), now_ns=now)
            lease = machine.apply(c.Claim("host"), now_ns=now)
            is_wrong = dice.random() < (wrong(job) if callable(wrong) else wrong)
            draw = dice.random()
            outcome = machine.apply(c.Complete(lease.task, lease.token, not is_wrong, draw=draw), now_ns=now)
            if outcome.state != "done":
                checks += 1
                check = machine.apply(c.Claim("other"), now_ns=now)
                outcome = machine.apply(c.Complete(check.task, check.token, not is_wrong), now_ns=now)
            if outcome.state == "done":
                bad += is_wrong
    return checks / jobs, bad / jobs


def average(times, play):
    found = [play(seed) for seed in range(times)]
    return tuple(sum(values) / times for values in zip(*found, strict=True))


def boinc(jobs):
    """Return (expected, ours): extra work of an honest host; the sum of 1/streak is about sqrt(80 + 2n)."""
    return math.sqrt(80 + 2 * jobs) / jobs, average(20, lambda seed: replication(jobs, seed=seed))[0]


def steady_state(keep):
    """Return what is expected of an agent that always delivers, with evidence kept by this factor."""
    with mock.patch.object(reputation, "_KEEP", keep):
        machine, now = Machine(), START
        machine.apply(c.Configure(Settings(retention_count=0, id_retention_count=0)), now_ns=now)
        for job in range(1_200):
            machine.apply(c.submission((Task(f"t{job}"),)), now_ns=now)
            lease = machine.apply(c.Claim("ann"), now_ns=now)
            machine.apply(c.Complete(lease.task, lease.token), now_ns=now)
        return machine.ask(reading.StandingOf("ann")).delivery.mean


def downloads(malicious, *, trust=True, camouflage=0.0, seed=0, good=63, cycles=30):
    """
    Peers ask for files; of those that offer one, the one of the best standing is taken.

    After EigenTrust (Kamvar et al. 2003, figure 5): malicious peers serve only bad files (or, with
    camouflage, a share of good ones), good ones err in 5 %; every peer asks once a cycle, and ten peers
    answer. Returns the share of bad files after the first third of the cycles.
    """
    dice, machine = random.Random(seed), Machine()
    policy = TrustPolicy(claims_most=1_000, quarantine_most=1.0) if trust else None
    machine.apply(c.Configure(Settings(trust=policy, retention_count=0, id_retention_count=0)), now_ns=START)
    peers = [f"good{n}" for n in range(good)]
    bad_peers = [f"bad{n}" for n in range(round(good * malicious / (1 - malicious)))]
    everybody, number, seen, bad = peers + bad_peers, 0, 0, 0
    for cycle in range(cycles):
        for asker in peers:
            number += 1
            now = START + number * SECOND
            offers = [peer for peer in dice.sample(everybody, 10) if peer != asker]
            task = f"f{number}"
            machine.apply(c.submission((Task(task, verify=Verify.by_check(), max_attempts=1),)), now_ns=now)
            lease = None
            while lease is None and offers:
                peer = min(offers, key=lambda one: rank(machine, one, task)) if trust else dice.choice(offers)
                offers.remove(peer)
                lease = machine.apply(c.Claim(peer, task=task), now_ns=now)
            if lease is None:
                machine.apply(c.Cancel(task), now_ns=now)
                continue
            fine = dice.random() < (camouflage if peer in bad_peers else 0.95)
            if cycle >= cycles // 3:
                seen, bad = seen + 1, bad + (not fine)
            machine.apply(c.Complete(lease.task, lease.token, fine), now_ns=now)
            check = machine.apply(c.Claim(f"asker {asker}".replace(" ", "-"), task=task), now_ns=now)
            machine.apply(c.Complete(check.task, check.token, fine), now_ns=now)
    return bad / seen


def rank(machine, peer, task):
    """Return the place of an agent that waits for this task, as the lobby asks for it."""
    return machine.ledger.restraint.rank(machine.ledger, peer, task, 0), peer


HOSTS = (
    ("right", 0.0), ("1 % wrong", 0.01), ("5 % wrong", 0.05), ("10 % wrong", 0.1), ("20 % wrong", 0.2),
    ("fifty right, fifty wrong in turn", lambda job: job // 50 % 2), ("200 right, then wrong", lambda job: job >= 200),
)  # fmt: skip


def table():
    """Return the lines of the tables."""
    lines = ["BOINC's adaptive replication, extra work of an honest host (sqrt(80 + 2n) / n):"]
    for jobs in (200, 500, 1_000):
        expected, ours = boinc(jobs)
        lines.append(f"  {jobs:>5} jobs: {expected:.2%}, here {ours:.2%}")
    lines.append(
        "A target for wrong results that are accepted, 1,000 jobs: extra work / wrong results accepted, per job"
    )
    for name, wrong in HOSTS:
        told = []
        for how, kwargs in (("streak only", {}), ("5 %", {"error": 0.05, "least": 0.05}), ("2 %", {"error": 0.02, "least": 0.05})):  # fmt: skip
            extra, passed = average(
                5, lambda seed, kw=kwargs, w=wrong: replication(1_000, wrong=w, seed=seed, **kw)
            )
            told.append(f"{how}: {extra:.1%} / {passed:.2%}")
        lines.append(f"  {name:<33} {';  '.join(told)}")
    lines.append("The Beta reputation system, expectation after long good service, by forgetting factor:")
    for keep, expected in ((0.0, 0.6667), (0.5, 0.75), (0.7, 0.8125), (0.9, 0.9167), (0.99, 0.9902)):
        lines.append(f"  {keep:<4}: {expected:.4f}, here {steady_state(keep):.4f}")
    lines.append(
        "EigenTrust's setting, share of bad files (published: about 10 % up to 70 % malicious peers):"
    )
    for share in (0.1, 0.3, 0.5, 0.7):
        lines.append(
            f"  {share:.0%} malicious: {downloads(share, trust=False):.1%} without, {downloads(share):.1%} with standing"
        )
    half = downloads(0.5, camouflage=0.5), downloads(0.5, camouflage=0.5, trust=False)
    lines.append(
        f"  50 % malicious that serve every second file well: {half[1]:.1%} without, {half[0]:.1%} with standing"
    )
    return lines


if __name__ == "__main__":
    print("\n".join(table()))
