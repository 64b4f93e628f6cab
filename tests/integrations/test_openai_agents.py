"""OpenAI Agents SDK: function tools, with strict schemas."""

from __future__ import annotations


async def test_the_story(world, tools, installed, pasted):
    """One line makes the tools function tools; the scripted model is theirs."""
    installed("agents", "openai-agents")
    from agents import Agent, RunConfig, Runner
    from agents.testing import ScriptedModel, assistant_message, function_call

    class Model(ScriptedModel):
        async def get_response(self, *args, **options):
            step = world.step()
            said = (
                assistant_message("finished")
                if step is None
                else function_call(*step, call_id=f"c{world.calls}")
            )
            self.enqueue([said])
            return await super().get_response(*args, **options)

    made = pasted("OpenAI Agents SDK", tools)["tools"]
    assert all(tool.strict_json_schema for tool in made)
    agent = Agent(name="Senior Coder", tools=made, model=Model())
    result = await Runner.run(agent, "go", run_config=RunConfig(tracing_disabled=True))
    assert result.final_output == "finished"
    outputs = [item for item in result.new_items if type(item).__name__ == "ToolCallOutputItem"]
    seen = [item.raw_item["output"] for item in outputs]
    assert seen[0].startswith("{'ok': True")  # Python's repr: as_text=True makes it JSON
    world.verify(seen)
