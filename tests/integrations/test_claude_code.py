"""
The real Claude Code, with a model of ours: the hook that `setup-agents` puts in refuses a file that is held.

Needs `npm install -g @anthropic-ai/claude-code` (seen with 2.1.197). The model is a server on this machine
that asks for one Write and then says what came of it; whatever else the program would reach is behind a proxy
that does not answer.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from ants_coord import Board
from ants_coord.adapters.coding.repository import BOARD, place_of
from ants_coord.adapters.coding.setup import changes

from ..cli.command import LIMIT_S, ROOT
from ..cli.repository import hook, repository, write

CLAUDE = shutil.which("claude")
pytestmark = pytest.mark.skipif(CLAUDE is None, reason="npm install -g @anthropic-ai/claude-code")


class Model(BaseHTTPRequestHandler):
    """A model that writes one file, then tells the result of that."""

    path_to_write = ""

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        parts = [
            part for one in asked.get("messages", ()) for part in one["content"] if isinstance(part, dict)
        ]
        results = [part for part in parts if part.get("type") == "tool_result"]
        if results or not asked.get("tools"):
            block, told, why = {"type": "text", "text": ""}, {"text": json.dumps(results)}, "end_turn"
        else:
            block = {"type": "tool_use", "id": "toolu_1", "name": "Write", "input": {}}
            arguments = {"file_path": self.path_to_write, "content": "hello\n"}
            told, why = {"partial_json": json.dumps(arguments)}, "tool_use"
        usage = {"input_tokens": 1, "output_tokens": 1}
        message = {
            "id": "msg_1", "type": "message", "role": "assistant", "model": "m", "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": usage,
        }  # fmt: skip
        kind = "text_delta" if "text" in told else "input_json_delta"
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in (
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": {"type": kind, **told}},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": why, "stop_sequence": None}, "usage": usage},
            {"type": "message_stop"},
        ):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())


@pytest.fixture
def model(tmp_path):
    """A model on this machine; yields its address."""
    Model.path_to_write = str(tmp_path / "repo" / "a.py")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def session(repo, home, address):
    """Let Claude Code work once; return what the model said in the end: the result of its Write."""
    environment = {
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.path.dirname(CLAUDE), os.environ["PATH"]]),
        "HOME": str(home), "ANTHROPIC_BASE_URL": address, "ANTHROPIC_API_KEY": "none", "PYTHONPATH": str(ROOT),
        "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1",
        "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    done = subprocess.run(
        [CLAUDE, "-p", "write a.py", "--allowedTools", "Write", "--output-format", "json"],
        cwd=repo, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)["result"]


def test_a_file_that_another_session_holds_is_not_written(tmp_path, model):
    """Then its session ends, and the same work is done; all of it is in the hook's log, under two names."""
    repo, home = repository(tmp_path / "repo"), tmp_path / "home"
    home.mkdir()
    for change in changes(place_of(str(repo)), ["claude"])[0]:
        change.write()
    assert hook(json.dumps(write(repo, "a.py", session="0000-other")))[0] is None
    told = session(repo, home, model)
    assert "a.py is being edited by claude-00-other" in told
    assert not (repo / "a.py").exists()
    ended = {"hook_event_name": "SessionEnd", "session_id": "0000-other", "cwd": str(repo)}
    assert hook(json.dumps(ended))[0] is None
    assert "is being edited" not in session(repo, home, model)
    assert (repo / "a.py").read_text() == "hello\n"
    log = (repo / ".git" / f"{BOARD}.hook.log").read_text()
    assert log.count("SessionStart") == log.count("let go of 0") + log.count("let go of 1") - 1 == 2
    assert "PreToolUse Write claude-" in log
    assert "granted a.py" in log
    with Board(repo / ".git" / BOARD) as board:
        assert board.leases() == []
