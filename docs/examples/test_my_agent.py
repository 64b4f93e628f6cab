"""
A test of an agent: its loop must survive crashes and pauses, and no mail may go out twice or too late.

Run it: `pytest test_my_agent.py`. The simulation has no real waiting; hours take a moment.
"""

from __future__ import annotations

import time
from typing import Any

from ants_coord import LeaseLostError, Task
from ants_coord.testing import Colony, Faults


def my_agent(me: Any, mail: Any) -> None:
    """Send one mail for each task. This is the loop under test."""
    for lease in me.claims(until="drained"):
        try:
            with me.work(lease) as job:
                time.sleep(5)  # virtual seconds
                mail.write(lease.task, "hello", token=job.token)  # an older token is refused
        except LeaseLostError:
            continue  # the agent was paused for too long; another one has the task


def test_every_mail_is_sent_although_agents_die() -> None:
    """Crashes and pauses, three agents, forty mails."""
    colony = Colony(seed=7, faults=Faults(crash_every=60, pause_every=60))
    mail = colony.resource("mail", fenced=True)

    def agent(me: Any) -> None:
        my_agent(me, mail)

    colony.submit(Task(f"mail/{n}", max_attempts=100) for n in range(40))
    colony.add(agent, count=3)
    report = colony.run()  # raises if a task is unfinished, or a mail is sent twice or too late
    assert report.done == 40
    assert report.faults["crashes"] > 0
