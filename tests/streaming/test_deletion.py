"""A conversation that is deleted is gone: its turns, its runs, and what a file still holds."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.services import RedisServer
from tests.streaming.reader import answer, ask, chunks

#: Journals by the name of their kind.
JOURNALS: dict[str, Callable[[pytest.FixtureRequest], str | None]] = {
    "sqlite": lambda request: None,
    "redis": lambda request: _redis(request).empty(),
    "memory": lambda request: "memory://",
}


def _redis(request: pytest.FixtureRequest) -> RedisServer:
    server: RedisServer = request.getfixturevalue("redis_server")
    return server


@pytest.fixture(params=list(JOURNALS))
def journal_url(request: pytest.FixtureRequest) -> str | None:
    return JOURNALS[request.param](request)


async def codes(http: httpx.AsyncClient, *paths: str) -> list[str]:
    """The error code of each path, or "" if it is found."""
    replies = [await http.get(path) for path in paths]
    return [reply.json().get("error", {}).get("code", "") for reply in replies]


GONE = ["unknown_conversation", "unknown_run"]


async def test_deleted_conversation_comes_back(
    serve: Serve, provider: Provider, journal_url: str | None
) -> None:
    """A conversation that is deleted while a run answers in it and another one waits is gone after
    both, with its runs; other conversations are not."""
    provider.script(Reply("Hello."), Reply("Hello."), Reply("one two three four", stall_after=2))
    server = serve(journal_url=journal_url)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        first = await answer(http, "First.", conversation_id="c")
        other = await answer(http, "Other.", conversation_id="d")
        async with ask(http, "Count!", conversation_id="c") as source:
            running = source.response.headers["x-run-id"]
            stream = chunks(source)
            while not (await anext(stream))["content"]:
                pass
            body = {"message": "Next!", "conversation_id": "c", "background": True}
            waiting = (await http.post("/api/v1/chat", json=body)).json()["run_id"]
            deleted = await http.delete("/api/v1/conversations/c")
            rest = [chunk async for chunk in stream]
        assert 204 == deleted.status_code
        assert "cancelled" == rest[-1]["finish_reason"]
        for run_id in (first[0]["run_id"], running, waiting):
            assert GONE == await codes(http, "/api/v1/conversations/c", f"/api/v1/runs/{run_id}")
        assert ["", ""] == await codes(
            http, "/api/v1/conversations/d", f"/api/v1/runs/{other[0]['run_id']}"
        )
        assert 404 == (await http.delete("/api/v1/conversations/c")).status_code
        again = await answer(http, "New.", conversation_id="c")
        assert "Hello from the provider." == "".join(chunk["content"] for chunk in again)
        sent = provider.requests[-1].body["messages"]
        assert ["New."] == [message["content"] for message in sent if message["role"] == "user"]


async def test_conversation_of_a_first_run_is_deleted(serve: Serve, provider: Provider) -> None:
    """A conversation whose only run is still answering is deleted as well."""
    provider.script(Reply("one two three four", stall_after=2))
    server = serve()
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=30) as http,
        ask(http, "Count!", conversation_id="c") as source,
    ):
        stream = chunks(source)
        while not (await anext(stream))["content"]:
            pass
        assert 204 == (await http.delete("/api/v1/conversations/c")).status_code
        run_id = source.response.headers["x-run-id"]
        assert GONE == await codes(http, "/api/v1/conversations/c", f"/api/v1/runs/{run_id}")


async def test_end_user_deletes_the_conversation_of_another(serve: Serve) -> None:
    """Deleting is for one end user of a principal: another one's conversation of the same id, and
    its runs, stay."""
    server = serve()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        ann = await answer(http, "First.", conversation_id="c", user="ann")
        bob = await answer(http, "First.", conversation_id="c", user="bob")
        assert 204 == (await http.delete("/api/v1/conversations/c?user=ann")).status_code
        assert GONE == await codes(
            http, "/api/v1/conversations/c?user=ann", f"/api/v1/runs/{ann[0]['run_id']}"
        )
        assert ["", ""] == await codes(
            http, "/api/v1/conversations/c?user=bob", f"/api/v1/runs/{bob[0]['run_id']}"
        )


async def test_deleted_words_stay_on_the_disk(
    serve: Serve, provider: Provider, tmp_path: Path
) -> None:
    """No file of the data folder holds the words of a conversation that was deleted."""
    provider.default = Reply("The answer is indubitably.")
    server = serve()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for number in range(3):
            await answer(http, f"Is it heliotrope {number}?", conversation_id="c")
        assert {"heliotrope", "indubitably"} == await asyncio.to_thread(found_in, tmp_path)
        await http.delete("/api/v1/conversations/c")
        assert set() == await asyncio.to_thread(found_in, tmp_path)


def found_in(folder: Path) -> set[str]:
    """The words that a file of the folder holds."""
    content = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    return {word for word in ("heliotrope", "indubitably") if word.encode() in content}
