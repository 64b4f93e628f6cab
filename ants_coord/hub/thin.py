"""
A client for a hub, with the standard library only: it imports nothing of ours, and little of Python's.

A hub is named by a path. Its socket is there, or a small private file that says where it listens (a path may
be too long for a socket, and not every system has Unix sockets).
"""

from __future__ import annotations

import json
import os
import socket
import stat

TYPE_CHECKING = False  # importing typing would take a third of the time of a question
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Self

__all__ = ["LONGEST", "MAX_LINE", "POINTER", "Client", "ask", "connect"]

MAX_LINE = 16 << 20
"""most bytes of one question or answer; a payload has at most one MiB"""
LONGEST = 100
"""bytes in the path of a socket: 108 on Linux, 104 on macOS, less its end"""
POINTER = "ants_coord hub"
"""the key by which a file that says where a hub listens is recognised"""


class Client:
    """
    A connection to a hub; questions are answered one after the other.

    Args:
        path: path of the hub, such as "board.db.hub".
        timeout: seconds to wait for the connection, and for each answer, besides a question's own "timeout".

    Raises:
        OSError: no hub answers there (FileNotFoundError, ConnectionRefusedError, TimeoutError), or the file
            there belongs to another user (PermissionError).

    Example:
        with Client("board.db.hub") as hub:
            hub.ask({"verb": "claim", "agent": "ann"})

    """

    def __init__(self, path: str | os.PathLike[str], timeout: float = 2.0) -> None:
        self._timeout = timeout
        self._socket = connect(os.fspath(path), timeout)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """
        Ask one question.

        Args:
            question: a verb with its arguments, such as {"verb": "hello"}.

        Returns:
            The answer: "ok" tells whether it was done; if not, "error" and "say" tell why.

        Raises:
            OSError: no answer came, and the connection is closed; a question with an "id" may be repeated by
                another client, and is carried out once.

        """
        if self._socket.fileno() < 0:
            raise ConnectionError("this client is closed, as after every failed question; make another")
        said = json.dumps(question).encode() + b"\n"
        self._socket.settimeout(self._timeout + float(question.get("timeout") or 0))
        try:
            self._socket.sendall(said)
            line = read_line(self._socket, MAX_LINE)
        except BaseException:
            self.close()  # an answer that comes late would be taken for that of the next question
            raise
        try:
            answer = json.loads(line)
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise ConnectionError(f"this is no answer of a hub: {line[:80]!r}")
        return answer

    def close(self) -> None:
        """Close the connection; leases and locks stay held."""
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def ask(path: str | os.PathLike[str], question: dict[str, Any], timeout: float = 2.0) -> dict[str, Any]:
    """
    Connect to a hub, ask one question and hang up; see Client.

    Args:
        path: path of the hub.
        question: a verb with its arguments.
        timeout: seconds to wait for the connection, and for the answer.

    Returns:
        The answer.

    Raises:
        OSError: no hub answers there, or no answer came.

    """
    with Client(path, timeout) as client:
        return client.ask(question)


def connect(path: str, timeout: float, make: Callable[[int], socket.socket] = socket.socket) -> socket.socket:
    """
    Return a connection to the hub of a path, on which questions may be asked.

    Args:
        path: path of the hub.
        timeout: seconds to wait for the connection.
        make: makes a socket of a family, for callers that must record it before it connects.

    """
    found = os.stat(path)
    _refuse_strangers(path, found)
    if stat.S_ISSOCK(found.st_mode):
        # through a link, or a relative path: its real place has a short enough path
        if len(os.fsencode(path)) > LONGEST:
            path = os.path.realpath(path)
        return _connected(socket.AF_UNIX, path, timeout, make)
    with open(path, "rb") as file:
        try:
            where = json.loads(file.read(4096))[POINTER]
        except (ValueError, KeyError, TypeError) as problem:
            raise ConnectionError(f"{path} is neither a hub's socket nor says where one is") from problem
    if "unix" in where:
        _refuse_strangers(where["unix"], os.stat(where["unix"]))
        return _connected(socket.AF_UNIX, where["unix"], timeout, make)
    sock = _connected(socket.AF_INET, ("127.0.0.1", where["port"]), timeout, make)
    try:
        sock.sendall(json.dumps({"verb": "hello", "secret": where["secret"]}).encode() + b"\n")
        read_line(sock, MAX_LINE)
    except ConnectionError:
        sock.close()
        why = f"what listens on port {where['port']} is not the hub of {path}"
        raise ConnectionRefusedError(why) from None
    except BaseException:
        sock.close()
        raise
    return sock


def read_line(sock: socket.socket, most: float) -> bytes:
    """Read a line of some bytes at most; nothing comes after it before the next question."""
    line = bytearray()
    while not line.endswith(b"\n"):
        part = sock.recv(1 << 16)
        if not part:
            raise ConnectionError("the hub has closed the connection")
        if len(line) > most:
            raise ConnectionError("the hub's answer has no end")
        line += part
    return bytes(line)


def _connected(
    family: int, address: object, timeout: float, make: Callable[[int], socket.socket]
) -> socket.socket:
    sock = make(family)
    sock.settimeout(timeout)
    try:
        sock.connect(address)  # type: ignore[arg-type]
    except BaseException:
        sock.close()
        raise
    return sock


def _refuse_strangers(path: str, found: os.stat_result) -> None:
    # a user who may put a socket there could answer in the hub's name
    if os.name == "nt":  # owners are not numbers there
        return
    if found.st_uid not in (os.geteuid(), 0) or found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise PermissionError(
            f"{path} belongs to, or can be written by, somebody else; no question was asked"
        )
