"""
Verified tasks, as naively as possible: lists, loops, and the rules as a reader would state them.

No leases by name, no needs, no backoff: what the big model covers. Times are integers (ns).
"""

from ants_coord.values.verification import is_answer

SECOND = 1_000_000_000


class Job:
    def __init__(self, task, number):
        self.task, self.number = task, number
        self.state, self.attempts, self.token = "ready", 0, None
        self.agent = self.deadline = self.result = self.by = None
        self.given, self.since = [], 0

    @property
    def is_open(self):
        return self.state in ("ready", "leased")

    def checks(self):
        """Tell whether the next lease, or the present one, is a check."""
        return self.task.verify is not None and self.task.verify.method == "check" and bool(self.given)

    def kind(self):
        return self.task.verify.kind if self.checks() else self.task.kind


class NaiveChecks:
    def __init__(self, ttl=30 * SECOND, max_attempts=3):
        self.jobs, self.now, self.count, self.principal = [], 0, 0, {}
        self.ttl, self.max_attempts, self.tokens, self.quality = ttl, max_attempts, [], []

    def house(self, agent):
        return self.principal.get(agent, agent)

    def pass_time(self, now):
        self.now = now
        late = [job for job in self.jobs if job.state == "leased" and job.deadline <= now]
        for job in sorted(late, key=lambda job: job.deadline):
            self.again(job)

    def again(self, job):
        """An attempt came to nothing."""
        job.state = "failed" if job.attempts >= self.max_attempts else "ready"
        if job.state == "failed":
            job.given = []

    def submit(self, task):
        self.jobs.append(Job(task, len(self.jobs)))

    def claim(self, agent, kinds, token):
        self.count += 1
        free = [job for job in self.jobs if job.state == "ready"]
        free = [job for job in free if kinds is None or job.kind() in kinds]
        houses = {id(job): {self.house(who) for who, _, _ in job.given} for job in free}
        others = [job for job in free if job.given and self.house(agent) not in houses[id(job)]]
        fresh = [job for job in free if not job.given]
        others.sort(key=lambda job: (-job.task.priority, job.since))
        fresh.sort(key=lambda job: (-job.task.priority, job.number))
        best = fresh[0] if fresh else None
        if others and (best is None or others[0].task.priority >= best.task.priority):
            best = others[0]
        if best is None:
            return None
        best.state, best.agent, best.token = "leased", agent, token
        best.attempts, best.deadline = best.attempts + 1, self.now + self.ttl
        return best.task.id, best.kind()

    def claim_by_name(self, agent, name, token):
        job = next((job for job in self.jobs if job.task.id == name), None)
        if job is None or job.state != "ready":
            return None
        if self.house(agent) in {self.house(who) for who, _, _ in job.given}:
            return None
        job.state, job.agent, job.token = "leased", agent, token
        job.attempts, job.deadline = job.attempts + 1, self.now + self.ttl
        return name, job.kind()

    def of(self, token):
        return next((job for job in self.jobs if job.token == token and job.state == "leased"), None)

    def fail(self, token):
        job = self.of(token)
        if job is None:
            return "lost"
        self.again(job)
        return job.state

    def complete(self, token, value):
        job = self.of(token)
        if job is None:
            return "lost"
        verify = job.task.verify
        if job.checks():
            if not isinstance(value, bool):
                return "no verdict"
        elif verify is None:
            return self.done(job, value, job.agent)
        elif verify.method == "canary":
            if is_answer(value, verify.digest):
                self.quality.append((job.agent, True))
                return self.done(job, value, job.agent)
            return self.wrong(job, job.agent)
        if not job.given:
            self.count += 1
            job.since = self.count
        job.given.append((job.agent, token, value))
        return self.judge_votes(job) if verify.method == "check" else self.judge_results(job)

    def judge_votes(self, job):
        author, _, result = job.given[0]
        votes = job.given[1:]
        for word in (True, False):
            if sum(vote is word for _, _, vote in votes) == job.task.verify.agree:
                if job.task.verify.agree > 1:
                    self.quality += [(agent, vote is word) for agent, _, vote in votes]
                if word:
                    self.quality.append((author, True))
                    return self.done(job, result, author)
                return self.wrong(job, author)
        return self.wait(job)

    def judge_results(self, job):
        verify, values = job.task.verify, [value for _, _, value in job.given]
        for value in values:
            same = [agent for agent, _, other in job.given if (type(other), other) == (type(value), value)]
            if len(same) == verify.agree:
                self.quality += [(agent, agent in same) for agent, _, _ in job.given]
                return self.done(job, value, same[0])
        kinds = [(type(value), str(value)) for value in values]
        best = max(kinds.count(one) for one in kinds)
        if best + verify.most - len(values) < verify.agree:
            job.state, job.given = "failed", []
            return "failed"
        return self.wait(job)

    def wait(self, job):
        job.state, job.attempts = "ready", job.attempts - 1
        return "ready"

    def done(self, job, result, by):
        job.state, job.result, job.by, job.given = "done", result, by, []
        return "done"

    def wrong(self, job, author):
        self.quality.append((author, False))
        job.given = []
        job.state = "failed" if job.attempts >= self.max_attempts else "ready"
        return job.state
