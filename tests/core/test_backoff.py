"""Pauses after failures: exact without jitter, spread evenly with it, the same in every replica."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import Backoff, ClaimQueue, Task
from ants_coord.commands.reading import Explain
from ants_coord.commands.shared import Claim, Configure, Fail, submission
from ants_coord.core.machine import Machine
from ants_coord.journals import MemoryJournal
from ants_coord.testing import ManualClock
from ants_coord.values.settings import Settings

NOW = 1_750_000_000_000_000_000


def pauses(backoff, ids, attempts, *, rules=True):
    """Return the pause of each task after each of its failures, in ns."""
    machine = Machine()
    settings = Settings(backoff=backoff, max_attempts=99)
    machine.apply(Configure(settings, rules=machine.rules_of("claim") if rules else ()), now_ns=NOW)
    machine.apply(submission(tuple([Task(name) for name in ids])), now_ns=NOW)
    found, now = [], NOW
    for _ in range(attempts):
        for name in ids:
            lease = machine.apply(Claim("w", task=name), now_ns=now)
            machine.apply(Fail(name, lease.token, "no"), now_ns=now)
        rows = [machine.ledger.tasks[name] for name in ids]
        found.append([row.due_ns - now if row.state == "delayed" else 0 for row in rows])
        now += 1_000_000_000_000
        machine.ask(Explain(ids[0]), now_ns=now)
    return found


@given(
    st.floats(0, 100), st.floats(0, 500), st.integers(1, 3), st.floats(0, 1),
    st.lists(st.text("abc", min_size=1, max_size=5), min_size=1, max_size=4, unique=True),
)  # fmt: skip
def test_jitter_only_leaves_out_up_to_its_part(first, limit, factor, jitter, ids):
    """Never longer than the exact pause, never shorter than the rest of it."""
    exact = pauses(Backoff(first, limit, factor, jitter=0), ids, 3)
    for row, plain in zip(pauses(Backoff(first, limit, factor, jitter=jitter), ids, 3), exact, strict=True):
        for pause, most in zip(row, plain, strict=True):
            assert most - most * (jitter + 0.001) - 1 <= pause <= most


def test_a_herd_is_spread_over_the_whole_part():
    """1,000 tasks that fail together: every tenth of the spread gets its share."""
    (row,) = pauses(Backoff(10), [f"task-{n}" for n in range(1_000)], 1)
    tenths = [0] * 10
    for pause in row:
        assert 7_500_000_000 <= pause <= 10_000_000_000
        tenths[min(9, (10_000_000_000 - pause) // 250_000_000)] += 1
    assert min(tenths) > 50


def test_attempts_of_one_task_differ():
    """Two tasks that come back together once do not do so again."""
    found = pauses(Backoff(10, factor=1), ["a"], 8)
    assert len({row[0] for row in found}) == 8


def test_a_log_of_the_first_format_keeps_its_exact_pauses():
    """It was written under them, and its claims must find what they found."""
    assert pauses(Backoff(10), ["a", "b"], 2, rules=False) == [[10_000_000_000] * 2, [20_000_000_000] * 2]


@pytest.mark.parametrize("seed", ["0", "1"])
def test_no_hash_seed_changes_a_pause(seed):
    """Replicas are processes with seeds of their own."""
    code = "from tests.core.test_backoff import *; print(pauses(Backoff(10), ['a', 'b'], 3))"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed, "PATH": ""}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stdout.strip() == str(pauses(Backoff(10), ["a", "b"], 3)), done.stderr


def test_boards_in_memory_and_in_a_log_spread_alike():
    """Both follow the same rules: the same id comes back at the same moment."""
    found = []
    for where in (lambda clock: None, MemoryJournal):
        clock = ManualClock()
        with ClaimQueue(where(clock), **({} if where is MemoryJournal else {"clock": clock})) as board:
            board.submit(Task("a"))
            board.fail(board.claim("w"), "no")
            found.append(str(board.explain("a").reasons[0]))
    assert found[0] == found[1] != "may run in 1.000 s"


@pytest.mark.parametrize(
    ("jitter", "error"), [(-0.1, ValueError), (1.1, ValueError), ("x", TypeError), (True, TypeError)]
)
def test_jitter_is_checked_by_name(jitter, error):
    """At the line that wrote it."""
    with pytest.raises(error, match=r"backoff\.jitter"):
        Backoff(jitter=jitter)
