"""
The naive matchmaker: every question is answered by looking at every agent and every task.

Of tasks and leases it believes the machine (those have a model of their own in
tests/core); adverts, declines, streaks and their times it keeps itself.
"""

from ants_coord.core.matching.index import task_facts
from ants_coord.requirements import evaluate, facts_of, parse
from ants_coord.values.tasks import TaskState

SECOND = 1_000_000_000


class NaiveMatchmaker:
    def __init__(self, bench_after):
        self.bench_after = bench_after
        self.adverts = {}  # agent -> [advert, deadline, fading]
        self.declines = {}  # (agent, task) -> [until or None or "over", times]
        self.limited = {}  # agent -> [until or "over", times]
        self.gone = {}  # agent -> the incarnation that has left for good
        self.streaks = {}  # agent -> (failures, benched until)

    # -- what happens ------------------------------------------------------------------------

    def advertise(self, advert, now):
        old = self.adverts.get(advert.agent)
        if old is not None and advert.incarnation < old[0].incarnation:
            return "refused"
        if 0 < advert.incarnation <= self.gone.get(advert.agent, -1):
            return "refused"
        same = old is not None and said(old[0]) == said(advert)
        fresh = old is None or old[2] or old[0].incarnation != advert.incarnation
        changed = not same or old[0].load != advert.load
        if not same:
            self.undecline(agent=advert.agent)
        self.adverts[advert.agent] = [advert, now + round(advert.ttl * SECOND), False]
        if old is None:
            return "joined"
        return "rejoined" if fresh else "changed" if changed else "renewed"

    def refresh(self, agent, incarnation, now):
        if agent not in self.adverts:
            return "retired" if incarnation <= self.gone.get(agent, -1) else "unknown"
        entry = self.adverts[agent]
        if incarnation < entry[0].incarnation:
            return "refused"
        faded = entry[2]
        entry[1], entry[2] = now + round(entry[0].ttl * SECOND), False
        return "rejoined" if faded else "renewed"

    def withdraw(self, agent, *, silent=False):
        if agent in self.adverts:
            self.undecline(agent=agent)
            self.gone.pop(agent, None)
            if not silent:
                self.gone[agent] = self.adverts[agent][0].incarnation
        return self.adverts.pop(agent, None) is not None

    def undecline(self, *, agent=None, task=None):
        """All of a task; of an agent those without a time."""
        self.declines = {
            key: row
            for key, row in self.declines.items()
            if task != key[1] and (agent != key[0] or row[0] is not None)
        }

    def decline(self, agent, task, wait, now):
        """Each repeat doubles; a task of None is everything."""
        table, key = (self.limited, agent) if task is None else (self.declines, (agent, task))
        times = table.get(key, (0, 0))[1]
        table[key] = [None if wait is None else now + wait * 2**times * SECOND, times + 1]

    def declined(self, agent, task):
        return self.declines.get((agent, task), ["over"])[0] != "over"

    def took(self, agent, task):
        if (agent, task) in self.declines:
            self.declines[agent, task][0] = "over"

    def lease_ended(self, agent, how, now):
        if how == "complete":
            self.streaks.pop(agent, None)
            self.limited.pop(agent, None)
        elif how == "fail":
            failures = self.streaks.get(agent, (0, 0))[0] + 1
            pause = 0
            if self.bench_after and failures >= self.bench_after:
                pause = min(2 ** (failures - self.bench_after), 60)
            self.streaks[agent] = (failures, now + pause * SECOND if pause else 0)

    def pass_time(self, now, tasks):
        """Fade, forget and let go; `tasks` are the unfinished ones."""
        for agent, entry in list(self.adverts.items()):
            ttl = round(entry[0].ttl * SECOND)
            if entry[1] <= now:
                entry[2] = True
            if entry[2] and entry[1] + ttl <= now:
                self.withdraw(agent, silent=True)
        self.declines = {key: row for key, row in self.declines.items() if key[1] in tasks}
        for row in [*self.declines.values(), *self.limited.values()]:
            if row[0] not in (None, "over") and row[0] <= now:
                row[0] = "over"

    # -- what follows ------------------------------------------------------------------------

    def held_back(self, agent, leases, now):
        if self.streaks.get(agent, (0, 0))[1] > now or self.limited.get(agent, ["over"])[0] != "over":
            return True
        entry = self.adverts.get(agent)
        if entry is None or entry[2]:
            return False
        return len(leases) >= entry[0].slots or entry[0].load >= 1

    def may(self, agent, task, leases):
        """Requirement, own rule, amounts; not slots, not declines."""
        entry = self.adverts.get(agent)
        if entry is None or entry[2]:
            return not task.requires and not task.uses
        advert = entry[0]
        facts = facts_of(advert.capabilities, advert.attributes)
        if task.requires and evaluate(parse(task.requires).root, facts) is not True:
            return False
        seen = task_facts(task)
        busy = min(1.0, len(leases) / advert.slots) if advert.slots else 1.0
        seen.attributes["load"] = max(advert.load, busy)
        if advert.accepts and evaluate(parse(advert.accepts).root, seen) is not True:
            return False
        for name, amount in (task.uses or {}).items():
            capacity = advert.attributes.get(name, 0)
            if isinstance(capacity, (bool, str)):
                return False
            used = sum((lease.spec.uses or {}).get(name, 0) for lease in leases)
            if used + amount > int(capacity):
                return False
        return True

    def offers(self, agent, ledger, now, kinds=None):
        """Everything the agent could take, best first."""
        holder = ledger.agents.get(agent)
        leases = list(holder.leases.values()) if holder else []
        if ledger.paused or self.held_back(agent, leases, now):
            return []
        rows = [
            row
            for row in ledger.tasks.values()
            if row.state is TaskState.READY
            and (kinds is None or row.spec.kind in kinds)
            and (row.spec.limit is None or ledger.is_open(row.spec.limit))
            and not self.declined(agent, row.spec.id)
            and self.may(agent, row.spec, leases)
        ]
        return [row.spec.id for row in sorted(rows, key=lambda row: (-row.spec.priority, row.seq))]

    def find(self, requires):
        root = parse(requires).root
        return sorted(
            agent
            for agent, (advert, _, _) in self.adverts.items()
            if evaluate(root, facts_of(advert.capabilities, advert.attributes)) is True
        )


def said(advert):
    return repr((advert.capabilities, advert.attributes, advert.slots, advert.accepts, advert.ttl))
