"""
The account of a board: what its agents did, and what coordination cost.

There are three sources, and no guesses. The state always gives the number of tasks and attempts. The events
say how long leases were held and how they ended, in the window that is still kept. A `Meter` gives what no
log contains, because reads are never logged: time inside the coordinator, claims that found nothing, reads.
Figures that were not measured are None, and are listed as such.

A lease is not work: an agent may hold one and sleep. So the columns are held, wasted, checking, idle, inside.
"""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import attrs

from ..aio import Board as AsyncBoard
from ..errors import CursorTooOld
from ..sync import Board
from ..values.events import Event
from .account import Account, AgentTax
from .advice import LEAST_JOBS, Level, Measurement
from .meter import Meter, tokens_of

_LEVELS = {"claim": Level.CLAIM, "match": Level.CAPABILITY, "board": Level.STIGMERGY}
_COLUMNS = ("claims", "done", "failed", "expired", "released", "held", "wasted", "checking", "idle")
_CHUNK = 30
"""finished tasks behind one rate"""


@attrs.frozen(kw_only=True)
class TaxReport:
    """
    What coordination cost. Times are seconds; None means "not measured".

    Args:
        board: the file, or the strategy of a board in memory.
        strategy: "claim", "match" or "board".
        tasks: state -> tasks in it now.
        commands: commands since the board began.
        whole: whether the event window is the whole life of the board.
        since: cursor after which the window begins.
        seconds: from the first to the last event of the window.
        agents: one account per agent that was seen in the window.
        hands: most tasks held at once, summed over the agents.
        done: tasks that became DONE in the window.
        attempts: claims of work in the window; checks are counted separately.
        checks: claims that checked a result.
        rejected: results that were rejected.
        held: seconds of leases.
        wasted: of these, leases that produced no accepted result.
        checking: of these, leases of checks.
        idle: seconds between an agent's first claim and its last end in which it held nothing.
        wait: median seconds from claimable to claimed; this is load, not coordination.
        inside: seconds in the coordinator, from a Meter; of the shortest commands in memory, one in 31 is
            timed and represents the others.
        calls: commands that were not refused, from a Meter.
        empty_claims: claims that found nothing, from a Meter.
        lost_races: claims that were woken for work and found it taken, from a Meter.
        refused: commands that were refused, including late ones, from a Meter.
        reads: queries, from a Meter.
        tokens: estimated tokens of payloads and results that crossed the board, from a Meter.
        speedup: finished tasks per second over one agent's, if one agent was measured.
        overhead: agent time per finished task over one agent's, less one, if one agent was measured.

    """

    board: str
    strategy: str
    tasks: dict[str, int]
    commands: int
    whole: bool
    since: int
    seconds: float
    agents: tuple[AgentTax, ...]
    hands: int
    done: int
    attempts: int
    checks: int
    rejected: int
    held: float
    wasted: float
    checking: float
    idle: float
    wait: float | None
    kinds: dict[str, int]
    inside: float | None = None
    calls: int | None = None
    empty_claims: int | None = None
    lost_races: int | None = None
    refused: int | None = None
    reads: int | None = None
    tokens: int | None = None
    speedup: float | None = None
    overhead: float | None = None

    @property
    def rate(self) -> float:
        """Finished tasks per second of the window."""
        return self.done / self.seconds if self.seconds > 0.0 else 0.0

    @property
    def wasted_share(self) -> float | None:
        """Share of the held time that produced nothing; None if nothing was held."""
        return self.wasted / self.held if self.held > 0.0 else None

    @property
    def tax(self) -> float | None:
        """Share of the agents' time inside the coordinator; None without a Meter."""
        if self.inside is None or self.held + self.inside <= 0.0:
            return None
        return self.inside / (self.held + self.inside)

    @property
    def not_measured(self) -> tuple[str, ...]:
        """Names of the figures that were not measured."""
        return tuple([field.name for field in attrs.fields(type(self)) if getattr(self, field.name) is None])

    def measurement(self) -> Measurement:
        """Return the rate for `advise`; with one hand it counts as one agent alone."""
        level = _level(self.hands, self.strategy)
        return Measurement(level, max(1, self.hands), self.rate, self.done, self.board)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data, with the derived figures and the names of what was not measured."""
        more = {"rate": self.rate, "wasted_share": self.wasted_share, "tax": self.tax}
        return {**attrs.asdict(self), **more, "not_measured": list(self.not_measured)}

    @classmethod
    def read(cls, found: dict[str, Any]) -> TaxReport:
        """
        Return a report from the result of `to_dict`, such as one of a single agent that was kept in a file.
        """
        from cattrs import Converter  # noqa: PLC0415 - a board in memory has not loaded it

        try:
            return Converter(detailed_validation=False).structure(found, cls)
        except (LookupError, TypeError, ValueError, AttributeError) as problem:
            raise ValueError(
                f"not a tax report ({problem}); make one with ants-coord tax BOARD --json"
            ) from None

    def __str__(self) -> str:
        window = "the whole life" if self.whole else f"events after {self.since}"
        finished = sum([self.tasks.get(state, 0) for state in ("done", "failed", "cancelled")])
        per_task = f"; {self.commands / finished:.1f} commands a task" if finished and self.whole else ""
        counts = (
            f"{self.done} done, {self.attempts} attempts by {len(self.agents)} agents in {self.seconds:.1f} s"
        )
        columns = "".join([f"{title:>10}" for title in _COLUMNS])
        lines = [f"{counts}{per_task}; window: {window}", f"{'agent':<24}{columns}"]
        for one in self.agents:
            cells = [getattr(one, title) for title in _COLUMNS]
            shown = [f"{cell:.1f}s" if isinstance(cell, float) else str(cell) for cell in cells]
            lines.append(f"{one.agent[:23]:<24}" + "".join([f"{cell:>10}" for cell in shown]))
        if self.inside is not None:
            tax = "" if self.tax is None else f", {self.tax:.1%} of the agents' time"
            lines.append(
                f"inside the coordinator {self.inside:.3f} s{tax}; {self.empty_claims} empty claims, "
                f"{self.lost_races} lost races, {self.refused} refused, {self.reads} reads, "
                f"about {self.tokens} tokens (estimate)"
            )
        if self.speedup is not None and self.overhead is not None:
            lines.append(f"{self.speedup:.2f}x of one agent; agent time per task {self.overhead:+.0%}")
        if self.wait is not None:
            lines.append(f"a task waited {self.wait:.2f} s to be claimed (median); this is load, not tax")
        lines.append(_missing(self))
        return "\n".join([line for line in lines if line])


def _missing(report: TaxReport) -> str:
    left = report.not_measured
    said = []
    if "inside" in left:
        said.append("time inside, empty claims, lost races, refusals, reads, tokens (run with lab.Meter)")
    if "speedup" in left:
        said.append("against one agent (measure one: --solo FILE)")
    return f"not measured: {'; '.join(said)}" if said else ""


def tax(
    board: Board | AsyncBoard | str | Path,
    *,
    since: int = 0,
    meter: Meter | None = None,
    solo: TaxReport | None = None,
) -> TaxReport:
    """
    Return what coordination cost on a board.

    Args:
        board: an open board of either colour, or the path of its file.
        since: cursor after which to start; 0 starts with the oldest event that is kept.
        meter: a Meter of the same board in this process, for figures that no log contains.
        solo: a report of one agent on the same kind of tasks, for the gain and cost in comparison.

    Raises:
        ValueError: there is no such board; events after `since` are gone (name a later cursor, or 0); the
            meter is of another board; `solo` is of several agents.

    Example:
        >>> from ants_coord import ClaimQueue, Task
        >>> from ants_coord.lab import tax
        >>> with ClaimQueue() as board:
        ...     _ = board.submit(Task("a"))
        ...     _ = board.complete(board.claim_nowait("ann"))
        ...     report = tax(board)
        >>> report.done, report.attempts, report.inside
        (1, 1, None)

    """
    if not isinstance(board, (str, Path)):
        # both colours have the same verbs; the one for threads answers at once
        threads: Board = board if isinstance(board, Board) else board.sync
        return _tax(threads, type(board).__name__, since, meter, solo)
    if not os.path.exists(board):
        raise ValueError(f"board: there is no {str(board)!r}; name the file of a board")
    with Board(board) as opened:
        return _tax(opened, str(board), since, meter, solo)


def _tax(board: Board, name: str, since: int, meter: Meter | None, solo: TaxReport | None) -> TaxReport:
    if meter is not None and not meter.is_of(board):
        raise ValueError("meter: it is around another board; make it with Meter(board) of this one")
    if solo is not None and solo.hands > 1:
        raise ValueError(f"solo: is of {solo.hands} tasks at once; measure one agent that works alone")
    events = _events(board, since)
    state = board.statistics()
    account = Account.of(events)
    report = TaxReport(
        board=name,
        strategy=board.settings().strategy,
        tasks=state.tasks,
        commands=state.position,
        whole=bool(events) and events[0].cursor == 1,
        since=since or (events[0].cursor - 1 if events else 0),
        seconds=account.seconds,
        agents=account.agents(),
        hands=account.hands,
        done=account.done,
        attempts=account.attempts,
        checks=account.checks,
        rejected=account.rejected,
        held=account.total("held"),
        wasted=account.total("wasted"),
        checking=account.total("checking"),
        idle=account.total("idle"),
        wait=statistics.median(account.waits) if account.waits else None,
        kinds=account.kinds,
    )
    if meter is not None:
        report = attrs.evolve(report, **meter.figures(), tokens=tokens_of(board))
    if solo is not None and solo.rate > 0.0 and report.rate > 0.0:
        speedup = report.rate / solo.rate
        report = attrs.evolve(report, speedup=speedup, overhead=report.hands / speedup - 1.0)
    return report


def _events(board: Board, since: int) -> list[Event]:
    try:
        return list(board.events(since=since))
    except CursorTooOld as gone:
        raise ValueError(
            f"since={since}: the log is trimmed, events before {gone.oldest} are gone; "
            f"use since={gone.oldest - 1}, or 0 for all that is kept"
        ) from None


def measurements(board: Board, name: str = "", *, since: int = 0) -> list[Measurement]:
    """
    Return rates for `advise`, from the event window in chunks of 30 finished tasks.

    Chunks with the same number of tasks held at once are combined into one rate.

    Args:
        board: an open board.
        name: its name in messages.
        since: cursor after which to start; if it is no longer kept, the oldest event that is.

    """
    strategy = board.settings().strategy
    by_hands: dict[int, list[Account]] = {}
    for chunk in _chunks([event for event in _events(board, 0) if event.cursor > since]):
        account = Account.of(chunk)
        if account.hands and account.done >= LEAST_JOBS and account.seconds > 0.0:
            by_hands.setdefault(account.hands, []).append(account)
    found = []
    for hands, accounts in by_hands.items():
        jobs = sum(one.done for one in accounts)
        rate = jobs / sum(one.seconds for one in accounts)
        found.append(Measurement(_level(hands, strategy), hands, rate, jobs, name or strategy))
    return found


def _level(hands: int, strategy: str) -> Level:
    return Level.SOLO if hands <= 1 else _LEVELS[strategy]


def _chunks(events: Iterable[Event]) -> Iterable[list[Event]]:
    chunk: list[Event] = []
    done = 0
    for event in events:
        chunk.append(event)
        done += event.type == "completed"
        if done == _CHUNK:
            yield chunk
            chunk, done = [], 0
    yield chunk
