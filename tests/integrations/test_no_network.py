"""The fixture that keeps the frameworks on this machine."""

from __future__ import annotations

import socket

import pytest


@pytest.mark.parametrize("host", ["192.0.2.1", "example.com", "2001:db8::1"])
def test_nothing_leaves_this_machine(host):
    """Neither a connection nor a look-up of a name; the machine itself may be reached."""
    with pytest.raises(OSError, match="reaches no network"):
        socket.create_connection((host, 80), timeout=1)
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        pass
