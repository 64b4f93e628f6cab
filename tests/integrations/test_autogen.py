"""AutoGen: tools of an assistant, and its replay client; a job by hand, since its releases have ended."""

from __future__ import annotations

import json


async def test_the_story(world, tools, installed, pasted):
    """The tools are taken as they are; the replay client is theirs."""
    installed("autogen_agentchat", "autogen-agentchat")
    from autogen_agentchat.agents import AssistantAgent
    from autogen_core import FunctionCall
    from autogen_core.models import CreateResult, ModelFamily, RequestUsage
    from autogen_ext.models.replay import ReplayChatCompletionClient

    class Model(ReplayChatCompletionClient):
        async def create(self, *args, **options):
            step = world.step()
            if step is not None:
                call = FunctionCall(id=f"c{world.calls}", name=step[0], arguments=json.dumps(step[1]))
                usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
                return CreateResult(finish_reason="function_calls", content=[call], usage=usage, cached=False)
            return await super().create(*args, **options)

    info = {
        "vision": False,
        "function_calling": True,
        "json_output": False,
        "structured_output": False,
        "family": ModelFamily.UNKNOWN,
    }
    model = Model(["finished"], model_info=info)
    agent = AssistantAgent("a1", model, tools=pasted("AutoGen", tools)["tools"], max_tool_iterations=6)
    result = await agent.run(task="go")
    events = [message for message in result.messages if type(message).__name__ == "ToolCallExecutionEvent"]
    world.verify([content.content for event in events for content in event.content])
