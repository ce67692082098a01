"""A client of the official Python SDK, 1.x or 2.x, that starts a server over stdio: `sdk_client.py COMMAND ARGS...`."""

import json
import os
import sys

import anyio
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client

parameters = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))


async def use(client) -> None:
    tools = await client.list_tools()
    result = await client.call_tool("echo", {"text": "hi"})
    print(json.dumps({"tools": [tool.name for tool in tools.tools], "text": result.content[0].text}))


async def main() -> None:
    try:
        from mcp import Client
    except ImportError:
        async with stdio_client(parameters) as (read, write), ClientSession(read, write) as session:
            await session.initialize()
            await use(session)
    else:
        for mode in ("legacy", "auto"):
            async with Client(stdio_client(parameters), mode=mode) as client:
                await use(client)


anyio.run(main)
