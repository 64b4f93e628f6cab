"""
The naive board: a dict of decimals that evaporate at every step, and a look at every task for each claim.

Of tasks and leases it believes the machine (those have a model of their own in
tests/core); trails, thresholds, entries and reactions it keeps itself.
"""

import decimal
import fnmatch
from decimal import Decimal

from ants_coord.values.tasks import TaskState

SECOND = 1_000_000_000
CLOSE = Decimal("1e-9")
LEAST, MOST = Decimal("0.1"), Decimal(10)

context = decimal.Context(prec=40)


def half(dt_ns, half_life_ns):
    """Return 2^(-dt/h), to 40 digits."""
    exponent = context.divide(Decimal(-dt_ns), Decimal(half_life_ns))
    return context.power(Decimal(2), exponent)


class NaiveTrail:
    def __init__(self, now, agent):
        self.value, self.at, self.marks, self.last = Decimal(0), now, 0, now
        self.first_by = self.last_by = agent


class NaiveBoard:
    """
    Args:
        settings: of the board; kinds are MarkKinds, all with names.
    """

    def __init__(self, settings):
        self.settings, self.now = settings, 0
        self.kinds = {kind.name: kind for kind in settings.kinds}
        self.trails = {}  # (kind, place) -> NaiveTrail
        self.thresholds = {}  # agent -> {kind: Decimal}
        self.entries = {}  # path -> [value, version, author, expires]
        self.reactions = {}  # name -> (pattern, on)
        self.pending = {}  # (name, path) -> [task, again]
        self.made = {}  # (name, path) -> how many tasks

    # -- trails ------------------------------------------------------------------------------

    def half_life(self, kind):
        own = self.kinds[kind].half_life
        return round((self.settings.half_life if own is None else own) * SECOND)

    def pass_time(self, now):
        """Evaporate everything by hand; return the paths of entries that lapse."""
        gone = []
        for (kind, place), trail in sorted(self.trails.items()):
            rule, h = self.kinds[kind], self.half_life(kind)
            if h:
                trail.value = context.multiply(trail.value, half(now - trail.at, h))
            trail.at = now
            if rule.floor:
                trail.value = max(trail.value, Decimal(rule.floor))
                if trail.last + round(rule.forget_after * SECOND) <= now:
                    gone.append((kind, place))
            elif trail.value < Decimal(self.settings.faint):
                gone.append((kind, place))
        for key in gone:
            del self.trails[key]
        lapsed = [path for path, entry in self.entries.items() if entry[3] and entry[3] <= now]
        for path in lapsed:
            del self.entries[path]
        self.now = now
        return lapsed

    def deposit(self, kind, place, strength, agent):
        rule, trail = self.kinds[kind], self.trails.get((kind, place))
        has = Decimal(0) if trail is None else trail.value
        laid = Decimal(strength)
        if rule.ceiling is not None:
            laid = max(Decimal(0), min(laid, Decimal(rule.ceiling) - has))
        if trail is None:
            if laid < Decimal(self.settings.faint):
                return None
            trail = self.trails[kind, place] = NaiveTrail(self.now, agent)
        trail.value = has + laid
        if rule.floor:
            trail.value = max(trail.value, Decimal(rule.floor))
        trail.marks, trail.last, trail.last_by = trail.marks + 1, self.now, agent
        return trail

    def rescale(self, place, success):
        for (kind, at), trail in list(self.trails.items()):
            if at != place:
                continue
            rule = self.kinds[kind]
            usual = 1.0 if rule.repels else 0.5
            factor = rule.success if success else usual if rule.failure is None else rule.failure
            if factor == 1:
                continue
            trail.value *= Decimal(factor)
            if rule.ceiling is not None:
                trail.value = min(trail.value, Decimal(rule.ceiling))
            if not factor or (not rule.floor and trail.value < Decimal(self.settings.faint)):
                del self.trails[kind, at]
            else:
                trail.value = max(trail.value, Decimal(rule.floor))

    def attraction(self, place):
        total = Decimal(0)
        for (kind, at), trail in self.trails.items():
            if at == place:
                weight = Decimal(self.kinds[kind].weight)
                total += -weight * trail.value if self.kinds[kind].repels else weight * trail.value
        return total

    # -- who gets what -----------------------------------------------------------------------

    def learn(self, agent, kind, success):
        step = Decimal(self.settings.learning)
        if not step:
            return
        known = self.thresholds.setdefault(agent, {})
        own = known.get(kind, Decimal(1))
        if success:
            for other in known:
                known[other] = min(MOST, known[other] * (1 + step))
            known[kind] = max(LEAST, own * (1 - step))
        else:
            known[kind] = min(MOST, own * (1 + step))

    def score(self, agent, row, now):
        spec, settings = row.spec, self.settings
        pull = self.attraction(spec.place) if spec.place is not None else 0
        waited = Decimal(settings.stimulus) * Decimal(now - row.ready_ns) / SECOND
        base = max(Decimal(0), Decimal(settings.indifference) + pull + waited)
        return base / self.thresholds.get(agent, {}).get(spec.kind, Decimal(1))

    def open_to(self, agent, ledger, kinds=None):
        """Return the rows of the tasks that an agent may claim and has not declined."""
        declined = ledger.declines.active.get(agent, {})
        return [
            row
            for row in ledger.tasks.values()
            if row.state is TaskState.READY
            and row.spec.id not in declined
            and (kinds is None or row.spec.kind in kinds)
            and (row.spec.limit is None or ledger.is_open(row.spec.limit))
        ]

    def best(self, agent, ledger, now, kinds=None):
        """Return the ids of tasks that may be claimed next: more than one only if their scores are equal."""
        ready = self.open_to(agent, ledger, kinds)
        if not ready:
            return set()
        priority = max(row.spec.priority for row in ready)
        scored = [(self.score(agent, row, now), row) for row in ready if row.spec.priority == priority]
        # within a place the longest ready comes first, whatever a repellent does to both
        most = max(score for score, _ in scored)
        return {row.spec.id for score, row in scored if score >= most * (1 - CLOSE)}

    # -- entries and reactions ---------------------------------------------------------------

    def first(self, pattern):
        return min((path for path in self.entries if fits(pattern, path)), default=None)

    def change(self, what, path, ledger):
        """Note what a change should make: a task, or nothing beside the open one, or a follow-up."""
        for name, (pattern, on) in self.reactions.items():
            if what not in on or not fits(pattern, path):
                continue
            key = (name, path)
            task, _ = self.pending.get(key, (None, False))
            row = ledger.tasks.get(task)
            if row is None or row.state.is_final:
                self.made[key] = self.made.get(key, 0) + 1
                self.pending[key] = ["", False]
            elif row.state is TaskState.LEASED:
                self.pending[key][1] = True

    def settle(self, ledger):
        """Count the follow-ups of tasks that have ended, and learn the names of new ones."""
        for key, (task, again) in list(self.pending.items()):
            row = ledger.tasks.get(task)
            if task and (row is None or row.state.is_final):
                del self.pending[key]
                if again:
                    self.made[key] += 1
                    self.pending[key] = ["", False]
        for key, pair in self.pending.items():
            if not pair[0]:
                name, path = key
                found = [id_ for id_ in ledger.tasks if id_.startswith(f"{name}/{path}#")]
                pair[0] = found[-1]


def fits(pattern, path):
    if pattern.endswith("/**"):
        return path.startswith(pattern[:-2]) and len(path) > len(pattern) - 2
    if pattern == "**":
        return True
    return fnmatch.fnmatchcase(path, pattern) and path.count("/") == pattern.count("/")
