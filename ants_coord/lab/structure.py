"""
How many agents can share some jobs, judged from their shape before any work.

N agents cannot finish before the longest chain of needs, nor before work / N, nor before the jobs that share
a limit have had their turns: max(path, work / N, work under each limit / its slots). That bound, with the
calls of a board included, came within a fifth of what was measured in three quarters of our worlds; Brent's
path + (work - path) / N, which is safe, was far too pessimistic for advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from ..values.tasks import Task
from .worlds import Job, World


@attrs.frozen(eq=False)
class Structure:
    """
    The shape of some work.

    Args:
        world: the jobs.
        has_sizes: whether the sizes were given; otherwise all jobs count as equal.
        kinds: number of kinds of tasks.

    """

    world: World
    has_sizes: bool
    kinds: int = 1

    @property
    def jobs(self) -> int:
        """The number of jobs."""
        return len(self.world.jobs)

    @property
    def needs_matching(self) -> bool:
        """Whether there are several skills, and jobs that not every agent with the skill can do."""
        levels = {job.level for job in self.world.jobs.values() if job.skill is not None}
        return len(self.world.skills) > 1 and len(levels) > 1

    def seconds(self, agents: int, call_seconds: float) -> float:
        """
        Return the least time that this many agents need over a board.

        Args:
            agents: number of agents.
            call_seconds: seconds of one call of the board; a job needs two, or three if it submits others.

        """
        world, call = self.world, call_seconds
        calls = 2.0 * len(world.jobs) + sum(bool(job.children) for job in world.jobs.values())
        limits: dict[str, float] = {}
        for job in world.jobs.values():
            if job.limit is not None:
                # the slot is occupied from the claim until after the call that completes
                limits[job.limit] = limits.get(job.limit, 0.0) + job.seconds + call
        shared = [work / world.slots.get(name, 1) for name, work in limits.items()]
        return max(world.longest(2.0 * call), (world.work + calls * call) / agents, *shared)

    def gain(self, agents: int, call_seconds: float) -> float:
        """Return how many times faster this many agents over a board are than one without, at most."""
        return 1.0 if agents == 1 else self.world.work / self.seconds(agents, call_seconds)


def structure(
    work: World | Iterable[Task],
    *,
    seconds: Mapping[str, float] | None = None,
    slots: Mapping[str, int] | None = None,
) -> Structure:
    """
    Return the shape of tasks, or of a world.

    Args:
        work: tasks with their needs, limits and requirements; or a world.
        seconds: task id -> estimate of its size; for all tasks or none. Without sizes all tasks count as one
            second each, which tripled the regret in our worlds.
        slots: limit name -> how many may run at once.

    Raises:
        ValueError: there are no tasks, they need each other in a cycle, or only some have sizes (name the
            others too).

    Example:
        >>> from ants_coord import Task
        >>> from ants_coord.lab import structure
        >>> tasks = [Task("a"), Task("b"), Task("c", needs=["a"])]
        >>> shape = structure(tasks, seconds={"a": 9, "b": 9, "c": 9})
        >>> shape.gain(2, call_seconds=0.0)
        1.5

    """
    if isinstance(work, World):
        return Structure(work, True)
    tasks = list(work)
    for one in tasks:
        if not isinstance(one, Task):
            raise ValueError(f"tasks: {one!r} is no Task; give tasks, or a World")  # noqa: TRY004 - see experiment
    if not tasks:
        raise ValueError("tasks: there are none, so there is nothing to advise about")
    sizes = dict(seconds or {})
    missing = [task.id for task in tasks if task.id not in sizes]
    if sizes and missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ValueError(
            f"seconds: job {missing[0]!r}{more} has no size; give sizes for all jobs or for none"
        )
    known = {task.id for task in tasks}
    several = len({task.requires for task in tasks if task.requires is not None}) > 1
    jobs = [
        Job(
            task.id,
            sizes.get(task.id, 1.0),
            # a need that is not here is done already
            tuple([need for need in task.needs if need in known]),
            skill=task.requires if several else None,
            level=3 if task.requires is not None and " and " in task.requires else 1,
            limit=task.limit,
        )
        for task in tasks
    ]
    return Structure(World("jobs", jobs, slots or {}), bool(sizes), len({task.kind for task in tasks}))
