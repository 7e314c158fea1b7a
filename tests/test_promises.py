"""What docs/security.md and docs/operations.md promise and no other test holds."""

import asyncio
import logging
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import httpx
import msgspec
import pytest
from agno.media import Image
from pydantic import SecretStr

from app.core.log.journal import RunRecord
from app.core.log.journals.sqlite import SqliteJournal
from app.main import create_app
from app.models.chat import StreamingChunk
from tests.command import ROOT
from tests.conftest import Serve
from tests.core.parts import record, text_chunk
from tests.media.test_media_out import CALL, maker, media_of
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Bare
from tests.streaming.reader import CHAT, answer
from tests.survival.parts import metric

KEY = "a-key-of-the-suite-0123456789"
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")


def client(url: str, key: str = KEY) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    return httpx.AsyncClient(base_url=url, timeout=30, headers=headers)


async def test_metrics_of_the_page_are_those_of_the_server(http: httpx.AsyncClient) -> None:
    """docs/operations.md names each metric that there is, and no other."""
    rows = re.findall(r"^\| (`[a-z_`, ()of]+`.*?) \|", OPERATIONS, re.MULTILINE)
    written = {name for row in rows for name in re.findall(r"`(\w+_\w+|followers)`", row)}
    page = (await http.get("/metrics")).text
    served = set(re.findall(r"^# TYPE agno_stream_(\w+) (?!unknown)", page, re.MULTILINE))
    served = {name for name in served if not name.endswith("_created")}
    assert served <= written
    assert {name for name in written if f"agno_stream_{name}" in page} == served


async def test_an_open_stream_outlives_its_ticket(serve: Serve, provider: Provider) -> None:
    """A stream that was opened in time is read to its end after its ticket has expired."""
    provider.script(Reply("one two", stall_after=1))
    server = serve(api_keys=f"ann:{KEY}", ticket_lifetime=1)
    async with client(server.url) as ann, client(server.url, "") as page:
        asked = {"message": "x", "background": True}
        url = (await ann.post(CHAT, json=asked)).json()["stream_url"]
        async with page.stream("GET", url) as response:
            assert 200 == response.status_code
            async with asyncio.timeout(20):
                while (await page.head(url)).status_code != 401:  # noqa: ASYNC110  # polls
                    await asyncio.sleep(0.1)
            provider.go_on()
            text = (await response.aread()).decode()
    assert '"finish_reason":"stop"' in text


async def test_a_key_named_anonymous_has_what_was_said_without_keys(serve: Serve) -> None:
    """Conversations of the time before there were keys belong to the key of that name alone."""
    async with client(serve().url, "") as before:
        await before.post(CHAT, json={"message": "Hi", "conversation_id": "c", "stream": False})
    server = serve(api_keys=f"anonymous:{KEY},bob:b{KEY}")
    async with client(server.url) as after, client(server.url, f"b{KEY}") as bob:
        assert 2 == len((await after.get("/api/v1/conversations/c")).json()["messages"])
        assert 404 == (await bob.get("/api/v1/conversations/c")).status_code


async def test_one_principal_or_conversation_cannot_take_all(
    serve: Serve, provider: Provider, tmp_path: Path
) -> None:
    """Without a setting for it, a principal with a key has half of the runs that may be at once,
    and a conversation eight, those that wait included; others are answered meanwhile."""
    provider.default = Reply("one two", stall_after=1)
    asked = {"message": "x", "background": True}
    server = serve(api_keys=f"ann:{KEY},bob:b{KEY}", max_concurrent_runs=4, run_queue=0)
    async with client(server.url) as ann, client(server.url, f"b{KEY}") as bob:
        replies = [await ann.post(CHAT, json=asked) for _ in range(3)]
        assert [202, 202, 429] == [reply.status_code for reply in replies]
        assert int(replies[-1].headers["retry-after"]) >= 1
        assert 202 == (await bob.post(CHAT, json=asked)).status_code
    async with client(serve(data_dir=tmp_path / "other").url, "") as http:
        replies = [await http.post(CHAT, json={**asked, "conversation_id": "c"}) for _ in range(9)]
        assert [202] * 8 + [409] == [reply.status_code for reply in replies]
        assert 202 == (await http.post(CHAT, json={**asked, "conversation_id": "d"})).status_code


def test_a_short_key_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A key of less than 16 characters is named by its principal, and not shown."""
    with caplog.at_level(logging.WARNING):
        keys = SecretStr(f"ann:0123456789abcde,bob:{KEY}")
        create_app(Bare(data_dir=tmp_path, model="demo", api_keys=keys))
    assert "a key of ann is short" in caplog.text
    assert "bob" not in caplog.text
    assert "0123456789abcde" not in caplog.text


async def test_a_run_keeps_64_items_of_media(serve: Serve, provider: Provider) -> None:
    """What a tool makes beyond that is left out, and the answer goes on."""
    provider.script(CALL, Reply("There."))
    items = [Image(content=b"\x89PNG\r\n\x1a\n" + bytes([n])) for n in range(70)]
    async with client(serve(agents=[maker(images=items)]).url, "") as http:
        chunks = await answer(http)
    assert 64 == len(media_of(chunks))
    assert "stop" == chunks[-1]["finish_reason"]


async def test_a_backup_while_the_server_runs(
    serve: Serve, provider: Provider, tmp_path: Path
) -> None:
    """A copy that SQLite makes meanwhile is whole, and neither keeps a turn from being stored nor
    a stream from being kept; a server on the copies has them."""
    (tmp_path / "copy").mkdir()

    def back_up(name: str) -> None:
        with (
            closing(sqlite3.connect(tmp_path / name)) as source,
            closing(sqlite3.connect(tmp_path / "copy" / name)) as copy,
        ):
            source.backup(copy, pages=1, sleep=0.001)

    async with client(serve().url, "") as http:
        asked = {"message": "Hi", "conversation_id": "c"}
        first = await answer(http, **asked)
        copying = asyncio.to_thread(back_up, "conversations.db")
        _, second = await asyncio.gather(copying, answer(http, **asked))
        assert {True} == {chunks[-1].get("stored", True) for chunks in (first, second)}
        assert "ready" == (await http.get("/readyz")).json()["status"]
        async with asyncio.timeout(20):
            while await metric(http, "journal_unwritten_entries"):  # noqa: ASYNC110  # polls
                await asyncio.sleep(0.05)
        await asyncio.to_thread(back_up, "runs.db")
    async with client(serve(data_dir=tmp_path / "copy").url, "") as http:
        messages = (await http.get("/api/v1/conversations/c")).json()["messages"]
        assert len(messages) in (2, 4)
        state = await http.get(f"/api/v1/runs/{first[0]['run_id']}")
        assert "completed" == state.json()["status"]


@pytest.mark.parametrize("kind", [record(), text_chunk("word")], ids=["record", "chunk"])
def test_fields_of_a_newer_version_are_skipped(kind: RunRecord | StreamingChunk) -> None:
    """What a newer version has written is read by this one, without what it does not know."""
    fields = {**msgspec.to_builtins(kind), "of_a_newer_release": {"a": [1]}}
    for codec in (msgspec.json, msgspec.msgpack):
        assert kind == codec.decode(codec.encode(fields), type=type(kind))


def test_records_of_the_first_version_are_read() -> None:
    """Fields that a record has got since then have values that say nothing."""
    first = ("run_id", "conversation_id", "principal", "agent", "model", "created_at")
    fields = {name: getattr(record(), name) for name in first}
    assert record() == msgspec.convert(fields, RunRecord)


async def test_a_file_of_an_older_version_gets_what_it_lacks(tmp_path: Path) -> None:
    """A journal that was made before turns could wait and runs could pause is opened as it is."""
    file = tmp_path / "runs.db"
    journal = SqliteJournal(file)
    await journal.open("one")
    await journal.create(record())
    await journal.close()
    with closing(sqlite3.connect(file)) as db:
        for table in ("outbox", "checkpoints", "paused"):
            db.execute(f"DROP TABLE {table}")
    newer = SqliteJournal(file)
    await newer.open("two")
    assert record() == await newer.record("r1")
    assert [] == await newer.list_paused(None)
    await newer.close()
