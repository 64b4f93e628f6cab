"""AG2: tools of an agent."""

from __future__ import annotations

import json


async def test_the_story(world, tools, installed, pasted):
    """One line makes the tools theirs; their test client is the model."""
    installed("ag2", "ag2")
    from ag2 import Agent
    from ag2.events import ToolCallEvent, ToolResultsEvent
    from ag2.testing import TestClient, TestConfig

    seen = []

    class Model(TestClient):
        async def __call__(self, messages, context, **options):
            results = [
                one
                for message in messages
                if isinstance(message, ToolResultsEvent)
                for one in message.results
            ]
            seen[:] = [str(one.result) for one in results]
            step = world.step()
            said = "finished" if step is None else ToolCallEvent(name=step[0], arguments=json.dumps(step[1]))
            self.events = iter([said])
            return await super().__call__(messages, context, **options)

    class Config(TestConfig):
        def create(self):
            return Model()

    agent = Agent("a1", config=Config(), tools=pasted("AG2", tools)["tools"])
    assert (await agent.ask("go")).body == "finished"
    world.verify(seen)
