"""The tools of an agent, called by name in either colour."""

from __future__ import annotations

import asyncio
import inspect
import json

import pytest

from ants_coord.adapters.tools import Toolbox

SHARED = ["claim_task", "complete_task", "submit_task", "lock_files", "unlock", "why", "list_tasks"]
ALL = [*SHARED, "advertise", "leave_mark", "post_note", "read_board"]
IDLE = 600


class Caller:
    """The tools of a box by name, called from here in either colour."""

    def __init__(self, box, colour="functions"):
        self.box = box
        self.tools = {tool.__name__: tool for tool in getattr(box, colour)()}

    def __getattr__(self, name):
        def call(*args, **options):
            answer = self.tools[name](*args, **options)
            if inspect.iscoroutine(answer):
                answer = asyncio.run(answer)
            json.dumps(answer, allow_nan=False)
            assert answer["say"]
            return answer

        return call


@pytest.fixture(params=["functions", "async_functions"])
def colour(request):
    return request.param


@pytest.fixture
def agent(board, colour):
    """Return a function that makes the tools of an agent of the board."""

    def make(name="ann", **options):
        return Caller(Toolbox(board, name, **{"idle": IDLE, **options}), colour)

    return make
