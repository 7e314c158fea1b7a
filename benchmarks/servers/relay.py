"""The floor: an ASGI application that forwards raw bytes. `python relay.py PORT UPSTREAM`."""

import sys
from typing import Any

import aiohttp
import uvicorn

port, upstream = int(sys.argv[1]), sys.argv[2].removesuffix("/v1")
sessions: list[aiohttp.ClientSession] = []  # one, made inside the event loop


async def app(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] != "http":
        return
    headers = [(b"content-type", b"text/event-stream")]
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    if scope["method"] == "GET":
        await send(start)
        await send({"type": "http.response.body", "body": b"ok"})
        return
    if not sessions:
        timeout = aiohttp.ClientTimeout(total=None)
        connector = aiohttp.TCPConnector(limit=0)
        sessions.append(aiohttp.ClientSession(connector=connector, timeout=timeout))
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    json = {"Content-Type": "application/json"}
    async with sessions[0].post(upstream + scope["path"], data=body, headers=json) as answer:
        await send(start)
        async for data in answer.content.iter_any():
            await send({"type": "http.response.body", "body": data, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


if __name__ == "__main__":
    uvicorn.run(app, port=port, log_level="warning", access_log=False, lifespan="off")
