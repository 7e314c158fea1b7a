"""What tools and models make: in chunks, states and conversations, and served to its owner."""

import asyncio
import base64
import io
import json
import time
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.media import File, Image
from agno.models.openai import OpenAIChat
from agno.models.openrouter import OpenRouter
from aiohttp import web

from tests.conftest import Serve
from tests.media.parts import MP3, MP4, PDF, PNG, SVG, everything, png, tool
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, answer, ended

CALL = Reply("I make it. ", tool_calls=[("make", "{}")])


@asynccontextmanager
async def client(url: str, key: str = "") -> AsyncIterator[httpx.AsyncClient]:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    async with httpx.AsyncClient(base_url=url, timeout=30, headers=headers) as http:
        yield http


def media_of(chunks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [item for chunk in chunks for item in chunk.get("media", [])]


def maker(**media: list[Any]) -> Agent:
    return Agent(id="maker", tools=[tool(**media)], send_media_to_model=False)


def journal_of(folder: Path) -> bytes:
    """All that is in the journal's file; of what moves there meanwhile, its old place comes
    first."""
    return b"".join((folder / name).read_bytes() for name in ("runs.db-wal", "runs.db"))


async def test_media_of_a_tool(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """Each item is in one chunk, in the state and in the whole answer; its bytes are at its address
    and in no log."""
    provider.script(CALL, Reply("There."), CALL, Reply("There."))
    async with client(serve(agents=[maker(**everything())]).url) as http:
        chunks = await answer(http, conversation_id="c1")
        items = media_of(chunks)
        whole = await http.post(CHAT, json={"message": "Hello?", "stream": False})
        run_id = chunks[0]["run_id"]
        state = await ended(http, run_id)
        conversation = (await http.get("/api/v1/conversations/c1")).json()
        served = {
            item["kind"]: await http.get(item["url"])
            for item in items
            if item["url"].startswith("/")
        }
    assert [
        ("image", "image/png", None, len(PNG)),
        ("image", "image/png", None, None),
        ("audio", "audio/mpeg", None, len(MP3)),
        ("video", "video/mp4", None, len(MP4)),
        ("file", "application/pdf", "report.pdf", len(PDF)),
    ] == [(i["kind"], i["mime_type"], i.get("name"), i.get("size")) for i in items]
    assert "https://pictures.example/cat.png" == items[1]["url"]
    assert items == state["media"]
    assert items == conversation["messages"][-1]["media"]
    assert ["user", "assistant"] == [message["role"] for message in conversation["messages"]]
    assert [i["mime_type"] for i in items] == [i["mime_type"] for i in whole.json()["media"]]
    assert {"image": PNG, "audio": MP3, "video": MP4, "file": PDF} == {
        kind: response.content for kind, response in served.items()
    }
    async with asyncio.timeout(10):  # the log is written a moment after it is read
        while items[0]["id"].encode() not in (journal := journal_of(tmp_path)):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    assert base64.b64encode(PNG)[:40] not in journal
    assert PNG not in journal


HOSTILE = [
    (File(content=SVG, filename="../../etc/pa\r\nss\u202egnp.svg"), "attachment", "image/svg+xml"),
    (
        File(content=b"<script>", filename="a.html", mime_type="text/html"),
        "attachment",
        "text/html",
    ),
    (Image(content=SVG, mime_type="image/svg+xml"), "attachment", "image/svg+xml"),
    (Image(content=PNG, mime_type="image/png\r\nSet-Cookie: a=b"), "inline", "image/png"),
    (Image(url=f"data:image/png;base64,{base64.b64encode(PNG).decode()}"), "inline", "image/png"),
    (Image(content=b"\0" * 40, mime_type="text/html"), "attachment", "application/octet-stream"),
]


@pytest.mark.parametrize(("item", "disposition", "mime"), HOSTILE)
async def test_hostile_names_and_types(
    serve: Serve, provider: Provider, item: Any, disposition: str, mime: str
) -> None:
    """Nothing that a browser would run is shown in this origin, and no name leaves its header."""
    provider.script(CALL, Reply("There."))
    field = "files" if isinstance(item, File) else "images"
    async with client(serve(agents=[maker(**{field: [item]})]).url) as http:
        [found] = media_of(await answer(http))
        served = await http.get(found["url"])
        download = await http.get(found["url"], params={"download": "true"})
    assert mime == found["mime_type"]
    assert disposition == served.headers["content-disposition"].partition(";")[0]
    expected = mime if disposition == "inline" else "application/octet-stream"
    assert expected == served.headers["content-type"]
    assert "nosniff" == served.headers["x-content-type-options"]
    assert "sandbox" in served.headers["content-security-policy"]
    assert "set-cookie" not in served.headers
    assert download.headers["content-disposition"].startswith("attachment; ")
    for trap in ("/", "\\", "\u202e", "\r", "%2F", "%E2%80%AE"):
        assert trap not in (found.get("name") or "") + served.headers["content-disposition"]


async def test_ranges(serve: Serve, provider: Provider) -> None:
    """A player may read a part."""
    provider.script(CALL, Reply("There."))
    async with client(serve(agents=[maker(**everything())]).url) as http:
        items = media_of(await answer(http))
        part = await http.get(items[2]["url"], headers={"Range": "bytes=0-2"})
    assert (206, b"ID3", f"bytes 0-2/{len(MP3)}") == (
        part.status_code,
        part.content,
        part.headers["content-range"],
    )


async def test_owners_and_tickets(serve: Serve, provider: Provider) -> None:
    """Another principal gets 404, nobody gets 401, and the run's ticket opens its media alone."""
    provider.script(CALL, Reply("There."), CALL, Reply("There."))
    keys = {"alice": "alice-key-0123456789", "bob": "bob-key-0123456789"}
    named = ",".join(f"{name}:{key}" for name, key in keys.items())
    url = serve(agents=[maker(images=[Image(content=PNG)])], api_keys=named).url
    async with (
        client(url, keys["alice"]) as alice,
        client(url, keys["bob"]) as bob,
        client(url) as nobody,
    ):
        chunks = await answer(alice)
        [item] = media_of(chunks)
        other = media_of(await answer(bob))[0]["url"]
        run_id = chunks[0]["run_id"]
        ticket = (await alice.post(f"/api/v1/runs/{run_id}/ticket")).json()["stream_url"]
        query = ticket.partition("?")[2]
        absent = await bob.get(f"/api/v1/runs/{run_id}/media/{'0' * 32}")
        foreign = await bob.get(item["url"])
        assert (404, 404) == (absent.status_code, foreign.status_code)
        assert absent.text.replace("0" * 32, "?") == foreign.text.replace(item["id"], "?")
        assert 401 == (await nobody.get(item["url"])).status_code
        assert PNG == (await nobody.get(f"{item['url']}?{query}")).content
        assert 401 == (await nobody.get(f"{other}?{query}")).status_code
        for trap in ("..%2f..%2fsecret.key", "passing", f"{item['id']}.json", "%2e%2e"):
            got = await alice.get(f"/api/v1/runs/{run_id}/media/{trap}")
            assert 404 == got.status_code


async def test_bounds(serve: Serve, provider: Provider) -> None:
    """An item that is too large is left out, and the answer goes on."""
    provider.script(CALL, Reply("There."))
    large, small = Image(content=PNG + bytes(2000)), Image(content=PNG)
    agents = [maker(images=[large, small])]
    async with client(serve(agents=agents, max_media_bytes=1000).url) as http:
        chunks = await answer(http)
    assert [len(PNG)] == [item["size"] for item in media_of(chunks)]
    assert "stop" == chunks[-1]["finish_reason"]


async def test_a_file_of_a_tool(serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """A file that a tool has written is served from a copy."""
    (tmp_path / "chart.png").write_bytes(png(9))
    provider.script(CALL, Reply("There."))
    agents = [maker(images=[Image(filepath=tmp_path / "chart.png")])]
    async with client(serve(agents=agents).url) as http:
        [item] = media_of(await answer(http))
        (tmp_path / "chart.png").unlink()
        assert png(9) == (await http.get(item["url"])).content
    assert ("chart.png", "image/png") == (item["name"], item["mime_type"])


async def test_media_live_as_long_as_their_turn(
    serve: Serve, provider: Provider, tmp_path: Path
) -> None:
    """With a conversation, media outlive the run and go when it is deleted; without one, they go
    with the run."""
    provider.script(CALL, Reply("There."), CALL, Reply("There."))
    agents = [maker(images=[Image(content=PNG)])]
    server = serve(agents=agents, retention=0.2, journal_url="memory://")
    async with client(server.url) as http:
        [kept] = media_of(await answer(http, conversation_id="c1"))
        sent = {"model": "maker", "messages": [{"role": "user", "content": "Hello?"}]}
        assert 200 == (await http.post("/v1/chat/completions", json=sent)).status_code
        folder = tmp_path / "media" / "runs"
        assert 2 == len(list(folder.iterdir()))
        deadline = time.monotonic() + 60
        while len(list(folder.iterdir())) > 1 and time.monotonic() < deadline:
            await answer(http, "And?")  # the memory journal removes runs as others start
        assert PNG == (await http.get(kept["url"])).content
        assert 204 == (await http.delete("/api/v1/conversations/c1")).status_code
        assert 404 == (await http.get(kept["url"])).status_code
    assert [] == list(folder.iterdir())


SAMPLES = bytes(range(200)) * 4

SPOKEN: list[dict[str, Any]] = [
    {"role": "assistant", "audio": {"id": "audio_1"}},
    *({"audio": {"transcript": word}} for word in ("Good ", "morning.")),
    *(
        {"audio": {"data": base64.b64encode(SAMPLES[start : start + 200]).decode()}}
        for start in range(0, len(SAMPLES), 200)
    ),
]
PAINTED: list[dict[str, Any]] = [
    {
        "role": "assistant",
        "content": "",
        "images": [
            {
                "type": "image_url",
                "image_url": {"url": f"data:image/png;base64,{base64.b64encode(PNG).decode()}"},
            }
        ],
    }
]


@asynccontextmanager
async def playing(deltas: list[dict[str, Any]]) -> AsyncIterator[str]:
    """The address of an OpenAI server whose answers have these deltas."""

    async def play(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        head = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}
        for delta in [*deltas, None]:
            choice = {"index": 0, "delta": delta or {}, "finish_reason": None if delta else "stop"}
            line = json.dumps({**head, "choices": [choice]})
            await response.write(f"data: {line}\n\n".encode())
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", play)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    finally:
        await runner.cleanup()


async def test_a_model_that_speaks(serve: Serve) -> None:
    """The transcript is the answer, also in the conversation; the sound is one file that plays."""
    async with playing(SPOKEN) as upstream:
        model = OpenAIChat(
            id="speaks",
            api_key="sk-test",
            base_url=upstream,
            modalities=["text", "audio"],
            audio={"voice": "sage", "format": "pcm16"},
        )
        async with client(serve(agents=[Agent(id="speaker", model=model)]).url) as http:
            chunks = await answer(http, conversation_id="c1")
            [item] = media_of(chunks)
            content = (await http.get(item["url"])).content
            conversation = (await http.get("/api/v1/conversations/c1")).json()
    assert "Good morning." == "".join(chunk["content"] for chunk in chunks)
    assert ("audio", "audio/wav") == (item["kind"], item["mime_type"])
    with wave.open(io.BytesIO(content)) as sound:
        assert (24000, 1, SAMPLES) == (
            sound.getframerate(),
            sound.getnchannels(),
            sound.readframes(len(SAMPLES)),
        )
    assert ["Hello?", "Good morning."] == [m["content"] for m in conversation["messages"]]
    assert [item] == conversation["messages"][-1]["media"]


async def test_a_model_that_paints(serve: Serve) -> None:
    """A picture without a word is an answer, in the stream once, and in the conversation."""
    async with playing(PAINTED) as upstream:
        model = OpenRouter(id="paints", api_key="sk-test", base_url=upstream)
        async with client(serve(agents=[Agent(id="painter", model=model)]).url) as http:
            chunks = await answer(http, conversation_id="c1")
            [item] = media_of(chunks)
            content = (await http.get(item["url"])).content
            conversation = (await http.get("/api/v1/conversations/c1")).json()
    assert ("stop", PNG) == (chunks[-1]["finish_reason"], content)
    assert [[], [item]] == [m.get("media", []) for m in conversation["messages"]]
