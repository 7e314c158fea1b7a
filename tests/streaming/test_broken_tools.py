"""Runs that end during or after a tool call leave a history that providers accept."""

import asyncio
from typing import Any

import httpx
from agno.agent import Agent

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import answer, ask, chunks, text

CALL = ("search", '{"what": "streams"}')


async def search(what: str) -> str:
    """Search for something."""
    return f"all about {what}"


async def search_for_ever(what: str) -> str:
    """Search for something."""
    await asyncio.sleep(600)
    return what


search_for_ever.__name__ = "search"


def last_messages(provider: Provider) -> list[tuple[str, Any, int]]:
    """The messages of the last request to the provider: role, content, number of tool calls."""
    messages = provider.requests[-1].body["messages"]
    return [(m["role"], m.get("content"), len(m.get("tool_calls") or [])) for m in messages]


async def test_cancel_during_tool_call_keeps_text(serve: Serve, provider: Provider) -> None:
    """A tool call without a result is not in the next turn's history; the text before it is."""
    provider.script(Reply("let me look ", tool_calls=[CALL]), Reply("fine"))
    server = serve(agents=[Agent(id="librarian", tools=[search_for_ever])])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        async with ask(http, conversation_id="c1") as source:
            run_id = source.response.headers["x-run-id"]
            async for chunk in chunks(source):
                if "tool" in chunk:
                    await http.post(f"/api/v1/runs/{run_id}/cancel")
        again = await answer(http, "And now?", conversation_id="c1")
    assert ("cancelled", "stop") == (chunk["finish_reason"], again[-1]["finish_reason"])
    assert [("user", "Hello?", 0), ("assistant", "let me look ", 0), ("user", "And now?", 0)] == (
        last_messages(provider)
    )


async def test_timeout_during_tool_call_keeps_question_only(
    serve: Serve, provider: Provider
) -> None:
    """A turn without text, whose tool call has no result, leaves only its question."""
    provider.script(Reply(tool_calls=[CALL]), Reply("fine"))
    server = serve(agents=[Agent(id="librarian", tools=[search_for_ever])])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        await answer(http, conversation_id="c1", timeouts={"total": 0.5})
        await answer(http, "And now?", conversation_id="c1")
    assert [("user", "Hello?", 0), ("user", "And now?", 0)] == last_messages(provider)


async def test_cut_after_tool_call_keeps_order(serve: Serve, provider: Provider) -> None:
    """Text before and after a tool call, and its result, are in the history once and in order."""
    provider.script(
        Reply("let me look ", tool_calls=[CALL]), Reply("it says a lot", cut_after=2), Reply("fine")
    )
    server = serve(agents=[Agent(id="librarian", tools=[search])])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        broken = await answer(http, conversation_id="c1")
        await answer(http, "And now?", conversation_id="c1")
    assert ("let me look it says ", "upstream_cut") == (text(broken), broken[-1]["finish_reason"])
    assert [
        ("user", "Hello?", 0),
        ("assistant", "let me look ", 1),
        ("tool", "all about streams", 0),
        ("assistant", "it says ", 0),
        ("user", "And now?", 0),
    ] == last_messages(provider)
