"""
A disk that remembers: every write and every sync of a SQLite file, in order, and what a power failure leaves.

What was synced stays. Of what was written since the last sync of its file, each
sector of 512 bytes may have arrived or not. Syncs and writes can be made to
fail. Needs apsw, whose virtual file systems are written in Python.
"""

from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import apsw

SECTOR = 512
NAME = "ants recording"


class Disk(apsw.VFS):
    """A record of what happens to the files below a folder."""

    def __init__(self):
        self.events = []
        """("write", file, offset, bytes) | ("sync", file) | ("cut", file, size) | ("gone", file) | ("ack", word)"""
        self.fail_sync = self.fail_write = None
        """how many syncs, or writes, go well before one fails"""
        self.faults = 0
        super().__init__(NAME, "")

    def xOpen(self, name, flags):
        return Sectors(self, name, flags)

    def xDelete(self, name, sync):
        super().xDelete(name, sync)
        self.events.append(("gone", Path(name).name))

    def ack(self, word):
        """Note that somebody has been told something."""
        self.events.append(("ack", word))

    def is_failing(self, what):
        left = getattr(self, f"fail_{what}")
        if left is None:
            return False
        setattr(self, f"fail_{what}", left - 1)
        self.faults += left <= 0
        return left <= 0


class Sectors(apsw.VFSFile):
    def __init__(self, disk, name, flags):
        self.disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self.file = None if path is None else Path(path).name
        super().__init__("", name, flags)

    def xWrite(self, data, offset):
        if self.disk.is_failing("write"):
            raise apsw.FullError("the disk is full")
        super().xWrite(data, offset)
        if self.file is not None:
            self.disk.events.append(("write", self.file, offset, bytes(data)))

    def xSync(self, flags):
        if self.disk.is_failing("sync"):
            raise apsw.IOError("the sync failed")
        super().xSync(flags)
        if self.file is not None:
            self.disk.events.append(("sync", self.file))

    def xTruncate(self, size):
        super().xTruncate(size)
        if self.file is not None:
            self.disk.events.append(("cut", self.file, size))


class Connection:
    """An apsw connection that looks like one of sqlite3, as far as the journal uses it."""

    def __init__(self, path):
        self._db = apsw.Connection(str(path), vfs=NAME)
        self._db.set_busy_timeout(5_000)

    @property
    def in_transaction(self):
        return self._db.in_transaction

    def cursor(self):
        return self

    def execute(self, sql, bindings=()):
        return self._do(self._db.execute, sql, bindings)

    def executemany(self, sql, rows):
        return self._do(self._db.executemany, sql, rows)

    def _do(self, call, *args):
        try:
            return call(*args)
        except (apsw.FullError, apsw.IOError, apsw.BusyError) as problem:
            raise sqlite3.OperationalError(str(problem)) from problem

    def close(self):
        self._do(self._db.close)


def image(events, until, folder, seed):
    """Write the files as they are found when the power fails after `until` events; return what was acknowledged."""
    dice = random.Random(seed)
    synced, loose, acked = {}, {}, set()
    for event in events[:until]:
        what = event[0]
        if what == "ack":
            acked.add(event[1])
        elif what == "write":
            loose.setdefault(event[1], []).append(event[2:])
        elif what == "cut":
            loose.setdefault(event[1], []).append((event[2], None))
        elif what == "sync":
            content = synced.setdefault(event[1], bytearray())
            for change in loose.pop(event[1], ()):
                apply(content, *change)
        else:
            synced.pop(event[1], None)
            loose.pop(event[1], None)
    for file, changes in loose.items():
        content = synced.setdefault(file, bytearray())
        for offset, data in changes:
            if data is None:
                if dice.random() < 0.5:
                    apply(content, offset, None)
                continue
            for start in range(0, len(data), SECTOR):
                if dice.random() < 0.5:
                    apply(content, offset + start, data[start : start + SECTOR])
    for file, content in synced.items():
        if not file.endswith("-shm"):
            (folder / file).write_bytes(content)
    return acked


def apply(content, offset, data):
    if data is None:
        del content[offset:]
        return
    if len(content) < offset + len(data):
        content.extend(bytes(offset + len(data) - len(content)))
    content[offset : offset + len(data)] = data
