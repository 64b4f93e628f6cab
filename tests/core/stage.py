"""
A tiny stage for text scripts: one verb a line, what it must answer after `->`.

    submit v verify=check|quorum
    submit a needs=x,y key=k + b delay=5 if_exists=replace
    flood 20000 t lease_ttl=5             t1 to t20000 in one batch after another
    claim ann [task=a] [kinds=k1,k2] [count=5] [ttl=9]   -> a | nothing | refused Error
    renew | complete | fail | release  a       the latest lease of a; a@1 is its first one ever
    decline a [seconds=60] [why=429] [all=True] the latest lease; with by=ann the task, which is on offer
    split a p + q needs=p                 the latest lease of a; what follows is as in submit
    complete_many a b / cancel a / requeue a / adopt ann / release_all ann
    lock ann x,y / unlock ann / limit db 2 / pause / resume / configure aging=5
    tick 30                               30 s pass, and the board is woken
    pass 30                               30 s pass unseen (negative: the clock is set back)
    expect a ready [attempts=1] [why=text_with_underscores]
    expect why a held_by !no_sign / expect events stalled 1 / expect notes a ann:half bob:more
    expect count ready 5 / expect holder x ann / expect wakeup 12.5 / expect inputs a b=1

Every step is checked by `machine.check()`, but not in a flood or a count of claims.
"""

import ast
import shlex

from ants_coord.commands import reading
from ants_coord.commands import shared as c
from ants_coord.commands.purses import SetPurse, Spend
from ants_coord.core import Machine
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff, Lease, Outcome, Task, Ticket
from ants_coord.values.verification import Verify

SECOND = 1_000_000_000
START = 1_700_000_000 * SECOND


def value(name, text):
    if name in ("needs", "tags", "kinds"):
        return tuple(text.split(","))
    if name == "spends":  # "llm:60"
        purse, n = text.split(":")
        return {purse: int(n)}
    if name == "backoff":  # "3!" also backs off on expiry
        return Backoff(first=float(text.strip("!")), on_expiry=text.endswith("!"))
    if name == "verify":
        return {"check": Verify.by_check(), "quorum": Verify.by_quorum()}[text]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text


def options(words):
    return {name: value(name, text) for name, text in (word.split("=", 1) for word in words)}


def in_words(reply):
    """Say a reply the way scripts write it."""
    match reply:
        case c.Refused(error):
            return f"refused {type(error).__name__} {getattr(error, 'reason', '')}".strip()
        case None | ():
            return "nothing"
        case Lease():
            return reply.task
        case Outcome():
            return f"{reply.state} late" if reply.late else str(reply.state)
        case Ticket():
            return f"{'new' if reply.created else 'kept'} {reply.state}"
        case c.Renewed():
            return "renewed"
        case c.Lost():
            return f"lost {reply.reason}"
        case tuple():
            return ", ".join(in_words(one) for one in reply)
    return str(reply)


class Stage:
    def __init__(self):
        self.machine, self.now, self.leases, self.log = Machine(), START, {}, []

    def play(self, text):
        for number, line in enumerate(text.splitlines(), 1):
            line = line.split("#")[0].strip()
            if line:
                try:
                    self.line(line)
                except Exception as problem:
                    raise AssertionError(f"line {number}: {line}\n{problem!r}") from problem
        return self

    def line(self, line):
        line, _, expected = line.partition("->")
        verb, *words = shlex.split(line)
        said = getattr(self, f"on_{verb}")(*words)
        if expected:
            assert said == " ".join(expected.split()), said
        self.machine.check()

    def do(self, command):
        self.log.append((self.now, command))
        reply = self.machine.apply(command, now_ns=self.now)
        for part in reply if isinstance(reply, tuple) else (reply,):
            if isinstance(part, Lease):
                key = f"locks of {part.agent}" if part.kind == "lock" else part.task
                self.leases.setdefault(key, []).append((part.task, part.token))
        return in_words(reply)

    def lease(self, word):
        task, _, which = word.partition("@")
        return self.leases[task][int(which) - 1 if which else -1]

    # -- verbs -------------------------------------------------------------------------------

    def on_submit(self, *words):
        batch, named = [[]], {}
        for word in words:
            if word.startswith("if_exists="):
                named["if_exists"] = word.split("=")[1]
            elif word == "+":
                batch.append([])
            else:
                batch[-1].append(word)
        tasks = tuple(Task(task, **options(fields)) for task, *fields in batch)
        return self.do(c.submission(tasks, **named))

    def on_flood(self, count, prefix, *fields):
        numbers = range(1, int(count) + 1)
        for start in range(0, len(numbers), 5_000):
            batch = [Task(f"{prefix}{n}", **options(fields)) for n in numbers[start : start + 5_000]]
            self.do(c.submission(tuple(batch)))

    def on_claim(self, agent, *words):
        named = options(words)
        count, ttl = named.pop("count", None), named.pop("ttl", None)
        ttl_ns = None if ttl is None else round(ttl * SECOND)
        if count is not None:
            return self.do(c.ClaimMany(agent, count, named.get("kinds"), ttl_ns))
        return self.do(c.Claim(agent, named.get("kinds"), named.get("task"), ttl_ns))

    def on_renew(self, *words):
        return self.do(c.Renew(tuple(self.lease(word) for word in words)))

    def on_complete(self, task, *words):
        return self.do(c.Complete(*self.lease(task), **options(words)))

    def on_complete_many(self, *words):
        return self.do(c.CompleteMany(tuple((*self.lease(word), 1) for word in words)))

    def on_fail(self, task, *words):
        return self.do(c.Fail(*self.lease(task), **{"reason": "no", **options(words)}))

    def on_release(self, task):
        return self.do(c.Release(*self.lease(task)))

    def on_decline(self, task, *words):
        named = options(words)
        pause = named.get("seconds")
        pause_ns = None if pause is None else round(pause * SECOND)
        reason, everything = named.get("why", ""), named.get("all", False)
        if "by" in named:
            return self.do(c.Decline(named["by"], task, reason, pause_ns, 0, everything))
        task, token = self.lease(task)
        return self.do(c.Decline("", task, reason, pause_ns, token, everything))

    def on_split(self, task, *words):
        batch = [[]]
        for word in words:
            if word == "+":
                batch.append([])
            else:
                batch[-1].append(word)
        found = c.submission(tuple(Task(part, **options(fields)) for part, *fields in batch))
        named = tuple(part for part, *_ in batch)
        return self.do(c.Split(*self.lease(task), named, found.tasks, found.payloads))  # type: ignore[call-arg]

    def on_note(self, task, text):
        return self.do(c.Note(*self.lease(task), text))  # type: ignore[call-arg]

    def on_unlock(self, agent):
        return self.do(c.Release(*self.lease(f"locks of {agent}")))

    def on_cancel(self, task):
        return self.do(c.Cancel(task))

    def on_requeue(self, task):
        return self.do(c.Requeue(task))

    def on_adopt(self, agent):
        return self.do(c.Adopt(agent, force=True))

    def on_release_all(self, agent):
        return self.do(c.ReleaseAll(agent))

    def on_lock(self, agent, names):
        return self.do(c.LockNames(tuple(names.split(",")), agent))

    def on_limit(self, name, n):
        return self.do(c.SetLimit(name, int(n)))

    def on_purse(self, name, amount, per=None):
        return self.do(SetPurse(name, int(amount), None if per is None else int(per) * SECOND))

    def on_spent(self, task, name, n, *words):
        return self.do(Spend(*self.lease(task), name, int(n), **options(words)))  # type: ignore[call-arg]

    def on_pause(self):
        return self.do(c.Pause())

    def on_resume(self):
        return self.do(c.Resume())

    def on_configure(self, *words):
        return self.do(c.Configure(Settings(**options(words))))

    def on_pass(self, seconds):
        self.now += round(float(seconds) * SECOND)

    def on_tick(self, seconds):
        self.on_pass(seconds)
        return self.do(c.Wakeup())

    # -- expectations ------------------------------------------------------------------------

    def on_expect(self, what, *words):
        ask = self.machine.ask
        if what == "count":
            assert ask(reading.StatisticsOf()).tasks[words[0]] == int(words[1]), ask(
                reading.StatisticsOf()
            ).tasks
        elif what == "holder":
            lease = ask(reading.Holder(words[0]))
            assert (lease.agent if lease else "nobody") == words[1], lease
        elif what == "wakeup":
            wait = self.machine.next_wakeup_in_ns
            assert wait == (None if words[0] == "never" else round(float(words[0]) * SECOND)), wait
        elif what == "inputs":
            lease = ask(reading.Find(words[0])).lease
            assert lease.inputs == options(words[1:]), lease
        elif what in ("why", "events", "notes"):
            getattr(self, f"expect_{what}")(*words)
        else:
            self.expect_task(ask(reading.Find(what)), *words)

    def expect_why(self, task, *words):
        """Check that an explanation has all of these; `!text` must not be in it."""
        said = str(self.machine.ask(reading.Explain(task)))
        for word in words:
            text = word.lstrip("!").replace("_", " ")
            assert (text in said) != word.startswith("!"), said

    def expect_events(self, kind, count):
        """Check how often something happened."""
        events = [event for event in self.machine.ask(reading.Events(0, 10_000)) if event.type == kind]
        assert len(events) == int(count), events

    def expect_notes(self, task, *words):
        """Check what the lease of a task tells of earlier attempts, as `agent:note`."""
        notes = self.machine.ask(reading.Find(task)).lease.notes
        assert [f"{note.agent}:{note.note}" for note in notes] == list(words), notes

    def expect_task(self, record, state, *words):
        assert (str(record.state) if record else "unknown") == state, record
        for name, wanted in options(words).items():
            if name == "why":
                assert str(wanted).replace("_", " ") in record.outcome.reason, record.outcome
            else:
                assert getattr(record, name) == wanted, record
