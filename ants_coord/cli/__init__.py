"""
The command line: `ants-coord`, also `python -m ants_coord`. Needs the extra "cli".

common     what all commands share: the application, the board that a command means, the output
everyday   demo, submit, status, explain, events, verify, standing, trails, cancel
jobs       run and work: commands as tasks
shell      an agent's verbs as commands, each a process of its own
demo       the demos
trials     race and bench: the claim race, and what coordination costs here
bench      the cost of coordination on this machine, and the claim race
operators  retire, extend, proof and purse: commands for operators
cost       lab, tax and advise: the cost of coordination
backups    backup, restore and init: where boards are kept
servers    hub and mcp: a board served to programs that cannot open it themselves, and to models
agents     hook, guard, prime and setup-agents: coding agents that share a repository
views      top, report, trace and metrics: a board while it runs, or afterwards
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # importing typing costs a hook more than everything else
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import NoReturn

__all__ = ["main"]

INTERRUPTED = 130


def main() -> None:
    """Run the command line; Ctrl-C ends it without a traceback, even while it starts or ends."""
    if sys.argv[1:] in (["hook"], ["guard"], ["prime"]):
        # an agent or a commit waits for these: they need none of the libraries, and do not load them
        try:
            from ..adapters import coding  # noqa: PLC0415

            raise SystemExit(coding.at_once(sys.argv[1]))
        except KeyboardInterrupt:
            raise SystemExit(INTERRUPTED) from None
    import signal  # noqa: PLC0415 - 2 ms

    usual = signal.getsignal(signal.SIGINT)
    # a shell that starts a command in the background may tell it to ignore Ctrl-C: so it shall
    early = usual if usual is signal.SIG_IGN else _leave
    signal.signal(signal.SIGINT, early)
    app = _app()
    signal.signal(signal.SIGINT, usual)
    try:
        app()
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        sys.stdout.flush()
        signal.signal(signal.SIGINT, early)


def _leave(*_: object) -> NoReturn:
    """End at once and quietly: nothing is open yet, or everything is closed."""
    os._exit(INTERRUPTED)


def _app() -> Callable[[], object]:
    """Import all commands; if a library is missing, say how to get it."""
    try:
        # these imports add their commands; the help lists them in this order
        from . import everyday  # noqa: F401, I001, PLC0415
        from . import agents, backups, cost, operators, servers, trials, views  # noqa: F401, PLC0415
        from .common.app import app  # noqa: PLC0415 - the library must not need what the command line needs
        from .jobs import running  # noqa: F401, PLC0415
        from .shell import holding, locks, looking, watching  # noqa: F401, PLC0415
    except ModuleNotFoundError as missing:
        if (missing.name or "").partition(".")[0] not in ("typer", "rich", "click"):
            raise
        sys.stderr.write(
            f"error: the command line needs {missing.name}: pip install 'ants-coord[cli]', "
            "or for one run uvx --from 'ants-coord[cli]' ants-coord\n"
        )
        raise SystemExit(2) from None
    return app
