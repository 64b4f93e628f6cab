"""`check_journal(faults=)`: journals that stand what can happen to them pass, and each weakness is named."""

import contextlib
import os
import sqlite3
import threading

import pytest

from ants_coord.errors import JournalError, JournalRewoundError
from ants_coord.journals import MemoryJournal, SQLiteJournal
from ants_coord.journals.clocks import SystemClock
from ants_coord.testing import ConformanceError, JournalFaults, check_journal


class Server:
    """A log on another machine: it may lose a reply, stand still, and be restored from yesterday."""

    def __init__(self):
        self.log = MemoryJournal()
        self.gate = threading.Event()
        self.gate.set()
        self.cuts_reply = False


class Opening:
    """A connection to it that proves what it goes on from: the last entry that it has read."""

    def __init__(self, server):
        self.server = server
        self.clock = SystemClock()
        self.known = None

    def append(self, after, bodies):
        self.arrive(after)
        entries = self.server.log.append(after, bodies)
        if self.server.cuts_reply:
            self.server.cuts_reply = False
            raise ConnectionResetError("the reply was lost")
        return self.note(entries)

    def read(self, after):
        self.arrive(after)
        return self.note(self.server.log.read(after))

    def note(self, entries):
        if entries:
            self.known = entries[-1]
        return entries

    def arrive(self, after):
        assert self.server.gate.wait(60)
        log = self.server.log
        if self.known is not None and self.known.position == after and self.known not in log.entries[-1_000:]:
            if after <= log._trimmed:
                return
            raise JournalRewoundError("log", f"has another entry {after}")

    def watch(self, changed):
        return self.server.log.watch(changed)

    def load(self):
        return self.server.log.load()

    def save(self, position, part, piece):
        self.server.log.save(position, part, piece)

    def close(self):
        pass


def hurt(opening):
    """Return how such logs are opened, and what can be done to them."""
    servers = {}

    def cut(name):
        servers[name].cuts_reply = True

    def rewind(name, position):
        del servers[name].log.entries[position:]

    def stall(name):
        servers[name].gate.clear()
        return servers[name].gate.set

    faults = JournalFaults(None, cut, rewind, stall, lambda name: os.fork())
    return lambda name: opening(servers.setdefault(name, Server())), faults


def test_a_server_that_proves_what_it_goes_on_from_passes():
    make, faults = hurt(Opening)
    assert len(check_journal(make, faults=faults)) == 17


def test_faults_of_another_kind_are_refused():
    """Their stories would be left out without a word."""
    with pytest.raises(TypeError, match=r"faults must be JournalFaults\(...\), not \{'cut': None\}"):
        check_journal(lambda name: MemoryJournal(), faults={"cut": None})


class Trusting(Opening):
    """An opening that looks at numbers only."""

    def arrive(self, after):
        self.known = None
        super().arrive(after)


class Numbers(Trusting):
    """Sees a log that is too short, and not one that has grown past."""

    def arrive(self, after):
        super().arrive(after)
        if after > self.server.log._trimmed + len(self.server.log.entries):
            raise JournalRewoundError("log", f"ends before {after}")


class Repeating(Opening):
    """An opening that asks again after a lost reply, and does not look whether it was written."""

    def append(self, after, bodies):
        try:
            return super().append(after, bodies)
        except ConnectionResetError:
            return super().append(after, [*bodies, b"?"])[:-1]


class Numbering(Opening):
    """An opening that numbers its entries by itself."""

    def append(self, after, bodies):
        entries = super().append(after, bodies)
        return [entry._replace(position=after + n) for n, entry in enumerate(entries[-len(bodies) :], 1)]


@pytest.mark.parametrize(
    ("broken", "promises"),
    [
        (
            Trusting,
            {
                "a_log_that_is_shorter_than_what_was_read_is_told",
                "a_log_that_has_grown_past_what_was_read_is_told",
                "a_board_whose_log_was_rewound_goes_on",
            },
        ),
        (Numbers, {"a_log_that_has_grown_past_what_was_read_is_told"}),
        (Repeating, {"a_lost_reply_doubles_nothing"}),
        (Numbering, {"an_append_returns_what_others_wrote_before"}),
    ],
)
def test_each_weakness_is_named(broken, promises):
    make, faults = hurt(broken)
    with pytest.raises(ConformanceError) as caught:
        check_journal(make, faults=JournalFaults(cut=faults.cut, rewind=faults.rewind))  # those above stall
    assert promises <= set(caught.value.failures)


class Lossy(SQLiteJournal):
    """A file whose replies can be lost, as by an exception between COMMIT and return."""

    loses = False

    def append(self, after, bodies):
        entries = super().append(after, bodies)
        if self.loses:
            self.loses = False
            raise JournalError(self.path, "the reply was lost")
        return entries


def test_a_file_that_is_restored_in_place_stalls_and_is_forked_passes(tmp_path):
    """There is no connection to break; an older copy is put in place by SQLite's own means."""
    opened = {}

    def path(name):
        return str(tmp_path / f"{name}.db")

    def make(name):
        return opened.setdefault(name, []).append(Lossy(path(name))) or opened[name][-1]

    def connect(name):
        return contextlib.closing(sqlite3.connect(name, isolation_level=None))

    def cut(name):
        opened[name][0].loses = True

    def rewind(name, position):
        with connect(path(name)) as live, connect(":memory:") as older:
            live.backup(older)
            older.execute("DELETE FROM entry WHERE position > ?", (position,))
            older.backup(live)
        os.truncate(path(name) + "-lock", 0)  # an opening is told, too; this says that it is wanted

    def stall(name):
        other = sqlite3.connect(path(name), isolation_level=None, check_same_thread=False)
        other.execute("BEGIN IMMEDIATE")
        return other.close

    faults = JournalFaults(cut=cut, rewind=rewind, stall=stall, fork=lambda name: os.fork())
    assert len(check_journal(make, faults=faults)) == 17
