"""setup-agents, guard and prime: what is changed is shown, and taken back without a trace."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys

import pytest

from ants_coord import Board
from ants_coord.adapters.coding.repository import BOARD

from .command import ROOT, ants
from .repository import PLAIN, git, hook, repository, write


@pytest.fixture
def repo(tmp_path, monkeypatch):
    """A repository that nobody has set up, as the working directory; `ants-coord` is on PATH."""
    made = repository(tmp_path / "repo")
    for name in os.listdir(made / ".git"):
        if name.startswith(BOARD):
            (made / ".git" / name).unlink()
    monkeypatch.chdir(made)
    monkeypatch.delenv("ANTS_COORD_AGENT", raising=False)
    monkeypatch.delenv("ANTS_COORD_BOARD", raising=False)
    programs = tmp_path / "bin"
    programs.mkdir()
    script = f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m ants_coord "$@"\n'
    (programs / "ants-coord").write_text(script)
    (programs / "ants-coord").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    return made


def tree(folder):
    """Return every file that is not git's or the board's, with its content."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and (".git" not in path.parts or path.name == "pre-commit")
    }


def test_set_up_and_taken_back(repo):
    """First only shown; then written; the second time nothing is left to do; undone, all is as before."""
    before = tree(repo)
    shown = ants("setup-agents", "claude", "codex")
    assert "nothing was changed; add --yes" in shown.stdout
    assert '+            "command": "ants-coord hook"' in shown.stdout
    assert tree(repo) == before
    assert not (repo / ".git" / BOARD).exists()

    done = ants("setup-agents", "claude", "codex", "--yes")
    assert done.returncode == 0, done
    assert "/hooks in Codex" in done.stdout
    claude = json.loads((repo / ".claude/settings.json").read_text())["hooks"]
    codex = json.loads((repo / ".codex/hooks.json").read_text())["hooks"]
    assert set(claude) == {"PreToolUse", "SessionStart", "SessionEnd"}
    assert set(codex) == {"PreToolUse", "SessionStart", "Stop"}
    assert "apply_patch" in codex["PreToolUse"][0]["matcher"]
    assert "Edit" in claude["PreToolUse"][0]["matcher"]
    assert stat.S_IMODE((repo / ".git/hooks/pre-commit").stat().st_mode) & 0o111
    with Board(repo / ".git" / BOARD) as board:
        assert board.leases() == []

    after = tree(repo)
    assert ants("setup-agents", "claude", "codex", "--yes").stdout == "nothing to change\n"
    assert tree(repo) == after

    undone = ants("setup-agents", "--undo", "--yes")
    assert f"the board stays: {repo}/.git/{BOARD}" in undone.stdout
    assert not (repo / ".claude").exists()
    assert tree(repo) == before


def test_what_others_have_set_stays(repo):
    """Other hooks, other settings, the indentation, empty lists, a link; a hook of git is not touched."""
    (repo / ".claude").mkdir()
    settings = {
        "permissions": {"allow": ["Bash(ls)"]},
        "hooks": {
            "PreToolUse": [{"matcher": "Bash", "hooks": [{"type": "command", "command": "mine"}]}],
            "Stop": [],
        },
        "größe": 1,
    }
    text = json.dumps(settings, indent=4, ensure_ascii=False) + "\n"
    (repo / "shared.json").write_text(text)
    (repo / ".claude/settings.json").symlink_to("../shared.json")
    (repo / ".git/hooks/pre-commit").write_text("#!/bin/sh\nmine\n")
    done = ants("setup-agents", "claude", "--yes")
    assert f"by hand: there is a hook already: add `ants-coord guard` to {repo}" in done.stdout
    assert (repo / ".claude/settings.json").is_symlink()
    now = (repo / "shared.json").read_text()
    assert now.startswith('{\n    "permissions"')
    assert [group["hooks"][0]["command"] for group in json.loads(now)["hooks"]["PreToolUse"]] == [
        "mine",
        "ants-coord hook",
    ]
    assert ants("setup-agents", "claude", "--undo", "--yes").returncode == 0
    assert (repo / "shared.json").read_text() == text
    assert (repo / ".git/hooks/pre-commit").read_text() == "#!/bin/sh\nmine\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('{"hooks": ', "is no JSON"),
        ("// mine\n{}", "is no JSON"),
        ("[]", "must be an object, not []"),
        ('{"hooks": []}', "hooks must be an object"),
        ('{"hooks": {"Stop": {}}}', "hooks.Stop must be a list"),
        (b"\xff", "cannot be read"),
    ],
)
@pytest.mark.parametrize("undo", [False, True])
def test_a_broken_configuration_changes_nothing(repo, text, told, undo):
    """Nor does the sound one beside it."""
    (repo / ".codex").mkdir()
    (repo / ".codex/hooks.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    done = ants("setup-agents", "claude", "codex", "--yes", *(["--undo"] if undo else []))
    assert done.returncode == 2
    assert told in " ".join(done.stderr.split())
    assert "nothing was changed" in " ".join(done.stderr.split())
    assert not (repo / ".claude").exists()
    assert not (repo / ".git" / BOARD).exists()


def test_bad_input_names_the_way_out(repo, tmp_path, monkeypatch):
    assert "there is no coding agent 'emacs' here, only claude, codex" in ants("setup-agents", "emacs").stderr
    assert "no coding agent was found" in ants("setup-agents").stderr
    assert "run ants-coord setup-agents" in ants("prime").stderr
    (repo / ".codex").mkdir()
    assert ".codex/hooks.json" in ants("setup-agents").stdout
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert "ants-coord is not on PATH" in ants("setup-agents").stderr
    monkeypatch.chdir(tmp_path)
    for command in ("setup-agents", "prime"):
        assert "not a git repository" in ants(command).stderr


def test_pre_commit_is_told_how(repo):
    """Where the tool pre-commit is used, its file is not ours to write."""
    (repo / ".pre-commit-config.yaml").write_text("repos: []\n")
    assert "add the hook ants-coord-guard" in ants("setup-agents", "claude", "--yes").stdout
    assert not (repo / ".git/hooks/pre-commit").exists()


def test_undo_keeps_a_link_and_a_folder_that_has_more(repo):
    """Only what was put in goes."""
    (repo / ".codex").mkdir()
    (repo / ".codex/notes").write_text("mine")
    (repo / ".claude").mkdir()
    (repo / "shared.json").write_text("{}\n")
    (repo / ".claude/settings.json").symlink_to("../shared.json")
    assert ants("setup-agents", "claude", "codex", "--yes").returncode == 0
    assert ants("setup-agents", "--undo", "--yes").returncode == 0
    assert (repo / ".claude/settings.json").read_text() == "{}\n"
    assert os.listdir(repo / ".codex") == ["notes"]


def commit(repo, message, **environment):
    return subprocess.run(
        ["git", "-c", "user.name=x", "-c", "user.email=x@example.org", "commit", "-q", "-m", message],
        cwd=repo, capture_output=True, text=True, check=False,
        env={**PLAIN, "PATH": os.environ["PATH"], **environment},
    )  # fmt: skip


def test_a_commit_of_what_another_edits_is_refused(repo):
    """A real commit with git's own hook: one's own files pass, others' do not, also by a folder above."""
    assert ants("setup-agents", "claude", "--yes").returncode == 0
    (repo / "src").mkdir()
    (repo / "src/a.py").write_text("a")
    (repo / "b ü.py").write_text("b")
    git(repo, "add", "src/a.py", "b ü.py", check=True)
    assert hook(write(repo, "src/a.py"))[0] is None
    refused = commit(repo, "all")
    assert refused.returncode == 1
    assert "src/a.py is being edited by claude-sessiona\nNothing was committed." in refused.stderr
    assert "b ü.py" not in refused.stderr
    assert commit(repo, "all", ANTS_COORD_AGENT="claude-sessiona").returncode == 0
    with Board(repo / ".git" / BOARD) as board:
        board.release_all("claude-sessiona")
        board.lock_nowait("src/", agent="bob")
        board.close(keep=True)
    (repo / "src/a.py").write_text("a2")
    git(repo, "add", "src/a.py", check=True)
    assert "src/a.py is being edited by bob" in commit(repo, "again").stderr


def test_one_path_that_cannot_be_held_leaves_the_others_checked(repo, tmp_path_factory):
    """A folder that became a link to elsewhere: what was in it lies outside of the repository now."""
    assert ants("setup-agents", "claude", "--yes").returncode == 0
    (repo / "vendor").mkdir()
    (repo / "vendor/x").write_text("x")
    git(repo, "add", "vendor/x", check=True)
    assert commit(repo, "one").returncode == 0
    shutil.rmtree(repo / "vendor")
    (repo / "vendor").symlink_to(tmp_path_factory.mktemp("elsewhere"))
    (repo / "a.py").write_text("a")
    git(repo, "add", "-A", check=True)
    assert hook(write(repo, "a.py"))[0] is None
    assert "a.py is being edited by claude-sessiona" in commit(repo, "two").stderr


def test_a_guard_that_cannot_look_lets_the_commit_go(repo):
    """Without a board it says nothing; with a broken one it says so."""
    (repo / "a").write_text("a")
    git(repo, "add", "a", check=True)
    assert ants("guard") == (0, "", "")
    (repo / ".git" / BOARD).write_bytes(b"no board" * 100)
    done = ants("guard")
    assert done.returncode == 0
    assert "nothing was checked" in done.stderr


def test_prime_tells_what_is_so_now(repo):
    """Rules and holders; tasks only where there are some."""
    assert ants("setup-agents", "claude", "--yes").returncode == 0
    assert "No file is held just now." in ants("prime").stdout
    from ants_coord import Task

    with Board(repo / ".git" / BOARD) as board:
        board.submit(Task("write-docs"))
        board.lock_nowait("src/a.py", agent="bob", lease_ttl=300)
        told = ants("prime").stdout
    assert "- src/a.py: bob, up to 5 min more" in told
    assert "write-docs" in told
