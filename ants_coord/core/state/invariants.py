"""
The invariants of every state between any two commands, asserted by tests, simulations and embedders in doubt.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from ...values.checks import lock_key, paths_above
from ...values.tasks import FINAL, TaskState
from .records import DELAYED, DONE, LEASED, WAITING
from .timeline import LEASE

if TYPE_CHECKING:
    from .ledger import Ledger
    from .records import LockRow

_PLAIN_STONE = 4


def check_invariants(ledger: Ledger) -> None:
    """Assert every invariant. O(everything)."""
    assert not ledger.undo.entries, "torn"
    counts = dict.fromkeys(TaskState, 0)
    keys: dict[str, str] = {}
    live: dict[str, set[int]] = {}
    tokens: set[int] = set(ledger.locks)
    needed: dict[str, int] = {}
    for task_id, row in ledger.tasks.items():
        assert row.spec.id == task_id
        counts[row.state] += 1
        final = row.state in FINAL
        assert (row.outcome is not None) == final, row
        assert row.result is None or (row.state is DONE and row.ended is None), row
        if row.state is LEASED:  # 2, 3
            assert row.agent is not None
            assert ledger.agents[row.agent].leases[row.token] is row
            assert row.token not in tokens
            tokens.add(row.token)
            assert row.deadline_ns > ledger.timeline.reading[LEASE], row
            if row.spec.limit is not None:
                live.setdefault(row.spec.limit, set()).add(row.token)
        pending = sum(ledger.is_pending(need) for need in row.spec.needs)
        if not final:
            assert row.state is not WAITING or row.waiting == pending > 0, row  # 4
            for need in row.spec.needs:
                needed[need] = needed.get(need, 0) + 1
                # 4b: a needed task is kept while another waits for it, so that no result is missing from the
                # inputs
                stone = ledger.tombstones.get(need)
                assert stone is None or len(stone) == _PLAIN_STONE or need in ledger.tasks, row
            if row.spec.key is not None:  # 5
                assert row.spec.key not in keys
                keys[row.spec.key] = task_id
    assert counts == ledger.counts  # 1
    assert keys == ledger.keys
    assert needed == {need: n for need, n in ledger.needed.items() if n}
    assert max(tokens, default=0) <= ledger.last_token  # 3
    assert live == {name: set(rows) for name, rows in ledger.live.items() if rows}  # 6
    assert sum(len(agent.leases) for agent in ledger.agents.values()) == counts[LEASED]
    _check_locks_and_retention(ledger, needed)
    ordered = [row for row in ledger.tasks.values() if row.spec.id not in ledger.tables["handed"]]
    ledger.order.check(ordered)  # 10
    for part in ledger.parts:
        part.check(ledger)


def _check_locks_and_retention(ledger: Ledger, needed: dict[str, int]) -> None:
    held: dict[str, list[LockRow]] = {}
    for lock in ledger.locks.values():
        for name in lock.names:
            held.setdefault(lock_key(name), []).append(lock)
    assert held == ledger.lock_of  # 7
    for key, rows in held.items():
        over = [lock for path in paths_above(key) for lock in held.get(path, ())]
        for one, other in itertools.combinations([*rows, *over], 2):
            assert (one.shared and other.shared) or (one.agent, one.holder) == (other.agent, other.holder)
    for row in ledger.tasks.values():  # 8
        is_idle = row.state in FINAL and not needed.get(row.spec.id)
        assert (row.idle_no > 0) == is_idle == (row.idle_no in ledger.idle), row
    assert list(ledger.idle) == sorted(ledger.idle)
    alarmed = {token for _, token, _ in ledger.alarms.leases}  # 9
    assert alarmed >= set(ledger.locks)
    due = {(when, verb, task) for when, _, verb, _, task in ledger.alarms.due}
    for row in ledger.tasks.values():
        assert row.state is not LEASED or row.token in alarmed
        assert row.state is not DELAYED or (row.due_ns, "ripen", row.spec.id) in due
        if row.finish_by_ns and row.state not in FINAL:
            assert (row.finish_by_ns, "miss", row.spec.id) in due
