"""
How tasks come in, are replaced and start again, told as simply as possible: the first half of the naive model.
"""

from types import SimpleNamespace as Item
from typing import TYPE_CHECKING, Any

import attrs

from .replies import ns, refused

W, D, R, L = "waiting", "delayed", "ready", "leased"
DONE, FAILED, CANCELLED = "done", "failed", "cancelled"
FINAL = (DONE, FAILED, CANCELLED)


class NaiveSubmitting:
    """What `Naive` does before anything is claimed."""

    if TYPE_CHECKING:  # the other half has the rest
        stones: Any
        idle: Any

        def __getattr__(self, name: str) -> Any: ...

    def submit(self, command):
        plan, ids, keys = [], [task.id for task in command.tasks], {}
        for number, task in enumerate(command.tasks):
            action = refused("TaskExistsError")
            if task.id not in ids[:number]:
                action = self.decide(task, command.if_exists)
            if isinstance(action, tuple):
                return action
            if task.key is not None and action != "keep":
                if (keys.get(task.key) or self.key_owner(task.key)) not in (None, task.id):
                    return refused("TaskExistsError")
                keys[task.key] = task.id
            plan.append((action, task))
        changing = {task.id: task.needs for action, task in plan if action != "keep"}
        for need in sum(changing.values(), ()):
            if need not in ids and not self.get(need) and not self.stone(need):
                return refused("DependencyError")
            if need not in changing and self.is_lost(need):
                return refused("DependencyError")
        edges = {t.id: t.spec.needs for t in self.tasks if t.state != DONE} | changing
        if any(self.reaches(edges, task, task) for task in changing):
            return refused("DependencyError")
        return self.carry_out(plan)

    def decide(self, task, if_exists):
        t, stone = self.get(task.id), self.stone(task.id)
        found = t or stone
        if found is None or (t is None and if_exists == "rerun" and stone.state == FAILED):
            return "create"
        if t and if_exists == "rerun" and t.state == FAILED:
            return "rerun"
        needs = tuple(need for need in found.spec.needs if need not in found.parts)
        if if_exists == "keep" or attrs.evolve(found.spec, needs=needs) == task:
            return "keep"
        if t and if_exists == "replace":
            movable = t.state in (W, D, R)
            return "replace" if movable else refused("IllegalTransitionError")
        return refused("TaskExistsError")

    def reaches(self, edges, start, goal):
        seen, todo = set(), list(edges.get(start, ()))
        for step in todo:
            if step == goal:
                return True
            if step not in seen:
                seen.add(step)
                todo += edges.get(step, ())
        return False

    def carry_out(self, plan):
        fresh, tickets = [], []
        for action, task in plan:
            t = self.get(task.id)
            if action == "create":
                self.stones = [s for s in self.stones if s.id != task.id]
                t = self.create(task)
            elif action == "replace":
                old, t.needs, t.state = t.needs, (), W
                t.lost = t.lost and "revoked"
                for need in old:
                    self.unneed(need)
                t.notes, t.parts = [], ()
                self.undecline(t.id)
                self.set_times(t, task, task.delay)
            elif action == "rerun":
                t.parts = ()
                self.reopen(t, task, task.delay)
            if action != "keep":
                fresh.append((action, t))
            tickets.append((task.id, action == "create", t or self.stone(task.id)))
        for _, t in fresh:
            self.link(t)
        for action, t in fresh:
            if action == "rerun":
                self.recall(t)
        for _, t in fresh:
            self.enter(t)
        return [("ticket", task, created, t.state) for task, created, t in tickets]

    def create(self, task):
        t = Item(id=task.id, state=W, needs=(), attempts=0, releases=0, token=0, agent=None, lost="")
        t.ready_ns = t.cause = t.outcome = t.note = None
        t.notes, t.depth, t.parts = [], 0, ()
        t.seq = self.tasks[-1].seq + 1 if self.tasks else 1
        self.tasks.append(t)
        self.set_times(t, task, task.delay)
        return t

    def set_times(self, t, task, delay):
        t.spec = task
        t.due = 0 if delay is None else self.now + ns(delay)
        t.finish_by = 0 if task.finish_by is None else self.now + ns(task.finish_by)

    def link(self, t):
        t.needs = t.spec.needs
        self.idle = [o for o in self.idle if o.id not in t.needs]

    def enter(self, t):
        if t.state != W:
            return
        cause = self.broken(t)
        if cause is not None:
            t.cause = cause
            self.end(t, CANCELLED, "cancelled")
        elif not self.pending(t):
            self.awaken(t)

    def requeue(self, command):
        t = self.get(command.task)
        if t is None:
            return refused("TaskNotFoundError")
        if t.state != FAILED:
            return refused("IllegalTransitionError")
        if t.spec.key is not None and self.key_owner(t.spec.key):
            return refused("TaskExistsError")
        if any(self.is_lost(need) for need in t.spec.needs):
            return refused("DependencyError")
        self.reopen(t, t.spec, None)
        self.link(t)
        self.recall(t)
        self.enter(t)
        return ("ticket", t.id, False, t.state)

    def reopen(self, t, task, delay):
        self.idle = [o for o in self.idle if o is not t]
        t.state, t.needs, t.cause, t.outcome, t.lost = W, (), None, None, "finished"
        t.attempts = 0
        self.set_times(t, task, delay)

    def recall(self, first):
        revived = [first]
        for cause in revived:
            for t in self.tasks:
                if t.state != CANCELLED or cause.id not in t.needs or t.cause != cause.id:
                    continue
                if t.spec.key is not None and self.key_owner(t.spec.key):
                    continue
                t.cause = self.broken(t)
                if t.cause is None:
                    due, attempts = t.due, t.attempts
                    self.reopen(t, t.spec, None)
                    t.due, t.attempts = due, attempts
                    self.link(t)
                    revived.append(t)

    # -- claims ------------------------------------------------------------------------------
