"""
A directory as a trail: what changes on disk changes on the board, so that agents react to files.

The board is the memory: a pass compares the files with the entries that stand
for them and writes only what differs, so nothing is told twice, whoever was
away in between. The operating system's notifications (by watchfiles, extra
`files`) only say where to look next; a full pass now and then finds what they
may have lost.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import StaleVersionError
from ..fronts.arguments import Seconds, agent_name
from ..sync import Blackboard
from ..values.checks import check_id, seconds
from ..values.entries import Entry
from ..values.marks import Mark

__all__ = ["DirectoryMirror"]

_PAGE = 1_000
_LOOK_MS = 1_000
"""how long the watcher may be silent before we look whether a full pass is due, ms"""


class DirectoryMirror:
    """
    Mirror the files of a directory as entries of a blackboard: path -> {"size", "mtime_us", "inode"}.

    A file that appears or changes is written, one that goes is erased; a rename is both. Hidden
    files and folders, links, and names that no path of the board can have are left out (the latter
    are in `skipped`). Several mirrors of one directory do no harm. Not thread-safe; the board is.

    Args:
        board: where to.
        directory: what to mirror, with everything below.
        prefix: the beginning of the entries' paths.
        agent: under which name.
        mark: also lay a mark of this kind at the path of each file that appears or changes.
        rescan: seconds between full passes while following.

    Example:
        >>> import tempfile
        >>> from ants_coord import Task
        >>> with tempfile.TemporaryDirectory() as folder, Blackboard() as board:
        ...     _ = board.react("index", "files/**", Task(kind="index"))
        ...     _ = Path(folder, "a.txt").write_text("hello")
        ...     DirectoryMirror(board, folder).sync()
        ...     board.claim("worker-1").payload["path"]
        1
        'files/a.txt'

    """

    def __init__(
        self,
        board: Blackboard,
        directory: str | os.PathLike[str],
        *,
        prefix: str = "files/",
        agent: str = "files",
        mark: str | None = None,
        rescan: Seconds = 60.0,
    ) -> None:
        self._board = board
        self._root = Path(directory).resolve()
        if not self._root.is_dir():
            raise NotADirectoryError(f"directory: {self._root} is not a directory")
        self._prefix = check_id(prefix, "prefix")
        self._agent = agent_name(agent)
        self._mark = mark if mark is None else Mark(mark, "x").kind
        self._rescan = seconds(rescan, "rescan")
        self.skipped: set[str] = set()
        """files whose names cannot be paths of the board: too long, or with control characters"""

    def sync(self) -> int:
        """Compare everything once; return how many entries were written or erased."""
        return self._sync_below("")

    def follow(self, stop: threading.Event | None = None) -> None:
        """
        Mirror until `stop` is set (or the board closes); it blocks, so give it a thread.

        Raises:
            ImportError: watchfiles is not installed; it comes with the extra `files`.

        """
        from watchfiles import watch  # noqa: PLC0415 - an extra, and only this method needs it

        self.sync()
        full_ns = 0  # what changed before the watcher stood is found by a second pass
        for batch in watch(
            self._root, stop_event=stop, rust_timeout=_LOOK_MS, yield_on_timeout=True, raise_interrupt=True
        ):
            if time.monotonic_ns() >= full_ns:
                self.sync()
                full_ns = time.monotonic_ns() + round(self._rescan * 1e9)
            else:
                for path in sorted({path for _, path in batch}):
                    self._sync_below(Path(path).relative_to(self._root).as_posix())

    def _sync_below(self, relative: str) -> int:
        """Compare one file, or everything below a folder, with what the board has of it."""
        path = self._root / relative
        on_disk = dict(self._files(path))
        known = self._known(relative)
        changed = 0
        for name in sorted(on_disk):
            entry = known.pop(name, None)
            if entry is None or entry.value != on_disk[name]:
                changed += self._write(name, on_disk[name], entry)
        for entry in known.values():
            changed += self._erase(entry)
        return changed

    def _files(self, start: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        """Iterate over (path below the root, what stands for its content) of what is there now."""
        if start.is_file():
            paths: Iterator[Path] = iter((start,))
        else:
            paths = _walk(start)
        for path in paths:
            name = path.relative_to(self._root).as_posix()
            if path.is_symlink() or any(part.startswith(".") for part in name.split("/")):
                continue
            try:
                check_id(self._prefix + name, "path")
                about = path.stat()
            except ValueError:
                self.skipped.add(name)
            except OSError:
                continue  # gone in between
            else:
                yield (
                    name,
                    {
                        "size": about.st_size,
                        "mtime_us": about.st_mtime_ns // 1_000,
                        "inode": str(about.st_ino),
                    },
                )

    def _known(self, relative: str) -> dict[str, Entry]:
        """Return the entries of one file or of everything below a folder, by their path below the root."""
        found: dict[str, Entry] = {}
        start = self._prefix + (f"{relative}/" if relative not in ("", ".") else "")
        if start != self._prefix:
            entry = self._board.read(start[:-1])
            if entry is not None:
                found[relative] = entry
        after = None
        while page := self._board.entries(start, after=after, count=_PAGE):
            found.update((entry.path.removeprefix(self._prefix), entry) for entry in page)
            after = page[-1].path
        return found

    def _write(self, name: str, value: dict[str, Any], old: Entry | None) -> int:
        path = self._prefix + name
        try:
            self._board.write(path, value, agent=self._agent, expect=0 if old is None else old.version)
        except StaleVersionError:
            return 0  # another mirror was faster; a later pass compares again
        if self._mark is not None:
            self._board.deposit(Mark(self._mark, path), agent=self._agent)
        return 1

    def _erase(self, entry: Entry) -> int:
        try:
            return int(self._board.erase(entry.path, agent=self._agent, expect=entry.version))
        except StaleVersionError:
            return 0


def _walk(start: Path) -> Iterator[Path]:
    for folder, folders, files in os.walk(start):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(files):
            yield Path(folder, name)
