"""`ants-coord mcp` where there is no MCP: what is said; tests/integrations runs it for true."""

from __future__ import annotations

import sys

from ants_coord import ClaimQueue, Task

from .command import ants


def test_without_the_extra_it_says_what_to_install(tmp_path, monkeypatch):
    """The message names the extra, and nothing happens to the board."""
    monkeypatch.setitem(sys.modules, "mcp", None)
    monkeypatch.setitem(sys.modules, "mcp.server", None)
    path = tmp_path / "b.db"
    with ClaimQueue(path) as board:
        board.submit(Task("t"))
        before = board.statistics().position
    done = ants("mcp", path)
    assert done.returncode == 2
    assert "pip install 'ants-coord[mcp]'" in " ".join(done.stderr.split())
    with ClaimQueue(path) as board:
        assert board.statistics().position == before
