"""Microsoft Agent Framework: function tools."""

from __future__ import annotations

import json


async def test_the_story(world, tools, installed, pasted):
    """One line makes the tools theirs; the chat client is a class of our own."""
    installed("agent_framework", "agent-framework-core")
    from agent_framework import (
        Agent,
        BaseChatClient,
        ChatResponse,
        Content,
        FunctionInvocationLayer,
        Message,
    )

    seen = []

    class Replay(FunctionInvocationLayer, BaseChatClient):
        async def _answer(self, messages):
            results = [part for one in messages for part in one.contents if part.type == "function_result"]
            seen[:] = [str(part.result) for part in results]
            step = world.step()
            if step is None:
                content = Content.from_text("finished")
            else:
                content = Content.from_function_call(
                    f"c{world.calls}", step[0], arguments=json.dumps(step[1])
                )
            return ChatResponse(messages=[Message(role="assistant", contents=[content])])

        def _inner_get_response(self, *, messages, stream, options, **rest):
            return self._answer(messages)

    made = pasted("Microsoft Agent Framework", tools)["tools"]
    await Agent(client=Replay(), name="a", tools=made).run("go")
    world.verify(seen)
