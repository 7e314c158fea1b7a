"""Values that a database cannot look for, sent by one client, are no outage for the others."""

import base64
import json
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests import tables
from tests.conftest import Serve
from tests.services import PostgresServer


def cursor(*values: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


CONVERSATIONS = "/api/v1/conversations"

#: Half of a UTF-16 pair, which nothing can store, and where a body of each protocol may have it.
HALF = "a\ud800"
FUNCTION = {"name": "f", "description": HALF, "parameters": {"type": "object", "title": HALF}}
CALL = {"id": HALF, "type": "function", "function": {"name": "f", "arguments": HALF}}
USER = {"role": "user", "content": "a"}
HALVES: list[tuple[str, dict[str, Any]]] = [
    *[
        ("/v1/chat/completions", {"model": "demo", "messages": [USER], **fields})
        for fields in (
            {"tools": [{"type": "function", "function": FUNCTION}]},
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"title": HALF}},
                }
            },
            {
                "messages": [
                    USER,
                    {"role": "assistant", "content": None, "tool_calls": [CALL]},
                    {"role": "tool", "tool_call_id": HALF, "content": HALF},
                ]
            },
            {"metadata": {HALF: HALF}, "user": HALF, "stop": [HALF], HALF: HALF},
        )
    ],
    *[
        ("/v1/responses", {"model": "demo", "input": "a", **fields})
        for fields in (
            {"input": HALF},
            {"input": HALF, "stream": True},
            {"input": [{**USER, "content": HALF}]},
            {"input": [{**USER, "content": [{"type": "input_text", "text": HALF}]}]},
            {"input": [{**USER, HALF: HALF}]},
            {"tools": [{"type": "function", **FUNCTION}]},
            {"text": {"format": {"type": "json_schema", "name": "n", "schema": {HALF: HALF}}}},
            {"metadata": {HALF: HALF}, "instructions": HALF, "user": HALF},
            {"conversation": HALF},
            {"previous_response_id": HALF},
        )
    ],
    *[
        ("/v1/messages", {"model": "demo", "max_tokens": 9, "messages": [USER], **fields})
        for fields in (
            {"tools": [{"name": "f", "description": HALF, "input_schema": {"title": HALF}}]},
            {"system": HALF, "stop_sequences": [HALF], "metadata": {"user_id": HALF}},
            {
                "messages": [
                    USER,
                    {
                        "role": "assistant",
                        "content": [
                            {"type": "tool_use", "id": HALF, "name": "f", "input": {HALF: 1}}
                        ],
                    },
                    {
                        "role": "user",
                        "content": [{"type": "tool_result", "tool_use_id": HALF, "content": HALF}],
                    },
                ]
            },
        )
    ],
    ("/v1/completions", {"model": "demo", "prompt": HALF}),
    ("/api/generate", {"model": "demo", "prompt": HALF, "system": HALF, "format": {HALF: HALF}}),
    (
        "/api/chat",
        {
            "model": "demo",
            "messages": [USER],
            "tools": [{"type": "function", "function": FUNCTION}],
            "options": {"stop": [HALF]},
        },
    ),
    (
        "/ai/chat",
        {
            "id": "c",
            "trigger": "submit-message",
            "messages": [
                {
                    "id": HALF,
                    "role": "user",
                    "parts": [{"type": "text", "text": HALF}],
                    "metadata": {HALF: HALF},
                }
            ],
        },
    ),
    (
        "/agui",
        {
            "threadId": "t",
            "runId": "r",
            "state": {HALF: HALF},
            "tools": [FUNCTION],
            "context": [{"description": HALF, "value": HALF}],
            "messages": [{"id": HALF, **USER}],
            "forwardedProps": {HALF: HALF},
        },
    ),
]

#: Method, path, and the body.
STRANGE: list[tuple[str, str, Any]] = [
    ("GET", f"{CONVERSATIONS}?q=%00", None),
    ("GET", f"{CONVERSATIONS}?q=%ED%A0%80", None),
    ("GET", f"{CONVERSATIONS}?q={quote('%_' * 90)}", None),
    ("GET", f"{CONVERSATIONS}?offset=10000&limit=200", None),
    *[
        ("GET", f"{CONVERSATIONS}?before={cursor(*values)}", None)
        for values in [
            (2**70, "x"),
            (2**63, "x"),
            (-(2**63), "x"),
            (1, "a\0b"),
            (1, "\ud800"),
            (1, "x" * 600),
            (None, "x"),
            (1e300, "x"),
        ]
    ],
    *[
        (method, f"{CONVERSATIONS}/{name}", body)
        for name in ("%00", "a%00b", "%ED%A0%80", "a" * 9000)
        for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"title": "t"}))
    ],
    ("PATCH", f"{CONVERSATIONS}/x", {"title": "a\0"}),
    *[
        ("POST", "/api/v1/chat", {"message": "hi", "stream": False, name: value})
        for name, value in {
            "conversation_id": "a\0b",
            "user": "a\0b",
            "metadata": {"a\0": "b\ud800"},
            "session_state": {"a\0": 10**60},
            "dependencies": {"a\ud800": 1e300},
        }.items()
    ],
    ("POST", "/v1/responses", {"model": "demo", "input": "a", "conversation": "a\0"}),
    ("POST", "/v1/responses", {"model": "demo", "input": "a", "previous_response_id": "resp_\0"}),
    ("GET", "/v1/responses/%00/input_items", None),
    ("GET", "/api/v1/runs/%00/events", None),
    ("GET", "/api/v1/runs?conversation_id=%00", None),
    ("GET", "/api/v1/runs/x/media/%00", None),
    ("GET", "/static/%00", None),
    *[("POST", path, body) for path, body in HALVES],
]


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_one_client_makes_a_store_unavailable(
    serve: Serve, request: pytest.FixtureRequest, database: str
) -> None:
    """Each is answered as an error of its sender, or as any other; afterwards the server is ready,
    and a question of somebody else is answered and stored."""
    settings: dict[str, Any] = {"models": ["demo"]}
    if database == "postgresql":
        postgres: PostgresServer = request.getfixturevalue("postgres_server")
        settings["database_url"] = tables.postgresql(postgres)
    found = []
    with httpx.Client(base_url=serve(**settings).url, timeout=30) as http:
        for method, path, body in STRANGE:
            content = None if body is None else json.dumps(body).encode()
            reply = http.request(method, path, content=content)
            ready = http.get("/readyz").json()["status"]
            if reply.status_code >= 500 or ready != "ready" or '"stored":false' in reply.text:
                found.append((method, path[:90], body, reply.status_code, ready))
        asked = http.post(
            "/api/v1/chat", json={"message": "Hello?", "stream": False, "model": "demo"}
        )
    assert [] == found
    assert (200, "stop") == (asked.status_code, asked.json()["finish_reason"])
    assert "stored" not in asked.json()
