"""Pydantic AI: a toolset of plain functions."""

from __future__ import annotations


async def test_the_story(world, tools, installed, pasted):
    """One line makes the tools a toolset; the function model tells the story."""
    installed("pydantic_ai", "pydantic-ai-slim")
    from pydantic_ai import Agent, models
    from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
    from pydantic_ai.models.function import FunctionModel

    models.ALLOW_MODEL_REQUESTS = False
    seen = []

    def model(messages, info):
        parts = [part for message in messages for part in message.parts if isinstance(part, ToolReturnPart)]
        seen[:] = [part.model_response_str() for part in parts]
        step = world.step()
        return ModelResponse(parts=[TextPart("finished") if step is None else ToolCallPart(*step)])

    agent = Agent(FunctionModel(model), toolsets=pasted("Pydantic AI", tools)["toolsets"])
    result = await agent.run("go")
    assert result.output == "finished"
    world.verify(seen)


async def test_generated_arguments(world, installed):
    """Pydantic AI's own test model calls every tool with arguments made from the schema."""
    installed("pydantic_ai", "pydantic-ai-slim")
    from pydantic_ai import Agent
    from pydantic_ai.models.test import TestModel
    from pydantic_ai.toolsets import FunctionToolset

    agent = Agent(TestModel(), toolsets=[FunctionToolset(world.box.async_functions())])
    result = await agent.run("go")
    for name in world.box.names:
        assert name in result.output
