"""Serves an application to the tests: on a free port of loopback, until the input closes."""

import json
import os
import socket
import sys
import threading
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qs

import uvicorn

# What the servers were asked so far, for `GET /test/requests`.
requests: list[dict[str, object]] = []


def record(path: str, form: bytes, status: int) -> None:
    grant = parse_qs(form.decode("latin-1")).get("grant_type", [None])[0]
    requests.append({"path": path, "grant": grant, "status": status})


def bind() -> tuple[socket.socket, str]:
    """A socket that accepts connections already, and its origin."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=128)
    return listening, f"http://127.0.0.1:{listening.getsockname()[1]}"


class Recorded:
    """Notes each request, and lets the test control the server below /test."""

    def __init__(self, app, controls: dict[str, Callable[[], Awaitable[object]]]):
        self.app = app
        self.controls = controls

    async def __call__(self, scope, receive, send):
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        if scope["path"].startswith("/test/"):
            answer = await self.controls[scope["path"].removeprefix("/test/")]()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            return await send({"type": "http.response.body", "body": json.dumps(answer).encode()})
        body = bytearray()

        async def reading():
            message = await receive()
            body.extend(message.get("body", b""))
            return message

        async def sending(message):
            if message["type"] == "http.response.start":
                record(scope["path"], bytes(body), message["status"])
            await send(message)

        await self.app(scope, reading, sending)


def serve(app, listening: socket.socket, url: str, **controls: Callable[[], Awaitable[object]]) -> None:
    """Serves until the input closes. The first line of the output is the address of the MCP server."""

    async def seen():
        return requests

    def end_with_input() -> None:
        sys.stdin.read()
        os._exit(0)

    threading.Thread(target=end_with_input, daemon=True).start()
    print(url, flush=True)
    config = uvicorn.Config(Recorded(app, {"requests": seen, **controls}), log_level="error")
    uvicorn.Server(config).run(sockets=[listening])
