"""
Events: the values that `events()` yields.

Inside the core an event is a plain tuple in the order of the fields below; it becomes an Event only when
somebody reads it.
"""

from __future__ import annotations

from typing import Any

from ..frozen import frozen

EVENT_TYPES: dict[str, str] = {
    "configured": "the settings were set or changed",
    "upgraded": "the board goes on under newer rules; live leases and locks were revoked",
    "submitted": "a task was accepted (its kind)",
    "ready": "a task became claimable after waiting, a delay or a backoff",
    "claimed": 'a lease was granted (which attempt; or "check": somebody\'s result is looked at)',
    "completed": "a task is DONE",
    "retried": "an attempt failed and the task will run again",
    "failed": "a task is FAILED for good",
    "released": "a lease was given back",
    "split": "a holder lets its task wait for new parts (how many)",
    "expired": "a holder fell silent and its lease ended (which attempt; why, if its process is gone)",
    "stalled": "a holder renews its lease and shows no sign of work (seconds since the last one)",
    "adopted": "an agent took over its own leases under new tokens",
    "cancelled": "a task was dropped",
    "requeued": "a failed task was brought back",
    "noted": "a holder reported progress",
    "purse": "a purse was made, or got another amount",
    "spent": "a holder said what its work has cost (purse, how much, whether on coordination)",
    "limit": "a concurrency limit was set",
    "paused": "claims were stopped",
    "resumed": "claims were allowed again",
    "locked": "named locks were taken",
    "unlocked": "named locks were freed",
    "joined": "an agent advertised what it can do (again)",
    "changed": "an agent's advert changed",
    "fading": "an agent let its advert run out and is offered nothing",
    "departed": "an agent withdrew, or stayed silent for another ttl",
    "declined": "an agent does not want a task, or anything, for a while (why, how often by now)",
    "disbanded": "a team was given up: an agent did not come for its seat in time",
    "deposited": "a mark was laid (kind, place, strength of the trail)",
    "reinforced": "a trail grew by success at its place (kind, place, strength)",
    "weakened": "a trail shrank by failure, or by work done, at its place (kind, place, strength)",
    "evaporated": "a trail is gone (kind, place, the instant in ns)",
    "written": "an entry was written (its path; the token is its version)",
    "taken": "an entry was taken by one agent",
    "erased": "an entry was removed",
    "lapsed": "an entry's ttl ended",
    "reacted": "a change became a task",
    "unreacted": "a change should have become a task, which was refused (reaction, path, why)",
    "quarantined": "an agent that does not deliver gets nothing for a while (why, ns)",
    "readmitted": "an agent in quarantine completed the task it was tried with",
    "alarm": "so many agents fail at once that an outage is likely; or that is over (why)",
    "handed in": "a result, or a verdict, came in; the task counts as done once enough agree",
    "judged": "a verdict decided about a result (whether it stands); the agent is the one who gave it",
    "rejected": "a result did not stand (why); the agent is the one who had handed it in",
    "proved": "an agent has a capability by the board's own test (which)",
    "refuted": "an agent has not what it says it has, and goes on without (which, why)",
    "doubted": "a result that needed a proved capability was wrong: the agent is asked again (which, why)",
    "vouched": "somebody vouches for an agent (principal, by)",
    "rolled back": "what an agent had done to the shared state was taken back (by whom, how much)",
    "restored": "an entry got the value back that somebody else had given it (its path)",
    "benched": "an agent failed several times in a row and gets nothing for a while",
}
"""every event type and its meaning"""

LEASE_ENDS = frozenset(
    {
        "completed", "handed in", "judged", "rejected", "retried", "failed", "released", "split", "expired",
        "cancelled",
    }
)  # fmt: skip
"""after these, nobody holds the task that the event names"""
WAITS_AGAIN = frozenset(
    {"submitted", "ready", "requeued", "released", "expired", "retried", "handed in", "rejected"}
)
"""after these, the task may be claimed, unless it has to wait first: then it becomes "ready" later"""


@frozen
class Event:
    """
    One thing that happened.

    `cursor` counts events from 1 without gaps: continue with
    `events(since=event.cursor)`. `at_ns` is the board's calendar time,
    nanoseconds since the epoch. `detail` depends on the type.
    """

    cursor: int
    at_ns: int
    type: str
    task: str | None
    agent: str | None
    token: int
    detail: Any = None
