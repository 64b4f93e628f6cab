"""
The ledger: every table of the shared state, and how the indexes follow from the records.

Primary tables are plain dicts of records, changed by single operations after an undo entry. Indexes are
derived: `rebuild` makes them from the primary tables alone (after a restore, and after an interrupted
command), and `check` asserts that they are what `rebuild` would make. The functions that decide are in
core/work, core/trust, core/matching and core/board, and take the ledger as their first argument.

Invariants (numbers as in `check`):
 1. a task is in exactly one state, and the counts agree;
 2. a task is LEASED exactly if its agent's leases hold its token;
 3. tokens are unique, none above `last_token`;
 4. a WAITING task has unfinished needs, and `waiting` counts them (the reverse
    does not hold: a need that failed may be revived after its dependent went on);
 5. a key belongs to at most one unfinished task;
 6. a limit's live tokens are the leased tasks that name it;
 7. each locked name has one lock;
 8. a final task is idle exactly if no unfinished task needs it;
 9. no deadline of a live lease or due time lacks its alarm;
10. the parts' own invariants.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from sortedcontainers import SortedDict

from ...errors import CursorTooOld
from ...values.checks import lock_key
from ...values.settings import Settings
from ...values.tasks import FINAL, TaskState
from .parts import Anyone, Common, Eligibility, Function, Gate, Order, Part, Strategy, Till
from .records import AT, DELAYED, LEASED, READY, WAITING, AgentRow, LockRow, News, Row, SessionRow, Stone
from .rule_versions import OLD_RULES, Rules
from .timeline import CALENDAR, Alarms, Timeline
from .undo import Undo

if TYPE_CHECKING:
    from ...values.trust import TrustPolicy

FAR_NS = 1 << 62
"""later than any time"""
EVENT_SIZE = 6
"""values of an event in the ring: time, kind, task, agent, token, detail"""


def events_in(values: list[Any], start: int, end: int | None) -> list[tuple[Any, ...]]:
    """Return the events from `start` to before `end` that lie in a ring's values, one after the other."""
    each = iter(values[start * EVENT_SIZE : None if end is None else end * EVENT_SIZE])
    return list(zip(*[each] * EVENT_SIZE, strict=True))


def ns(seconds: float) -> int:
    """Return seconds as integer nanoseconds (one multiplication, rounded: the same everywhere)."""
    return round(seconds * 1_000_000_000)


_REFUSED_KEPT = 1_000
"""positions of refusals that are kept: writers look at the end of the log, so a few would do"""


class Ledger:
    """
    The shared state of all strategies. Not thread-safe; time is an argument.

    Args:
        strategies: name -> function that makes a strategy's parts; the settings name one.
        commands: what every strategy can carry out; parts add theirs.
        common: makes the parts that every strategy has, with or without a trust policy, purses and proofs.

    """

    # slots: with more than 30 attributes, CPython gives up its fast path for instance dicts
    __slots__ = (
        "_common_commands", "_gates", "_made_for", "_make_common", "_make_order", "agents", "ahead_ns",
        "alarms",
        "asked_ns", "checking", "commands", "configured", "declines", "departed", "dependents",
        "eligibility", "forget_beyond", "forget_from_ns", "gates", "idle", "idlers", "is_bare", "is_short",
        "keys", "last_seq", "last_token", "lead_ns", "lease_ttl_ns", "limits", "live", "lock_of", "locks",
        "needed", "news", "on_about", "on_advert", "on_end", "on_grant", "on_judged", "on_left",
        "on_left_after", "on_left_before", "on_pause", "on_replace", "on_shown", "order", "own_tasks",
        "parts", "paused", "position", "principals", "purses", "queries", "quiet_until_ns", "refusals",
        "refused_at", "reputation", "restraint", "rewriters", "ring", "rules", "sessions", "settings",
        "signatures", "strategies", "strategy", "tables", "tally", "tasks", "timed", "timeline",
        "tombstones", "undo",
    )  # fmt: skip

    def __init__(
        self,
        strategies: Mapping[str, Callable[[], Strategy]],
        commands: Mapping[type, Function],
        common: Callable[[TrustPolicy | None, bool, bool], Common],
    ) -> None:
        self.strategies = strategies
        self._make_common = common
        self._common_commands = commands
        self.lead_ns = self.quiet_until_ns = 0
        """lease time minus the stamp, and the stamp before which nothing is due; see work/short.py"""
        self.ahead_ns = 0
        """of the command that is being carried out: see Submit; not part of the state"""
        self.own_tasks = 0
        """number of unfinished tasks that the board itself asked for: nobody waits for their end"""
        self.strategy = ""
        self._made_for = (False, False, False)
        """whether the present parts are those for a trust policy, for purses, for proofs"""
        self.purses: Till | None = None
        """what work may consume, if the board has a purse"""
        self.restraint: Any = None
        """the effects of standing, if the settings have a TrustPolicy"""
        self.tables: dict[str, dict[Any, Any]] = {}
        """the tables of the parts; see parts.py"""
        self.undo = Undo()
        self.news = News()
        self.timeline = Timeline()
        self.settings = Settings()
        self.configured = False
        self.paused = False
        self.last_token = 0
        self.last_seq = 0
        self.position = 0
        self.rules: Rules = ()
        """what the log says its readers must have; empty where it says nothing: the rules of this version"""
        self.refusals = 0
        """commands that were refused since the log began"""
        self.refused_at: list[int] = []
        """positions of the latest refusals, for `refusals_until`; not part of the state"""
        self.asked_ns = 0
        """calendar time of the query being answered"""
        self.tasks: dict[str, Row] = {}
        """in submission order"""
        self.locks: dict[int, LockRow] = {}
        self.limits: dict[str, int] = {}
        self.agents: OrderedDict[str, AgentRow] = OrderedDict()
        self.departed = AgentRow()
        """tallies of agents that are no longer remembered individually"""
        self.tombstones: OrderedDict[str, Stone] = OrderedDict()
        """forgotten id -> (ordinal, state, content digest, forgotten_ns), oldest first; with True after that
        if it was done with a result, which is lost"""
        self.sessions: OrderedDict[str, SessionRow] = OrderedDict()
        self.ring: tuple[int, list[Any]] = (0, [])
        """(events dropped so far, the values of the kept ones, EVENT_SIZE each, one after the other)

        Not a tuple for each: those would be more than half of the objects that a cycle leaves to the garbage
        collector, which would run more than twice as often."""
        self.rebuild()

    # -- one command ------------------------------------------------------------------------

    def mend(self) -> None:
        """Undo a torn command and rebuild every index."""
        self.undo.roll_back()
        self.rebuild()
        self.undo.entries.clear()

    def note_refusal(self) -> None:
        """
        Count a refused command; readers of a log compare the count to see that they agree with its writers.
        """
        self.refusals += 1
        self.refused_at.append(self.position)
        if len(self.refused_at) > 2 * _REFUSED_KEPT:
            del self.refused_at[:_REFUSED_KEPT]

    def refusals_until(self, position: int) -> int | None:
        """Return how many commands were refused up to a position; None if that is too long ago to tell."""
        later = len(self.refused_at) - bisect_right(self.refused_at, position)
        is_known = later < len(self.refused_at) or self.refusals == len(self.refused_at)
        return self.refusals - later if is_known else None

    def switch(self, *, paused: bool, settings: Settings, configured: bool) -> None:
        """Change settings and switches, which only a few commands change."""
        self.undo.entries.append((self._switch_back, self.paused, self.settings, self.configured))
        self._switch_back(paused, settings, configured)

    def _switch_back(self, paused: bool, settings: Settings, configured: bool) -> None:
        self.paused, self.settings, self.configured = paused, settings, configured
        self._read_settings()

    def follow(self, rules: Rules) -> None:
        """Record the rules under which the log goes on."""
        self.undo.entries.append((self._rules_back, self.rules))
        self.rules = rules

    @property
    def is_old(self) -> bool:
        """Whether the log goes on under rules that it does not name (format 1)."""
        return self.rules == OLD_RULES

    def _rules_back(self, rules: Rules) -> None:
        self.rules = rules

    def _read_settings(self) -> None:
        """Compute from the settings what every command would otherwise have to compute."""
        self.lease_ttl_ns = ns(self.settings.lease_ttl)
        # a few beyond the count accumulate and are forgotten together: cheaper than one by one
        self.forget_beyond = self.settings.retention_count * 65 // 64

    def trim_ring(self) -> None:
        """Drop the oldest events once there are twice as many as are kept. Amortised O(1)."""
        dropped, values = self.ring
        surplus = len(values) // EVENT_SIZE - self.settings.event_count
        if surplus > self.settings.event_count:
            self.ring = (dropped + surplus, values[surplus * EVENT_SIZE :])

    def emit(
        self, kind: str, task: str | None, agent: str | None, token: int = 0, detail: Any = None
    ) -> None:
        """Record an event."""
        self.ring[1].extend((self.timeline.reading[CALENDAR], kind, task, agent, token, detail))

    @property
    def cursor(self) -> int:
        """The number of events since the log began: what readers of events continue from."""
        dropped, values = self.ring
        return dropped + len(values) // EVENT_SIZE

    def events(self, since: int = 0, count: int | None = None) -> list[tuple[Any, ...]]:
        """Return (time, kind, task, agent, token, detail) of kept events from the one after `since`."""
        dropped, values = self.ring
        start = max(since - dropped, 0)
        return events_in(values, start, None if count is None else start + count)

    def missed(self, since: int) -> CursorTooOld | None:
        """Return the refusal of a cursor after which events were dropped; raise if it is another board's."""
        dropped = self.ring[0]
        if since > self.cursor:
            raise ValueError(
                f"since={since} is beyond the last event, {self.cursor}: the cursor belongs to another board"
            )
        return CursorTooOld(since, dropped + 1) if since < dropped else None

    def ordinal(self) -> int:
        """Return the next number of the one sequence that orders everything."""
        self.last_seq += 1
        return self.last_seq

    # -- small questions ---------------------------------------------------------------------

    @property
    def counts(self) -> dict[TaskState, int]:
        """How many tasks are in each state."""
        return dict(zip(AT, self.tally, strict=True))

    @property
    def unfinished(self) -> int:
        """The number of unfinished tasks that somebody submitted."""
        counts = self.counts
        return counts[WAITING] + counts[DELAYED] + counts[READY] + counts[LEASED] - self.own_tasks

    def is_open(self, limit: Any) -> bool:
        """Tell whether a door is open: its limit has a free slot, and its purses can pay."""
        if limit.__class__ is tuple:
            limit, spends = limit
            if limit is not None and not self.is_open(limit):
                return False
            return self.purses is not None and self.purses.can_pay(self, spends)
        return len(self.live.get(limit, ())) < self.limits.get(limit, 1)

    def agent(self, name: str) -> AgentRow:
        """Return an agent's record; it is made at the agent's first claim."""
        row = self.agents.get(name)
        if row is None:
            if len(self.agents) >= 10_000:
                self._let_go()
            row = AgentRow(self.ordinal())
            self.undo.put(self.agents, name, row)
        return row

    def _let_go(self) -> None:
        """Fold the oldest agent that holds nothing into `departed`."""
        for name, row in self.agents.items():
            if not row.leases:
                self.undo.touch_agent(self.departed)
                total = self.departed
                total.claimed += row.claimed
                total.completed += row.completed
                total.failed += row.failed
                total.expired += row.expired
                total.released += row.released
                self.undo.drop(self.agents, name)
                return

    # -- parts -------------------------------------------------------------------------------

    def _install(self) -> None:
        """Install the parts of the strategy that the settings name, unless they are in place."""
        name, trust = self.settings.strategy, self.settings.trust
        has_purses, has_proofs = bool(self.tables.get("purses")), bool(self.settings.proofs)
        made_for = (trust is not None, has_purses, has_proofs)
        if name == self.strategy and made_for == self._made_for:
            return
        self.strategy = ""  # until everything is in place: after an exception in between, it is done again
        strategy, common = self.strategies[name](), self._make_common(trust, has_purses, has_proofs)
        self._made_for, self.own_tasks = made_for, 0
        self.restraint = common.restraint
        self.eligibility: Eligibility = strategy.eligibility
        # a single signature need not be looked up each time; a subclass may have its own answer
        kind = type(self.eligibility)
        is_anyone = (kind.open_to, kind.signature) == (Anyone.open_to, Anyone.signature)
        self.signatures = Anyone.signatures if is_anyone else ()
        self._make_order = strategy.order
        self.reputation, self.principals = common.reputation, common.principals
        self.checking, self.declines = common.checking, common.declines
        self.purses = common.purses
        self.parts: tuple[Part, ...] = (*common.first, *strategy.parts, *common.last)
        commands = dict(self._common_commands)
        queries: dict[type, Function] = {}
        for part in self.parts:
            commands.update(part.commands)
            queries.update(part.queries)
            for table in part.tables:
                self.tables.setdefault(table, {})
        self.commands: dict[type, Function] = commands
        self.queries = queries
        """those of the parts; the machine adds those of every strategy as they come"""
        self.idlers = {kind: idle for part in self.parts for kind, idle in part.idle.items()}
        # only hooks that a part overrides are called: a strategy without parts pays nothing
        self.on_grant = tuple([part.granted for part in self._with("granted")])
        self.on_left = tuple([part.left for part in self._with("left")])
        at = self.on_left.index(self.reputation.left)
        self.on_left_before, self.on_left_after = self.on_left[:at], self.on_left[at + 1 :]
        self.on_end = tuple([part.ended for part in self._with("ended")])
        self.on_replace = tuple([part.replaced for part in self._with("replaced")])
        self.gates: tuple[Gate, ...] = tuple([part.holds_back for part in self._with("holds_back")])
        self._gates = self.gates
        self.rewriters = tuple([part.rewrite for part in self._with("rewrite")])
        self.on_about = tuple([part.about for part in self._with("about")])
        self.on_advert = tuple([part.advertised for part in self._with("advertised")])
        self.on_judged = tuple([part.judged for part in self._with("judged")])
        self.on_shown = tuple([part.shown for part in self._with("shown")])
        self.on_pause = tuple([part.heard_nobody for part in self._with("heard_nobody")])
        self.timed = tuple(self._with("pass_time"))
        # whether the short way may be taken at all: no part has work at each command, or its own way of one
        has_work = self.timed or self.rewriters or self.on_grant or self.on_end
        self.is_short = not has_work and self._common_commands.items() <= commands.items()
        self.strategy = name

    def _with(self, hook: str) -> list[Part]:
        return [part for part in self.parts if getattr(type(part), hook) is not getattr(Part, hook)]

    def set_gates(self, more: tuple[Gate, ...]) -> None:
        """Install these gates besides those of the parts: each may stop an agent's claim."""
        self.gates = (*more, *self._gates)

    def held_back(self, agent: str) -> str | None:
        """Return why a part stops an agent's claims now, or None."""
        for gate in self.gates:
            why = gate(self, agent)
            if why is not None:
                return why
        return None

    # -- what the short way need not ask again ---------------------------------------------------

    def look_again(self) -> None:
        """Forget what was seen ahead: anything may have changed."""
        self.quiet_until_ns, self.is_bare = 0, False

    def turns_out_bare(self) -> bool:
        """
        Tell whether the end of a plain task concerns only the task, its holder and who hears of leases.

        The answer holds until the next command that goes the long way.
        """
        tables = self.tables
        self.is_bare = not (
            self.on_end
            or tables["limited"]
            or tables["declines"]
            or tables["failers"]
            or self.undo.before_change is not None
        )
        return self.is_bare

    # -- derived state -----------------------------------------------------------------------

    def rebuild(self) -> None:
        """Rebuild every index from the primary tables alone."""
        self.tasks = dict(sorted(self.tasks.items(), key=lambda item: item[1].seq))
        self.tombstones = OrderedDict(sorted(self.tombstones.items(), key=lambda item: item[1][0]))
        self.agents = OrderedDict(sorted(self.agents.items(), key=lambda item: item[1].number))
        self.sessions = OrderedDict(sorted(self.sessions.items(), key=lambda item: item[1].number))
        self.locks = dict(sorted(self.locks.items()))
        self._install()
        self.look_again()
        self.order: Order = self._make_order(self)
        self.alarms = Alarms(self.tasks)
        self.tally = [0] * len(AT)
        """how many tasks are in each state, by AT; see `counts`"""
        self.keys: dict[str, str] = {}
        self.live: dict[str, dict[int, Row]] = {}
        """limit name -> live leases that count against it"""
        self.needed: dict[str, int] = {}
        """id -> unfinished tasks that need it"""
        self.dependents: dict[str, dict[str, Row]] = {}
        self.lock_of: SortedDict[str, list[LockRow]] = SortedDict()
        """key of a locked name -> its live locks by token; sorted, to find locks below a name"""
        self._read_settings()
        self.forget_from_ns = FAR_NS
        """no idle task is old enough to be forgotten before this"""
        idle = []
        for agent in self.agents.values():
            agent.leases = {}
        for part in self.parts:
            part.rebuild(self)
        for row in self.tasks.values():
            self._index(row)
            if row.idle_no:
                idle.append(row)
        for agent in self.agents.values():
            agent.leases = dict(sorted(agent.leases.items()))
        idle.sort(key=lambda row: row.idle_no)
        self.idle: OrderedDict[int, Row] = OrderedDict((row.idle_no, row) for row in idle)
        if idle:
            self.forget_from_ns = idle[0].idle_ns + ns(self.settings.retention)
        for token, lock in self.locks.items():
            self.index_lock(lock)
            self.alarms.lease(lock.deadline_ns, token, lock)
        for part in self.parts:
            part.settle(self)

    def index_lock(self, lock: LockRow) -> None:
        """Index the names of a new lock."""
        for name in lock.names:
            self.lock_of.setdefault(lock_key(name), []).append(lock)

    def unindex_lock(self, lock: LockRow) -> None:
        """Remove the names of a lock that is over."""
        for name in lock.names:
            key = lock_key(name)
            self.lock_of[key].remove(lock)
            if not self.lock_of[key]:
                del self.lock_of[key]

    def _index(self, row: Row) -> None:
        spec, state = row.spec, row.state
        row.lane, row.waiting = None, 0
        self.tally[AT[state]] += 1
        final = state in FINAL
        if spec.key is not None and not final:
            self.keys[spec.key] = spec.id
        for need in spec.needs:
            self.dependents.setdefault(need, {})[spec.id] = row
            if not final:
                self.needed[need] = self.needed.get(need, 0) + 1
                row.waiting += self.is_pending(need)
        if state is READY:
            self._enter(row)
        elif state is LEASED:
            assert row.agent is not None
            self.agents[row.agent].leases[row.token] = row
            if spec.limit is not None:
                self.live.setdefault(spec.limit, {})[row.token] = row
            self.alarms.lease(row.deadline_ns, row.token, row)
        elif state is DELAYED:
            self.alarms.task(row.due_ns, "ripen", row)
        if row.finish_by_ns and not final:
            self.alarms.task(row.finish_by_ns, "miss", row)

    def sort_again(self) -> None:
        """Rebuild parts and ready order, because the settings that they follow have changed. O(n log n)."""
        self._install()
        self.order = self._make_order(self)
        for part in self.parts:
            part.rebuild(self)
        for row in self.tasks.values():
            row.lane = None
            if row.state is READY:
                self._enter(row)
        for part in self.parts:
            part.settle(self)

    def _enter(self, row: Row) -> None:
        if row.spec.id in self.tables["handed"]:
            self.checking.enter(self, row)
        else:
            self.order.add(row, self.eligibility.signature(row.spec))

    def leave(self, row: Row) -> None:
        """Remove a READY row from the order, or from the tasks that wait for another opinion."""
        if self.checking.opinions.rows and row.spec.id in self.checking.opinions.rows:
            self.checking.opinions.leave(row)
        else:
            self.order.leave(row)

    def is_pending(self, need: str) -> bool:
        """Tell whether a need is known and has not ended."""
        row = self.tasks.get(need)
        return row is not None and row.state not in FINAL


def rewind(
    ledger: Ledger,
    ring: tuple[int, list[Any]],
    values: int,
    reading: tuple[int, int, int],
    token: int,
    seq: int,
    position: int,
    refusals: int,
) -> None:
    """Take back what every command changes: the first undo entry of each. A method would be dear to bind."""
    ledger.ring = ring
    del ring[1][values:]
    ledger.timeline.reading = reading
    ledger.last_token, ledger.last_seq, ledger.position = token, seq, position
    ledger.refusals = refusals
    while ledger.refused_at and ledger.refused_at[-1] > position:
        ledger.refused_at.pop()
