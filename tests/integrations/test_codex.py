"""
The real Codex, with a model of ours: the hook that `setup-agents` puts in refuses a patch of a file that is held.

Needs `npm install -g @openai/codex` (seen with 0.169.0). As in test_claude_code, whatever the program would
reach beside the model is behind a proxy that does not answer.
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

from ants_coord.adapters.coding.repository import BOARD, place_of
from ants_coord.adapters.coding.setup import changes

from ..cli.command import LIMIT_S, ROOT
from ..cli.repository import hook, repository, write

CODEX = shutil.which("codex")
pytestmark = pytest.mark.skipif(CODEX is None, reason="npm install -g @openai/codex")
PATCH = "*** Begin Patch\n*** Add File: a.py\n+hello\n*** End Patch"
CONFIG = """
model = "m"
model_provider = "ours"
[model_providers.ours]
name = "ours"
base_url = "{address}/v1"
wire_api = "responses"
env_key = "KEY"
[projects.{repo}]
trust_level = "trusted"
"""


class Model(BaseHTTPRequestHandler):
    """Patches one file, then tells the result of that."""

    def log_message(self, *_):
        pass

    def do_POST(self):
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        results = [one for one in asked["input"] if one["type"].endswith("_call_output")]
        if results:
            item = {"type": "message", "id": "m1", "role": "assistant"}
            item["content"] = [{"type": "output_text", "text": json.dumps(results)}]
        else:
            command = json.dumps({"cmd": f"apply_patch <<'EOF'\n{PATCH}\nEOF\n"})
            item = {
                "type": "function_call",
                "id": "f1",
                "call_id": "c1",
                "name": "exec_command",
                "arguments": command,
            }
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for event in (
            {"type": "response.created", "response": {"id": "r1"}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": {"id": "r1", "usage": usage}},
        ):
            self.wfile.write(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())

    def do_GET(self):
        self.send_error(404)


@pytest.fixture
def model():
    """A model on this machine; yields its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def session(repo, home):
    """Let Codex work once; return all that it says."""
    environment = {
        "PATH": os.pathsep.join([os.path.dirname(sys.executable), os.path.dirname(CODEX), os.environ["PATH"]]),
        "HOME": str(home), "CODEX_HOME": str(home), "KEY": "none", "PYTHONPATH": str(ROOT),
        "HTTPS_PROXY": "http://127.0.0.1:9", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    done = subprocess.run(
        [CODEX, "exec", "--dangerously-bypass-hook-trust", "-s", "danger-full-access", "write a.py"],
        cwd=repo, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=LIMIT_S,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_file_that_another_session_holds_is_not_patched(tmp_path, model):
    """Then its session ends, and the same work is done; all of it is in the hook's log, under one name a session."""
    repo, home = repository(tmp_path / "repo"), tmp_path / "home"
    home.mkdir()
    (home / "config.toml").write_text(CONFIG.format(address=model, repo=json.dumps(str(repo))))
    for change in changes(place_of(str(repo)), ["codex"])[0]:
        change.write()
    assert hook(json.dumps(write(repo, "a.py", session="0000-other")))[0] is None
    assert "a.py is being edited by claude-00-other" in session(repo, home)
    assert not (repo / "a.py").exists()
    ended = {"hook_event_name": "SessionEnd", "session_id": "0000-other", "cwd": str(repo)}
    assert hook(json.dumps(ended))[0] is None
    assert "is being edited" not in session(repo, home)
    assert (repo / "a.py").read_text() == "hello\n"
    log = (repo / ".git" / f"{BOARD}.hook.log").read_text().splitlines()
    assert (
        sum("SessionStart - codex-" in line for line in log)
        == sum("Stop - codex-" in line for line in log)
        == 2
    )
    assert any("Bash codex-" in line and "granted a.py" in line for line in log)
