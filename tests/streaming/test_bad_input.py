"""Whatever clients send: one clear error, no model called, and a server that still serves."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from tests.conftest import Serve
from tests.provider import Provider
from tests.server import Server
from tests.streaming.reader import CHAT, answer, text

HELLO = "Hello from the provider."
DEEP = 20_000  # levels, and fewer values than a body may have


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    """One provider for all cases, because starting one takes longer than a case."""
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(
        tmp_path_factory.mktemp("data"),
        model="openai:test-model",
        openai_base_url=provider.url,
        openai_api_key="sk-test-of-the-suite-0123456789",
    ) as running:
        yield running


@pytest.fixture(autouse=True)
async def still_serving(
    http: httpx.AsyncClient, provider: Provider, caplog: pytest.LogCaptureFixture
) -> AsyncIterator[None]:
    """After each case nothing failed in the server, and a normal question is answered."""
    provider.requests.clear()
    yield
    assert HELLO == text(await answer(http))
    assert [] == [entry for entry in caplog.records if entry.levelno >= logging.ERROR]


def refused(reply: httpx.Response, provider: Provider, status: int, code: str, named: str) -> None:
    """Assert the documented error shape, which names the mistake, and that no model was called."""
    error = reply.json()["error"]
    assert (status, code) == (reply.status_code, error["code"])
    assert named in error["message"]
    assert "application/json" == reply.headers["content-type"]
    assert "Traceback" not in reply.text
    assert len(reply.content) < 2000
    assert 0 == provider.opened


@pytest.mark.parametrize("door", [CHAT, "/chat"])
@pytest.mark.parametrize(
    ("body", "named"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b" \n ", "empty", id="white-space"),
        pytest.param(b'{"message": ', "JSON", id="cut off"),
        pytest.param(b"message=Hello", "JSON", id="a form"),
        pytest.param(b"{'message': 'Hello'}", "JSON", id="single quotes"),
        pytest.param(b'{"message": "Hello"}}', "JSON", id="one brace too many"),
        pytest.param(b'{"message": "\xff\xfe"}', "utf-8", id="not UTF-8"),
        pytest.param(b"\x00\x01\x02\x03", "JSON", id="bytes"),
        pytest.param(b'[{"message": "Hello"}]', "JSON object", id="array"),
        pytest.param(b"5", "JSON object", id="number"),
        pytest.param(b"null", "JSON object", id="null"),
        pytest.param(b'"Hello"', "JSON object", id="string"),
        pytest.param(b"[" * DEEP, "JSON", id="deep array"),
        pytest.param(b'{"a":' * DEEP, "JSON", id="deep object"),
        pytest.param(
            b'{"message":"x","y":' + b"[" * DEEP + b"]" * DEEP + b"}", "JSON", id="deep field"
        ),
        pytest.param(b'{"message":"x","timeouts":{"total":NaN}}', "NaN", id="NaN"),
        pytest.param(b'{"message":"x","options":{"top_p":Infinity}}', "Infinity", id="Infinity"),
        pytest.param(b'{"message":"x","unknown":-Infinity}', "-Infinity", id="-Infinity"),
        pytest.param(
            b'{"message":"x","options":{"seed":' + b"9" * 5000 + b"}}", "digits", id="5000 digits"
        ),
    ],
)
async def test_body_must_be_json_object(
    http: httpx.AsyncClient, provider: Provider, door: str, body: bytes, named: str
) -> None:
    """A body that is no JSON object is a bad request."""
    refused(await http.post(door, content=body), provider, 400, "bad_request", named)


def message_of(*roles: str) -> list[dict[str, str]]:
    return [{"role": role, "content": "x"} for role in roles]


@pytest.mark.parametrize("door", [CHAT, "/chat"])
@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"message": None}, "message is missing"),
        ({"message": ""}, "message is empty"),
        ({"message": " \n\t\u2003"}, "message is empty"),
        ({"message": 5}, "message: "),
        ({"message": ["Hello"]}, "message: "),
        ({"message": {"text": "Hello"}}, "message: "),
        ({"message": True}, "message: "),
        ({"message": "nul \0 in it"}, "message: contains a NUL"),
        ({"message": "half \ud83d"}, "message: contains a lone surrogate"),
        ({"stream": "yes"}, "stream: "),
        ({"stream": 1}, "stream: "),
        ({"stream": None}, "stream: "),
        ({"agent": 5}, "agent: "),
        ({"agent": ""}, "agent: "),
        ({"agent": "x" * 201}, "agent: "),
        ({"agent": "\ud83d"}, "agent: "),
        ({"model": ["demo"]}, "model: "),
        ({"model": ""}, "model: "),
        ({"model": "\ud83d"}, "model: "),
        ({"conversation_id": 5}, "conversation_id: "),
        ({"conversation_id": ""}, "conversation_id: "),
        ({"conversation_id": "a b"}, "conversation_id: "),
        ({"conversation_id": "../a"}, "conversation_id: "),
        ({"conversation_id": "a\r\nSet-Cookie: b"}, "conversation_id: "),
        ({"conversation_id": "a\n"}, "conversation_id: "),
        ({"conversation_id": "x" * 129}, "conversation_id: "),
        ({"conversation_id": "\ud83d"}, "conversation_id: "),
        ({"messages": "Hello", "message": None}, "messages: "),
        ({"messages": ["Hello"], "message": None}, "messages.0: "),
        ({"messages": [], "message": None}, "messages that end with"),
        ({"messages": message_of("user", "assistant"), "message": None}, "messages that end with"),
        ({"messages": message_of("system"), "message": None}, "messages that end with"),
        ({"messages": message_of("wizard", "user"), "message": None}, "messages.0.role: "),
        ({"messages": [{"role": "user"}], "message": None}, "messages.0.content: "),
        ({"messages": [{"content": "x"}], "message": None}, "messages.0.role: "),
        ({"messages": [{"role": "user", "content": 5}], "message": None}, "messages.0.content: "),
        ({"messages": [{"role": "user", "content": "\0"}]}, "messages.0.content: "),
        ({"messages": [{"role": "user", "content": "\udead"}]}, "messages.0.content: "),
        ({"images": "https://example.org/a.png"}, "images: "),
        ({"images": [5]}, "images.0: "),
        ({"images": ["rubbish!"]}, "images: "),
        ({"images": [""]}, "images: "),
        ({"images": ["r\u00fcbbish"]}, "images: "),
        ({"images": ["\ud83d"]}, "images.0: "),
        ({"images": ["https://example.org/\ud83d"]}, "images.0: "),
        ({"images": ["data:,"]}, "images: "),
        ({"images": ["data:image/png;base64,????"]}, "images: "),
        ({"images": ["/etc/passwd"]}, "images: "),
        ({"images": ["file:///etc/passwd"]}, "images: "),
        ({"images": ["https://example.org/a.png"] * 17}, "images: "),
        ({"options": 5}, "options: "),
        ({"options": {"temperature": "hot"}}, "options.temperature: "),
        ({"options": {"temperature": -0.1}}, "options.temperature: "),
        ({"options": {"temperature": 10**400}}, "options.temperature: "),
        ({"options": {"top_p": 1.5}}, "options.top_p: "),
        ({"options": {"max_tokens": 0}}, "options.max_tokens: "),
        ({"options": {"max_tokens": 1.5}}, "options.max_tokens: "),
        ({"options": {"max_tokens": 2**63}}, "options.max_tokens: "),
        ({"options": {"seed": 2**63}}, "options.seed: "),
        ({"options": {"seed": -(10**400)}}, "options.seed: "),
        ({"options": {"stop": 5}}, "options.stop"),
        ({"options": {"stop": "\ud83d"}}, "options.stop"),
        ({"options": {"stop": ["ok", "\ud83d"]}}, "options.stop"),
        ({"timeouts": []}, "timeouts: "),
        ({"timeouts": {"idle": "1"}}, "timeouts.idle: "),
        ({"timeouts": {"first_token": -1}}, "timeouts.first_token: "),
        ({"timeouts": {"idle": 0}}, "timeouts.idle: "),
        ({"timeouts": {"total": -0.5}}, "timeouts.total: "),
        ({"timeouts": {"total": 10**400}}, "timeouts.total: "),
        ({"timeouts": {"total": 86_400}}, "timeouts.total: "),
        ({"on_disconnect": "explode"}, "on_disconnect: "),
        ({"on_disconnect": 5}, "on_disconnect: "),
        ({"on_busy": "explode"}, "on_busy: "),
        ({"on_busy": None}, "on_busy: "),
        ({"background": "false"}, "background: "),
    ],
    ids=lambda value: ascii(value)[:60] if isinstance(value, dict) else "",
)
async def test_invalid_field_is_named(
    http: httpx.AsyncClient, provider: Provider, door: str, fields: dict[str, Any], named: str
) -> None:
    """The error for an invalid field names the field."""
    body = json.dumps({"message": "Hello?", **fields})
    refused(await http.post(door, content=body), provider, 422, "invalid_field", named)


async def test_all_invalid_fields_are_reported(http: httpx.AsyncClient, provider: Provider) -> None:
    """One error reports all invalid fields."""
    reply = await http.post(CHAT, json={"message": 5, "stream": "yes"})
    refused(reply, provider, 422, "invalid_field", "stream: ")
    assert ["stream", "message"] == [p["field"] for p in reply.json()["error"]["fields"]]


@pytest.mark.parametrize("door", [CHAT, "/chat"])
@pytest.mark.parametrize("value", ["", "a b", "x" * 129, "\u00e9", "a,b"])
async def test_invalid_conversation_header(
    http: httpx.AsyncClient, provider: Provider, door: str, value: str
) -> None:
    """`X-Conversation-Id` is validated like the field `conversation_id`."""
    headers = {b"X-Conversation-Id": value.encode()}
    reply = await http.post(door, json={"message": "x"}, headers=headers)
    refused(reply, provider, 422, "invalid_field", "conversation_id: ")


@pytest.mark.parametrize(
    ("query", "status", "code", "named"),
    [
        ("", 422, "invalid_field", "message is missing"),
        ("message=", 422, "invalid_field", "message is empty"),
        ("message=%20%0a", 422, "invalid_field", "message is empty"),
        ("message=%00", 422, "invalid_field", "message: "),
        ("message=x&conversation_id=a%20b", 422, "invalid_field", "conversation_id: "),
        ("message=x&conversation_id=", 422, "invalid_field", "conversation_id: "),
        ("message=x&agent=", 422, "invalid_field", "agent: "),
        ("message=x&agent=nobody", 404, "unknown_agent", "general"),
        ("message=x&model=gpt-none", 404, "unknown_model", "test-model"),
    ],
)
async def test_invalid_query_of_event_source(
    http: httpx.AsyncClient, provider: Provider, query: str, status: int, code: str, named: str
) -> None:
    """The route for a browser's EventSource validates its query."""
    refused(await http.get(f"{CHAT}?{query}"), provider, status, code, named)


@pytest.mark.parametrize("door", [CHAT, "/chat"])
@pytest.mark.parametrize(
    ("field", "code", "listed"),
    [
        ({"agent": "nobody"}, "unknown_agent", "general"),
        ({"agent": "\0"}, "unknown_agent", "general"),
        ({"model": "gpt-none"}, "unknown_model", "test-model"),
        ({"model": "openai:gpt-none"}, "unknown_model", "test-model"),
    ],
)
async def test_unknown_agent_or_model_lists_available(
    http: httpx.AsyncClient,
    provider: Provider,
    door: str,
    field: dict[str, str],
    code: str,
    listed: str,
) -> None:
    """The error for an unknown agent or model lists those that are available."""
    reply = await http.post(door, json={"message": "x", **field})
    refused(reply, provider, 404, code, listed)
    assert [listed] == reply.json()["error"][code.removeprefix("unknown_") + "s"]


@pytest.mark.parametrize("run_id", ["x", "0" * 32, "%00", "%ff", "..%2f..", "x" * 1000])
@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", ""), ("GET", "/events"), ("GET", "/events?after=5"), ("POST", "/cancel")],
)
async def test_unknown_run_is_404(
    http: httpx.AsyncClient, provider: Provider, method: str, path: str, run_id: str
) -> None:
    """Every route of an unknown run answers 404."""
    reply = await http.request(method, f"/api/v1/runs/{run_id}{path}")
    code = "not_found" if "%2f" in run_id else "unknown_run"
    refused(reply, provider, 404, code, "")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
async def test_unknown_conversation_is_404(
    http: httpx.AsyncClient, provider: Provider, method: str
) -> None:
    """An unknown conversation is 404."""
    reply = await http.request(method, "/api/v1/conversations/nothing")
    refused(reply, provider, 404, "unknown_conversation", "nothing")


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("/api/v1/conversations?limit=x", "limit: "),
        ("/api/v1/conversations?limit=0", "limit: "),
        ("/api/v1/conversations?limit=201", "limit: "),
        ("/api/v1/conversations?offset=-1", "offset: "),
        ("/api/v1/conversations?offset=1e400", "offset: "),
        ("/api/v1/conversations?offset=10001", "offset: "),
        ("/api/v1/runs/x/events?pace=fast", "pace: "),
    ],
)
async def test_invalid_query_parameter_is_named(
    http: httpx.AsyncClient, provider: Provider, path: str, named: str
) -> None:
    """The error for an invalid query parameter names the parameter."""
    refused(await http.get(path), provider, 422, "invalid_field", named)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/nowhere", "/api/v1", "/api/v1/chat/x", "/chat/x", "//"])
async def test_unknown_path_is_404_json(
    http: httpx.AsyncClient, provider: Provider, method: str, path: str
) -> None:
    """An unknown path gets 404 in the shape of all errors."""
    reply = await http.request(method, str(http.base_url).rstrip("/") + path)
    refused(reply, provider, 404, "not_found", path)


@pytest.mark.parametrize(
    ("path", "allowed", "methods"),
    [
        (CHAT, "GET, HEAD, POST", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"]),
        ("/chat", "POST", ["GET", "PUT", "DELETE", "OPTIONS"]),
        ("/api/v1/runs/x", "GET, HEAD", ["POST", "DELETE", "OPTIONS"]),
        ("/api/v1/runs/x/events", "GET, HEAD", ["POST", "OPTIONS"]),
        ("/api/v1/runs/x/cancel", "POST", ["GET", "OPTIONS"]),
        ("/api/v1/conversations/x", "DELETE, GET, HEAD, PATCH", ["POST", "PUT"]),
        ("/api/v1/models", "GET, HEAD", ["POST"]),
        ("/healthz", "GET, HEAD", ["POST"]),
    ],
)
async def test_wrong_method_lists_allowed(
    http: httpx.AsyncClient, provider: Provider, path: str, allowed: str, methods: list[str]
) -> None:
    """A wrong method gets 405, with the allowed methods in `Allow`."""
    for method in methods:
        reply = await http.request(method, path)
        refused(reply, provider, 405, "method_not_allowed", f"{method} {path}")
        assert allowed == reply.headers["allow"]


@pytest.mark.parametrize(("path", "status"), [("/chat", 405), ("/nowhere", 404), ("/healthz", 200)])
async def test_head_has_headers_and_no_body(
    http: httpx.AsyncClient, provider: Provider, path: str, status: int
) -> None:
    """HEAD has the headers of an answer and no body, also where it is not allowed."""
    reply = await http.head(path)
    assert (status, b"") == (reply.status_code, reply.content)
    assert "application/json" == reply.headers["content-type"]
    assert 0 == provider.opened


async def send(server: Server, head: str, *parts: bytes) -> bytes:
    """Write all of a request before reading anything of its answer, as simple clients do."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    try:
        writer.write(head.replace("\n", "\r\n").encode())
        for part in parts:
            writer.write(part)
            await writer.drain()
        async with asyncio.timeout(20):
            return await reader.read()
    finally:
        writer.close()


@pytest.mark.parametrize("door", [CHAT, "/chat"])
@pytest.mark.parametrize("chunked", [False, True])
async def test_ten_megabyte_body_gets_readable_413(
    server: Server, provider: Provider, door: str, chunked: bool
) -> None:
    """A client that sends 10 MB before it reads still receives the 413 with its message."""
    body = b'{"message":"' + b"x" * 10_000_000 + b'"}'
    head = f"POST {door} HTTP/1.1\nHost: localhost\nConnection: close\n"
    if chunked:
        pieces = [body[place : place + 65_536] for place in range(0, len(body), 65_536)]
        frames = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        got = await send(server, head + "Transfer-Encoding: chunked\n\n", *frames, b"0\r\n\r\n")
    else:
        got = await send(server, f"{head}Content-Length: {len(body)}\n\n", body)
    start, _, content = got.partition(b"\r\n\r\n")
    status, *lines = start.split(b"\r\n")
    reply = httpx.Response(
        int(status.split()[1]),
        headers=[(name, value) for name, _, value in (line.partition(b": ") for line in lines)],
        content=content,
    )
    refused(reply, provider, 413, "too_large", "8388608 bytes")
    assert 8_388_608 == reply.json()["error"]["max_body_bytes"]


async def test_max_body_bytes_is_exact(serve: Serve, provider: Provider) -> None:
    """A body of exactly `MAX_BODY_BYTES` is accepted; one byte more is too large."""
    async with httpx.AsyncClient(base_url=serve(max_body_bytes=1000).url, timeout=30) as http:
        for size in (1001, 10_000, 1_000_000):
            body = b'{"message":"' + b"x" * (size - 14) + b'"}'
            assert size == len(body)
            refused(await http.post(CHAT, content=body), provider, 413, "too_large", "1000 bytes")
        body = b'{"message":"' + b"x" * (1000 - 14) + b'"}'
        assert 200 == (await http.post(CHAT, content=body)).status_code
    assert 1 == provider.opened


@pytest.mark.parametrize("door", [CHAT, "/chat"])
@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "application/x-www-form-urlencoded",
        "text/plain",
        "text/plain;charset=UTF-8",
        "application/json; charset=utf-16",
        "multipart/form-data",
        "multipart/form-data; charset=utf-8",
        "multipart/mixed; boundary=x",
        "rubbish",
    ],
)
async def test_content_type_is_ignored(
    http: httpx.AsyncClient, door: str, content_type: str | None
) -> None:
    """A JSON body is read whatever its content type, because many clients send none."""
    headers = {"Content-Type": content_type} if content_type else {}
    reply = await http.post(door, content=b'{"message": "Hello?"}', headers=headers)
    assert 200 == reply.status_code


async def test_json_as_form_is_answered_without_a_reason(http: httpx.AsyncClient) -> None:
    """A JSON body in the place of a form's parts is 400, and the message names the form."""
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    reply = await http.post(CHAT, content=b'{"message": "Hello?"}', headers=headers)
    assert (400, "bad_request") == (reply.status_code, reply.json()["error"]["code"])
    assert "form" in reply.json()["error"]["message"]


@pytest.mark.parametrize(
    "fields",
    [
        {"unknown": {"field": [1, None]}, "temperature": "hot"},
        {"options": {"unknown": 1}, "timeouts": {"unknown": 1}},
        {"agent": None, "model": None, "conversation_id": None, "messages": None},
        {"options": {"seed": 2**63 - 1, "max_tokens": 2**63 - 1, "stop": []}},
        {"messages": [{"role": "user", "content": "x", "name": "unknown"}]},
    ],
)
async def test_unknown_fields_and_nulls_are_ignored(
    http: httpx.AsyncClient, fields: dict[str, Any]
) -> None:
    """Fields that this server does not know, and null where a field may be absent, do no harm."""
    assert HELLO == text(await answer(http, **fields))


@pytest.mark.parametrize(
    "accept",
    [
        "rubbish",
        ";;;,,,",
        "*/*",
        "text/html",
        "text/plain;q=",
        "text/plain;q=x",
        "a/b;q=\x80",
        "text/plain;q=0",
        "text/event-stream;q=1e999",
        "," * 5000,
    ],
)
async def test_invalid_accept_gets_default_format(http: httpx.AsyncClient, accept: str) -> None:
    """An `Accept` header without a supported type gets the route's default format."""
    headers = {b"Accept": accept.encode("latin-1")}
    long = await http.post(CHAT, json={"message": "x"}, headers=headers)
    short = await http.post("/chat", json={"message": "x"}, headers=headers)
    assert (200, 200) == (long.status_code, short.status_code)
    assert "text/event-stream; charset=utf-8" == long.headers["content-type"]
    if "event-stream" not in accept:
        assert HELLO == short.text


POST = "POST /api/v1/chat HTTP/1.1\nHost: localhost\n"


@pytest.mark.parametrize(
    ("head", "body"),
    [
        ("", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("", bytes(range(256))),
        ("", b"SSH-2.0-OpenSSH_9.6\r\n"),
        ("GET / HTTP/9.9\n\n", b""),
        ("GET /" + "x" * 100_000 + " HTTP/1.1\nHost: localhost\n\n", b""),
        ("POST /api/v1/ch", b""),
        (POST, b""),
        (POST + "Content-Length: 100\n\n", b'{"mess'),
        (POST + "Content-Length: x\n\n", b"{}"),
        (POST + "Content-Length: -1\n\n", b"{}"),
        (POST + "Transfer-Encoding: chunked\n\n", b'5\r\n{"me'),
        (POST + "Transfer-Encoding: chunked\n\n", b"zz\r\n{}\r\n"),
    ],
    ids=range(12),
)
async def test_broken_http_harms_nobody(
    server: Server, provider: Provider, head: str, body: bytes
) -> None:
    """A connection that is not HTTP, or ends within a request, gets an error and harms nothing."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(head.replace("\n", "\r\n").encode() + body)
    writer.write_eof()
    async with asyncio.timeout(10):
        got = await reader.read()
    writer.close()
    assert b" 200 " not in got[:20]
    assert b"Traceback" not in got
    assert 0 == provider.opened
