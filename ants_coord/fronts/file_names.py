"""
One name for one file: paths as names of locks.

The lock of a file is useless if another spelling of its path is another lock. So paths are made relative to a
root, without ".", ".." and "//", in Unicode NFC, and in one case where the file system ignores case.
"""

from __future__ import annotations

import functools
import os
import unicodedata
from collections.abc import Iterable

from ..values.checks import path_text, quoted

Path = str | os.PathLike[str]
"""A path in any form that Python accepts."""
_SEPARATORS = (os.sep, os.altsep or os.sep)


def names_of_files(paths: Iterable[Path], root: Path = ".") -> list[str]:
    """
    Return the lock names of files and folders below a root.

    Links in the root are followed, so two ways to it give the same names, and so are links to folders on the
    way to a file. A link that is itself the last part is a file of its own.

    Args:
        paths: absolute, or relative to the root; a folder (or a path that ends with a separator) covers
            everything below it.
        root: the folder that names are relative to.

    Raises:
        TypeError: a path is neither a string nor a path object.
        ValueError: a path lies outside the root, or holds a NUL.

    """
    start = path_text(root, "root")
    try:
        base = os.path.realpath(start)
    except ValueError:  # a NUL, or a lone surrogate
        base = ""
    if not os.path.isdir(base):
        raise ValueError(f"root {quoted(root)} is not a folder")
    return [_name(path, base) for path in paths]


def _name(path: Path, base: str) -> str:
    text = path_text(path, "each path")
    if not text or "\0" in text:
        raise ValueError(f"each path must be a path, not {quoted(text)}")
    folder, last = os.path.split(os.path.join(base, text).rstrip("".join(_SEPARATORS)))
    if last in (os.curdir, os.pardir):
        whole = os.path.realpath(os.path.join(folder, last))
    else:
        # only the folder: replacing a link replaces the link, not its target
        whole = os.path.join(os.path.realpath(folder), last)
    below = os.path.relpath(whole, base)
    if below == os.pardir or below.startswith(os.pardir + os.sep):
        raise ValueError(f"{quoted(text)} lies outside the root {quoted(base)}")
    if below == os.curdir:
        return "/"
    name = unicodedata.normalize("NFC", below.replace(os.sep, "/"))
    if _folds(base):
        name = name.casefold()
    return name + "/" if text.endswith(_SEPARATORS) or os.path.isdir(whole) else name


@functools.lru_cache(maxsize=64)
def _folds(base: str) -> bool:
    """Tell whether the file system treats other cases of a folder's path as the same path."""
    swapped = base.swapcase()
    if swapped == base:
        return os.name == "nt"
    try:
        return os.path.samefile(base, swapped)
    except OSError:
        return False
