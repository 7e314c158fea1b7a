"""The MCP door, as the official SDK and FastMCP see it in both eras of the protocol."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import anyio
import fastmcp
import httpx
import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat
from httpx_sse import EventSource
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client
from mcp.shared.exceptions import MCPError

from app.api.doors.mcp.pauses import decision, form
from app.models.requirements import Requirement
from tests.command import ROOT
from tests.conftest import Serve
from tests.pauses.kinds import KINDS, RAN, PauseKind
from tests.provider import Provider
from tests.provider_replies import Reply, numbered, refusal
from tests.server import Server

EXTENSION = "io.modelcontextprotocol/tasks"
PIXEL = (
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5E"
    "rkJggg=="
)
ERAS = pytest.mark.parametrize("mode", ["auto", "legacy"])
NUMBERS = count(1)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with two agents, and with one for each kind of pause."""
    model = OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789")
    agents = [
        Agent(id="general", name="General", description="Knows all.", model=model),
        Agent(id="a b/é", model=model, add_history_to_context=True),
        *(kind.component(provider) for kind in KINDS),
    ]
    with Server(tmp_path_factory.mktemp("data"), agents=agents, heartbeat=0.1) as running:
        yield running


@pytest.fixture
def url(server: Server, provider: Provider) -> str:
    provider.requests.clear()
    return f"{server.url}/mcp"


def text_of(result: types.CallToolResult) -> str:
    return "".join(block.text for block in result.content if block.type == "text")


def object_of(result: types.CallToolResult) -> dict[str, Any]:
    found: dict[str, Any] = result.structured_content
    return found


async def state_of(server: Server, run_id: str) -> dict[str, Any]:
    """The state of a run by the native door."""
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        found: dict[str, Any] = (await http.get(f"/api/v1/runs/{run_id}")).json()
    return found


@ERAS
async def test_each_agent_is_a_tool(url: str, mode: Any) -> None:
    """It has the agent's name and description; a name that clients cannot take is changed."""
    async with Client(url, mode=mode) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    general = tools["general"]
    assert ("General", "Knows all.") == (general.title, general.description)
    assert ["message"] == general.input_schema["required"]
    assert "conversation_id" in general.input_schema["properties"]
    assert "a_b_" in tools
    assert {kind.name for kind in KINDS} < tools.keys()


@ERAS
async def test_an_answer_is_a_result_and_is_reported_meanwhile(
    url: str, server: Server, provider: Provider, mode: Any
) -> None:
    """Its text comes as progress and whole, and its run can be read on every door."""
    provider.script(Reply(numbered(10), rate=40))
    seen: list[tuple[float, str | None]] = []

    async def report(progress: float, total: float | None, message: str | None) -> None:
        seen.append((progress, message))

    async with Client(url, mode=mode) as client:
        result = await client.call_tool("general", {"message": "Count."}, progress_callback=report)
    whole = "".join(numbered(10))
    assert (whole, whole, "stop", False) == (
        text_of(result),
        object_of(result)["content"],
        object_of(result)["finish_reason"],
        result.is_error,
    )
    assert len(seen) > 3
    assert sorted({progress for progress, _ in seen}) == [progress for progress, _ in seen]
    assert whole.startswith("".join(message or "" for _, message in seen))
    assert whole == (await state_of(server, object_of(result)["run_id"]))["content"]


async def test_a_conversation_goes_on(url: str, provider: Provider) -> None:
    """The id of an earlier result continues its conversation, with pictures, too."""
    provider.script(Reply("One."), Reply("Two."))
    async with Client(url) as client:
        first = await client.call_tool("a_b_", {"message": "First."})
        again = {"conversation_id": object_of(first)["conversation_id"], "images": [PIXEL]}
        await client.call_tool("a_b_", {"message": "Second.", **again})
    messages = provider.requests[-1].body["messages"]
    assert ["First.", "One."] == [message["content"] for message in messages[:-1]]
    assert "data:image/png;base64," in json.dumps(messages[-1])


async def test_fastmcp_calls_agents(url: str, provider: Provider) -> None:
    """Its client reads text and data, and raises errors."""
    provider.script(Reply("Hello."), refusal(400, "Bad.", "bad"))
    async with fastmcp.Client(url) as client:
        assert "general" in [tool.name for tool in await client.list_tools()]
        result = await client.call_tool("general", {"message": "Hi"})
        assert ("Hello.", "Hello.") == (
            result.content[0].text,
            result.structured_content["content"],
        )
        with pytest.raises(fastmcp.exceptions.ToolError, match="refused the request: Bad"):
            await client.call_tool("general", {"message": "Hi"})


@ERAS
@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({}, "invalid_field"),
        ({"message": 5}, "invalid_field"),
        ({"message": ""}, "invalid_field"),
        ({"message": "a\0b"}, "invalid_field"),
        ({"message": "x", "conversation_id": "a b"}, "invalid_field"),
        ({"message": "x", "images": ["%"]}, "invalid_field"),
        ({"message": "x", "images": [PIXEL] * 17}, "invalid_field"),
    ],
    ids=lambda value: str(value)[:40],
)
async def test_wrong_arguments_are_named(
    url: str, mode: Any, arguments: dict[str, Any], code: str
) -> None:
    """The model that calls is told what is wrong, so that it can call again."""
    async with Client(url, mode=mode) as client:
        result = await client.call_tool("general", arguments)
    assert (True, code) == (result.is_error, object_of(result)["error"]["code"])
    assert text_of(result)


@pytest.mark.parametrize(
    ("reply", "code", "text"),
    [
        (refusal(400, "Bad.", "bad"), "model_refused_request", ""),
        (Reply("Hello you", cut_after=1), "upstream_cut", "Hello "),
    ],
    ids=["refused", "cut"],
)
async def test_a_failed_run_is_an_error_with_its_text(
    url: str, provider: Provider, reply: Reply, code: str, text: str
) -> None:
    """What was said before the failure is kept, and the code is this server's."""
    provider.script(reply)
    async with Client(url) as client:
        result = await client.call_tool("general", {"message": "Hi"})
    assert (True, code, text) == (
        result.is_error,
        object_of(result)["error"]["code"],
        object_of(result)["content"],
    )


async def test_a_call_over_a_limit_says_when_to_come_back(serve: Serve, provider: Provider) -> None:
    """A call for which there is no room is an error that a model can read, and starts no run."""
    provider.script(Reply("one two", stall_after=1))
    server = serve(max_concurrent_runs=1, run_queue=0)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        await http.post("/api/v1/chat", json={"message": "x", "background": True})
        async with Client(f"{server.url}/mcp") as client:
            result = await client.call_tool("general", {"message": "Hi"})
    error = object_of(result)["error"]
    assert (True, "overloaded") == (result.is_error, error["code"])
    assert error["retry_after"] >= 1


@ERAS
async def test_an_unknown_tool_is_an_error_of_the_protocol(url: str, mode: Any) -> None:
    async with Client(url, mode=mode) as client:
        with pytest.raises(MCPError, match="Unknown tool: nobody"):
            await client.call_tool("nobody", {"message": "Hi"})


async def test_a_client_that_leaves_cancels_its_call(url: str, provider: Provider) -> None:
    """The run ends when the client of the newer protocol closes the stream."""
    provider.script(Reply(numbered(1000), stall_after=3))

    async def report(progress: float, total: float | None, message: str | None) -> None:
        if progress > 2:
            scope.cancel()

    async with Client(url) as client:
        with anyio.CancelScope() as scope:
            await client.call_tool("general", {"message": "Count."}, progress_callback=report)
    await provider.until(lambda: provider.aborted)


def message(method: str, number: int | None = None, **params: Any) -> dict[str, Any]:
    found = {"jsonrpc": "2.0", "method": method, "params": params}
    return found if number is None else {**found, "id": number}


LEGACY = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}


async def test_a_notification_cancels_a_call_of_its_session(
    url: str, server: Server, provider: Provider
) -> None:
    """A client of an older protocol cancels by the number of its call; nobody else's is touched."""
    begin = {"protocolVersion": "2025-11-25", "capabilities": {}}
    begin["clientInfo"] = {"name": "x", "version": "1"}
    provider.script(Reply(numbered(1000), stall_after=3))
    async with httpx.AsyncClient(headers=LEGACY, timeout=30) as http:
        started = [await http.post(url, json=message("initialize", 0, **begin)) for _ in range(2)]
        mine, other = (reply.headers["mcp-session-id"] for reply in started)
        ask = message(
            "tools/call",
            7,
            name="general",
            arguments={"message": "Count."},
            _meta={"progressToken": "p"},
        )
        cancel = message("notifications/cancelled", requestId=7)
        events: list[dict[str, Any]] = []
        async with http.stream("POST", url, json=ask, headers={"Mcp-Session-Id": mine}) as response:
            async for event in EventSource(response).aiter_sse():
                events.append(json.loads(event.data))
                if len(events) == 2:
                    for session in (other, mine):
                        headers = {"Mcp-Session-Id": session}
                        reply = await http.post(url, json=cancel, headers=headers)
                        assert 202 == reply.status_code
                        assert (session == mine) == bool(provider.aborted)
    result = events[-1]["result"]
    assert (True, "cancelled") == (
        result["isError"],
        result["structuredContent"]["finish_reason"],
    )


ODD: dict[str, bytes] = {
    "nothing": b"",
    "not json": b"{",
    "a number": b"5",
    "a batch": b"[]",
    "an empty object": b"{}",
    "deep": b"[" * 100_000,
    "a large number": b'{"jsonrpc": "2.0", "id": ' + b"9" * 5000 + b', "method": "ping"}',
    "a lone surrogate": rb'{"jsonrpc": "2.0", "id": 1, "method": "\ud800"}',
    "an unknown method": b'{"jsonrpc": "2.0", "id": 1, "method": "x", "params": {}}',
    "a call without a name": b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call"}',
    "a cancel of nothing": b'{"jsonrpc": "2.0", "method": "notifications/cancelled"}',
    "a cancel of a call": b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": '
    b'{"requestId": "\\ud800"}}',
    "a cancel of an object": b'{"jsonrpc": "2.0", "method": "notifications/cancelled", "params": '
    b'{"requestId": {}}}',
    "a task": b'{"jsonrpc": "2.0", "id": 1, "method": "tasks/get", "params": {"taskId": "x"}}',
    "bytes": b"\xff\xfe",
}


@pytest.mark.parametrize("version", [None, "2025-11-25", "2026-07-28", "1999-01-01", "é".encode()])
@pytest.mark.parametrize("body", ODD.values(), ids=ODD)
def test_odd_messages_are_refused(url: str, body: bytes, version: Any) -> None:
    """Whatever comes is answered by the protocol, and never a failure of the server."""
    headers: dict[str, Any] = {
        "Accept": "application/json, text/event-stream",
        "Content-Type": "application/json",
        "Mcp-Session-Id": "é".encode() * 200,
    }
    if version is not None:
        headers["MCP-Protocol-Version"] = version
    reply = httpx.post(url, content=body, headers=headers, timeout=30)
    assert reply.status_code < 500, reply.text
    assert "Internal" not in reply.text


def test_a_batch_is_tried_message_by_message(url: str) -> None:
    """A batch is refused as a whole, however long it is, in the form of the protocol."""
    for spaces in (0, 5000):
        body = b" " * spaces + json.dumps([{"jsonrpc": "2.0", "id": 1, "method": "ping"}]).encode()
        reply = httpx.post(url, content=body, headers={"Accept": "application/json"}, timeout=30)
        assert 400 == reply.status_code
        error = reply.json()["error"]
        assert (-32600, "bad_request") == (error["code"], error["data"]["code"])
        assert "batches" in error["message"]


def test_there_is_nothing_to_get(url: str) -> None:
    """The server sends nothing but answers, and keeps no sessions that could be deleted."""
    for method in ("GET", "DELETE", "PUT"):
        reply = httpx.request(method, url, headers={"Accept": "text/event-stream"})
        assert (405, "POST") == (reply.status_code, reply.headers["allow"])
        assert reply.json()["error"]["message"]


async def test_without_the_package_the_door_says_so(provider: Provider, server: Server) -> None:
    """`mcp` is an extra: a server without it answers 501, and all else works."""
    script = """
import sys, asyncio, tempfile, httpx
from pathlib import Path
sys.modules["mcp"] = None
from tests.server import Server
with Server(Path(tempfile.mkdtemp())) as server:
    reply = httpx.post(server.url + "/mcp", json={})
    print(reply.status_code, reply.json()["error"]["data"]["code"])
    print(httpx.get(server.url + "/v1/models").status_code)
"""
    done = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ["501", "no_mcp", "200"] == done.stdout.split(), done.stderr


# Pauses: forms in the midst of a call, or a result that says what waits.


def entered(kind: PauseKind, requirement: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    """What a person enters in the form of a kind."""
    made = kind.decide(requirement)
    if "values" in made:
        return dict(made["values"])
    if "answers" in made:
        return {"q1": next(iter(made["answers"].values()))[0]}
    found = {name: made[name] for name in ("result",) if name in made}
    return {**found, **({"approve": True} if "approve" in schema["properties"] else {})}


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
async def test_a_person_decides_in_a_form(url: str, provider: Provider, kind: PauseKind) -> None:
    """A client that shows forms gets one for what waits, and then the rest."""
    provider.script(*kind.before, *kind.after)
    asked: list[str] = []

    async def elicit(context: Any, params: Any) -> types.ElicitResult:
        asked.append(params.message)
        content = entered(kind, kind.requirement, params.requested_schema)
        return types.ElicitResult(action="accept", content=content)

    async with Client(url, elicitation_callback=elicit) as client:
        result = await client.call_tool(kind.name, {"message": "Please."})
    assert not result.is_error, text_of(result)
    assert 1 == len(asked)
    assert text_of(result).endswith(kind.answer)
    bodies = json.dumps([request.body for request in provider.requests])
    assert kind.seen in bodies + text_of(result)


@pytest.mark.parametrize(("action", "ran"), [("decline", []), ("accept", ["Oslo"])])
async def test_a_form_can_be_declined(
    url: str, provider: Provider, action: Any, ran: list[str]
) -> None:
    """A no does not run the tool, and the model is told."""
    provider.script(*KINDS[0].before, *KINDS[0].after)
    RAN.clear()

    async def elicit(context: Any, params: Any) -> types.ElicitResult:
        return types.ElicitResult(action=action, content={"approve": True})

    async with Client(url, elicitation_callback=elicit) as client:
        result = await client.call_tool("approval", {"message": "Please."})
    assert ("It is done.", ran) == (text_of(result), RAN)


@ERAS
async def test_a_client_without_forms_is_told_what_waits(
    url: str, server: Server, provider: Provider, mode: Any
) -> None:
    """The result says what waits, as sentences and as data; it is decided at the address in it."""
    provider.script(*KINDS[0].before, *KINDS[0].after)
    async with Client(url, mode=mode) as client:
        result = await client.call_tool("approval", {"message": "Please."})
    found = object_of(result)
    assert ("paused", False) == (found["finish_reason"], result.is_error)
    assert "Let me see. " in text_of(result)
    assert f"Decide at {server.url}/api/v1/runs/{found['run_id']}/continue" in text_of(result)
    decisions = [{"id": item["id"], "confirmed": True} for item in found["requirements"]]
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        path = f"/api/v1/runs/{found['run_id']}/continue"
        done = await http.post(path, json={"decisions": decisions, "stream": False})
    assert "It is done." == done.json()["content"]


# Tasks, by messages of the newer protocol.


class Tasks:
    """A client that declares the extension."""

    def __init__(self, url: str, http: httpx.AsyncClient) -> None:
        self._http = http
        self._url = url

    async def send(
        self, method: str, header: str, *, declared: bool = True, **params: Any
    ) -> dict[str, Any]:
        """The result of a request, or its error under `error`."""
        extensions: dict[str, Any] = {EXTENSION: {}} if declared else {}
        capabilities = {"extensions": extensions, "elicitation": {}}
        meta = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": capabilities,
        }
        headers = {
            **LEGACY,
            "MCP-Protocol-Version": "2026-07-28",
            "Mcp-Method": method,
            "Mcp-Name": header,
        }
        body = message(method, next(NUMBERS), _meta=meta, **params)
        reply = await self._http.post(self._url, json=body, headers=headers)
        found: dict[str, Any] = reply.json()
        return found.get("result") or {"status": reply.status_code, **found}

    async def call(self, agent: str) -> dict[str, Any]:
        arguments = {"message": "Please."}
        return await self.send("tools/call", agent, name=agent, arguments=arguments)

    async def ask(self, method: str, task_id: str, **params: Any) -> dict[str, Any]:
        return await self.send(f"tasks/{method}", task_id, taskId=task_id, **params)

    async def until(self, task_id: str, *statuses: str) -> dict[str, Any]:
        """The task, once it has one of the statuses."""
        async with asyncio.timeout(20):
            while True:
                task = await self.ask("get", task_id)
                if task["status"] in statuses:
                    return task
                await asyncio.sleep(0.05)


@pytest.fixture
async def tasks(url: str) -> AsyncIterator[Tasks]:
    async with httpx.AsyncClient(timeout=30) as http:
        yield Tasks(url, http)


async def test_a_call_is_a_task(tasks: Tasks, server: Server, provider: Provider) -> None:
    """It is created at once, works, and has its result in the end; its id is the run's."""
    provider.script(Reply("It is done.", delay_first=0.3))
    task = await tasks.call("general")
    assert ("task", "working") == (task["resultType"], task["status"])
    assert {"createdAt", "lastUpdatedAt", "ttlMs", "pollIntervalMs"} < task.keys()
    now = await tasks.ask("get", task["taskId"])
    assert ("complete", "working") == (now["resultType"], now["status"])
    done = await tasks.until(task["taskId"], "completed")
    assert "It is done." == done["result"]["content"][0]["text"]
    assert "It is done." == (await state_of(server, task["taskId"]))["content"]


async def test_a_failed_run_is_a_completed_task(tasks: Tasks, provider: Provider) -> None:
    """Its result is an error: `failed` is for errors of the protocol."""
    provider.script(refusal(400, "Bad.", "bad"))
    task = await tasks.call("general")
    done = await tasks.until(task["taskId"], "completed")
    assert done["result"]["isError"]


async def test_a_task_is_cancelled(tasks: Tasks, provider: Provider) -> None:
    """Twice is as once."""
    provider.script(Reply(numbered(100), stall_after=3))
    task = await tasks.call("general")
    await provider.until(lambda: provider.requests)
    for _ in range(2):
        ended = await tasks.ask("cancel", task["taskId"])
        assert ("complete", None) == (ended["resultType"], ended.get("status"))
    assert "cancelled" == (await tasks.until(task["taskId"], "cancelled"))["status"]


async def test_a_task_waits_for_a_person(tasks: Tasks, provider: Provider) -> None:
    """It asks for input, goes on with it, exactly once, and has the result of the run that
    continues it."""
    provider.script(*KINDS[0].before, *KINDS[0].after)
    RAN.clear()
    task = await tasks.call("approval")
    asking = await tasks.until(task["taskId"], "input_required")
    [(name, request)] = asking["inputRequests"].items()
    assert "elicitation/create" == request["method"]
    assert ["approve"] == request["params"]["requestedSchema"]["required"]
    answer = {name: {"action": "accept", "content": {"approve": True}}, "unknown": {}}
    for _ in range(2):  # the second answers nothing that waits
        given = await tasks.ask("update", task["taskId"], inputResponses=answer)
        assert "complete" == given["resultType"], given
    done = await tasks.until(task["taskId"], "completed")
    assert ("It is done.", ["Oslo"]) == (done["result"]["content"][0]["text"], RAN)


async def test_a_form_that_is_left_decides_nothing(tasks: Tasks, provider: Provider) -> None:
    provider.script(*KINDS[0].before)
    task = await tasks.call("approval")
    [name] = (await tasks.until(task["taskId"], "input_required"))["inputRequests"]
    left = await tasks.ask("update", task["taskId"], inputResponses={name: {"action": "cancel"}})
    assert "is missing" in left["error"]["message"]
    assert "input_required" == (await tasks.ask("get", task["taskId"]))["status"]


async def test_tasks_that_are_refused(tasks: Tasks) -> None:
    """Unknown ones, clients without the extension, and proxies that were told another name."""
    for method in ("get", "cancel", "update"):
        more: dict[str, Any] = {"inputResponses": {}} if method == "update" else {}
        unknown = await tasks.ask(method, "none", **more)
        assert (-32602, "unknown_run") == (
            unknown["error"]["code"],
            unknown["error"]["data"]["code"],
        )
        bare = await tasks.send(f"tasks/{method}", "x", declared=False, taskId="x", **more)
        assert (400, -32021) == (bare["status"], bare["error"]["code"])
        other = await tasks.send(f"tasks/{method}", "y", taskId="x", **more)
        assert (400, -32020) == (other["status"], other["error"]["code"])


async def test_calls_and_tasks_belong_to_their_owners(serve: Serve, provider: Provider) -> None:
    """Another key neither reads, nor cancels, nor answers a task."""
    keys = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789"}
    url = serve(api_keys=",".join(f"{name}:{key}" for name, key in keys.items())).url + "/mcp"
    mine, other = ({"Authorization": f"Bearer {key}"} for key in keys.values())
    provider.script(Reply("Mine."))
    async with httpx.AsyncClient(timeout=30) as http, httpx.AsyncClient(headers=other) as bobs:
        assert 401 == (await http.post(url, json={})).status_code
        http.headers.update(mine)
        task = await Tasks(url, http).call("general")
        await Tasks(url, http).until(task["taskId"], "completed")
        for method in ("get", "cancel"):
            refused = await Tasks(url, bobs).ask(method, task["taskId"])
            assert -32602 == refused["error"]["code"]
    own = create_mcp_http_client(headers=mine)
    async with own, Client(streamable_http_client(url, http_client=own)) as client:
        assert not (await client.call_tool("general", {"message": "Hi"})).is_error


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_forms_have_flat_schemas(kind: PauseKind) -> None:
    """Every kind has a form that the protocol allows, and leaving it decides nothing."""
    fields = {name: value for name, value in kind.requirement.items() if name != "tool"}
    item = Requirement(id="r", **fields)
    text, schema = form(item)
    assert text
    assert "object" == schema["type"]
    for part in schema["properties"].values():
        assert part["type"] in ("string", "number", "integer", "boolean", "array")
    assert decision(item, "cancel", {}) is None
