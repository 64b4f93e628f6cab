"""LangGraph: a tool node of structured tools."""

from __future__ import annotations

import inspect


async def test_the_story(world, tools, installed, pasted):
    """One line makes the tools a tool node; the model is a node of our own."""
    installed("langgraph", "langgraph")
    from langchain_core.messages import AIMessage
    from langchain_core.tools import StructuredTool
    from langgraph.graph import START, MessagesState, StateGraph
    from langgraph.prebuilt import ToolNode, tools_condition

    is_async = inspect.iscoroutinefunction(tools[0])
    if is_async:
        node = pasted("LangGraph", tools)["node"]
    else:
        node = ToolNode([StructuredTool.from_function(tool, parse_docstring=True) for tool in tools])

    def model(state):
        step = world.step()
        if step is None:
            return {"messages": [AIMessage("finished")]}
        call = {"name": step[0], "args": step[1], "id": f"c{world.calls}"}
        return {"messages": [AIMessage("", tool_calls=[call])]}

    graph = StateGraph(MessagesState)
    graph.add_node("model", model)
    graph.add_node("tools", node)
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition)
    graph.add_edge("tools", "model")
    run = graph.compile()
    start = {"messages": [("user", "go")]}
    end = await run.ainvoke(start) if is_async else run.invoke(start)
    world.verify([message.content for message in end["messages"] if message.type == "tool"])
