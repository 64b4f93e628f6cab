"""Facts of the machine: boots, clocks, file systems; what cannot be run here is simulated."""

from __future__ import annotations

import datetime as dt
import logging
import sys

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalConflictError
from ants_coord.journals import board_file, files, machine_facts
from ants_coord.journals.clocks import BootClock

MINUTE, HOUR, DAY = 60 * 10**9, 3_600 * 10**9, 86_400 * 10**9
LINE = "36 35 98:0 / {place} rw,noatime shared:1 - {kind} srv:/x rw"


def mount(monkeypatch, kind, place):
    table = "\n".join([LINE.format(place="/", kind="ext4"), LINE.format(place=place, kind=kind)])
    monkeypatch.setattr(files.Path, "read_text", lambda self, **_: table)  # type: ignore[attr-defined]


NETWORKS = [
    *(
        "nfs",
        "nfs4",
        "cifs",
        "smb3",
        "9p",
        "fuse.sshfs",
        "ceph",
        "fuse.glusterfs",
        "fuse.s3fs",
        "fuse.rclone",
    ),
    *("lustre", "gpfs", "beegfs", "virtiofs", "vboxsf", "fakeowner", "fuse.grpcfuse", "prl_fs", "orangefs"),
]


@pytest.mark.parametrize("kind", NETWORKS)
def test_what_is_not_known_to_be_local_is_asked_about(monkeypatch, kind):
    mount(monkeypatch, kind, "/mnt/a")
    with pytest.raises(JournalConflictError, match=f"ANTS_COORD_FILE_SYSTEMS={kind}"):
        files.refuse_network("/mnt/a/b.db")
    files.refuse_network("/mnt/ab/b.db")
    monkeypatch.setenv("ANTS_COORD_FILE_SYSTEMS", f"other, {kind}")
    files.refuse_network("/mnt/a/b.db")


@pytest.mark.parametrize("kind", sorted(machine_facts.LOCAL))
def test_local_file_systems_are_taken(monkeypatch, kind):
    mount(monkeypatch, kind, "/mnt/a")
    files.refuse_network("/mnt/a/b.db")


@pytest.mark.parametrize(
    ("written", "real"),
    [
        ("/mnt/my\\040share", "/mnt/my share"),
        ("/mnt/a\\011b", "/mnt/a\tb"),
        ("/mnt/back\\134slash", "/mnt/back\\slash"),
        ("/mnt/a\\040b/c", "/mnt/a b/c"),
    ],
)
def test_places_in_the_mount_table_are_unescaped(written, real):
    table = LINE.format(place="/", kind="ext4") + "\n" + LINE.format(place=written, kind="nfs4")
    assert machine_facts.kind_of_mount(f"{real}/b.db", table) == "nfs4"
    assert machine_facts.kind_of_mount("/mnt/b.db", table) == "ext4"


def test_the_mount_on_top_counts():
    table = "\n".join(LINE.format(place="/mnt", kind=kind) for kind in ("ext4", "nfs4"))
    assert machine_facts.kind_of_mount("/mnt/b.db", table) == "nfs4"


@pytest.mark.parametrize(("flags", "local"), [(0x1000 | 0x800, True), (0x800, False)])
def test_a_file_system_of_macos_is_read_off_its_structure(flags, local):
    raw = bytearray(2_168)
    raw[64:68] = flags.to_bytes(4, "little")
    raw[72:78] = b"smbfs\0"
    assert machine_facts.parse_statfs(bytes(raw)) == ("smbfs", local)


def test_without_a_mount_table_the_system_is_asked(monkeypatch):
    def nothing(self, **_):
        raise FileNotFoundError

    monkeypatch.setattr(files.Path, "read_text", nothing)  # type: ignore[attr-defined]
    monkeypatch.setattr(files, "local_kind", lambda path: ("smbfs", False))
    with pytest.raises(JournalConflictError, match="smbfs"):
        files.refuse_network("/Volumes/x/b.db")


class FakeLibc:
    """What `sysctlbyname` does on macOS."""

    def __init__(self, answer):
        self.answer = answer

    def sysctlbyname(self, name, text, size, new, new_size):
        assert name == b"kern.bootsessionuuid"
        if self.answer is None:
            return -1
        text.value = self.answer
        return 0


@pytest.mark.parametrize(("answer", "boot"), [(b"6D8E-1", "6D8E-1"), (None, "unknown"), (b"", "unknown")])
def test_the_boot_of_a_mac_has_a_name(monkeypatch, answer, boot):
    import ctypes

    monkeypatch.setattr(ctypes, "CDLL", lambda name: FakeLibc(answer))
    monkeypatch.setattr(machine_facts.sys, "platform", "darwin")  # type: ignore[attr-defined]
    assert machine_facts.boot_id() == boot


def test_the_boot_of_windows_has_a_name(monkeypatch):
    class Registry:
        HKEY_LOCAL_MACHINE = 1

        class OpenKey:
            def __init__(self, root, place):
                assert place.endswith("PrefetchParameters")

            def __enter__(self):
                return self

            def __exit__(self, *_):
                pass

        @staticmethod
        def QueryValueEx(key, name):
            return (41, 4)

    monkeypatch.setitem(sys.modules, "winreg", Registry)
    monkeypatch.setattr(machine_facts.sys, "platform", "win32")  # type: ignore[attr-defined]
    assert machine_facts.boot_id() == "boot 41"


class Machine:
    """A machine whose boots, clocks and namespaces a test decides about."""

    def __init__(self, monkeypatch, boot="b1"):
        self.boot, self.namespace = boot, ""
        self.since_ns, self.wall_ns = (
            30 * DAY,
            int(dt.datetime(2026, 1, 1, tzinfo=dt.UTC).timestamp()) * 10**9,
        )
        monkeypatch.setattr(board_file, "boot_id", lambda: self.boot)
        monkeypatch.setattr(board_file, "time_namespace", lambda: self.namespace)
        monkeypatch.setattr(BootClock, "since_boot_ns", staticmethod(lambda: self.since_ns))
        monkeypatch.setattr(BootClock, "wall_ns", staticmethod(lambda: self.wall_ns))

    def wait(self, ns):
        self.since_ns += ns
        self.wall_ns += ns


def behind(board, machine):
    return machine.wall_ns - board._engine.now_ns()


def test_a_boot_without_a_name_is_noticed_by_the_time_it_gives(tmp_path, monkeypatch):
    """The uptime starts again; the anchor of the boot before would put the board 30 days back."""
    machine = Machine(monkeypatch, "unknown")
    with ClaimQueue(tmp_path / "b.db", lease_ttl=1) as board:
        board.submit(Task("delayed", delay=1))
    machine.wait(DAY)
    machine.since_ns = MINUTE
    with ClaimQueue(tmp_path / "b.db") as board:
        assert behind(board, machine) < MINUTE
        assert board.claim_nowait("w").task == "delayed"
    machine.wait(DAY)
    machine.since_ns += 31 * DAY  # another boot, which has lasted longer: nothing is behind the log
    with ClaimQueue(tmp_path / "b.db") as board:
        assert abs(behind(board, machine)) < MINUTE


def test_a_new_boot_gets_a_new_anchor_never_behind_the_log(tmp_path, monkeypatch):
    machine = Machine(monkeypatch)
    with ClaimQueue(tmp_path / "b.db") as board:
        board.submit(Task("a"))
        then = board._engine.now_ns()
    machine.boot, machine.since_ns, machine.wall_ns = "b2", MINUTE, machine.wall_ns - HOUR
    with ClaimQueue(tmp_path / "b.db") as board:
        assert then < board._engine.now_ns() < then + MINUTE


def test_a_process_in_another_time_namespace_has_its_own_anchor(tmp_path, monkeypatch):
    """Its time since boot is an hour ahead: nobody's lease ends for that, and its own time stands nowhere still."""
    machine = Machine(monkeypatch)
    with ClaimQueue(tmp_path / "b.db", lease_ttl=60) as board:
        board.submit(Task("a"))
        lease = board.claim_nowait("ann")
        machine.namespace, machine.since_ns = "time:[2]", machine.since_ns + HOUR
        with ClaimQueue(tmp_path / "b.db") as other:
            other.submit(Task("b", delay=1))
            assert other.claim_nowait("bob") is None
            assert abs(behind(other, machine)) < MINUTE
        machine.namespace, machine.since_ns = "", machine.since_ns - HOUR
        board.complete(lease)
        machine.wait(2 * 10**9)
        assert board.claim_nowait("cid").task == "b"


def test_a_wall_clock_that_was_wrong_at_boot_is_said(tmp_path, monkeypatch, caplog):
    machine = Machine(monkeypatch)
    with ClaimQueue(tmp_path / "b.db") as board:
        board.submit(Task("a"))
    machine.wall_ns += HOUR
    with caplog.at_level(logging.WARNING), ClaimQueue(tmp_path / "b.db") as board:
        board.statistics()
    assert "-3600 s off" in caplog.text


@pytest.mark.parametrize("off_ns", [-HOUR, HOUR, 365 * DAY])
def test_dates_are_meant_by_the_wall_clock_as_it_is_now(tmp_path, monkeypatch, off_ns):
    """The wall clock was wrong when the board was first opened after boot, and has been set right since."""
    machine = Machine(monkeypatch)
    machine.wall_ns += off_ns
    with ClaimQueue(tmp_path / "b.db") as board:
        board.submit(Task("early"))
    machine.wall_ns -= off_ns
    now = dt.datetime.fromtimestamp(machine.wall_ns / 1e9, dt.UTC)
    with ClaimQueue(tmp_path / "b.db") as board:
        board.submit_many(
            [
                Task("soon", delay=now + dt.timedelta(seconds=2)),
                Task("tomorrow", delay=now + dt.timedelta(days=1)),
            ]
        )
        board.submit(Task("by then", finish_by=now + dt.timedelta(seconds=9)))
        assert not board.submit(Task("soon", delay=now + dt.timedelta(seconds=2))).created
        assert sorted(lease.task for lease in board.claim_many("w", 9)) == ["by then", "early"]
        machine.wait(3 * 10**9)
        assert [lease.task for lease in board.claim_many("w", 9)] == ["soon"]
        digest = board._engine.digest()
        with ClaimQueue(tmp_path / "b.db") as other:
            assert other._engine.digest() == digest
