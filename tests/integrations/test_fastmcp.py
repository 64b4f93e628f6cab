"""FastMCP: tools of a server, called by its own client."""

from __future__ import annotations


async def test_the_story(world, tools, installed, pasted):
    """One line makes the tools those of a server."""
    installed("fastmcp", "fastmcp")
    from fastmcp import Client

    server = pasted("FastMCP", tools)["server"]
    seen = []
    async with Client(server) as client:
        while (step := world.step()) is not None:
            seen.append((await client.call_tool(*step)).content[0].text)
    world.verify(seen)
