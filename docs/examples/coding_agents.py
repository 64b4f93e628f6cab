"""
Coding agents in worktrees: each has its own checkout, and no two edit the same file at the same time.

The board lies beside the repository. A file has the same name in all worktrees, so a lock on `app.py` holds
for all of them. `edit` stands for an agent's work. Run it: `python coding_agents.py`.
"""

from __future__ import annotations

import subprocess
import tempfile
import threading
from pathlib import Path

from ants_coord import ClaimQueue, Task

EDITS = [
    Task("logging", payload={"file": "app.py", "line": "import logging"}),
    Task("json", payload={"file": "app.py", "line": "import json"}),
    Task("readme", payload={"file": "README.md", "line": "How to run it"}),
]


def git(folder: Path, *words: str) -> None:
    """Run a git command in a folder."""
    who = ("-c", "user.name=agent", "-c", "user.email=agent@example.org")
    subprocess.run(["git", *who, *words], cwd=folder, check=True, capture_output=True)


def edit(tree: Path, file: str, line: str) -> None:
    """Do what an agent would do: change one file."""
    with (tree / file).open("a") as out:
        out.write(line + "\n")


def agent(name: str, repository: Path, board: ClaimQueue) -> None:
    """Take tasks until there are none; edit in a worktree, merge into the repository."""
    tree = repository.parent / name
    with board.lock("merge/", agent=name):  # git may change a repository once at a time
        git(repository, "worktree", "add", "-q", "-b", name, str(tree))
    for lease in board.claims(name, until="drained"):
        with board.work(lease) as job:
            file = job.payload["file"]
            with board.lock_files(file, root=tree, agent=name):  # until the change is merged
                with board.lock("merge/", agent=name):
                    git(tree, "merge", "-q", "main")
                edit(tree, file, job.payload["line"])
                git(tree, "add", file)
                git(tree, "commit", "-q", "-m", lease.task)
                with board.lock("merge/", agent=name):
                    git(repository, "merge", "-q", "--no-edit", name)
            job.result = f"{file} by {name}"


def main(folder: Path) -> dict[str, str]:
    """Make a repository, let two agents change it, and return its files."""
    repository = folder / "repository"
    repository.mkdir()
    git(repository, "init", "-q", "-b", "main")
    git(repository, "commit", "-q", "--allow-empty", "-m", "begin")
    with ClaimQueue(folder / "board.db") as board:
        board.submit_many(EDITS)
        agents = [threading.Thread(target=agent, args=(name, repository, board)) for name in ("ann", "bob")]
        for thread in agents:
            thread.start()
        for thread in agents:
            thread.join()
        board.results(EDITS)
    return {file.name: file.read_text() for file in sorted(repository.glob("*.*")) if file.is_file()}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        print(main(Path(made)))
