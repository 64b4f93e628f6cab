"""Google ADK: plain functions are its tools; it calls synchronous ones on its event loop."""

from __future__ import annotations


async def test_the_story(world, installed, pasted):
    """The tools are taken as they are; the model is a class of our own."""
    installed("google.adk", "google-adk")
    from google.adk.agents import LlmAgent
    from google.adk.models.base_llm import BaseLlm
    from google.adk.models.llm_response import LlmResponse
    from google.adk.runners import InMemoryRunner
    from google.genai import types

    class Replay(BaseLlm):
        async def generate_content_async(self, llm_request, stream=False):
            step = world.step()
            if step is None:
                part = types.Part(text="finished")
            else:
                part = types.Part(function_call=types.FunctionCall(name=step[0], args=step[1]))
            yield LlmResponse(content=types.Content(role="model", parts=[part]))

    tools = pasted("Google ADK", world.box.async_functions())["tools"]
    agent = LlmAgent(name="a1", model=Replay(model="replay"), tools=tools)
    runner = InMemoryRunner(agent=agent, app_name="demo")
    session = await runner.session_service.create_session(app_name="demo", user_id="u")
    start = types.Content(role="user", parts=[types.Part(text="go")])
    seen = [
        part.function_response.response
        async for event in runner.run_async(user_id="u", session_id=session.id, new_message=start)
        for part in (event.content.parts if event.content else [])
        if part.function_response
    ]
    world.verify(seen)
