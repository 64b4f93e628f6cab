"""
The claim queue, told as simply as possible: lists that are scanned, nothing derived.

The oracle of the model tests. It is slow on purpose; whatever the real core
does with indexes, lazy heaps, counters and alarms, it must answer like this.
"""

from collections import Counter
from types import SimpleNamespace as Item

import attrs

from ants_coord.commands.shared import Claim, Complete
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Outcome, TaskState

from .naive_submitting import CANCELLED, DONE, FAILED, FINAL, D, L, NaiveSubmitting, R, W
from .replies import ns, plain, refused


class Naive(NaiveSubmitting):
    def __init__(self):
        self.tasks, self.locks, self.stones, self.idle = [], [], [], []
        self.limits, self.settings = {}, Settings()
        self.seen, self.gone = Counter(), Counter()
        self.raw = self.lease_now = self.now = None
        self.last_token, self.paused = 0, False
        self.stalls = []
        self.declines, self.limited = {}, {}  # (agent, task) or agent -> [until or None or "over", times]

    def apply(self, command, now):
        self.pass_time(now)
        return getattr(self, type(command).__name__.lower())(command)

    # -- questions ---------------------------------------------------------------------------

    def get(self, task):
        return next((t for t in self.tasks if t.id == task), None)

    def stone(self, task):
        return next((s for s in self.stones if s.id == task), None)

    def pending(self, t):
        return [n for n in t.needs if (o := self.get(n)) and o.state not in FINAL]

    def needed(self, task):
        return any(task in t.needs and t.state not in FINAL for t in self.tasks)

    def key_owner(self, key):
        return next((t.id for t in self.tasks if t.spec.key == key and t.state not in FINAL), None)

    def live(self, limit):
        return [t for t in self.tasks if t.state == L and t.spec.limit == limit]

    def is_open(self, t):
        limit = t.spec.limit
        return limit is None or len(self.live(limit)) < self.limits.get(limit, 1)

    def is_lost(self, need):
        stone = self.stone(need)
        return stone is not None and stone.lost

    def broken(self, t):
        if t.spec.if_need_fails == "run":
            return None
        for need in t.needs:
            found = self.get(need) or self.stone(need)
            if (found is None and t.ready_ns is None) or (found and found.state in (FAILED, CANCELLED)):
                return need
            if self.is_lost(need):
                return need
        return None

    def wakeup_in(self):
        leases = [x.deadline - self.lease_now for x in [*self.tasks, *self.locks] if x.state == L]
        dues = [t.due - self.now for t in self.tasks if t.state == D]
        ends = [t.finish_by - self.now for t in self.tasks if t.finish_by and t.state not in FINAL]
        over = [*self.declines.values(), *self.limited.values()]
        ends += [until - self.lease_now for until, _ in over if until not in (None, "over")]
        return max(0, min(leases + dues + ends)) if leases + dues + ends else None

    def lost(self, task, token):
        t = self.get(task)
        if t is None:
            if self.stone(task):
                return "finished"
            return "expired" if task.startswith("lock:") and token <= self.last_token else "unknown"
        if token == t.token:
            return t.lost or "finished"
        return "superseded" if 0 < token < t.token else "unknown"

    def holding(self, task, token):
        if task.startswith("lock:"):
            return next((x for x in self.locks if x.token == token), None)
        t = self.get(task)
        return t if t and t.state == L and t.token == token else None

    # -- time --------------------------------------------------------------------------------

    def pass_time(self, raw):
        if self.raw is None:
            self.raw = self.lease_now = self.now = raw
        self.lease_now += max(0, raw - self.raw)
        self.raw, self.now = raw, max(self.now, raw)
        over = [x for x in [*self.tasks, *self.locks] if x.state == L and x.deadline <= self.lease_now]
        for x in sorted(over, key=lambda x: (x.deadline, x.token)):
            self.locks.remove(x) if x in self.locks else self.expire(x)
        for row in [*self.declines.values(), *self.limited.values()]:
            if row[0] not in (None, "over") and row[0] <= self.lease_now:
                row[0] = "over"
        while due := self.earliest_due():
            _, _, verb, t = due
            self.to_ready(t) if verb == "ripen" else self.end(t, FAILED, "finished")
        count, age = self.settings.retention_count, ns(self.settings.retention)
        while self.idle and (len(self.idle) > count or self.idle[0].idle_since + age <= self.now):
            self.forget(self.idle.pop(0))

    def earliest_due(self):
        due = [(t.due, t.seq, "ripen", t) for t in self.tasks if t.state == D]
        due += [(t.finish_by, t.seq, "miss", t) for t in self.tasks if t.finish_by and t.state not in FINAL]
        due = [entry for entry in due if entry[0] <= self.now]
        return min(due, key=lambda entry: entry[:3], default=None)

    def expire(self, t):
        self.seen[t.agent, "expired"] += 1
        if t.attempts >= self.most(t):
            self.end(t, FAILED, "expired")
        else:
            policy = t.spec.backoff or self.settings.backoff
            self.give_back(t, "expired", self.backoff(t) if policy.on_expiry else 0)

    def forget(self, t):
        self.tasks.remove(t)
        self.gone[t.state] += 1
        lost = t.state == DONE and t.outcome.result is not None
        self.stones.append(Item(id=t.id, state=t.state, spec=t.spec, parts=t.parts, at=self.now, lost=lost))
        oldest = self.now - ns(self.settings.id_retention)
        for _ in range(2):
            if self.stones and (
                len(self.stones) > self.settings.id_retention_count or self.stones[0].at <= oldest
            ):
                self.stones.pop(0)

    # -- moves -------------------------------------------------------------------------------

    def most(self, t):
        return t.spec.max_attempts or self.settings.max_attempts

    def backoff(self, t):
        policy = t.spec.backoff or self.settings.backoff
        return min(ns(policy.first) * policy.factor ** (t.attempts - 1), ns(policy.limit))

    def to_ready(self, t):
        t.state = R
        t.ready_ns = self.now if t.ready_ns is None else t.ready_ns

    def awaken(self, t):
        if t.due > self.now:
            t.state = D
        else:
            self.to_ready(t)

    def give_back(self, t, lost, pause=0):
        t.lost = lost
        if pause > 0:
            t.state, t.due = D, self.now + pause
        else:
            self.to_ready(t)

    def end(self, t, state, lost, result=None, late=False):
        if state == DONE and t.state == L:
            self.limited.pop(t.agent, None)
        self.finish(t, state, lost, result, late)
        ended = [t]
        for cause in ended:
            for other in self.tasks:
                if other.state != W or cause.id not in other.needs:
                    continue
                if cause.state != DONE and other.spec.if_need_fails == "cancel":
                    other.cause = cause.id
                    self.finish(other, CANCELLED, "cancelled")
                    ended.append(other)
                elif not self.pending(other):
                    self.awaken(other)
        return plain(t.outcome)

    def finish(self, t, state, lost, result=None, late=False):
        t.lost = lost if t.state == L else t.lost
        t.state = state
        t.outcome = Outcome(t.id, TaskState(state), result, "", t.agent, t.attempts, late)
        self.undecline(t.id)
        for need in t.needs:
            self.unneed(need)
        if not self.needed(t.id):
            self.make_idle(t)

    def unneed(self, need):
        t = self.get(need)
        if t and t.state in FINAL and t not in self.idle and not self.needed(need):
            self.make_idle(t)

    def make_idle(self, t):
        t.idle_since = self.now
        self.idle.append(t)

    # -- submit ------------------------------------------------------------------------------

    def rank(self, t):
        aging = ns(self.settings.aging)
        return (t.ready_ns - t.spec.priority * aging if aging else -t.spec.priority, t.seq)

    def claim(self, command):
        if command.task is not None:
            t = self.get(command.task)
            if t is None:
                return refused("TaskNotFoundError")
            if t.state in FINAL:
                return refused("IllegalTransitionError")
        free = [t for t in self.tasks if t.state == R and self.is_open(t) and not self.paused]
        free = [t for t in free if command.kinds is None or t.spec.kind in command.kinds]
        if command.task is not None:
            free = [t for t in free if t.id == command.task]
        if command.task is None:
            free = [t for t in free if self.declines.get((command.agent, t.id), ["over"])[0] == "over"]
        if self.limited.get(command.agent, ["over"])[0] != "over":
            return None
        best = min(free, key=self.rank, default=None)
        return best and self.grant(best, command.agent, command.ttl_ns)

    def claimmany(self, command):
        one = Claim(command.agent, command.kinds, None, command.ttl_ns)
        return [lease for _ in range(command.count) if (lease := self.claim(one)) is not None]

    def token(self):
        self.last_token = max(self.last_token + 1, self.raw // 1000)
        return self.last_token

    def grant(self, t, agent, ttl):
        self.seen[agent, "claimed"] += 1
        default = self.settings.lease_ttl if t.spec.lease_ttl is None else t.spec.lease_ttl
        t.state, t.token, t.agent, t.lost, t.note = L, self.token(), agent, "", None
        t.ttl = ns(default) if ttl is None else ttl
        t.deadline, t.attempts = self.lease_now + t.ttl, t.attempts + 1
        t.sign, t.told = self.lease_now, False
        if (agent, t.id) in self.declines:
            self.declines[agent, t.id][0] = "over"
        return self.lease(t)

    def lease(self, t):
        found = [o for n in t.needs if (o := self.get(n)) and o.state == DONE]
        expires = self.raw + t.deadline - self.lease_now
        return ("lease", t.id, t.token, t.agent, t.attempts, expires, (), t.spec.payload,
                {o.id: o.outcome.result for o in found},
                [(a, n, at, note) for token, a, n, at, note in t.notes if token != t.token])  # fmt: skip

    def renew(self, command):
        answers = []
        speakers = command.agents or [None] * len(command.leases)
        for (task, token), agent in zip(command.leases, speakers, strict=True):
            x = self.holding(task, token)
            if x is None:
                answers.append(("lost", token, self.lost(task, token)))
                continue
            if agent not in (None, x.agent):
                answers.append(("lost", token, "foreign"))
                continue
            if x not in self.locks and self.is_stalled(x):
                answers.append(("renewed", token, self.raw + x.deadline - self.lease_now))
                continue
            asked = x.ttl if command.ttl_ns is None else command.ttl_ns
            x.ttl = max(asked, x.ttl) if x in self.locks and x.depth > 1 else asked
            x.deadline = self.lease_now + x.ttl
            answers.append(("renewed", token, self.raw + x.ttl))
        return answers

    def is_stalled(self, t):
        own, silent = t.spec.stall_after, self.lease_now - t.sign
        most = ns(self.settings.stall_after if own is None else own)
        is_over = most > 0 and silent >= most
        if (is_over or silent >= 10 * t.ttl) and not t.told:
            t.told = True
            self.stalls.append((t.id, t.token))
        return is_over

    def note(self, command):
        x = self.holding(command.task, command.token)
        if x is None or x in self.locks:
            return refused("LeaseLostError", self.lost(command.task, command.token))
        if command.agent not in (None, x.agent):
            return refused("ForeignLeaseError")
        x.note, x.sign, x.told = command.note, self.lease_now, False
        mine = [note for note in x.notes if note[0] == x.token]
        x.notes = [note for note in x.notes if len(mine) < 3 or note is not mine[0]]
        x.notes = [*x.notes, (x.token, x.agent, x.attempts, self.now, command.note)][-12:]
        return None

    def complete(self, command):
        t, late = self.get(command.task), False
        if t and t.token == command.token and command.agent not in (None, t.agent):
            return refused("ForeignLeaseError")
        if t and t.token == command.token and t.state == DONE:
            return plain(t.outcome)
        if self.holding(command.task, command.token) in (None, *self.locks):
            late = command.late == "accept" and t and t.token == command.token
            late = late and t.lost == "expired" and t.state in (R, D)
            if not late:
                return refused("LeaseLostError", self.lost(command.task, command.token))
        self.seen[t.agent, "completed"] += 1
        return self.end(t, DONE, "finished", command.result, bool(late))

    def completemany(self, command):
        for task, token, _ in command.endings:
            t = self.get(task)
            if t is None or t.token != token or t.state not in (L, DONE):
                return refused("LeaseLostError", self.lost(task, token))
            if command.agent not in (None, t.agent):
                return refused("ForeignLeaseError")
        return [self.complete(Complete(*ending)) for ending in command.endings]

    def fail(self, command):
        t = self.holding(command.task, command.token)
        if t is None or t in self.locks:
            return refused("LeaseLostError", self.lost(command.task, command.token))
        if command.agent not in (None, t.agent):
            return refused("ForeignLeaseError")
        self.seen[t.agent, "failed"] += 1
        if not command.retry or t.attempts >= self.most(t):
            self.end(t, FAILED, "finished")
        else:
            pause = self.backoff(t) if command.retry_ns is None else command.retry_ns
            self.give_back(t, "finished", pause)
        return t.state

    def release(self, command):
        x = self.holding(command.task, command.token)
        if x is None:
            return refused("LeaseLostError", self.lost(command.task, command.token))
        if command.agent not in (None, x.agent):
            return refused("ForeignLeaseError")
        if x not in self.locks:
            self.give_in(x)
            return x.state
        x.depth -= 1
        if not x.depth:
            self.locks.remove(x)
        return R

    def give_in(self, t):
        self.seen[t.agent, "released"] += 1
        t.attempts, t.releases = t.attempts - 1, t.releases + 1
        self.give_back(t, "revoked")

    def decline(self, command):
        t, agent = self.get(command.task), command.agent
        if t is None:
            return refused("TaskNotFoundError")
        if command.token:
            if self.holding(t.id, command.token) is None:
                return refused("LeaseLostError", self.lost(t.id, command.token))
            if agent not in ("", t.agent):
                return refused("ForeignLeaseError")
            agent = t.agent
        elif t.state != R:
            return refused("NotOfferedError")
        table, key = (self.limited, agent) if command.everything else (self.declines, (agent, t.id))
        times = table.get(key, (0, 0))[1]
        until = None if command.retry_ns is None else self.lease_now + max(1, command.retry_ns * 2**times)
        table[key] = [until, times + 1]
        if command.token:
            self.give_in(t)
        return None

    def split(self, command):
        t = self.get(command.task)
        if t is None or t.state != L or t.token != command.token:
            return refused("LeaseLostError", self.lost(command.task, command.token))
        if t.depth >= 16:
            return refused("LimitError")
        ids, keys = [task.id for task in command.tasks], set()
        for task in command.tasks:
            if ids.count(task.id) > 1 or self.get(task.id) or self.stone(task.id):
                return refused("TaskExistsError")
            if task.key is not None and (task.key in keys or self.key_owner(task.key)):
                return refused("TaskExistsError")
            keys.add(task.key)
        changing = {task.id: task.needs for task in command.tasks} | {t.id: (*t.needs, *command.parts)}
        for need in sum(changing.values(), ()):
            if need not in ids and not self.get(need) and not self.stone(need):
                return refused("DependencyError")
        edges = {o.id: o.spec.needs for o in self.tasks if o.state != DONE} | changing
        if any(self.reaches(edges, task, task) for task in changing):
            return refused("DependencyError")
        self.seen[t.agent, "released"] += 1
        t.attempts, t.lost, t.state = t.attempts - 1, "revoked", W
        t.spec, t.parts = (
            attrs.evolve(t.spec, needs=(*t.spec.needs, *command.parts)),
            (*t.parts, *command.parts),
        )
        tickets = self.carry_out([("create", task) for task in command.tasks])
        for part in ids:
            self.get(part).depth = t.depth + 1
        self.link(t)
        self.enter(t)
        by_id = {ticket[1]: ticket for ticket in tickets}
        return [by_id[part] for part in command.parts]

    def undecline(self, task):
        self.declines = {key: row for key, row in self.declines.items() if key[1] != task}

    def releaseall(self, command):
        rows = [t for t in self.tasks if t.state == L and t.agent == command.agent]
        for t in rows:
            self.give_in(t)
        before = len(self.locks)
        self.locks = [x for x in self.locks if x.agent != command.agent]
        return len(rows) + before - len(self.locks)

    def adopt(self, command):
        rows = [t for t in self.tasks if t.state == L and t.agent == command.agent]
        answers = []
        for t in sorted(rows, key=lambda t: t.token):
            silent = self.lease_now - max(t.deadline - t.ttl, t.sign)
            if not command.force and 3 * silent < 2 * t.ttl:
                continue
            t.token, t.deadline = self.token(), self.lease_now + t.ttl
            t.sign, t.told = self.lease_now, False
            answers.append(self.lease(t))
        return answers

    # -- locks and switches ------------------------------------------------------------------

    def locknames(self, command):
        mine = (command.agent, command.holder)
        for x in self.locks:
            clash = any(covers(a, b) or covers(b, a) for a in x.names for b in command.names)
            if clash and (x.agent, x.holder) != mine and not (x.shared and command.shared):
                return refused("HeldError")
        ttl = ns(self.settings.lease_ttl) if command.ttl_ns is None else command.ttl_ns
        outer = [
            x
            for x in self.locks
            if (x.agent, x.holder) == mine
            and (command.shared or not x.shared)
            and all(any(covers(a, b) for a in x.names) for b in command.names)
        ]
        if outer:
            x = max(outer, key=lambda x: x.token)
            x.depth, x.ttl = x.depth + 1, max(x.ttl, ttl)
            x.deadline = max(x.deadline, self.lease_now + ttl)
        else:
            x = Item(names=command.names, token=self.token(), agent=command.agent, ttl=ttl, depth=1, state=L)
            x.holder, x.shared, x.deadline = command.holder, command.shared, self.lease_now + ttl
            self.locks.append(x)
        expires = self.raw + x.deadline - self.lease_now
        return (
            "lease",
            "lock:" + ",".join(x.names),
            x.token,
            x.agent,
            x.depth,
            expires,
            x.names,
            None,
            {},
            [],
        )

    def cancel(self, command):
        t = self.get(command.task)
        if t is None:
            return refused("TaskNotFoundError")
        if t.state in (DONE, FAILED):
            return refused("IllegalTransitionError")
        if t.state != CANCELLED:
            self.end(t, CANCELLED, "cancelled")
        return CANCELLED

    def setlimit(self, command):
        self.limits[command.name] = command.n

    def pause(self, command):
        self.paused = True

    def resume(self, command):
        self.paused = False

    def configure(self, command):
        self.settings = command.settings

    def wakeup(self, command):
        pass


def covers(outer, inner):
    """Tell whether a lock of one path is one of the other too."""
    outer, inner = outer.rstrip("/"), inner.rstrip("/")
    return not outer or outer == inner or inner.startswith(outer + "/")
