"""CrewAI: tools of an agent, and a model of our own that speaks its text form; a job by hand, since it brings 100 packages."""

from __future__ import annotations

import json


def test_the_story(world, installed, pasted, monkeypatch):
    """The decorator is theirs; names and descriptions are ours."""
    monkeypatch.setenv("CREWAI_DISABLE_TELEMETRY", "true")
    monkeypatch.setenv("CREWAI_TRACING_ENABLED", "false")
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    installed("crewai", "crewai")
    from crewai import Agent
    from crewai.llms.base_llm import BaseLLM

    seen = []

    class Replay(BaseLLM):
        def call(self, messages, *args, **options):
            if world.calls:
                told = [text for one in messages if "Observation:" in (text := str(one["content"]))]
                seen.append(told[-1].rpartition("Observation:")[2])
            step = world.step()
            if step is None:
                return "Thought: I now know the final answer\nFinal Answer: finished"
            return f"Thought: next\nAction: {step[0]}\nAction Input: {json.dumps(step[1])}"

    tools = pasted("CrewAI", world.box.functions())["tools"]
    about = {"role": "coder", "goal": "to code", "backstory": "none"}
    agent = Agent(llm=Replay(model="replay"), tools=tools, max_iter=8, **about)
    assert "finished" in str(agent.kickoff("go"))
    world.verify(seen)
