"""
The command line: `ants-coord`, also `python -m ants_coord`. Needs the extra "cli".

app           every command that has no file of its own
jobs          run and work: files of commands
boards        which board a command means
show          tables and text on the terminal
demo          what the demo command runs
trials        race and bench, whose bodies are in bench
bench         figures of this machine, and the claim race
operators     retire
coordination  lab, tax and advise: what coordination costs
keeping       backup, restore and init
tools         mcp: an agent's tools for its model
hubs          hub
agents        hook, guard, prime and setup-agents
seeing        top, report, trace and metrics: a board while it runs, and afterwards
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line; without its libraries, say how to get them."""
    if sys.argv[1:] in (["hook"], ["guard"]):
        # for these an agent or a commit waits: they need none of the libraries, and do not wait for them
        raise SystemExit(_at_once(sys.argv[1]))
    try:
        # they add their commands
        from . import agents, coordination, hubs, keeping, operators, seeing, tools, trials  # noqa: F401, PLC0415
        from .app import app  # noqa: PLC0415 - the library must not need what the command line needs
        from .jobs import running  # noqa: F401, PLC0415
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("typer", "rich", "click"):
            raise
        sys.stderr.write(
            f"error: the command line needs {missing.name}: pip install 'ants-coord[cli]', "
            "or for one run uvx --from 'ants-coord[cli]' ants-coord\n"
        )
        raise SystemExit(2) from None
    app()


def _at_once(command: str) -> int:
    if command == "hook":
        from ..adapters.coding.hook import main as run  # noqa: PLC0415
    else:
        from ..adapters.coding.commits import main as run  # noqa: PLC0415
    return run()
