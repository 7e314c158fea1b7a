"""What a reader saw is what is kept: the parts of an answer, live, in its state, and stored."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.db.json import JsonDb
from agno.media import Image
from agno.run.agent import CustomEvent
from agno.team import Team
from agno.workflow import Loop, Step, Workflow

from tests.conftest import STORES, Serve
from tests.media.parts import PNG, tool
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import Chunk, answer, ask, ended, state_of, take

Part = dict[str, Any]


@dataclass
class Progress(CustomEvent):
    """An event of the application's own."""

    percent: int = 0


def weather(city: str) -> str:
    """The weather of a city."""
    return f"snow in {city}"


async def work() -> AsyncIterator[Any]:
    """Work."""
    yield Progress(percent=30)
    yield Progress(percent=90)
    yield "done"


def member() -> Agent:
    return Agent(id="bob", name="Bob", tools=[weather], telemetry=False)


def tools() -> Agent:
    return Agent(id="tools", name="Tools", tools=[weather, work])


def media() -> Agent:
    return Agent(id="media", tools=[tool(images=[Image(content=PNG)])], send_media_to_model=False)


def team() -> Team:
    return Team(id="team", name="Team", members=[member()], telemetry=False)


def workflow() -> Workflow:
    ann = Agent(id="ann", name="Ann", tools=[weather], telemetry=False)
    eve = Agent(id="eve", name="Eve", telemetry=False)
    steps: list[Any] = [Step(name="Look", agent=ann), Step(name="Tell", agent=eve)]
    return Workflow(id="workflow", name="Workflow", steps=steps, telemetry=False)


def loop() -> Workflow:
    ann = Agent(id="ann", name="Ann", telemetry=False)
    steps: list[Any] = [Loop(name="Again", steps=[Step(name="Look", agent=ann)], max_iterations=2)]
    return Workflow(id="loop", name="Loop", steps=steps, telemetry=False)


def followups() -> Agent:
    return Agent(id="followups", tools=[weather], followups=True)


CALL = Reply("I look. ", tool_calls=[("weather", '{"city": "Oslo"}')])
DELEGATE = Reply(tool_calls=[("delegate_task_to_member", '{"member_id": "bob", "task": "Ask."}')])


@dataclass(frozen=True)
class Case:
    """An application, its model's replies, and the types of the parts that its reader sees."""

    build: Callable[[], Any]
    replies: tuple[Reply, ...]
    types: str


CASES = {
    "tools": Case(tools, (CALL, Reply("It snows.")), "content tool content"),
    "events": Case(
        tools,
        (Reply(tool_calls=[("work", "{}")]), Reply("Done.")),
        "tool event event content",
    ),
    "reasoning": Case(tools, (Reply("Snow.", reasoning="Let me think."),), "reasoning content"),
    "media": Case(
        media,
        (Reply("I make it. ", tool_calls=[("make", "{}")]), Reply("There.")),
        "content tool media content",
    ),
    "team": Case(
        team,
        (DELEGATE, CALL, Reply("It snows."), Reply("Bob says: snow.")),
        "tool said/content said/tool said/content content",
    ),
    "workflow": Case(
        workflow,
        (CALL, Reply("It snows."), Reply("Snow, says Ann.")),
        "step said/content said/tool said/content step content",
    ),
    "loop": Case(
        loop,
        (Reply("One."), Reply("Two.")),
        "step step step said/content step step said/content content",
    ),
    "followups": Case(
        followups,
        (CALL, Reply("Snow."), Reply('{"suggestions": ["And then?", "Why?"]}')),
        "content tool content",
    ),
}


def types(parts: list[Part]) -> str:
    """The types of parts, those of speakers with what they said."""
    return " ".join(
        "said/" + "".join(part["said"]) if part["type"] == "said" else part["type"]
        for part in parts
    )


def seen(chunks: list[Chunk]) -> list[Any]:
    """What a reader of the stream saw, in its order, each text letter by letter."""
    found: list[Any] = []
    for chunk in chunks:
        for name in ("reasoning", "content"):
            found += [(name, letter) for letter in chunk.get(name) or ""]
        if "tool" in chunk and chunk["tool"]["status"] != "started":
            found.append(chunk["tool"])
    return found


def again(parts: list[Part]) -> list[Any]:
    """The same of stored parts."""
    return seen([{"content": "", **part} for part in parts])


async def message_of(http: httpx.AsyncClient, conversation: str) -> dict[str, Any]:
    """The one answer of a conversation."""
    stored = (await http.get(f"/api/v1/conversations/{conversation}")).json()
    roles = [message["role"] for message in stored["messages"]]
    assert ["user", "assistant"] == roles
    message: dict[str, Any] = stored["messages"][1]
    return message


@STORES
@pytest.mark.parametrize("name", CASES)
async def test_reload_loses_parts(serve: Serve, provider: Provider, name: str) -> None:
    """All that came on the stream is in the conversation and in the run's state, in its order, also
    after a restart."""
    case = CASES[name]
    provider.script(*case.replies)
    async with httpx.AsyncClient(base_url=serve(agents=[case.build()]).url) as http:
        chunks = await answer(http, conversation_id="c")
        state = await ended(http, chunks[0]["run_id"])
        at_once = await message_of(http, "c")
    async with httpx.AsyncClient(base_url=serve(agents=[case.build()]).url) as http:
        message = await message_of(http, "c")
    assert case.types == types(message["parts"])
    assert at_once == message
    assert state["parts"] == message["parts"]
    assert seen(chunks) == again(message["parts"])
    assert "".join(chunk["content"] for chunk in chunks) == message["content"]
    assert message["duration"] > 0
    for field in ("reasoning", "tools", "media", "citations", "usage"):
        assert state.get(field) == message.get(field), field
    assert chunks[-1].get("followups") == message.get("followups")
    assert (chunks[0]["run_id"], chunks[-1]["model"]) == (message["run_id"], message["model"])
    assert chunks[0]["agent"] == message["speaker"]["id"]


ENDINGS = {
    "cancelled": {"stall_after": 2},
    "upstream_cut": {"cut_after": 2},
    "error": {"garbage_after": 2},
    "length": {"finish_reason": "length"},
}


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("name", ["tools", "team", "workflow"])
async def test_broken_answer_loses_parts(
    serve: Serve, provider: Provider, name: str, ending: str
) -> None:
    """The parts of an answer that was cut, or cancelled, are kept with the reason of its end."""
    case = CASES[name]
    *before, _ = case.replies
    last = Reply("one two three four", **ENDINGS[ending])  # type: ignore[arg-type]  # by name
    provider.script(*before, *[last] * 4)
    async with httpx.AsyncClient(base_url=serve(agents=[case.build()]).url) as http:
        async with ask(http, conversation_id="c", on_disconnect="continue") as source:
            run_id = source.response.headers["x-run-id"]
            await take(source, 3)
        if ending == "cancelled":
            async with asyncio.timeout(20):
                while "one " not in (await state_of(http, run_id))["content"]:  # noqa: ASYNC110
                    await asyncio.sleep(0.01)
            await http.post(f"/api/v1/runs/{run_id}/cancel")
        state = await ended(http, run_id)
        message = await message_of(http, "c")
    assert ending == state["finish_reason"] == message["finish_reason"]
    assert state["parts"] == message["parts"]
    assert case.types.split()[:-1] == types(message["parts"]).split()[: len(case.types.split()) - 1]
    assert state["content"] == message["content"]
    assert state.get("error") == message.get("error")
    assert state["usage"] == message["usage"]
    assert message["duration"] > 0


async def test_stopped_answer_has_two_counts(serve: Serve, provider: Provider) -> None:
    """An answer that is stopped while it flows has the same count of tokens in its conversation as
    in its last chunk."""
    provider.script(*[Reply("word " * 5000, rate=2000)] * 10)
    async with httpx.AsyncClient(base_url=serve().url) as http:
        for turn in range(10):
            conversation = f"c{turn}"
            async with ask(http, conversation_id=conversation, on_disconnect="continue") as source:
                run_id = source.response.headers["x-run-id"]
                await take(source, 20 + turn)
            await http.post(f"/api/v1/runs/{run_id}/cancel")
            state = await ended(http, run_id)
            message = await message_of(http, conversation)
            assert "cancelled" == state["finish_reason"]
            assert state["usage"] == message["usage"]


async def test_export_and_rename(serve: Serve, provider: Provider) -> None:
    """A conversation gets a title of its own, and is exported as Markdown and as JSON, with all
    that its reader saw."""
    case = CASES["team"]
    provider.script(*case.replies)
    async with httpx.AsyncClient(base_url=serve(agents=[case.build()]).url) as http:
        await answer(http, "How is the *weather*?", conversation_id="c")
        address = "/api/v1/conversations/c"
        before = (await http.get("/api/v1/conversations")).json()["conversations"][0]
        renamed = await http.patch(address, json={"title": "  Snow & ```ice``` \u2744 "})
        after = (await http.get("/api/v1/conversations")).json()["conversations"][0]
        read = (await http.get(address)).json()
        text = await http.get(f"{address}/export")
        data = await http.get(f"{address}/export", params={"format": "json"})
        wrong = await http.get(f"{address}/export", params={"format": "pdf"})
        unknown = [
            (await http.get("/api/v1/conversations/nobody/export")).status_code,
            (await http.patch("/api/v1/conversations/nobody", json={"title": "x"})).status_code,
        ]
        refused = [
            (await http.patch(address, json=body)).status_code
            for body in ({}, {"title": " "}, {"title": "x" * 201}, {"title": 1}, {"title": "a\0"})
        ]
    assert "How is the *weather*?" == before["title"]
    assert "Snow & ```ice``` \u2744" == after["title"] == read["title"] == renamed.json()["title"]
    assert read == data.json()
    assert "attachment" in text.headers["content-disposition"]
    assert "text/markdown" in text.headers["content-type"]
    place = -1
    for line in (
        *("# Snow & ```ice``` \u2744", "## User", "How is the *weather*?", "## Team"),
        *("*Tool `delegate_task_to_member`, completed*", "> **Bob:** I look."),
        *("> **Bob:** *Tool `weather`, completed*", '>   "city": "Oslo"', "> snow in Oslo"),
        *("> **Bob:** It snows.", "Bob says: snow."),
    ):
        assert (place := text.text.find(f"{line}\n", place + 1)) > 0 or line[:2] == "# ", line
    assert 422 == wrong.status_code
    assert [404, 404] == unknown
    assert [422] * 5 == refused


async def test_text_alone_stores_more(serve: Serve, provider: Provider) -> None:
    """Of an answer that is only text nothing is stored beside Agno's own row."""
    async with httpx.AsyncClient(base_url=(server := serve()).url) as http:
        await answer(http, conversation_id="c")
        message = await message_of(http, "c")
    (store,) = server.app.state.context.conversations.stores
    stored = await store.db.get_run(message["run_id"])
    assert not stored.metadata
    assert [{"type": "content", "content": message["content"]}] == message["parts"]


async def test_parts_without_bounds(serve: Serve, provider: Provider) -> None:
    """A turn keeps 256 KiB of parts: the oldest results of tools are cut first, and this shows."""

    def dump(number: int) -> str:
        """Much text."""
        return f"{number}" * 39_000

    calls = [Reply(tool_calls=[("dump", json.dumps({"number": n}))]) for n in range(1, 10)]
    provider.script(*calls, Reply("That was much."))
    agent = Agent(id="dumper", tools=[dump])
    async with httpx.AsyncClient(base_url=serve(agents=[agent]).url) as http:
        await answer(http, conversation_id="c")
        message = await message_of(http, "c")
    results = [len(tool["result"]) for tool in message["tools"]]
    assert message["truncated"]
    assert sorted(results) == results
    assert (9, 39_000) == (len(results), results[-1])
    assert results[0] < 300
    assert len(json.dumps(message["parts"])) <= (256 << 10) + 100
    assert "That was much." == message["content"]


async def test_own_store_loses_parts(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """A store that an application brings keeps the parts, too."""
    agent = Agent(id="own", tools=[weather], db=JsonDb(db_path=str(tmp_path / "json")))
    provider.script(CALL, Reply("It snows."))
    async with httpx.AsyncClient(base_url=serve(agents=[agent]).url) as http:
        await answer(http, conversation_id="c")
        message = await message_of(http, "c")
    assert "content tool content" == types(message["parts"])
