"""Slow, greedy, broken and hostile connections; addresses; keys."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import stat
import tempfile
from pathlib import Path

import pytest

from ants_coord import ClaimQueue, Task
from ants_coord.errors import JournalConflictError
from ants_coord.hub import address as addresses
from ants_coord.hub import loop, thin
from ants_coord.hub.loop import Hub
from ants_coord.hub.thin import POINTER, Client, ask

from ..inside import inside
from .running import lines, plug, running

posix = pytest.mark.skipif(os.name == "nt", reason="rights of files are other ones there")
HELLO = {"verb": "hello"}


@pytest.fixture
def short(monkeypatch):
    """A folder in which a socket has room, whatever this run's temporary folder is called."""
    with tempfile.TemporaryDirectory(prefix="ants", dir="/tmp") as folder:
        monkeypatch.setattr(addresses, "_TMP", folder)
        yield Path(folder)


# -- turns ----------------------------------------------------------------------------------------


def claims(sock):
    """Send a claim."""
    sock.sendall(json.dumps({"verb": "claim", "agent": "ann"}).encode() + b"\n")


def company(board, path, count=2):
    """Return a hub that runs in no thread, connections to it, and the sizes of what is appended."""
    board.submit_many([Task(f"t{n}") for n in range(9)])
    hub = Hub(board, str(path))
    appends, append = [], inside(board)._journal.append
    inside(board)._journal.append = lambda at, bodies: (appends.append(len(bodies)), append(at, bodies))[1]
    socks = [plug(hub.path) for _ in range(count)]
    for _ in socks:
        hub._accept()
    return hub, socks, appends


def test_who_was_answered_together_is_waited_for(tmp_path, monkeypatch):
    """They ask again nearly together: a turn for the first would keep the other waiting for its transaction."""
    with ClaimQueue(tmp_path / "board.db") as board:
        hub, (one, other), appends = company(board, tmp_path / "hub")
        for sock in (one, other):
            claims(sock)
        hub._turn()
        assert appends == [2]
        hub._plan(2, waited_s=1.0)
        assert (hub._company, hub._gather_s) == (2, loop._LONGEST_S)
        hub._gather_s = 30.0
        claims(one)
        look = select.select
        monkeypatch.setattr(select, "select", lambda *what: (claims(other), look(*what))[1])
        hub._turn()
        assert appends == [2, 2]
        assert [len(lines(sock, 2)) for sock in (one, other)] == [2, 2]
        ended(hub, one, other)


def test_who_does_not_come_back_is_not_waited_for_long(tmp_path):
    with ClaimQueue(tmp_path / "board.db") as board:
        hub, (one, other), appends = company(board, tmp_path / "hub")
        claims(one)
        hub._company, hub._gather_s = 2, 0.000_2
        hub._turn()
        assert appends == [1]
        assert lines(one, 1)[0]["ok"]
        assert hub._company == 0  # and the next turn waits for nobody
        ended(hub, one, other)


def test_it_is_not_worth_while_to_wait_alone_or_without_a_disk(tmp_path, monkeypatch):
    with ClaimQueue(tmp_path / "board.db") as board:
        hub, (one, other), _ = company(board, tmp_path / "hub")
        for answered, waited_s, may in ((1, 1.0, True), (2, 0.000_3, True), (2, 1.0, False)):
            hub._may_gather = may
            hub._plan(answered, waited_s)
            assert hub._company == 0
        monkeypatch.setattr(select, "select", None)  # would be called
        claims(one)
        hub._turn()
        assert lines(one, 1)[0]["ok"]
        ended(hub, one, other)


def ended(hub, *socks):
    """End a hub that ran in no thread."""
    for sock in socks:
        sock.close()
    hub.stop()
    hub.serve()


def test_one_turn_is_one_transaction(tmp_path):
    """However many peers have asked: their commands are appended together, and each gets its own answer."""
    with ClaimQueue(tmp_path / "board.db") as board:
        board.submit_many([Task(f"t{n}") for n in range(9)])
        hub = Hub(board, str(tmp_path / "hub"))
        appends, append = [], inside(board)._journal.append
        inside(board)._journal.append = lambda at, bodies: (appends.append(len(bodies)), append(at, bodies))[
            1
        ]
        socks = [plug(hub.path) for _ in range(8)]
        for number, sock in enumerate(socks):
            for _ in range(2):
                sock.sendall(json.dumps({"verb": "claim", "agent": f"w{number}"}).encode() + b"\n")
        for _ in range(8):
            hub._accept()
        for peer in list(hub._peers):
            hub._receive(peer)
        hub._turn()
        assert appends == [8]  # the first line of each; the second ones come in the next turn
        hub._turn()
        assert appends == [8, 8]
        got = [lines(sock, 2) for sock in socks]
        assert [answer["agent"] for first, _ in got for answer in [first]] == [f"w{n}" for n in range(8)]
        assert sum(1 for pair in got for answer in pair if answer["lease"]) == 9
        hub.stop()
        hub.serve()
        for sock in socks:
            sock.close()


def test_who_does_not_read_holds_up_nobody(tmp_path):
    """It is not read from either, so the hub keeps a bounded number of its answers; all come in the end."""
    with ClaimQueue() as board, running(board, tmp_path / "hub") as hub:
        board.submit(Task("big", payload="x" * 500_000))
        with plug(hub.path) as slow, Client(hub.path) as other:
            slow.sendall(b'{"verb": "find", "task": "big"}\n' * 60)
            for _ in range(50):
                assert other.ask(HELLO)["ok"]
            unsent = [len(peer.unsent) for peer in list(hub._peers)]
            assert 500_000 < max(unsent) < loop._UNSENT + 600_000
            answers = lines(slow, 60)
        assert all(len(answer["payload"]) == 500_000 for answer in answers)


def test_a_line_without_end_is_refused(tmp_path, monkeypatch):
    """The peer is told and hung up on; others go on."""
    monkeypatch.setattr(loop, "MAX_LINE", 10_000)
    with ClaimQueue() as board, running(board, tmp_path / "hub") as hub, plug(hub.path) as sock:
        sock.sendall(b"x" * 80_000)
        (answer,) = lines(sock, 1)
        assert "at most 10000 bytes" in answer["say"]
        with pytest.raises(OSError):
            while sock.recv(1 << 16):
                pass
            raise ConnectionResetError
        assert ask(hub.path, HELLO)["ok"]


def test_lines_sent_before_hanging_up_are_carried_out(tmp_path):
    """As with `printf ... | nc`: the other half is open for the answers."""
    with ClaimQueue() as board, running(board, tmp_path / "hub") as hub, plug(hub.path) as sock:
        board.submit_many([Task("a"), Task("b")])
        sock.sendall(b'{"verb": "claim", "agent": "w"}\n' * 2 + b'{"verb": "cl')
        sock.shutdown(socket.SHUT_WR)
        assert [answer["task"] for answer in lines(sock, 2)] == ["a", "b"]
        assert sock.recv(1) == b""


def test_no_more_files_is_no_loop_without_rest(tmp_path):
    """A client that hangs up makes room for the next."""
    with ClaimQueue() as board:
        hub = Hub(board, str(tmp_path / "hub"))
        with plug(hub.path) as first:
            hub._accept()
            listener = hub._address.listener
            hub._address.listener = Full(listener)
            hub._accept()
            assert not hub._is_listening
            hub._address.listener = listener
            first.close()
            hub._turn()
            assert hub._is_listening
        hub.stop()
        hub.serve()


class Full:
    """A listener of a process without a free descriptor."""

    def __init__(self, listener):
        self.fileno = listener.fileno

    def accept(self):
        raise OSError(24, "Too many open files")


# -- addresses ------------------------------------------------------------------------------------


def test_a_second_hub_on_one_address_is_refused(tmp_path):
    """The first goes on; when it has ended, its socket is gone and the next may listen."""
    with ClaimQueue() as board:
        with running(board, tmp_path / "hub") as hub:
            with pytest.raises(JournalConflictError, match="another hub listens here"):
                Hub(board, hub.path)
            assert ask(hub.path, HELLO)["ok"]
        assert not os.path.exists(hub.path)
        with running(board, tmp_path / "hub"):
            assert ask(hub.path, HELLO)["ok"]


@posix
def test_a_dead_socket_is_replaced_and_a_foreign_file_is_not(tmp_path, short):
    with ClaimQueue() as board:
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(str(short / "hub"))
        with pytest.raises(ConnectionRefusedError):
            ask(short / "hub", HELLO)
        with running(board, short / "hub"):
            assert ask(short / "hub", HELLO)["ok"]
            assert stat.S_IMODE(os.stat(short / "hub").st_mode) == 0o600
        for content in (b"my notes", b'["a"]', b"{}"):
            (tmp_path / "notes").write_bytes(content)
            with pytest.raises(JournalConflictError, match="is not a hub's"):
                Hub(board, str(tmp_path / "notes"))
            assert (tmp_path / "notes").read_bytes() == content
        with pytest.raises(JournalConflictError, match="there is no folder"):
            Hub(board, str(tmp_path / "missing" / "hub"))


@posix
def test_nobody_else_may_answer_in_the_hubs_name(tmp_path):
    """A folder that others can write is refused, by the hub; a socket that they can write, by the client."""
    with ClaimQueue() as board:
        (tmp_path / "open").mkdir()
        os.chmod(tmp_path / "open", 0o1777)
        with pytest.raises(JournalConflictError, match="could answer in the hub's name"):
            Hub(board, str(tmp_path / "open" / "hub"))
        assert os.listdir(tmp_path / "open") == []
        with running(board, tmp_path / "hub") as hub:
            os.chmod(hub.path, 0o666)
            with pytest.raises(PermissionError, match="no question was asked"):
                ask(hub.path, HELLO)
    (tmp_path / "other").write_text("something")
    os.chmod(tmp_path / "other", 0o600)
    with pytest.raises(ConnectionError, match="neither a hub's socket nor says where one is"):
        ask(tmp_path / "other", HELLO)
    with pytest.raises(FileNotFoundError):
        ask(tmp_path / "nothing", HELLO)


LONG = "d" * 120


@posix
def test_a_path_too_long_for_a_socket_leads_to_one(tmp_path, short, monkeypatch):
    """The socket lies in a folder that only its owner can enter; the file at the path says where."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short))
    deep = tmp_path / LONG
    deep.mkdir()
    with ClaimQueue() as board:
        with running(board, deep / "hub"):
            assert ask(deep / "hub", HELLO)["ok"]
            where = pointed(deep / "hub")
            assert os.path.dirname(where) == str(short / "ants_coord")
            assert stat.S_IMODE(os.stat(os.path.dirname(where)).st_mode) == 0o700
            assert stat.S_IMODE(os.stat(deep / "hub").st_mode) == 0o600
        assert not os.path.exists(where)
        assert not (deep / "hub").exists()
        os.chmod(short / "ants_coord", 0o755)
        with pytest.raises(JournalConflictError, match="only you can enter"):
            Hub(board, str(deep / "hub"))


def pointed(path):
    """Return where the file at a path says that the socket is."""
    return json.loads(path.read_text())[POINTER]["unix"]


@posix
def test_the_first_private_folder_in_which_a_socket_has_room(tmp_path, short, monkeypatch):
    """Temporary folders may be long themselves, and XDG_RUNTIME_DIR may name nobody's; clients come along."""
    deep = tmp_path / LONG
    deep.mkdir()
    (short / "tmp").mkdir()
    ours = f"ants_coord-{os.geteuid()}"
    for runtime, temporary, folder in (
        (short, deep, short / "ants_coord"),
        (deep, short / "tmp", short / "tmp" / ours),
        (short / "nobody's", short / "tmp", short / "tmp" / ours),
        (deep, deep, short / ours),
    ):
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(runtime))
        monkeypatch.setattr(tempfile, "tempdir", str(temporary))
        with ClaimQueue() as board, running(board, deep / "hub"), ClaimQueue(f"hub:{deep}/hub") as queue:
            assert os.path.dirname(pointed(deep / "hub")) == str(folder)
            queue.submit(Task("a"))
            assert board.find("a") is not None


@posix
def test_without_room_anywhere_the_way_out_is_named(tmp_path, monkeypatch):
    """And a hub on a port is one."""
    deep = tmp_path / LONG
    deep.mkdir()
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(deep))
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    monkeypatch.setattr(addresses, "_TMP", str(deep))
    with ClaimQueue() as board:
        with pytest.raises(JournalConflictError, match=r"at most 100 bytes; set XDG_RUNTIME_DIR.*--tcp"):
            Hub(board, str(deep / "hub"))
        assert os.listdir(deep) == ["hub.lock"]
        with running(board, deep / "hub", tcp=True):
            assert ask(deep / "hub", HELLO)["ok"]


@posix
def test_a_place_without_a_name_that_long_is_refused(tmp_path):
    with ClaimQueue() as board, pytest.raises(JournalConflictError, match=r"cannot listen here.*--listen"):
        Hub(board, str(tmp_path / ("x" * 300)))


@posix
def test_a_long_way_to_a_short_place(short):
    """Neither the hub's name for its folder nor the client's need be the one that is short."""
    (short / "board").mkdir()
    (short / LONG).symlink_to(short / "board")
    (short / "deep" / LONG).mkdir(parents=True)
    (short / "link").symlink_to(short / "deep" / LONG)
    with ClaimQueue() as board:
        with running(board, short / "board" / "hub"):
            assert ask(short / LONG / "hub", HELLO)["ok"]
        with running(board, short / "link" / "hub"):
            assert ask(short / "deep" / LONG / "hub", HELLO)["ok"]


def test_a_port_needs_the_secret_of_the_file(tmp_path):
    """A user that can read the file can ask; anybody else on the machine is hung up on."""
    with ClaimQueue() as board, running(board, tmp_path / "hub", tcp=True):
        board.submit(Task("a"))
        with Client(tmp_path / "hub") as hub:
            assert hub.ask({"verb": "claim", "agent": "w"})["task"] == "a"
        port = json.loads((tmp_path / "hub").read_text())[POINTER]["port"]
        for said in (
            {"verb": "find", "task": "a"},
            HELLO,
            {"verb": "hello", "secret": "guess"},
            {"verb": "hello", "secret": 1},
        ):
            with socket.create_connection(("127.0.0.1", port), 30) as stranger:
                stranger.sendall(json.dumps(said).encode() + b"\n")
                (answer,) = lines(stranger, 1)
                assert not answer["ok"]
                assert "hangs up" in answer["say"]
                assert stranger.recv(1) == b""


def test_the_thin_client_ends_what_cannot_be(short, monkeypatch):
    """A server that is no hub: hung up, no JSON, no end, no answer."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short / "fake"))
        os.chmod(short / "fake", 0o600)
        server.listen()
        for said in (b"", b"[1]\n", b"no\n", b"\xff\n"):
            with Client(short / "fake", timeout=30) as client:
                peer, _ = server.accept()
                peer.sendall(said)
                peer.shutdown(socket.SHUT_WR)
                with pytest.raises(ConnectionError):
                    client.ask(HELLO)
                peer.close()
        monkeypatch.setattr(thin, "MAX_LINE", 10)
        with Client(short / "fake", timeout=30) as client:
            peer, _ = server.accept()
            peer.sendall(b"x" * 200_000)
            with pytest.raises(ConnectionError, match="has no end"):
                client.ask(HELLO)
            peer.close()


def test_a_late_answer_is_not_taken_for_that_of_the_next_question(short):
    """A client whose question was not answered in time asks no more: its answers would all be one late."""
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(short / "fake"))
        os.chmod(short / "fake", 0o600)
        server.listen()
        with Client(short / "fake", timeout=0.001) as client:
            with pytest.raises(TypeError):
                client.ask({"verb": b"no JSON"})  # nothing was said, so the client is as good as before
            with pytest.raises(TimeoutError):
                client.ask({"verb": "claim", "agent": "ann"})
            peer, _ = server.accept()
            with peer, contextlib.suppress(OSError):
                peer.sendall(b'{"ok": true, "lease": "a#1"}\n')
                with pytest.raises(ConnectionError, match="make another"):
                    client.ask({"verb": "find", "task": "b"})


def test_what_the_thin_client_loads(tmp_path):
    """Nothing of ours but the package's own name, and none of what makes Python slow to start."""
    import subprocess
    import sys

    code = (
        "import sys; from ants_coord.hub.thin import ask\n"
        "ours = {name for name in sys.modules if name.startswith('ants_coord')}\n"
        "assert ours == {'ants_coord', 'ants_coord.hub', 'ants_coord.hub.thin'}, ours\n"
        "slow = {'attr', 'cattrs', 'sqlite3', 'asyncio', 'threading', 'logging', 'inspect', 'dataclasses', 'subprocess'}\n"
        "assert not slow & set(sys.modules), slow & set(sys.modules)\n"
    )
    subprocess.run(
        [sys.executable, "-S", "-c", code],
        check=True,
        cwd=os.path.dirname(os.path.dirname(os.path.dirname(__file__))),
    )


# -- keys -----------------------------------------------------------------------------------------


def test_with_keys_each_name_is_shown(tmp_path):
    """Per connection; without its key nothing is done in an agent's name, and others' work is not seen."""
    with ClaimQueue(secret=b"of the host") as board, running(board, tmp_path / "hub", keys=True) as hub:
        board.submit(Task("a", payload="private"))
        with Client(hub.path) as ann, Client(hub.path) as bob:
            assert ann.ask({"verb": "hello", "agent": "ann", "key": board.key_of("ann")})["ok"]
            assert bob.ask({"verb": "hello", "agent": "bob", "key": board.key_of("bob")})["ok"]
            assert bob.ask({"verb": "hello", "agent": "ann", "key": "guess"})["error"] == "WrongKeyError"
            lease = ann.ask({"verb": "claim", "agent": "ann"})["lease"]
            for asked in (
                {"verb": "claim", "agent": "ann"},
                {"verb": "lock", "agent": "ann", "names": ["x"]},
                {"verb": "complete", "agent": "ann", "lease": lease},
                {"verb": "release", "agent": "ann", "all": True},
            ):
                assert bob.ask(asked)["error"] == "WrongKeyError", asked
            assert (
                bob.ask({"verb": "complete", "agent": "bob", "lease": lease})["error"] == "ForeignLeaseError"
            )
            assert "needs 'agent'" in bob.ask({"verb": "complete", "lease": lease})["say"]
            assert bob.ask({"verb": "find", "agent": "bob", "task": "a"})["payload"] is None
            assert ann.ask({"verb": "find", "agent": "ann", "task": "a"})["payload"] == "private"
            assert ann.ask({"verb": "complete", "agent": "ann", "lease": lease})["ok"]


def test_keys_need_a_secret(tmp_path):
    with ClaimQueue() as board, pytest.raises(ValueError, match="secret"):
        Hub(board, str(tmp_path / "hub"), keys=True)


def test_a_group_of_its_own_is_no_stranger(tmp_path, monkeypatch):
    """Many systems give each user a private group, and folders that it may write."""
    os.chmod(tmp_path, 0o770)
    monkeypatch.setattr(addresses, "_is_own_group", lambda group: False)
    with ClaimQueue() as board:
        with pytest.raises(JournalConflictError):
            Hub(board, str(tmp_path / "hub"))
        monkeypatch.setattr(addresses, "_is_own_group", lambda group: True)
        with running(board, tmp_path / "hub"):
            assert ask(tmp_path / "hub", HELLO)["ok"]
