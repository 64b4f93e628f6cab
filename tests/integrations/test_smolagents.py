"""smolagents: tools of a tool-calling agent; it is synchronous."""

from __future__ import annotations


def test_the_story(world, installed, pasted):
    """One line makes the tools theirs; the model is a class of our own."""
    installed("smolagents", "smolagents")
    from smolagents import Model, ToolCallingAgent
    from smolagents.models import (
        ChatMessage,
        ChatMessageToolCall,
        ChatMessageToolCallFunction,
        MessageRole,
    )

    seen = []

    class Replay(Model):
        def __init__(self):
            super().__init__(model_id="replay")

        def generate(self, messages, **options):
            if world.calls:
                seen.append(str(messages[-1].content))
            name, arguments = world.step() or ("final_answer", {"answer": "finished"})
            function = ChatMessageToolCallFunction(name=name, arguments=arguments)
            call = ChatMessageToolCall(function=function, id=f"c{world.calls}", type="function")
            return ChatMessage(role=MessageRole.ASSISTANT, content="", tool_calls=[call])

    tools = pasted("smolagents", world.box.functions())["tools"]
    assert ToolCallingAgent(tools=tools, model=Replay(), verbosity_level=0).run("go") == "finished"
    world.verify(seen)
