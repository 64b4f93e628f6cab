"""`ants-coord standing`: what agents deliver and what bars them."""

from __future__ import annotations

import json

from ants_coord import ClaimQueue, Task, TrustPolicy

from .command import ants


def test_standing_is_a_table_with_reasons(tmp_path):
    """The agent that delivers most comes first; an agent in quarantine is shown with the reason."""
    path = tmp_path / "b.db"
    with ClaimQueue(path, trust=TrustPolicy(poison_after=0)) as board:
        board.submit_many(Task(f"t{number}", max_attempts=20) for number in range(20))
        for _ in range(4):
            board.complete(board.claim_nowait("good"))
        for _ in range(5):
            board.fail(board.claim_nowait("bad"), "no")
    shown = ants("standing", path)
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.index("good") < shown.stdout.index("bad")
    assert "bad is in quarantine for" in shown.stdout
    assert "bad outcomes in a row" in shown.stdout
    listed = json.loads(ants("standing", path, "--agent", "good", "--json").stdout)
    assert [(one["agent"], one["completed"], one["limit"]) for one in listed] == [("good", 4, 3)]
