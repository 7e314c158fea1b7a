"""The native door: a basic streaming test against a running server, and the suite behind it.

    python tests/streaming/test_streaming.py [--model MODEL] [--url URL] [MESSAGE]

asks a running server and shows the answer as it streams; the exit code is 0 if it came whole.
Collected by pytest, the same file tests each form of the native door against a server of its own.
"""

import argparse
import json
import sys
import time
from typing import TYPE_CHECKING, Any

import httpx

from agno_stream import Client, ServerUnreachable

if TYPE_CHECKING:
    from tests.conftest import Serve
    from tests.provider import Provider

CHAT = "/api/v1/chat"


def main() -> int:
    parser = argparse.ArgumentParser(description="Ask a running server, and watch it stream.")
    parser.add_argument("message", nargs="?", default="Tell me in three sentences what you can do.")
    parser.add_argument("--model", help="one of the server's models; its default if absent")
    parser.add_argument("--url", default="http://127.0.0.1:8000")
    arguments = parser.parse_args()
    began, first, count = time.perf_counter(), 0.0, 0
    with Client(url=arguments.url) as client:
        for chunk in client.generate_stream(arguments.message, model=arguments.model):
            print(chunk.text, end="", flush=True)
            if chunk.text:
                first, count = first or time.perf_counter() - began, count + 1
    took = time.perf_counter() - began
    if isinstance(chunk.failure, ServerUnreachable):
        print(f"{chunk.failure.message} Start one with: make run", file=sys.stderr)
    elif chunk.failure is not None:
        start = f"\n{chunk.finish_reason}: " if chunk.number else ""
        print(f"{start}{chunk.failure.message}", file=sys.stderr)
    else:
        print(f"\n\n{count} chunks of {chunk.model} in {took:.2f} s, the first after {first:.2f} s")
    return 0 if chunk.error is None else 1


def sse(body: str) -> list[dict[str, Any]]:
    lines = body.splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: ")]


async def test_sse_is_the_default(http: httpx.AsyncClient) -> None:
    """A POST without an Accept that says otherwise streams SSE with an id and a JSON each."""
    reply = await http.post(CHAT, json={"message": "Hello?", "stream": True})
    run_id = reply.headers["x-run-id"]
    frames = reply.text.split("\n\n")
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["cache-control"] == "no-store"
    assert reply.headers["x-accel-buffering"] == "no"
    assert frames[-1] == ""
    assert [f"id: {run_id}:{n}" for n in range(1, len(frames))] == [
        frame.splitlines()[0] for frame in frames[:-1]
    ]
    assert (
        frames[1].splitlines()[1] == 'data: {"content":"Hello ","done":false,"model":"test-model"}'
    )
    assert "\r" not in reply.text


async def test_stream_grammar(http: httpx.AsyncClient) -> None:
    """A stream is an opening chunk, content, and one last chunk that says how it ended."""
    reply = await http.post(CHAT, json={"message": "Hello?"})
    opening, *content, last = sse(reply.text)
    assert opening == {
        "content": "",
        "done": False,
        "model": "test-model",
        "agent": "general",
        "run_id": reply.headers["x-run-id"],
        "conversation_id": reply.headers["x-conversation-id"],
    }
    assert "Hello from the provider." == "".join(chunk["content"] for chunk in content)
    assert all(not chunk["done"] and "finish_reason" not in chunk for chunk in content)
    assert (True, "stop", "") == (last["done"], last["finish_reason"], last["content"])
    assert last["usage"]["total_tokens"] > 0


async def test_ndjson_has_same_chunks(http: httpx.AsyncClient) -> None:
    """`Accept: application/x-ndjson` gives the same chunks, one a line."""
    headers = {"Accept": "application/x-ndjson"}
    reply = await http.post(CHAT, json={"message": "Hello?"}, headers=headers)
    lines = [json.loads(line) for line in reply.text.splitlines()]
    assert "application/x-ndjson" == reply.headers["content-type"]
    assert "Hello from the provider." == "".join(line["content"] for line in lines)
    assert [False] * (len(lines) - 1) + [True] == [line["done"] for line in lines]


async def test_plain_text_is_text_alone(http: httpx.AsyncClient) -> None:
    """`Accept: text/plain` gives the text alone."""
    reply = await http.post(CHAT, json={"message": "Hello?"}, headers={"Accept": "text/plain"})
    assert "Hello from the provider." == reply.text
    assert "text/plain; charset=utf-8" == reply.headers["content-type"]


async def test_unstreamed_answer_is_folded(http: httpx.AsyncClient) -> None:
    """`stream: false` folds the same chunks into one answer."""
    reply = await http.post(CHAT, json={"message": "Hello?", "stream": False})
    body = reply.json()
    assert "Hello from the provider." == body["content"]
    assert ("stop", "test-model") == (body["finish_reason"], body["model"])
    assert reply.headers["x-run-id"] == body["run_id"]
    assert reply.headers["x-conversation-id"] == body["conversation_id"]
    assert body["usage"]["total_tokens"] > 0


async def test_short_route_streams_plain_text(http: httpx.AsyncClient) -> None:
    """`POST /chat` streams plain text, for a message or for a model and its messages."""
    short = await http.post("/chat", json={"message": "Hello?", "agent": "general"})
    messages = [{"role": "user", "content": "Hello?"}]
    long = await http.post("/chat", json={"model": "test-model", "messages": messages})
    unstreamed = await http.post("/chat", json={"message": "Hello?", "stream": False})
    assert "Hello from the provider." == short.text == long.text == unstreamed.json()["content"]
    assert short.headers["x-conversation-id"]


async def test_background_run_returns_its_url(http: httpx.AsyncClient) -> None:
    """`background: true` answers at once with the address where the run can be read."""
    reply = await http.post(CHAT, json={"message": "Hello?", "background": True})
    started = reply.json()
    stream = await http.get(reply.headers["location"])
    assert 202 == reply.status_code
    assert reply.headers["location"] == started["stream_url"]
    assert "Hello from the provider." == "".join(chunk["content"] for chunk in sse(stream.text))


async def test_run_state_after_end(http: httpx.AsyncClient) -> None:
    """The state of a run can be read after its end, with its whole text."""
    run_id = (await http.post(CHAT, json={"message": "Hello?"})).headers["x-run-id"]
    state = (await http.get(f"/api/v1/runs/{run_id}")).json()
    assert "Hello from the provider." == state["content"]
    assert ("completed", "stop") == (state["status"], state["finish_reason"])
    assert state["ended_at"] >= state["created_at"]
    after = state["last_event_id"]
    assert 204 == (await http.get(f"/api/v1/runs/{run_id}/events?after={after}")).status_code


async def test_opening_chunk_precedes_models_answer(serve: "Serve", provider: "Provider") -> None:
    """The opening chunk is sent before the model's first token."""
    from tests.provider_replies import Reply  # not needed by the script

    provider.script(Reply("late", delay_headers=30))
    server = serve()
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=5) as http,
        http.stream("POST", CHAT, json={"message": "Hello?", "on_disconnect": "cancel"}) as reply,
    ):
        first = await anext(reply.aiter_lines())
        assert f"id: {reply.headers['x-run-id']}:1" == first


async def test_tokens_are_sent_as_they_come(serve: "Serve", provider: "Provider") -> None:
    """Tokens leave as they come: the first is read long before the last is made."""
    from tests.provider_replies import Reply  # not needed by the script

    provider.script(Reply("one two three four", rate=10))
    times = []
    async with (
        httpx.AsyncClient(base_url=serve().url, timeout=30) as http,
        http.stream("POST", CHAT, json={"message": "Hello?"}) as reply,
    ):
        async for line in reply.aiter_lines():
            if line.startswith("data: ") and json.loads(line[6:])["content"]:
                times.append(time.monotonic())
    assert 4 == len(times)
    assert times[-1] - times[0] > 0.2


if __name__ == "__main__":
    sys.exit(main())
