"""
Snapshots are written piece by piece between the commands, so that nobody waits for one, and read at opening.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterable, Iterator
from typing import Any

from ..core.machine import Machine
from ..core.snapshot import Cut, restore
from ..core.state.rule_versions import RulesMissing
from ..errors import JournalCorruptError
from ..journals.clocks import report
from ..journals.codec import decode_piece, encode_piece
from .log import Log

_RECORDS = 40
"""records of a snapshot written with each command: more objects alive would set off a full garbage
collection, which stops a board of 100,000 tasks for a tenth of a second"""
_PIECE_BYTES = 1 << 20
"""what a piece of a snapshot should weigh at most"""
_LOG_BYTES = 8 << 20
"""entries of this total size are trimmed, however few they are"""
_LAST_STRIDES = 125
"""how many strides a piece may have when nobody waits behind it"""
_PAUSE = 500
"""entries until a snapshot that could not be written is started again"""


class Snapshots:
    """
    The snapshot that one engine is writing, if any, and when the next one is due.

    Args:
        every: entries between snapshots, at least.

    """

    def __init__(self, every: int) -> None:
        self.every = every
        self.at = 0
        """the position of the newest snapshot, as far as we know"""
        self.weight = 0
        """bytes of the entries since then"""
        self._weight_at_cut = 0
        self._bytes = 0
        """size of the newest snapshot"""
        self._stride = _RECORDS
        self._not_before = 0
        self._cut: Cut | None = None
        self._parts = 0

    def go_on(self, machine: Machine, log: Log) -> None:
        """
        Write some records; start a snapshot when it is due.

        A failure is not reported to the caller, whose command has been carried out.
        """
        position = machine.ledger.position
        if self._cut is None:
            # what `_is_due` asks first, without a call for each command in a file
            if position - self.at < self.every and self.weight < _LOG_BYTES:
                return
            if not self._is_due(machine, position):
                return
        try:
            if self._cut is None and self._is_overtaken(log):
                return
            if self._cut is None:
                self._begin(machine)
            self._step(log, self._stride)
        except BaseException as problem:
            self.drop()  # a piece may be missing: it is started again later, and never sealed
            self._not_before = position + _PAUSE
            if not isinstance(problem, Exception):
                raise
            report("a snapshot could not be written; it is begun again later")

    def write_now(self, machine: Machine, log: Log) -> None:
        """Write a whole snapshot."""
        if self._cut is None:
            self._begin(machine)
        self.finish(log)

    def finish(self, log: Log) -> None:
        """Write the rest of the snapshot in progress."""
        while self._cut is not None:
            self._step(log, _LAST_STRIDES * self._stride)

    def drop(self) -> None:
        """Abandon the snapshot in progress."""
        if self._cut is not None:
            self._cut.drop()
            self._cut = None

    def start_over(self, position: int) -> None:
        """Note that the state comes from another snapshot, or from none."""
        self.drop()
        self.at, self.weight = position, 0

    def restored(self, machine: Machine, name: str, position: int, pieces: Iterable[bytes]) -> Machine:
        """
        Fill an empty machine from a snapshot; raises JournalCorruptError if its content is inconsistent.
        """
        try:
            with without_garbage():
                restore(machine, self._records(pieces))
        except RulesMissing:
            raise  # it is complete, but needs a process that knows more
        except (ValueError, TypeError, KeyError, IndexError, AttributeError) as problem:
            raise JournalCorruptError(name, f"the snapshot ({problem})", position) from problem
        if machine.ledger.position != position:
            raise JournalCorruptError(name, "the snapshot is of another position", position)
        return machine

    def _records(self, pieces: Iterable[bytes]) -> Iterator[list[Any]]:
        self._bytes = 0
        for piece in pieces:
            self._bytes += len(piece)
            yield from decode_piece(piece)

    def _is_due(self, machine: Machine, position: int) -> bool:
        # twice what a snapshot would write: then trimming writes at most half as much again as the log itself
        count = position - self.at
        if position < self._not_before:
            return False
        if count >= self.every and count >= 2 * len(machine.ledger.tasks):
            return True
        return self.weight >= _LOG_BYTES and self.weight >= 2 * self._bytes

    def _is_overtaken(self, log: Log) -> bool:
        newest = log.load()
        if newest is None or newest[0] <= self.at:
            return False
        self.at, self.weight = newest[0], 0  # another process has written one
        return True

    def _begin(self, machine: Machine) -> None:
        self._cut, self._parts = Cut(machine), 0
        self._weight_at_cut, self._bytes = self.weight, 0

    def _step(self, log: Log, count: int) -> None:
        assert self._cut is not None
        records = self._cut.step(count)
        position = self._cut.position
        if not records:
            log.save(position, self._parts, None)
            self.at = position
            self.weight -= self._weight_at_cut
            self._cut = None
            return
        piece = encode_piece(records)
        log.save(position, self._parts, piece)
        self._parts += 1
        self._bytes += len(piece)
        if len(piece) > _PIECE_BYTES:
            self._stride = max(1, self._stride // 2)
        elif len(piece) < _PIECE_BYTES // 4:
            self._stride = min(_RECORDS, 2 * self._stride)


@contextlib.contextmanager
def without_garbage() -> Iterator[None]:
    """
    Read a board without garbage collection: there is no garbage yet, and collecting takes half of the time.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.enable()
