"""What the tests of branches share: conversations as their reader sees them."""

from typing import Any

import httpx

from tests.provider import Provider
from tests.streaming.reader import answer

Turn = tuple[str, str]


async def ask(http: httpx.AsyncClient, message: str, **fields: Any) -> str:
    """The run of a question in conversation `c`, after its end."""
    chunks = await answer(http, message, **{"conversation_id": "c", **fields})
    return str(chunks[0]["run_id"])


async def again(http: httpx.AsyncClient, run_id: str, **fields: Any) -> dict[str, Any]:
    """Answer a turn again, or with another question if there is a `message`."""
    verb = "edit" if "message" in fields else "regenerate"
    body = {"stream": False, **fields}
    reply = await http.post(f"/api/v1/runs/{run_id}/{verb}", json=body)
    assert 200 == reply.status_code, reply.text
    found: dict[str, Any] = reply.json()
    return found


async def select(http: httpx.AsyncClient, run_id: str, name: str = "c") -> httpx.Response:
    return await http.post(f"/api/v1/conversations/{name}/branch", json={"run_id": run_id})


async def shown(http: httpx.AsyncClient, name: str = "c") -> list[str]:
    """The texts of a conversation; a message of a turn with siblings has its place, as `2/3`."""
    messages = (await http.get(f"/api/v1/conversations/{name}")).json()["messages"]
    return [_text(message) for message in messages]


def _text(message: dict[str, Any]) -> str:
    siblings: list[str] = message.get("siblings", [])
    if not siblings or message["role"] == "user":
        return str(message["content"])
    return f"{message['content']} {siblings.index(message['run_id']) + 1}/{len(siblings)}"


def sent(provider: Provider, number: int = -1) -> list[str]:
    """The texts of the messages of a request to the provider, without system messages."""
    messages = provider.requests[number].body["messages"]
    return [m["content"] for m in messages if m["role"] in ("user", "assistant") and m["content"]]
