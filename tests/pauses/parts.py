"""A server with one kind of pause, and requests to it."""

import json
from typing import Any

import httpx
from httpx_sse import EventSource

from tests.pauses.kinds import PauseKind
from tests.provider import Provider
from tests.server import Server


def ask(url: str, agent: str, **fields: Any) -> httpx.Response:
    """The whole answer to one question, as one JSON object."""
    body = {"message": "Please.", "agent": agent, "stream": False, **fields}
    return httpx.post(f"{url}/api/v1/chat", json=body, timeout=30)


def paused(server: Server, provider: Provider, kind: PauseKind, **fields: Any) -> dict[str, Any]:
    """Ask a question that makes a kind pause, and return its whole answer."""
    provider.script(*kind.before)
    response = ask(server.url, kind.name, **fields)
    answer: dict[str, Any] = response.json()
    assert (200, "paused") == (response.status_code, answer.get("finish_reason")), answer
    return answer


def decisions(kind: PauseKind, requirements: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": item["id"], **kind.decide(item)} for item in requirements]


def go_on(
    url: str, run_id: str, made: list[dict[str, Any]], headers: Any = None, **fields: Any
) -> httpx.Response:
    """Continue a paused run, by default as one JSON object."""
    return httpx.post(
        f"{url}/api/v1/runs/{run_id}/continue",
        json={"decisions": made, "stream": False, **fields},
        headers=headers,
        timeout=30,
    )


def events(url: str, body: dict[str, Any], accept: str) -> list[dict[str, Any]]:
    """The chunks of a stream as SSE or NDJSON."""
    with httpx.stream("POST", url, json=body, headers={"Accept": accept}, timeout=30) as response:
        assert response.status_code == 200, response.read()
        if accept == "text/event-stream":
            return [json.loads(event.data) for event in EventSource(response).iter_sse()]
        return [json.loads(line) for line in response.iter_lines()]
