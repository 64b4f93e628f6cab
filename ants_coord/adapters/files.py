"""
A directory mirrored on a board: changes on disk become changes on the board, so that agents react to files.

The board is the memory: a pass compares the files with their entries and only writes differences, so nothing
is reported twice, even after a restart. The operating system's notifications (by watchfiles, extra `files`)
only say where to look next; a full pass from time to time finds what they may have lost.

Four rules; an earlier version broke each of them once, and erased entries of files that it could not see:

1. Versions are read before the disk. The other way round, a slow mirror would
   put its old view over the newer one of a fast mirror.
2. One predicate decides what is mirrored, for the watcher and for full passes
   (adapters/mirror_rules.py). A fault costs one path, is listed, and never ends the loop.
3. Only what this root wrote is erased, and only what is known to be absent:
   below a folder that could be listed, in a root that is still the same
   directory at the end of the pass. Many erasures at once must be confirmed.
4. Erasures come before additions, or a board at its quota would stay full for
   ever; an entry and its mark are one command.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from ..errors import ClosedError, CoordinationError, StaleVersionError, UnknownKindError
from ..fronts.arguments import Seconds, agent_name
from ..sync import Blackboard
from ..values.checks import check_id, quoted, seconds
from ..values.entries import Entry
from ..values.marks import Mark
from .mirror_rules import IGNORED, Look, Tree

__all__ = ["DirectoryMirror"]

_PAGE = 1_000
_LOOK_MS = 500
"""how many ms the watcher may be silent before we check the root, the board and the time"""
_BURST = 1_000
"""a batch of more paths than this may be incomplete: the system's queue is finite"""
_FEW = 20
"""this many erasures in one pass need no confirmation"""
_log = logging.getLogger("ants_coord.files")


class DirectoryMirror:
    """
    A mirror: the files of a directory as entries of a blackboard.

    The entry of a file has {"size", "mtime_us", "ctime_us", "inode", "digest", "root"}. The entry of a new or
    changed file is written, that of a deleted file is erased; a rename does both. Links below the directory,
    names that match `ignore`, the board's own files, and names that are not valid paths of a board are left
    out. Several mirrors of one directory agree; two directories on one prefix are refused. It is not
    thread-safe; the board is.

    Args:
        board: the board that gets the entries.
        directory: the directory to mirror, with everything below. A link to a directory may be re-pointed.
        prefix: the beginning of the entries' paths; it ends with "/".
        agent: name of the agent that writes.
        mark: also lay a mark of this kind at the path of each file that appears or changes.
        content: compare contents, so that saving the same text again is no change. With False no file is
            read, and any new time stamp is a change.
        ignore: patterns of the names of files and folders that are left out.
        rescan: seconds between full passes while following.

    Raises:
        NotADirectoryError: there is no such directory.
        UnknownKindError: the board declares its kinds of marks, and `mark` is not among them.

    Example:
        >>> import pathlib, tempfile
        >>> from ants_coord import Task
        >>> with tempfile.TemporaryDirectory() as folder, Blackboard() as board:
        ...     _ = board.react("index", "files/**", Task(kind="index"))
        ...     _ = pathlib.Path(folder, "a.txt").write_text("hello")
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
        content: bool = True,
        ignore: Iterable[str] = IGNORED,
        rescan: Seconds = 60.0,
    ) -> None:
        if not hasattr(board, "erase"):  # anything with a Blackboard's verbs will do
            raise TypeError(f"board must be a Blackboard, not {quoted(board)}")
        if not isinstance(content, bool):
            raise TypeError(f"content must be a bool, not {quoted(content)}")
        self._board = board
        if not check_id(prefix, "prefix").endswith("/"):
            raise ValueError(f"prefix must end with '/', such as {prefix + '/'!r}, not {prefix!r}")
        self._prefix = prefix
        self._tree = Tree(directory, prefix, ignore)
        if self._tree.identity() is None:
            raise NotADirectoryError(f"directory: {self._tree.root} is not a directory")
        self._agent = agent_name(agent)
        self._mark = mark if mark is None else Mark(mark, "x").kind
        self._content = content
        self._rescan = seconds(rescan, "rescan")
        if board.path is not None:
            own = os.path.realpath(board.path)
            self._tree.own = {own + end for end in ("", "-wal", "-shm", "-lock", "-journal")}
        if mark is not None and (kinds := board.settings().kinds):
            known = tuple([kind.name for kind in kinds])
            if mark not in known:
                raise UnknownKindError(mark, known)
        self.skipped: dict[str, str] = {}
        """path below the root -> why its last check or write failed; empty if all went well"""
        self.held_back: tuple[str, ...] = ()
        """entries of missing files that were kept because too many were missing at once; see `sync`"""

    def sync(self, *, mass_delete: bool = False) -> int:
        """
        Compare everything once.

        If more than half of the entries (and more than twenty) would be erased, none is: an unmounted disk or
        a wrong directory looks like this. They are listed in `held_back`.

        Args:
            mass_delete: erase them all the same.

        Returns:
            How many entries were written or erased.

        Raises:
            NotADirectoryError: the directory does not exist now. Nothing was erased.
            ValueError: the prefix belongs to another directory.

        """
        self.skipped.clear()
        return self._compare("", mass_delete=mass_delete)

    def follow(self, stop: threading.Event | None = None) -> None:
        """
        Mirror until `stop` is set or the board closes; it blocks, so give it a thread.

        If the directory is renamed or unmounted, this waits for it; a new one in its place is followed.

        Raises:
            ImportError: watchfiles is not installed; it comes with the extra `files`.
            ValueError: the prefix belongs to another directory.

        """
        import watchfiles  # noqa: F401, PLC0415 - an extra, and only this method needs it

        ends = threading.Event() if stop is None else stop
        try:
            while not ends.is_set() and not self._board.is_closed:
                root = self._tree.identity()
                if root is None:
                    ends.wait(_LOOK_MS / 1_000)
                    continue
                self._follow(root, ends)
        except ClosedError:
            return  # the board was closed between two verbs: this is how following ends

    def _follow(self, root: tuple[int, int], stop: threading.Event) -> None:
        """Follow one directory until it is replaced, or until the watcher must be restarted."""
        full_ns = 0  # changes before the watcher was ready are found by a full pass afterwards
        for names in self._batches(stop):
            if self._board.is_closed or self._tree.identity() != root:
                return
            now_ns = time.monotonic_ns()
            if now_ns >= full_ns or names is None or len(names) > _BURST or self._many_are_gone(names):
                self.sync()
                full_ns = time.monotonic_ns() + round(self._rescan * 1e9)
                continue
            for name in names:
                self.skipped.pop(name, None)
                self._compare(name)

    def _many_are_gone(self, names: list[str]) -> bool:
        """Tell whether a full pass is needed: single deletions would escape the check for mass deletion."""
        root = self._tree.root
        return len(names) > _FEW and sum(not os.path.lexists(root / name) for name in names) > _FEW

    def _batches(self, stop: threading.Event) -> Iterator[list[str] | None]:
        """Yield paths below the root that may have changed, often none; None means: look at everything."""
        from watchfiles import watch  # noqa: PLC0415
        from watchfiles._rust_notify import WatchfilesRustInternalError  # noqa: PLC0415

        root = os.path.realpath(self._tree.root)  # the watcher reports real paths
        try:
            for batch in watch(
                root,
                stop_event=stop,
                watch_filter=None,  # the only predicate is in the tree
                rust_timeout=_LOOK_MS,
                yield_on_timeout=True,
                raise_interrupt=True,
            ):
                names = {os.path.relpath(path, root).replace(os.sep, "/") for _, path in batch}
                yield None if "." in names else sorted(names)
        except WatchfilesRustInternalError:
            # a name that is not UTF-8 ends the watcher; the full pass says which, and the next watcher
            # continues
            yield None
        except FileNotFoundError:
            stop.wait(_LOOK_MS / 1_000)  # it has just disappeared; the caller checks whether it comes back

    # -- one pass -------------------------------------------------------------------------------

    def _compare(self, name: str, *, mass_delete: bool = False) -> int:
        """Compare one file, or everything below a folder, with its entries on the board."""
        if name and (misfit := self._tree.misfit(name)) is not None:
            self.skipped[name] = misfit
            return 0
        root = self._tree.identity()
        if root is None:
            raise NotADirectoryError(f"directory: {self._tree.root} is not there now; nothing was erased")
        known = self._known(name)  # before the disk: rule 1
        look = self._tree.look(name)
        self.skipped.update(look.failed)
        changed = 0
        for gone in self._gone(known, look, whole=not name, mass_delete=mass_delete):
            if self._tree.identity() != root:
                return changed  # what was not seen in this directory says nothing about the next one
            changed += self._erase(gone, known.pop(gone))
        for each in sorted(look.found):
            changed += self._update(each, known.get(each), look)
        return changed

    def _known(self, name: str) -> dict[str, Entry]:
        """Return the entries of one file, or of everything below a folder, by their path below the root."""
        found: dict[str, Entry] = {}
        start = f"{self._prefix}{name}/" if name else self._prefix
        if name:
            entry = self._board.read(start[:-1])
            if entry is not None:
                found[name] = entry
        after = None
        while page := self._board.entries(start, after=after, count=_PAGE):
            found.update((entry.path.removeprefix(self._prefix), entry) for entry in page)
            after = page[-1].path
        for entry in found.values():
            theirs = _root_of(entry)
            if theirs not in (None, str(self._tree.root)):
                raise ValueError(
                    f"prefix {self._prefix!r} belongs to {theirs} (see {entry.path!r}); give this mirror a "
                    "prefix of its own, or erase those entries if that directory is no longer mirrored"
                )
        return found

    def _gone(self, known: dict[str, Entry], look: Look, *, whole: bool, mass_delete: bool) -> list[str]:
        """Return which of our entries belong to files that are known to be absent: rule 3."""
        ours = [name for name, entry in known.items() if _root_of(entry) is not None]
        gone = sorted(name for name in ours if look.is_gone(name))
        # a file with the same inode elsewhere was moved, not lost
        there = {str(status.st_ino) for status in look.found.values()}
        lost = [name for name in gone if known[name].value["inode"] not in there]
        if len(lost) > max(_FEW, len(ours) // 2) and not mass_delete:
            if self.held_back != tuple(lost):
                _log.warning(
                    "%d of %d files below %s are gone at once; their entries are kept. "
                    "Call sync(mass_delete=True) if that is right",
                    len(lost), len(ours), self._tree.root,
                )  # fmt: skip
            self.held_back = tuple(lost)
            return [name for name in gone if name not in set(lost)]
        if whole:
            self.held_back = ()
        return gone

    def _update(self, name: str, entry: Entry | None, look: Look) -> int:
        status = look.found[name]
        if entry is not None and _root_of(entry) is None:
            self.skipped[name] = f"its entry was written by {entry.author}, not by a mirror"
            return 0
        value = self._tree.about(status)
        if entry is not None and all(entry.value.get(field) == found for field, found in value.items()):
            return 0  # the usual case: nothing has changed, and no file is read
        if self._content:
            digest = self._tree.digest(name, status)
            if digest is None:
                self.skipped[name] = "could not be read"
                return 0
            if entry is not None and entry.value.get("digest") == digest:
                return 0  # saved again with the same content: an agent that does this must not trigger itself
            value["digest"] = digest
        return self._change(
            name,
            lambda: self._board.write(
                self._prefix + name,
                value,
                agent=self._agent,
                expect=0 if entry is None else entry.version,
                mark=self._mark,
            ),
        )

    def _erase(self, name: str, entry: Entry) -> int:
        self._tree.forget(name)
        return self._change(
            name, lambda: self._board.erase(entry.path, agent=self._agent, expect=entry.version)
        )

    def _change(self, name: str, change: Callable[[], object]) -> int:
        """Write or erase an entry; return 1, or 0 if nothing was changed."""
        try:
            return int(bool(change()))
        except StaleVersionError:
            return 0  # another mirror was faster; a later pass compares again
        except ClosedError:
            raise
        except CoordinationError as problem:
            self.skipped[name] = str(problem)
            return 0


def _root_of(entry: Entry) -> str | None:
    """Return the directory whose mirror wrote an entry; None if no mirror did."""
    value = entry.value
    if not isinstance(value, dict) or not isinstance(value.get("inode"), str):
        return None
    root = value.get("root")
    return root if isinstance(root, str) else None
