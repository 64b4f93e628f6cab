"""
Which files of a directory are mirrored, and how they are read; watcher and full passes share the rules.

`Tree.look` distinguishes three things that must never be mixed up: files that exist, files that could not be
examined, and, by `Look.is_gone`, files that are known to be absent. A name that is merely missing from the
answer is not known to be absent: its folder may be unreadable, or the whole root unmounted.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import attrs

from ..values.checks import check_id, listed, path_text, quoted

IGNORED = (".*", "__pycache__", "node_modules", "*.pyc", "*~", "*.sw?")
"""names of files and folders that are left out by default"""

_BLOCK = 1 << 20


@attrs.define
class Look:
    """
    The result of one pass. Names are paths below the root, with "/".

    `found` maps each file to its stat result, `failed` maps each file or folder that could not be examined to
    the reason, and `listed` has the folders whose names are all known ("" is the root).
    """

    found: dict[str, os.stat_result] = attrs.field(factory=dict)
    failed: dict[str, str] = attrs.field(factory=dict)
    listed: set[str] = attrs.field(factory=set)

    def is_gone(self, name: str) -> bool:
        """Tell whether a file is known to be absent: the nearest existing folder above it was listed."""
        if name in self.found or name in self.failed:
            return False
        if name in self.listed:
            return True  # a folder is in its place
        folder = name
        while folder:
            folder = folder.rpartition("/")[0]
            if folder in self.failed:
                return False
            if folder in self.listed:
                return True  # the folder was listed, and the path to the file was not in it
        return False


class Tree:
    """
    A directory, read without following links below it.

    Args:
        directory: the root; a link to a directory is resolved at each look, so it may be re-pointed.
        prefix: the prefix of each name on the board; together they must be a valid path.
        ignore: patterns of names of files and folders that are left out.

    """

    def __init__(self, directory: str | os.PathLike[str], prefix: str, ignore: Iterable[str]) -> None:
        self.root: Path = Path(os.path.abspath(path_text(directory, "directory")))
        self._prefix = prefix
        self._ignore = listed(ignore, "ignore", "a list of patterns such as ['*.pyc']")
        for pattern in self._ignore:
            if not isinstance(pattern, str):
                raise TypeError(f"each of ignore must be a pattern such as '*.pyc', not {quoted(pattern)}")
        self.own: set[str] = set()
        """absolute paths that are also left out: the board's own files"""
        self._digests: dict[str, tuple[tuple[int, ...], str]] = {}

    def identity(self) -> tuple[int, int] | None:
        """Return the device and inode of the root, or None if there is no directory."""
        try:
            about = os.stat(self.root)
        except OSError:
            return None
        return (about.st_dev, about.st_ino) if stat.S_ISDIR(about.st_mode) else None

    def refuses(self, name: str) -> str | None:
        """Return why a path below the root is not mirrored, whatever is there; None if it may be."""
        for part in name.split("/"):
            for pattern in self._ignore:
                if fnmatchcase(part, pattern):
                    return f"is ignored by {pattern!r}"
        if str(self.root / name) in self.own:
            return "is a file of the board itself"
        return self.misfit(name)

    def misfit(self, name: str) -> str | None:
        """Return why no path of the board can represent a name; None if one can."""
        try:
            check_id(self._prefix + name, "path")
        except ValueError as problem:
            return str(problem)
        return None

    def look(self, name: str) -> Look:
        """
        Read one file, or everything below a folder; "" reads everything.

        Each step from the root is examined separately: a link on the way is a link, not a folder.
        """
        look = Look()
        here = ""
        for part in [part for part in name.split("/") if part not in ("", ".")]:
            folder, here = here, f"{here}/{part}" if here else part
            try:
                about = os.lstat(self.root / here)
            except (FileNotFoundError, NotADirectoryError):
                look.listed.add(folder)  # not listed, but asked for the only name that matters
                return look
            except (OSError, ValueError) as problem:
                look.failed[here] = str(problem)
                return look
            if self.refuses(here) is not None or not stat.S_ISDIR(about.st_mode):
                look.listed.add(folder)
                self._take(look, here, about)
                return look
        self._list(look, here)
        return look

    def _list(self, look: Look, start: str) -> None:
        folders = [start]
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(self.root / folder) as entries:
                    names = sorted(entry.name for entry in entries)
            except FileNotFoundError:
                continue  # it disappeared meanwhile; the folder above it is read again when that is reported
            except OSError as problem:
                look.failed[folder] = problem.strerror or str(problem)
                continue
            look.listed.add(folder)
            for each in names:
                name = f"{folder}/{each}" if folder else each
                try:
                    about = os.lstat(self.root / name)
                except FileNotFoundError:
                    continue
                except (OSError, ValueError) as problem:
                    look.failed[name] = str(problem)
                    continue
                if stat.S_ISDIR(about.st_mode) and self.refuses(name) is None:
                    folders.append(name)
                else:
                    self._take(look, name, about)

    def _take(self, look: Look, name: str, about: os.stat_result) -> None:
        """Record a plain file; links, devices, sockets and refused names are left out."""
        if not stat.S_ISREG(about.st_mode):
            return
        if self.refuses(name) is None:
            look.found[name] = about
        elif (why := self.misfit(name)) is not None:
            look.failed[name] = why  # the one kind of refusal that may surprise a user

    def digest(self, name: str, about: os.stat_result) -> str | None:
        """
        Return a hash of a file's content; None if it cannot be read now.

        It is remembered until size, times or inode differ, so that a pass over an unchanged tree reads no
        file.
        """
        key = (about.st_size, about.st_mtime_ns, about.st_ctime_ns, about.st_ino)
        known = self._digests.get(name)
        if known is not None and known[0] == key:
            return known[1]
        whole = hashlib.blake2b(digest_size=16)
        try:
            with open(os.open(self.root / name, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0)), "rb") as file:
                while block := file.read(_BLOCK):
                    whole.update(block)
        except OSError:
            return None
        self._digests[name] = (key, whole.hexdigest())
        return whole.hexdigest()

    def forget(self, name: str) -> None:
        """Forget the hash of a file that is gone."""
        self._digests.pop(name, None)

    def about(self, status: os.stat_result) -> dict[str, Any]:
        """Return the entry of a file for the board, without the digest of its content."""
        return {
            "size": status.st_size,
            "mtime_us": status.st_mtime_ns // 1_000,
            "ctime_us": status.st_ctime_ns // 1_000,
            "inode": str(status.st_ino),
            "root": str(self.root),
        }
