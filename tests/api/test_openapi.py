"""The OpenAPI page tells the truth: every reference leads somewhere, every answer is described."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema  # type: ignore[import-untyped]  # its types are a package of their own
import pytest

from app.api.uploads import FILES, FLAGS, JSON_PART, TEXTS
from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, Reply, refusal

METHODS = {"get", "put", "post", "delete", "options", "head", "patch", "trace"}
Document = dict[str, Any]


@pytest.fixture
async def document(http: httpx.AsyncClient) -> Document:
    """What the server says of itself."""
    found: Document = (await http.get("/openapi.json")).json()
    return found


def operations(document: Document) -> list[tuple[str, str, Document]]:
    """Each (path, method, operation)."""
    return [
        (path, method, operation)
        for path, item in document["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def parts(value: Any) -> Iterator[Document]:
    """Every object within a document."""
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner)


def validator(document: Document, name: str) -> jsonschema.Draft202012Validator:
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema)


def described(document: Document, method: str, path: str, reply: httpx.Response) -> Document:
    """The description of this answer; the test fails where there is none."""
    responses = document["paths"][path][method.lower()]["responses"]
    assert str(reply.status_code) in responses, f"{method} {path}: {reply.status_code}"
    found: Document = responses[str(reply.status_code)]
    return found


def check(document: Document, method: str, path: str, reply: httpx.Response) -> None:
    """An answer has a status and a media type that the page names, and a body of its schema."""
    content = described(document, method, path, reply).get("content", {})
    if not reply.content:
        assert {} == content
        return
    media_type = reply.headers["content-type"].partition(";")[0]
    assert media_type in content, f"{method} {path}: {media_type}"
    if media_type == "application/json":
        schema = {**content[media_type]["schema"], "components": document["components"]}
        jsonschema.Draft202012Validator(schema).validate(reply.json())


def test_each_operation_is_listed_once(document: Document) -> None:
    """An operation has one tag: the reference lists it below each."""
    for path, method, operation in operations(document):
        assert 1 == len(operation["tags"]), f"{method} {path}"


def test_every_reference_has_a_schema(document: Document) -> None:
    """Every `$ref` names a schema that is there, and every schema is one."""
    schemas = document["components"]["schemas"]
    references = {part["$ref"] for part in parts(document) if "$ref" in part}
    known = {f"#/components/schemas/{name}" for name in schemas}
    assert set() == references - known
    for schema in schemas.values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_schemas_for_generated_clients(document: Document) -> None:
    """The schemas that a generated client needs are there, and nothing that we never send."""
    schemas = document["components"]["schemas"]
    assert {"StreamingChunk", "ChatRequest", "ChatResponse", "RunState", "Error"} <= set(schemas)
    assert ["content", "done", "model"] == schemas["StreamingChunk"]["required"]
    assert "HTTPValidationError" not in schemas
    assert document["openapi"].startswith("3.")


def test_every_operation_is_described(document: Document) -> None:
    """Every operation has a summary, an id of its own, and only errors of the documented shape."""
    found = operations(document)
    ids = [operation["operationId"] for _, _, operation in found]
    assert sorted(set(ids)) == sorted(ids)
    for path, method, operation in found:
        assert operation["summary"], (path, method)
        for status, response in operation["responses"].items():
            assert response["description"], (path, method, status)
            if status[0] in "45" and path != "/readyz":
                schema = response["content"]["application/json"]["schema"]
                assert {"$ref": "#/components/schemas/Error"} == schema


def test_every_native_route_is_listed(document: Document) -> None:
    """The page names each native route."""
    assert {
        "POST /api/v1/chat",
        "GET /api/v1/chat",
        "POST /chat",
        "GET /api/v1/runs",
        "GET /api/v1/runs/{run_id}",
        "GET /api/v1/runs/{run_id}/events",
        "POST /api/v1/runs/{run_id}/cancel",
        "GET /api/v1/conversations",
        "GET /api/v1/conversations/{conversation_id}",
        "DELETE /api/v1/conversations/{conversation_id}",
        "GET /api/v1/agents",
        "GET /api/v1/models",
        "GET /healthz",
        "GET /readyz",
    } <= {f"{method.upper()} {path}" for path, method, _ in operations(document)}


async def test_the_docs_page_is_served(http: httpx.AsyncClient) -> None:
    """`/docs` is a page for people."""
    reply = await http.get("/docs")
    assert (200, True) == (reply.status_code, "text/html" in reply.headers["content-type"])


@pytest.mark.parametrize("door", ["/api/v1/chat", "/chat"])
@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 200),
        ({"stream": False}, 200),
        ({"background": True}, 202),
        ({"message": 5}, 422),
        ({"agent": "nobody"}, 404),
        ({"message": "x" * 9_000_000}, 413),
    ],
    ids=["stream", "one piece", "background", "wrong", "unknown", "large"],
)
async def test_chat_responses_match_their_schemas(
    http: httpx.AsyncClient, document: Document, door: str, fields: dict[str, Any], status: int
) -> None:
    """What the chat doors answer is as the page describes it."""
    reply = await http.post(door, json={"message": "Hello?", **fields})
    assert status == reply.status_code
    check(document, "POST", door, reply)
    if status in (200, 202):
        headers = described(document, "POST", door, reply)["headers"]
        assert {"X-Run-Id", "X-Conversation-Id"} == set(headers)
        assert all(name in reply.headers for name in headers)


@pytest.mark.parametrize(
    ("reply", "status"),
    [
        (refusal(400, "Bad.", "bad"), 400),
        (refusal(400, "Long.", "context_length_exceeded"), 413),
        (refusal(429, "Slow down.", "rate_limit_exceeded"), 429),
        (INVALID_KEY, 502),
        (Reply(status=500), 503),
        (Reply("x", delay_headers=30), 504),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else "",
)
async def test_errors_match_their_schemas(
    serve: Serve, provider: Provider, reply: Reply, status: int
) -> None:
    """Each way in which a model can fail is on the page, for each door that has a status for it."""
    provider.default = reply
    url = serve(first_token_timeout=0.5 if status == 504 else 60).url
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        document = (await http.get("/openapi.json")).json()
        whole = await http.post("/api/v1/chat", json={"message": "x", "stream": False})
        short = await http.post("/chat", json={"message": "x"})
        plain = await http.get("/api/v1/chat?message=x", headers={"Accept": "text/plain"})
        run = f"/api/v1/runs/{plain.headers['x-run-id']}"
        again = await http.get(f"{run}/events", headers={"Accept": "text/plain"})
        state = await http.get(run)
    assert [status] * 4 == [r.status_code for r in (whole, short, plain, again)]
    check(document, "POST", "/api/v1/chat", whole)
    check(document, "POST", "/chat", short)
    check(document, "GET", "/api/v1/chat", plain)
    check(document, "GET", "/api/v1/runs/{run_id}/events", again)
    check(document, "GET", "/api/v1/runs/{run_id}", state)


async def test_other_responses_match_their_schemas(
    http: httpx.AsyncClient, document: Document
) -> None:
    """What all other routes answer is as the page describes it, found or not."""
    payload = {"message": "Hello?", "conversation_id": "c"}
    run_id = (await http.post("/api/v1/chat", json=payload)).headers["x-run-id"]
    last = (await http.get(f"/api/v1/runs/{run_id}")).json()["last_event_id"]
    for method, path, query, status in [
        ("GET", "/api/v1/chat", "?message=x", 200),
        ("GET", "/api/v1/chat", "", 422),
        ("GET", "/api/v1/runs/{run_id}", "", 200),
        ("GET", "/api/v1/runs/{run_id}/events", "", 200),
        ("GET", "/api/v1/runs/{run_id}/events", f"?after={last}", 204),
        ("GET", "/api/v1/runs/{run_id}/events", "?after=x", 400),
        ("GET", "/api/v1/runs/{run_id}/events", "?pace=x", 422),
        ("POST", "/api/v1/runs/{run_id}/cancel", "", 200),
        ("GET", "/api/v1/models", "", 200),
        ("GET", "/api/v1/agents", "", 200),
        ("GET", "/api/v1/conversations", "", 200),
        ("GET", "/api/v1/conversations", "?limit=x", 422),
        ("GET", "/api/v1/conversations/{conversation_id}", "", 200),
        ("DELETE", "/api/v1/conversations/{conversation_id}", "", 204),
        ("GET", "/api/v1/conversations/{conversation_id}", "", 404),
        ("DELETE", "/api/v1/conversations/{conversation_id}", "", 404),
        ("GET", "/healthz", "", 200),
        ("GET", "/readyz", "", 200),
    ]:
        address = path.format(run_id=run_id, conversation_id="c")
        reply = await http.request(method, address + query)
        assert status == reply.status_code, address
        check(document, method, path, reply)
    for method, path in [("GET", ""), ("GET", "/events"), ("POST", "/cancel")]:
        reply = await http.request(method, f"/api/v1/runs/nothing{path}")
        check(document, method, "/api/v1/runs/{run_id}" + path, reply)


@pytest.mark.parametrize("message", ["tool", "reasoning", "markdown", "fail"])
async def test_chunks_match_their_schema(serve: Serve, message: str) -> None:
    """Every chunk of a stream is a `StreamingChunk` as the page describes it."""
    async with httpx.AsyncClient(base_url=serve(model="demo").url, timeout=60) as http:
        document = (await http.get("/openapi.json")).json()
        headers = {"Accept": "application/x-ndjson"}
        reply = await http.post("/api/v1/chat", json={"message": message}, headers=headers)
    found = validator(document, "StreamingChunk")
    chunks = [json.loads(line) for line in reply.text.splitlines()]
    for chunk in chunks:
        found.validate(chunk)
    properties = document["components"]["schemas"]["StreamingChunk"]["properties"]
    assert set() == {name for chunk in chunks for name in chunk} - set(properties)
    assert not found.is_valid({"content": "", "done": "no", "model": "demo"})


def test_requests_match_their_schema(document: Document) -> None:
    """The schema of a question takes what the server takes."""
    found = validator(document, "ChatRequest")
    messages = [{"role": "user", "content": "Hello?"}]
    options = {"temperature": 0.5, "stop": ["x"], "seed": -1}
    found.validate({"message": "Hello?", "stream": True, "options": options})
    found.validate({"messages": messages, "timeouts": {"idle": 1.5}, "on_busy": "reject"})
    assert not found.is_valid({"message": 5})
    assert not found.is_valid({"message": "Hello?", "on_busy": "explode"})


def test_part_of_upload_is_not_described(document: Document) -> None:
    """The parts of a form are those that the server reads."""
    content = document["paths"]["/api/v1/chat"]["post"]["requestBody"]["content"]
    parts = content["multipart/form-data"]["schema"]["properties"]
    assert {JSON_PART, *FILES, *TEXTS, *FLAGS} == parts.keys()
