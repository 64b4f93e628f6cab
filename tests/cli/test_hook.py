"""The hook of coding agents: who writes a file first has it; nothing that goes wrong stops an agent."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ants_coord import Board, ClaimQueue, Task
from ants_coord.adapters.coding import hook as hooks
from ants_coord.adapters.coding.events import WRITES
from ants_coord.adapters.coding.repository import BOARD, place_of
from tests.hub.running import running

from ..inside import inside
from .command import ROOT
from .repository import PLAIN, git, hook, patch, repository, write


@pytest.fixture
def repo(tmp_path):
    return repository(tmp_path / "repo")


@pytest.fixture(params=["hub", "alone"])
def way(request, repo):
    """With a hub beside the board, and without one."""
    with contextlib.ExitStack() as stack:
        if request.param == "hub":
            board = stack.enter_context(Board(repo / ".git" / BOARD))
            stack.callback(lambda: board.close(keep=True))
            stack.enter_context(running(board, repo / ".git" / f"{BOARD}.hub"))
        yield request.param


def answer(event, **environment):
    return hooks.answer(json.dumps(event).encode(), environment)


def refused(told):
    """Return the reason, if it was a refusal."""
    inner = (told or {}).get("hookSpecificOutput", {})
    return inner.get("permissionDecisionReason") if inner.get("permissionDecision") == "deny" else None


def log_of(repo):
    return (repo / ".git" / f"{BOARD}.hook.log").read_text().splitlines()


def test_who_writes_first_has_the_file_until_its_session_ends(repo, way):
    """Claude Code and Codex alike; a session writes its own file again and again."""
    for tool in ("Edit", "Write", "MultiEdit"):
        assert answer(write(repo, "src/a.py", tool=tool)) is None
    assert answer(write(repo, repo / "src" / ".." / "src" / "a.py")) is None
    reason = refused(answer(patch(repo, "src/b.py", "src/a.py")))
    assert "src/a.py is being edited by claude-sessiona" in reason
    assert "10 min more" in reason
    assert answer(patch(repo, "src/b.py")) is None  # a refused patch holds none of its files
    assert "by codex-codexone" in refused(answer(write(repo, "src/b.py")))
    assert answer(write(repo, "n.ipynb", tool="NotebookEdit")) is None
    assert answer({"hook_event_name": "SessionEnd", "session_id": "0000-sessiona", "cwd": str(repo)}) is None
    assert answer(patch(repo, "src/a.py")) is None
    assert (
        answer({"hook_event_name": "Stop", "session_id": "0192-codexone", "turn_id": "t", "cwd": str(repo)})
        is None
    )
    assert answer(write(repo, "src/b.py")) is None
    with Board(repo / ".git" / BOARD) as board:
        assert [(lease.agent, lease.names) for lease in board.leases()] == [
            ("claude-sessiona", ("src/b.py",))
        ]
    assert log_of(repo)[0].endswith("PreToolUse Edit claude-sessiona: granted src/a.py")
    assert any("refused src/a.py: claude-sessiona has it for" in line for line in log_of(repo))
    assert any("let go of 2" in line for line in log_of(repo))


def test_two_sessions_of_one_user_are_two(repo, way):
    """The name that is given stands before each; a session that goes by its whole name keeps it."""
    assert answer(write(repo, "a.py", session="x-11112222"), ANTS_COORD_AGENT="ann") is None
    assert "ann-11112222" in refused(
        answer(write(repo, "a.py", session="x-33334444"), ANTS_COORD_AGENT="ann")
    )
    assert answer(write(repo, "a.py", session="x-11112222"), ANTS_COORD_AGENT="ann-11112222") is None


def test_all_worktrees_of_a_repository_share_one_board(repo, tmp_path, way):
    """Also from a folder below the top; a file outside is nobody's business."""
    git(repo, "worktree", "add", "-q", str(tmp_path / "wt"), check=True)
    (tmp_path / "wt" / "sub").mkdir()
    assert place_of(str(tmp_path / "wt" / "sub")).board == place_of(str(repo)).board
    assert answer(write(repo, "sub/a.py")) is None
    assert "sub/a.py" in refused(answer(write(tmp_path / "wt" / "sub", "a.py", session="b")))
    assert answer(write(repo, tmp_path / "elsewhere.txt", session="b")) is None
    assert "outside of the repository" in log_of(repo)[-1]


def test_a_repository_that_nobody_set_up_is_left_alone(tmp_path):
    """No board is made, nothing is written; outside of a repository neither."""
    (tmp_path / "bare").mkdir()
    assert answer(write(tmp_path / "bare", "a.py")) is None
    repo = repository(tmp_path / "repo")
    for name in os.listdir(repo / ".git"):
        if name.startswith(BOARD):
            (repo / ".git" / name).unlink()
    before = sorted(os.listdir(repo / ".git"))
    assert answer(write(repo, "a.py")) is None
    assert sorted(os.listdir(repo / ".git")) == before
    (tmp_path / "odd").mkdir()
    for content in ("", "gitdir: /nowhere\n", "\x00", "gitdir"):
        (tmp_path / "odd" / ".git").write_text(content)
        assert answer(write(tmp_path / "odd", "a.py")) is None


@pytest.mark.parametrize(
    ("event", "told"),
    [
        ({"hook_event_name": "PostToolUse"}, "no event of ours"),
        ({"hook_event_name": None}, "no event of ours"),
        ({"tool_name": "Bash", "tool_input": {"command": "ls"}}, "writes no file by itself"),
        ({"tool_name": "Edit", "tool_input": {}}, "names no file"),
        ({"tool_name": "Edit", "tool_input": "x"}, "must be an object"),
        ({"tool_name": "apply_patch", "tool_input": {"command": 1}}, "names no file"),
        ({"session_id": None}, "session_id must be a word"),
        ({"session_id": 5}, "session_id must be a word"),
        ({"tool_input": {"file_path": "a\0b"}}, "ValueError"),
    ],
)
def test_what_is_not_understood_lets_the_agent_go_on(repo, way, event, told):
    """With one line in the log that says what it was."""
    assert answer({**write(repo, "a.py"), **event}) is None
    assert len(log_of(repo)) == 1
    assert told in log_of(repo)[0]


def test_a_board_that_cannot_be_read_lets_the_agent_go_on(repo):
    (repo / ".git" / BOARD).write_bytes(b"not a board" * 100)
    assert answer(write(repo, "a.py")) is None
    assert "let pass: Journal" in log_of(repo)[0]
    assert (repo / ".git" / BOARD).read_bytes() == b"not a board" * 100


def test_the_process_never_fails(repo, monkeypatch):
    """What is no event, or too long, is said on standard error; the exit code is 0."""
    for event, told in (("", "no JSON"), ("[1]", "must be an object"), ("{", "no JSON")):
        assert hook(event)[0] is None
        assert told in hook(event)[1]
    monkeypatch.setattr(hooks, "MAX_EVENT", 100)
    with pytest.raises(ValueError, match="longer than"):
        hooks.answer(b"x" * 101, {})


def test_the_log_stays_short(repo, monkeypatch):
    """What has grown long is put aside; control characters of a path do not reach a terminal."""
    monkeypatch.setattr(hooks, "_LONGEST_LOG", 500)
    for number in range(20):
        answer(write(repo, f"a\x1b{number}.py"))
    names = sorted(name for name in os.listdir(repo / ".git") if "hook.log" in name)
    assert names == [f"{BOARD}.hook.log", f"{BOARD}.hook.log.1"]
    assert all((repo / ".git" / name).stat().st_size < 800 for name in names)
    assert "\x1b" not in (repo / ".git" / names[0]).read_text()


def test_a_session_begins_with_what_it_should_know(repo, tmp_path, way):
    """Rules, files that are held now, tasks; and the commands that it runs know its name."""
    answer(write(repo, "src/a.py", session="other"))
    begin = {
        "hook_event_name": "SessionStart",
        "session_id": "0000-sessiona",
        "cwd": str(repo),
        "source": "startup",
    }
    kept = tmp_path / "env"
    for _ in range(2):
        text = answer(begin, CLAUDE_ENV_FILE=str(kept))["hookSpecificOutput"]["additionalContext"]
    assert kept.read_text() == "export ANTS_COORD_AGENT=claude-sessiona\n"
    assert text.startswith("You are claude-sessiona. ")
    assert "- src/a.py: claude-other, up to 10 min more" in text


def test_a_long_log_is_not_read_again_by_each_hook(repo):
    """The first that meets one writes a snapshot: the next reads from there on."""
    with Board(repo / ".git" / BOARD, durability="process") as board:
        for number in range(1_000):
            board.lock_nowait(f"f{number % 9}", agent="other", holder="other")
    assert answer(write(repo, "a.py")) is None
    with Board(repo / ".git" / BOARD) as board:
        board.statistics()
        assert inside(board)._snapshots.at > 1_000


def test_codex_has_one_name_from_its_first_event_on(repo, way):
    """As Codex 0.169 sends them: only the name of its transcript tells a beginning from one of Claude Code."""
    session = {
        "session_id": "01a214f9-5271-7701-9939-699f8f7721aa", "cwd": str(repo),
        "transcript_path": "/home/x/.codex/sessions/2026/11/25/rollout-2026-11-25T23-10-13-01a214f9.jsonl",
    }  # fmt: skip
    begin = {**session, "hook_event_name": "SessionStart", "model": "gpt-5", "source": "startup"}
    told = answer(begin)["hookSpecificOutput"]["additionalContext"]
    assert told.startswith("You are codex-8f7721aa. ")
    assert answer({**patch(repo, "a.py"), **session}) is None
    assert "by codex-8f7721aa" in refused(answer(write(repo, "a.py", session="other")))
    shell = {**session, "hook_event_name": "PreToolUse", "turn_id": "t", "tool_name": "Bash"}
    assert answer({**shell, "tool_input": {"command": "cat b.py"}}) is None
    patched = "apply_patch <<'EOF'\n*** Begin Patch\n*** Add File: b.py\n+hello\n*** End Patch\nEOF\n"
    assert answer({**shell, "tool_input": {"command": patched}}) is None
    assert "by codex-8f7721aa" in refused(answer(write(repo, "b.py", session="other")))
    answer({**session, "hook_event_name": "Stop", "turn_id": "t"})
    assert "codex-8f7721aa: let go of 2" in log_of(repo)[-1]


EVENT = st.fixed_dictionaries(
    {},
    optional={
        "hook_event_name": st.sampled_from([WRITES, "SessionEnd", "Stop", "x"]) | st.none(),
        "tool_name": st.sampled_from(["Edit", "apply_patch", "NotebookEdit", "Bash"]) | st.integers(),
        "tool_input": st.dictionaries(
            st.sampled_from(["file_path", "notebook_path", "command", "input"]),
            st.text(max_size=20)
            | st.integers()
            | st.lists(st.text(max_size=5))
            | st.just("*** Add File: a\n"),
        )
        | st.text(),
        "session_id": st.text(max_size=20) | st.none(),
        "turn_id": st.none(),
    },
)


def test_any_event_is_answered(repo):
    """Never an exception, and always one line."""

    @given(EVENT)
    def check(event):
        answer({**event, "cwd": str(repo)})

    check()


def test_with_a_hub_the_hook_loads_next_to_nothing(repo):
    """An agent waits for it at each write: three modules of ours beside the package's names, none of others'."""
    code = (
        "import sys; sys.argv = ['ants-coord', 'hook']\n"
        "from ants_coord.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "print('MODULES', *sorted(sys.modules))\n"
    )
    with Board(repo / ".git" / BOARD) as board, running(board, repo / ".git" / f"{BOARD}.hub"):
        done = subprocess.run(
            [sys.executable, "-S", "-c", code], input=json.dumps(write(repo, "a.py")),
            capture_output=True, text=True, env=PLAIN, cwd=ROOT, check=True,
        )  # fmt: skip
        assert [lease.names for lease in board.leases()] == [("a.py",)]
    loaded = set(done.stdout.split())
    assert {name for name in loaded if name.startswith("ants_coord")} == {
        "ants_coord", "ants_coord.adapters", "ants_coord.adapters.coding", "ants_coord.adapters.coding.events",
        "ants_coord.adapters.coding.hook", "ants_coord.adapters.coding.repository", "ants_coord.cli",
        "ants_coord.hub", "ants_coord.hub.thin",
    }  # fmt: skip
    assert not loaded & {
        "attr", "cattrs", "typer", "rich", "sqlite3", "asyncio", "threading", "logging", "inspect", "subprocess",
        "typing", "dataclasses", "unicodedata",
    }  # fmt: skip
    assert len(loaded) <= 80, sorted(loaded)


_COUNTED = """
import sys
texts = []
sys.addaudithook(lambda event, given: texts.append(given[0]) if event == "compile" and given[1] == "<string>" else None)
{do}
methods = [text for text in texts if isinstance(text, bytes) and text.startswith(b"def ")]
print("COUNTS", len(methods))
print("MODULES", *sorted(sys.modules))
"""
_HOOK = """
sys.argv = ['ants-coord', 'hook']
from ants_coord.cli import main
try: main()
except SystemExit as end: assert end.code == 0
"""
_LOCK = """
from ants_coord import ClaimQueue
board = ClaimQueue({path!r})
board.lock_nowait("a.py", agent="ann")
board.close()
"""


@pytest.mark.parametrize("work", ["none", "tasks"])
@pytest.mark.parametrize("way", ["hook", "program"])
def test_a_file_board_and_one_lock_load_little(repo, tmp_path, capsys, way, work):
    """
    Without a hub, and as a program's first lock; also on a board that has tasks. Counted, since times swing.

    What costs is modules, and methods that are compiled from text: attrs did that for every class, cattrs for
    every command.
    """
    path = str(repo / ".git" / BOARD) if way == "hook" else str(tmp_path / "b.db")
    if work == "tasks" or way == "program":
        with ClaimQueue(path) as board:
            if work == "tasks":
                board.submit_many([Task(f"t{n}", payload=n) for n in range(5)])
                board.complete(board.claim_nowait("w"))
    code = _COUNTED.format(do=_HOOK if way == "hook" else _LOCK.format(path=path))
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps(write(repo, "a.py")), capture_output=True, text=True, env=PLAIN, cwd=ROOT, check=True,
    )  # fmt: skip
    counts, modules = [line.split()[1:] for line in done.stdout.splitlines()[-2:]]
    ours = [name for name in modules if name.startswith("ants_coord")]
    with capsys.disabled():
        print(
            f"\n  {way}, {work}: {len(ours)} modules of ours of {len(modules)}, {counts[0]} methods compiled"
        )
    if way == "hook":
        with Board(path) as board:
            assert [lease.names for lease in board.leases()] == [("a.py",)]
    assert not {
        "attr", "cattrs", "inspect", "socket", "logging", "typer", "rich", "subprocess", "asyncio", "dataclasses",
    } & set(modules)  # fmt: skip
    rooms = (
        "adapters.tools",
        "aio",
        "core.board",
        "core.matching",
        "requirements",
        "lab",
        "testing",
        "commands.board",
    )
    assert not [name for name in ours if name.removeprefix("ants_coord.").startswith(rooms)]
    assert len(ours) <= 90, ours
    assert int(counts[0]) <= 25
