"""The Ollama door on the wire: what its command line, curl and other clients send and count on."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.server import Server
from tests.streaming.reader import CHAT, answer, text

HELLO = "Hello from the provider."
ASKED = [{"role": "user", "content": "Hello?"}]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z")


def lines(reply: httpx.Response) -> list[dict[str, Any]]:
    """The objects of a stream, split at nothing but a line feed; there is no blank line."""
    *whole, rest = reply.content.split(b"\n")
    assert b"" == rest
    return [json.loads(line) for line in whole]


def text_of(parts: list[dict[str, Any]]) -> str:
    return "".join(
        part["message"]["content"] if "message" in part else part["response"] for part in parts
    )


async def test_a_stream_on_the_wire(http: httpx.AsyncClient) -> None:
    """NDJSON, streaming by default: compact objects, a time each, metrics last."""
    reply = await http.post("/api/generate", json={"model": "general", "prompt": "Hello?"})
    *parts, last = lines(reply)
    assert "application/x-ndjson" == reply.headers["content-type"]
    assert "no-store" == reply.headers["cache-control"]
    assert "no" == reply.headers["x-accel-buffering"]
    assert "content-length" not in reply.headers
    assert b" :" not in reply.content
    assert b'": ' not in reply.content
    assert HELLO == text_of(parts)
    assert [["model", "created_at", "response", "done"]] * 4 == [list(part) for part in parts]
    assert {
        "model",
        "created_at",
        "response",
        "done",
        "done_reason",
        "total_duration",
        "load_duration",
        "prompt_eval_count",
        "prompt_eval_duration",
        "eval_count",
        "eval_duration",
    } == set(last)
    assert all(TIME.fullmatch(part["created_at"]) for part in [*parts, last])
    assert all(type(last[name]) is int for name in last if name.endswith(("count", "duration")))


async def test_an_answer_on_the_wire(http: httpx.AsyncClient) -> None:
    """`stream: false` gives one JSON with its length."""
    body = {"model": "general", "messages": ASKED, "stream": False}
    reply = await http.post("/api/chat", json=body)
    assert "application/json; charset=utf-8" == reply.headers["content-type"]
    assert "no-store" == reply.headers["cache-control"]
    assert {"role": "assistant", "content": HELLO} == reply.json()["message"]
    assert len(reply.content) == int(reply.headers["content-length"])


async def test_counts_are_estimated(http: httpx.AsyncClient, provider: Provider) -> None:
    """A provider that counts no tokens leaves the counts that the server estimates."""
    provider.script(Reply("Hi", usage=False))
    last = lines(await http.post("/api/chat", json={"model": "general", "messages": ASKED}))[-1]
    assert last["done"]
    assert 1 == last["eval_count"]
    assert 0 < last["prompt_eval_count"] < 100


@pytest.mark.parametrize(
    "content_type",
    [None, "application/x-www-form-urlencoded", "text/plain", "application/json; charset=utf-8"],
)
async def test_the_content_type_is_ignored(server: Server, content_type: str | None) -> None:
    """curl says that its body is a form, and aider says nothing: both are understood."""
    body = json.dumps({"model": "general", "messages": ASKED, "stream": False}).encode()
    headers = ["POST /api/chat HTTP/1.1", "Host: localhost", "Connection: close"]
    headers += [f"Content-Type: {content_type}"] if content_type else []
    headers += [f"Content-Length: {len(body)}"]
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write("\r\n".join(headers).encode() + b"\r\n\r\n" + body)
    reply = await asyncio.wait_for(reader.read(), 10)
    writer.close()
    assert reply.startswith(b"HTTP/1.1 200 ")
    assert HELLO.encode() in reply


async def test_empty_and_unknown_fields(http: httpx.AsyncClient) -> None:
    """null means absent, Go's empty strings too, and what we do not know is passed over."""
    generate = {
        "model": "general",
        "prompt": "Hello?",
        **dict.fromkeys(("suffix", "system", "template"), ""),
        **dict.fromkeys(("options", "images", "format", "think", "keep_alive", "stream"), None),
        "context": [1, 2, 3],
        "raw": False,
        "logprobs": True,
        "width": 5,
    }
    message = {
        "role": "user",
        "content": "Hello?",
        "thinking": "",
        "images": None,
        "tool_calls": None,
        "colour": "red",
    }
    chat = {
        "model": "general",
        "messages": [message, {"role": "assistant", "content": None}, message],
        "options": {"temperature": None, "stop": None},
        "tools": None,
        "format": "",
    }
    assert HELLO == text_of(lines(await http.post("/api/generate", json=generate)))
    assert HELLO == text_of(lines(await http.post("/api/chat", json=chat)))


BAD = [
    ("generate", b"", 400, "missing request body"),
    ("chat", b" \n", 400, "missing request body"),
    ("show", b"", 400, "missing request body"),
    ("chat", b'{"model": ', 400, "not JSON"),
    ("chat", b"model=general", 400, "not JSON"),
    ("chat", b"[" * 100_000, 400, "not JSON"),
    ("generate", b"[]", 400, "not a JSON object"),
    ("generate", b"{}", 404, "model '' not found"),
    ("chat", b"{}", 400, "model is required"),
    ("show", b'{"name": ""}', 400, "model is required"),
    ("show", b'{"name": "no"}', 404, "model 'no' not found"),
    ("chat", b'{"model": "no", "messages": []}', 404, "model 'no' not found"),
    ("chat", b'{"model": "general:v2", "messages": []}', 404, "model 'general:v2' not found"),
    ("chat", b'{"model": 5}', 400, "model: "),
    ("chat", b'{"model": "general", "messages": "Hi"}', 400, "messages: "),
    ("chat", b'{"model": "general", "messages": [{"role": "god"}]}', 400, "messages.0.role: "),
    ("chat", b'{"model": "general", "messages": [{"content": "x"}]}', 400, "messages.0.role: "),
    (
        "chat",
        b'{"model": "general", "messages": [{"role": "user", "images": ["!"]}]}',
        400,
        "images: ",
    ),
    ("chat", b'{"model": "general", "messages": [5]}', 400, "messages.0: "),
    ("chat", b'{"model": "general", "tools": [{"function": {}}]}', 400, "tools.0.function.name: "),
    ("generate", b'{"model": "general", "prompt": "\\u0000"}', 400, "prompt: "),
    ("generate", b'{"model": "general", "prompt": "\\ud800"}', 400, "prompt: "),
    ("generate", b'{"model": "general", "prompt": "x", "format": "xml"}', 400, "format"),
    ("generate", b'{"model": "general", "prompt": "x", "format": 5}', 400, "format"),
    ("generate", b'{"model": "general", "prompt": "x", "think": "much"}', 400, "think"),
    ("generate", b'{"model": "general", "prompt": "x", "top_logprobs": 21}', 400, "0 and 20"),
    ("generate", b'{"model": "general", "prompt": "x", "options": []}', 400, "options: "),
    (
        "generate",
        b'{"model": "general", "prompt": "x", "options": {"seed": "x"}}',
        400,
        "options.seed: ",
    ),
    (
        "generate",
        b'{"model": "general", "prompt": "x", "options": {"seed": 99999999999999999999}}',
        400,
        "options.seed: ",
    ),
    ("generate", b'{"model": "general", "prompt": "x", "raw": true}', 400, "does not support raw"),
    ("generate", b'{"model": "general", "prompt": "x", "suffix": "y"}', 400, "not support insert"),
    ("generate", b'{"model": "general", "prompt": "x", "template": "y"}', 400, "not support temp"),
    ("generate", b'{"model": "general", "prompt": "x", "images": ["!"]}', 400, "images: "),
]


async def test_malformed_bodies_are_400(http: httpx.AsyncClient, provider: Provider) -> None:
    """Each wrong request is answered in Ollama's shape, in Ollama's words where it has some; no
    model receives a request, and the server goes on serving."""
    for route, body, status, named in BAD:
        reply = await http.post(f"/api/{route}", content=body)
        received = reply.json()
        assert (status, ["error"]) == (reply.status_code, list(received)), body
        assert named in received["error"], body
        assert reply.headers["content-type"].startswith("application/json")
        assert len(reply.content) < 2000
    headers = {"X-Conversation-Id": "no good"}
    body_ = {"model": "general", "prompt": "x"}
    assert 400 == (await http.post("/api/generate", json=body_, headers=headers)).status_code
    assert 0 == provider.opened
    assert HELLO == text_of(lines(await http.post("/api/generate", json=body_)))


async def test_a_body_over_the_limit_is_413(serve: Serve) -> None:
    """The bound of the server holds here, too, and is reported in Ollama's shape."""
    async with httpx.AsyncClient(base_url=serve(max_body_bytes=1000).url) as http:
        reply = await http.post("/api/generate", json={"model": "general", "prompt": "x" * 2000})
    assert (413, ["error"]) == (reply.status_code, list(reply.json()))


async def test_paths_and_methods(http: httpx.AsyncClient) -> None:
    """What is not here is answered as Ollama answers it; our own door keeps its shape."""
    for method in ("GET", "HEAD"):
        reply = await http.request(method, "/")
        assert 200 == reply.status_code
        assert "text/plain; charset=utf-8" == reply.headers["content-type"]
        assert ("Ollama is running" if method == "GET" else "") == reply.text
    for path in ("/api/version", "/api/tags"):
        got, head = await http.get(path), await http.head(path)
        assert (200, 200, "") == (got.status_code, head.status_code, head.text)
        assert got.headers["content-length"] == head.headers["content-length"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", (await http.get("/api/version")).json()["version"])
    unknown, wrong = await http.get("/api/nothing"), await http.get("/api/chat")
    assert (404, "404 page not found") == (unknown.status_code, unknown.text)
    assert (405, "405 method not allowed") == (wrong.status_code, wrong.text)
    assert "POST" == wrong.headers["allow"]
    assert "text/plain; charset=utf-8" == unknown.headers["content-type"]
    ours = await http.get("/api/v1/nothing")
    assert (404, "not_found") == (ours.status_code, ours.json()["error"]["code"])
    blob = "/api/blobs/sha256:00"
    assert 501 == (await http.head(blob)).status_code == (await http.post(blob)).status_code


async def test_what_the_command_line_sends(http: httpx.AsyncClient, provider: Provider) -> None:
    """`ollama run general`, turn by turn, and `ollama run general "Hello?"`, `list`, `stop`."""
    go = {"Accept": "application/x-ndjson", "Content-Type": "application/json"}
    http.headers.update(go)
    show = {"model": "", "name": "general", "system": "", "template": "", "verbose": False}
    show |= {"options": None}
    assert 200 == (await http.head("/")).status_code
    for _ in range(2):
        shown = (await http.post("/api/show", json=show)).json()
        assert isinstance(shown["model_info"]["general.architecture"], str)
        assert "thinking" not in shown["capabilities"]
        assert {"parent_model", "format", "family", "families"} <= set(shown["details"])
    empty: dict[str, Any] = {"suffix": "", "system": "", "template": "", "options": None}
    load = await http.post("/api/generate", json={"model": "general", "prompt": "", **empty})
    assert "application/json; charset=utf-8" == load.headers["content-type"]
    assert ("load", True, "") == tuple(load.json()[k] for k in ("done_reason", "done", "response"))
    assert 0 == provider.opened
    messages: list[dict[str, Any]] = []
    for question in ("Hello?", "And again?"):
        messages.append({"role": "user", "content": question})
        turn = {"model": "general", "messages": messages, "format": "", "options": {}}
        *parts, last = lines(await http.post("/api/chat", json=turn))
        messages.append({"role": "assistant", "content": text_of(parts)})
        assert (HELLO, "stop") == (text_of(parts), last["done_reason"])
    assert messages[:3] == provider.requests[-1].body["messages"]
    once = {"model": "general", "prompt": "Hello?", **empty, "options": {}, "format": "json"}
    assert HELLO == text_of(lines(await http.post("/api/generate", json=once)))
    assert {"type": "json_object"} == provider.requests[-1].body["response_format"]
    stop = {"model": "general", "prompt": "", **empty, "keep_alive": "0s"}
    assert "unload" == (await http.post("/api/generate", json=stop)).json()["done_reason"]
    for listed in (await http.get("/api/tags")).json()["models"]:
        assert 12 <= len(listed["digest"])
        assert type(listed["size"]) is int
        assert TIME.fullmatch(listed["modified_at"])
    for loaded in (await http.get("/api/ps")).json()["models"]:
        assert TIME.fullmatch(loaded["expires_at"])
        assert type(loaded["size_vram"]) is int


async def test_the_run_can_be_watched(http: httpx.AsyncClient, provider: Provider) -> None:
    """A run that was started here is there to be watched on our own door while it goes on."""
    provider.script(Reply("one two three four", rate=20))
    body = {"model": "general", "messages": ASKED}
    async with http.stream("POST", "/api/chat", json=body) as stream:
        events = f"/api/v1/runs/{stream.headers['x-run-id']}/events"
        watched = await http.get(events, headers={"Accept": "text/plain"})
        assert stream.headers["x-conversation-id"]
        rest = [json.loads(line) async for line in stream.aiter_lines()]
    assert "one two three four" == watched.text == text_of(rest)
    whole = await http.post("/api/chat", json={**body, "stream": False})
    state = (await http.get(f"/api/v1/runs/{whole.headers['x-run-id']}")).json()
    assert (HELLO, "completed") == (state["content"], state["status"])


async def test_nothing_is_kept_without_a_conversation_id(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """A client that sends its history leaves no conversation behind; one that names a
    conversation has it kept, and may send only what is new."""
    reply = await http.post("/api/chat", json={"model": "general", "messages": ASKED})
    conversation = reply.headers["x-conversation-id"]
    assert 404 == (await http.get(f"/api/v1/conversations/{conversation}")).status_code
    assert [] == (await http.get("/api/v1/conversations")).json()["conversations"]
    headers = {"X-Conversation-Id": "mine"}
    first = {"model": "general", "messages": [{"role": "user", "content": "I am Ada."}]}
    reply = await http.post("/api/chat", json=first, headers=headers)
    assert "mine" == reply.headers["x-conversation-id"]
    second = {
        "model": "general",
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Who am I?"},
        ],
    }
    await http.post("/api/chat", json=second, headers=headers)
    assert [
        ("system", "Be brief."),
        ("user", "I am Ada."),
        ("assistant", HELLO),
        ("user", "Who am I?"),
    ] == [(m["role"], m["content"]) for m in provider.requests[-1].body["messages"]]
    await http.post("/api/generate", json={"model": "general", "prompt": "Bye."}, headers=headers)
    assert ["I am Ada.", HELLO, "Who am I?", HELLO, "Bye."] == [
        m["content"] for m in provider.requests[-1].body["messages"]
    ]
    kept = (await http.get("/api/v1/conversations/mine")).json()
    assert ["I am Ada.", HELLO, "Who am I?", HELLO, "Bye.", HELLO] == [
        message["content"] for message in kept["messages"]
    ]


async def test_a_conversation_whose_history_is_sent(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """Where a client sends a history, that is what the model sees, and the turn is kept."""
    headers = {"X-Conversation-Id": "mine"}
    history = [
        {"role": "user", "content": "I am Bob."},
        {"role": "assistant", "content": "Hello Bob."},
        {"role": "user", "content": "Who am I?"},
    ]
    await answer(http, message="I am Ada.", conversation_id="mine")
    await http.post("/api/chat", json={"model": "general", "messages": history}, headers=headers)
    assert history == provider.requests[-1].body["messages"]
    kept = (await http.get("/api/v1/conversations/mine")).json()
    assert "Who am I?" in [message["content"] for message in kept["messages"]]


def lookup(city: str) -> str:
    """Tell where a city is."""
    return f"{city} is in Norway."


@pytest.mark.parametrize("stream", [False, True])
async def test_an_agents_own_tools_are_not_shown(
    provider: Provider, tmp_path: Path, stream: bool
) -> None:
    """The agent's own tools run on the server; a client sees calls of its own tools only."""
    model = OpenAIChat(id="test-model", api_key="sk-test", base_url=provider.url)
    agent = Agent(id="guide", model=model, tools=[lookup])
    provider.script(
        Reply(tool_calls=[("lookup", '{"city": "Oslo"}')]),
        Reply(tool_calls=[("walk", '{"to": "Oslo"}')]),
    )
    tool = {"type": "function", "function": {"name": "walk", "parameters": {"type": "object"}}}
    body = {"model": "guide", "messages": ASKED, "tools": [tool], "stream": stream}
    with Server(tmp_path, agents=[agent]) as server:
        async with httpx.AsyncClient(base_url=server.url) as http:
            reply = await http.post("/api/chat", json=body)
    parts = lines(reply) if stream else [reply.json()]
    calls = [call for part in parts for call in part["message"].get("tool_calls", [])]
    assert [{"index": 0, "name": "walk", "arguments": {"to": "Oslo"}}] == [
        call["function"] for call in calls
    ]
    assert calls[0]["id"]
    assert (True, "stop") == (parts[-1]["done"], parts[-1]["done_reason"])
    assert "Oslo is in Norway." == provider.requests[-1].body["messages"][-1]["content"]


async def test_results_find_their_calls(http: httpx.AsyncClient, provider: Provider) -> None:
    """A tool's result is matched to its call by id, by name, or by its place."""
    calls = [
        {"id": "call_a", "function": {"name": "walk", "arguments": {"to": "Oslo"}}},
        {"function": {"name": "talk", "arguments": '{"of": "Oslo"}'}},
        {"function": {"name": "walk", "arguments": None}},
    ]
    messages = [
        *ASKED,
        {"role": "assistant", "tool_calls": calls},
        {"role": "tool", "content": "3", "tool_name": "talk"},
        {"role": "tool", "content": "1", "tool_call_id": "call_a"},
        {"role": "tool", "content": "2"},
    ]
    tool = {"type": "function", "function": {"name": "walk", "parameters": {"type": "object"}}}
    body = {"model": "general", "messages": messages, "tools": [tool]}
    assert HELLO == text_of(lines(await http.post("/api/chat", json=body)))
    _, assistant, *results = provider.requests[-1].body["messages"]
    ids = [call["id"] for call in assistant["tool_calls"]]
    assert "call_a" == ids[0]
    assert 3 == len(set(ids))
    assert [(ids[1], "3"), ("call_a", "1"), (ids[2], "2")] == [
        (result["tool_call_id"], result["content"]) for result in results
    ]
    assert ['{"to": "Oslo"}', '{"of": "Oslo"}', "{}"] == [
        call["function"]["arguments"] for call in assistant["tool_calls"]
    ]


@pytest.fixture
async def lively(serve: Serve) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a server that gives a sign of life each tenth of a second."""
    async with httpx.AsyncClient(base_url=serve(heartbeat=0.1).url, timeout=30) as http:
        yield http


async def test_a_silent_model_is_bridged_by_heartbeats(
    lively: httpx.AsyncClient, provider: Provider
) -> None:
    """In a silence objects go out that say nothing: first the status waits for one heartbeat."""
    provider.script(Reply("one two", delay_headers=1.55, stall_after=1, stall_seconds=0.55))
    body = {"model": "general", "messages": ASKED}
    began = time.monotonic()
    async with lively.stream("POST", "/api/chat", json=body) as stream:
        assert time.monotonic() - began < 1.5
        parts = [json.loads(line) async for line in stream.aiter_lines()]
    silent = [n for n, part in enumerate(parts) if not text_of([part]) and not part["done"]]
    first = next(n for n, part in enumerate(parts) if text_of([part]))
    assert first in range(1, 17)
    assert any(n > first for n in silent)
    assert "one two" == text_of(parts)
    assert {"model", "created_at", "message", "done"} == set(parts[silent[0]])
    assert parts[-1]["prompt_eval_duration"] > 1_500_000_000


async def test_a_failure_after_a_silence(lively: httpx.AsyncClient, provider: Provider) -> None:
    """Once a sign of life was sent, a failure is the last line, and the stream ends properly."""
    provider.script(*[Reply(status=401, delay_headers=0.5)] * 2)
    reply = await lively.post("/api/generate", json={"model": "general", "prompt": "Hello?"})
    *parts, last = lines(reply)
    assert 200 == reply.status_code
    assert ["error"] == list(last)
    assert {("", False)} == {(part["response"], part["done"]) for part in parts}


async def test_a_run_that_is_cancelled(http: httpx.AsyncClient, provider: Provider) -> None:
    """A run that someone stopped has not answered: it ends in an error, never in `done`."""
    provider.script(Reply(numbered(1000), rate=50), Reply("late", delay_headers=30))
    body = {"model": "general", "messages": ASKED}
    async with http.stream("POST", "/api/chat", json=body) as stream:
        cancel = f"/api/v1/runs/{stream.headers['x-run-id']}/cancel"
        assert 200 == (await http.post(cancel)).status_code
        parts = [json.loads(line) async for line in stream.aiter_lines()]
    assert ["error"] == list(parts[-1])
    assert not any(part["done"] for part in parts[:-1])


async def test_leaving_is_noticed_at_once(http: httpx.AsyncClient, provider: Provider) -> None:
    """The provider's stream is closed when the reader of a stream leaves in mid-answer."""
    provider.script(Reply(numbered(1000), stall_after=5))
    async with http.stream("POST", "/api/generate", json={"model": "general", "prompt": "x"}) as s:
        assert "0 " == json.loads(await anext(s.aiter_lines()))["response"]
        run = s.headers["x-run-id"]
    await provider.until(lambda: provider.aborted)
    state = (await http.get(f"/api/v1/runs/{run}")).json()
    assert ("disconnected", "cancelled") == (state["finish_reason"], state["status"])


async def test_the_same_agent_on_both_doors(http: httpx.AsyncClient) -> None:
    """The text is the same as on our own door."""
    body = {"model": "general", "messages": ASKED, "stream": False}
    ours = text(await answer(http))
    theirs = (await http.post("/api/chat", json=body)).json()["message"]["content"]
    assert ours == theirs == HELLO
    assert CHAT.startswith("/api/v1/")
