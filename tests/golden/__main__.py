"""Add a golden log: `python -m tests.golden claim|match|board|checks|proofs`."""

import json
import random
import sys
from pathlib import Path

from ants_coord import __version__
from ants_coord.commands import shared as c
from ants_coord.core import Machine, digest
from ants_coord.journals.codec import FORMAT, encode
from ants_coord.values.settings import Settings
from ants_coord.values.tasks import Backoff
from ants_coord.values.trust import TrustPolicy

EVERY = 25
"""commands between digests"""


def claim():
    from tests.core.walks import Scribe

    return [(now, command, request) for now, command, request in Scribe(11).walk(260).log]


def of_a_walk(walk):
    for _ in range(220):
        walk.step()
    return [(now, command, None) for now, command in walk.model.log]


def match():
    from tests.match.test_model import Walk

    return of_a_walk(Walk(11))


def board():
    from tests.board.test_model import Walk

    return of_a_walk(Walk(11))


def checks():
    """Results that others check, with a policy and somebody who cheats."""
    from tests.trust.test_checks import AGENTS, MOVES, VALUES, Both

    log = []

    class Noting(Both):
        def do(self, command):
            log.append((self.now, command, None))
            return super().do(command)

        def compare(self):
            """A policy refuses claims that the naive model grants: nothing to compare."""

    dice, both = random.Random(11), Noting("claim")
    setup = Settings(lease_ttl=30, max_attempts=3, backoff=Backoff(0), trust=TrustPolicy())
    log[:] = [(both.now, c.Configure(setup), None)]
    for _ in range(260):
        try:
            both.step(dice.choice(MOVES), dice.randrange(31), dice.choice(AGENTS), dice.choice(VALUES))
        except AssertionError:
            continue
    return log


def proofs():
    """Capabilities that are proved, refuted, doubted and asked for again."""
    from tests.core.test_proofs import Walk

    log = []

    class Noting(Walk):
        def do(self, command):
            log.append((self.now, command, None))
            return super().do(command)

    walk = Noting("match", 11)
    for _ in range(220):
        walk.step()
    return log


def write(name):
    path = Path(__file__).with_name(f"{name}.{FORMAT}.jsonl")
    if path.exists():
        raise SystemExit(f"{path.name} is there; golden logs are never rewritten")
    machine, lines = Machine(), [{"format": FORMAT, "version": __version__, "about": name}]
    log = globals()[name]()
    for number, (stamp, command, asked) in enumerate(log, 1):
        request = asked or ("golden", number)
        lines.append([stamp, encode(request, command).decode()])
        machine.apply(command, now_ns=stamp, request=request)
        if number % EVERY == 0 or number == len(log):
            lines.append({"digest": digest(machine)})
    text = "\n".join(json.dumps(line, separators=(",", ":")) for line in lines)
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    for one in sys.argv[1:]:
        write(one)
