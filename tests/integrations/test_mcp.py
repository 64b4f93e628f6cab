"""The MCP server of the command line: as a process, in both protocols, through every way to end."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys

import pytest

from ants_coord import Blackboard, Board, Task
from ants_coord.adapters.mcp import INSTRUCTIONS

TTL_S = 2.0
PATIENCE_S = 120
"""a safety net; the SDK takes seconds to import on a busy machine"""
PREVIOUS = "2025-11-25"


@pytest.fixture
def mcp(installed):
    return installed("mcp", "mcp")


@pytest.fixture
def path(tmp_path):
    with Blackboard(tmp_path / "board.db", half_life=60, lease_ttl=TTL_S) as board:
        board.submit_many([Task("t1", kind="code", payload={"file": "a"}), Task("t2")])
    return str(tmp_path / "board.db")


def command(path, agent, *options):
    return [sys.executable, "-m", "ants_coord", "mcp", path, "--agent", agent, *options]


class Host:
    """A host of the previous protocol that speaks raw lines with a server process."""

    def __init__(self, path, agent, version=PREVIOUS):
        self.process = subprocess.Popen(
            command(path, agent),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=os.path.dirname(path),
        )
        self._id = 0
        client = {"name": "host", "version": "1"}
        self.hello = self.ask("initialize", protocolVersion=version, capabilities={}, clientInfo=client)
        self._send({"jsonrpc": "2.0", "method": "notifications/initialized"})

    def _send(self, message):
        self.process.stdin.write(json.dumps(message) + "\n")
        self.process.stdin.flush()

    def ask(self, method, **parameters):
        self._id += 1
        self._send({"jsonrpc": "2.0", "id": self._id, "method": method, "params": parameters})
        while True:
            answer = json.loads(self.process.stdout.readline())
            if answer.get("id") == self._id:
                return answer.get("result") or {"content": [{"text": answer["error"]["message"]}]}

    def call(self, name, **arguments):
        return json.loads(self.ask("tools/call", name=name, arguments=arguments)["content"][0]["text"])

    def close(self):
        self.process.kill()
        self.process.wait(PATIENCE_S)
        self.process.stdin.close()
        self.process.stdout.close()


@pytest.fixture
def host(mcp, path):
    """Return a function that starts a server for an agent."""
    started = []

    def start(agent, version=PREVIOUS):
        started.append(Host(path, agent, version))
        return started[-1]

    yield start
    for one in started:
        one.close()


def test_a_killed_server_loses_its_task(host, path):
    """kill -9: the next agent has the task as soon as the system tells it, one lease length later at most."""
    one = host("one")
    assert one.call("claim_task", task="t1")["task"] == "t1"
    with Board(path) as board:
        assert board.claim_nowait("next", task="t1") is None
        one.process.kill()
        assert board.claim("next", task="t1", timeout=PATIENCE_S).attempt == 2


@pytest.mark.parametrize("end", ["eof", signal.SIGTERM, signal.SIGINT])
def test_every_announced_end_gives_back_at_once(host, path, end):
    """The host closes its pipe, or tells the server to end: tasks and files are free, and no attempt is lost."""
    one = host("one")
    assert one.call("claim_task", task="t1")["task"] == "t1"
    assert one.call("lock_files", paths=["a.py"])["ok"]
    with Board(path) as board:
        if end == "eof":
            one.process.stdin.close()
        else:
            one.process.send_signal(end)
        with board.lock("a.py", agent="next", timeout=PATIENCE_S):
            lease = board.claim("next", task="t1", timeout=PATIENCE_S)
    assert one.process.wait(PATIENCE_S) == 0
    assert lease.attempt == 1  # given back, not run out


def test_a_host_of_the_previous_protocol(host):
    """The version before is spoken, too: instructions, tools, resources, answers as JSON text."""
    one = host("one")
    assert one.hello["protocolVersion"] == PREVIOUS
    assert one.hello["instructions"] == INSTRUCTIONS
    assert len(INSTRUCTIONS.split()) < 60
    tools = one.ask("tools/list")["tools"]
    assert len(tools) == 11
    assert len(json.dumps(tools)) <= 6_500
    uris = [resource["uri"] for resource in one.ask("resources/list")["resources"]]
    assert uris == ["board://status", "board://tasks"]
    assert one.call("claim_task", kinds=["code"])["payload"] == {"file": "a"}
    status = json.loads(one.ask("resources/read", uri="board://status")["contents"][0]["text"])
    assert (status["agent"], status["held"]) == ("one", ["t1"])
    assert (
        json.loads(one.ask("resources/read", uri="board://tasks")["contents"][0]["text"])[0]["state"]
        == "leased"
    )


def test_wrong_arguments_get_an_answer(host):
    """Whatever a model sends, the server answers, and goes on."""
    one = host("one")
    for name, arguments in (
        ("claim_task", {"kinds": 3}),
        ("claim_task", {"colour": "red", "task": ["t1"]}),
        ("complete_task", {"lease": {"a": 1}, "outcome": "fly"}),
        ("submit_task", {}),
        ("lock_files", {"paths": [None]}),
        ("fly", {}),
    ):
        answer = one.ask("tools/call", name=name, arguments=arguments)
        assert answer["content"][0]["text"]
    assert one.call("claim_task", task="t1")["task"] == "t1"


async def test_two_servers_cannot_steal_from_each_other(mcp, path, tmp_path):
    """Two agents, two processes, one board, the SDK's own client and the current protocol."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    def server(agent):
        program, *arguments = command(path, agent)
        return stdio_client(StdioServerParameters(command=program, args=arguments, cwd=tmp_path))

    async def call(client, name, **arguments):
        return json.loads((await client.call_tool(name, arguments)).content[0].text)

    async with Client(server("claude-1")) as one, Client(server("codex-2")) as two:
        assert one.protocol_version > PREVIOUS
        mine = await call(one, "claim_task", kinds=["code"])
        assert (await call(two, "claim_task", kinds=["code"]))["task"] is None
        assert (await call(one, "lock_files", paths=["src/a.py"]))["ok"]
        assert "held by claude-1" in (await call(two, "lock_files", paths=["./src/a.py"]))["say"]
        for name in (mine["lease"], "t1"):
            said = await call(two, "complete_task", lease=name, result="stolen")
            assert (said["ok"], "claude-1" in said["say"]) == (False, True)
        assert not (await call(two, "unlock", lease="src/a.py"))["ok"]
        assert (await call(one, "complete_task", result="mine"))["ok"]
    with Board(path) as board:
        assert (board.find("t1").outcome.by, board.find("t1").outcome.result) == ("claude-1", "mine")
        assert board.leases() == []


async def test_a_call_that_the_host_cancels_holds_nothing(mcp, path, pasted):
    """A claim that is cancelled while it waits gets nothing, also when work comes a moment later."""
    from mcp import Client

    from ants_coord.adapters.mcp import open_board
    from ants_coord.adapters.tools import Toolbox

    def server(box, board):
        return pasted("MCP", None, box=box, board=board)["server"]

    board = await open_board(path)
    async with board, Toolbox(board, "ann") as box, Client(server(box, board)) as client:
        calling = asyncio.create_task(client.call_tool("claim_task", {"kinds": ["none"], "wait_s": 40}))
        while not list(board._engine._lobby.all()):
            await asyncio.sleep(0)
        calling.cancel()
        await asyncio.gather(calling, return_exceptions=True)
        while list(board._engine._lobby.all()):
            await asyncio.sleep(0)
        await board.submit(Task("t3", kind="none"))
        assert (await board.claim("bob", task="t3")).attempt == 1


def test_a_missing_board_is_said(mcp, tmp_path):
    """Nothing is made; the message and the exit code say what is missing."""
    done = subprocess.run(
        command(str(tmp_path / "no.db"), "one"),
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=PATIENCE_S,
    )
    assert done.returncode == 3
    assert "there is no board" in " ".join(done.stderr.split())
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_what_is_of_no_use_is_refused(mcp, path):
    """A name that is none, and a tool that there is not."""
    for options, said in (
        (("--agent", "a b"), "agent"),
        (("--only", "fly"), "fly"),
        (("--idle", "0"), "idle"),
    ):
        done = subprocess.run(
            [*command(path, "one"), *options],
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=PATIENCE_S,
        )
        assert done.returncode == 2, done
        assert said in done.stderr
