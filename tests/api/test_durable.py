"""A run as a stream of the protocol Durable Streams: each header, each way to read, each end."""

import asyncio
import itertools
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest
from httpx_sse import EventSource

from app.api.durable.cursors import EPOCH, INTERVAL, next_cursor
from app.api.durable.events import EventsStream
from app.api.durable.offsets import Offset, parse_offset
from app.core.errors import BadEventId
from app.core.log.follower import Follower
from app.core.log.sources import source_of
from tests.api.test_streaming import Client, opened, say
from tests.api.test_streaming import serve as called
from tests.conftest import Serve
from tests.core.parts import ending, record, until
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.streaming.reader import CHAT, ended
from tests.survival.parts import client, counted, paced, serving

Chunks = list[dict[str, Any]]
OFFSET = re.compile(r"0\d{15}i?")


async def start(http: httpx.AsyncClient, **fields: Any) -> str:
    """The stream of a run in the background."""
    body = {"message": "x", "background": True, **fields}
    run_id = (await http.post(CHAT, json=body)).json()["run_id"]
    return f"/api/v1/runs/{run_id}/stream"


async def finished(http: httpx.AsyncClient, **fields: Any) -> str:
    """The stream of a run that has ended."""
    url = await start(http, **fields)
    await ended(http, url.split("/")[-2])
    return url


async def shown(http: httpx.AsyncClient, url: str) -> httpx.Response:
    """The page of a live run that has the word that it stalls after."""
    async with asyncio.timeout(20):
        while "one " not in (reply := await http.get(url)).text:  # noqa: ASYNC110  # polls
            await asyncio.sleep(0.01)
    return reply


async def events(http: httpx.AsyncClient, url: str, offset: str) -> AsyncIterator[Any]:
    """The events of one response, as pairs: `data`, chunks; `control`, fields."""
    params = {"offset": offset, "live": "sse"}
    async with http.stream("GET", url, params=params) as response:
        assert 200 == response.status_code, await response.aread()
        async for event in EventSource(response).aiter_sse():
            yield event.event, json.loads(event.data)


def text(chunks: Chunks) -> str:
    return "".join(chunk["content"] for chunk in chunks)


def marks(reply: httpx.Response) -> dict[str, str]:
    """The protocol's header fields in a response, without the cursor."""
    names = ("stream-up-to-date", "stream-closed")
    return {name[7:]: reply.headers[name] for name in names if name in reply.headers}


ENDED = {"up-to-date": "true", "closed": "true"}


async def test_a_read_of_an_ended_run(http: httpx.AsyncClient, provider: Provider) -> None:
    """One read returns all chunks as JSON, and says that nothing follows."""
    provider.script(Reply(numbered(20)))
    url = await finished(http)
    for params in ({}, {"offset": "-1"}, {"offset": f"{0:016}"}):
        reply = await http.get(url, params=params)
        assert 200 == reply.status_code
        assert "application/json" == reply.headers["content-type"]
        assert counted(20) == text(reply.json())
        assert reply.json()[-1]["done"]
        assert ENDED == marks(reply)
        assert f"{len(reply.json()):016}" == reply.headers["stream-next-offset"]
        assert "nosniff" == reply.headers["x-content-type-options"]
        assert reply.headers["cache-control"].startswith("private, max-age=60")
        assert "stream-cursor" not in reply.headers
        assert url.split("/")[-2] == reply.headers["x-run-id"]


async def test_resume_after_each_offset(http: httpx.AsyncClient, provider: Provider) -> None:
    """From each offset each way to read returns exactly the chunks that follow."""
    provider.script(Reply(numbered(10)))
    url = await finished(http)
    every: Chunks = (await http.get(url)).json()
    for number in range(len(every) + 1):
        offset = f"{number:016}"
        rest = every[number:]
        reply = await http.get(url, params={"offset": offset})
        assert (rest, ENDED) == (reply.json(), marks(reply))
        polled = await http.get(url, params={"offset": offset, "live": "long-poll"})
        assert (200 if rest else 204, ENDED) == (polled.status_code, marks(polled))
        assert rest == (polled.json() if rest else [])
        found = [event async for event in events(http, url, offset)]
        assert rest == [chunk for kind, chunks in found if kind == "data" for chunk in chunks]
        last = {"streamNextOffset": f"{len(every):016}", "streamClosed": True, "upToDate": True}
        assert ("control", last) == found[-1]


async def test_long_polls_of_a_live_run(serve: Serve, provider: Provider) -> None:
    """Long polls read a live run to its end; a silent one is answered without a body."""
    provider.script(Reply(["one ", "two "], delay_first=0.5, stall_after=2))
    async with httpx.AsyncClient(base_url=serve(heartbeat=0.2).url, timeout=30) as http:
        url = await start(http)
        seen: Chunks = []
        offset, cursor, silent = "-1", "", 0
        while text(seen) != "one two " or silent < 2:
            params = {"offset": offset, "live": "long-poll", "cursor": cursor}
            reply = await http.get(url, params=params)
            assert reply.headers["stream-next-offset"] >= offset or offset == "-1"
            offset = reply.headers["stream-next-offset"]
            assert "no-store" == reply.headers["cache-control"]
            assert not cursor or int(reply.headers["stream-cursor"]) > int(cursor)
            cursor = reply.headers["stream-cursor"]
            if reply.status_code == 204:
                silent += 1
                assert {"up-to-date": "true"} == marks(reply)
            else:
                seen += reply.json()
        await http.post(url.replace("/stream", "/cancel"))
        reply = await http.get(url, params={"offset": offset, "live": "long-poll"})
        assert (200, ENDED) == (reply.status_code, marks(reply))
        assert "cancelled" == reply.json()[-1]["finish_reason"]
        offset = reply.headers["stream-next-offset"]
        reply = await http.get(url, params={"offset": offset, "live": "long-poll"})
        assert (204, ENDED) == (reply.status_code, marks(reply))


@pytest.mark.parametrize("live", ["long-poll", "sse"])
async def test_a_run_that_ends_while_one_waits(
    http: httpx.AsyncClient, provider: Provider, live: str
) -> None:
    """A reader that waits at the tail of a live run is told of the run's end at once."""
    provider.script(Reply(["one "], stall_after=1))
    url = await start(http)
    await shown(http, url)
    waiting = asyncio.create_task(http.get(url, params={"offset": "now", "live": live}))
    await asyncio.sleep(0.1)
    await http.post(url.replace("/stream", "/cancel"))
    reply = await asyncio.wait_for(waiting, 5)
    assert '"finish_reason":"cancelled"' in reply.text
    closed = '"streamClosed":true' in reply.text if live == "sse" else marks(reply) == ENDED
    assert closed


async def test_events_of_a_live_run(serve: Serve, provider: Provider) -> None:
    """Every `data` is followed by `control`, with rising offsets, and only the last one closes."""
    provider.script(Reply(numbered(40), rate=100, delay_first=0.3))
    async with httpx.AsyncClient(base_url=serve(heartbeat=0.1).url, timeout=30) as http:
        url = await start(http)
        found = [event async for event in events(http, url, "-1")]
    chunks = [chunk for kind, batch in found if kind == "data" for chunk in batch]
    assert counted(40) == text(chunks)
    controls = [fields for kind, fields in found if kind == "control"]
    for (kind, _), (following, _) in itertools.pairwise(found):
        assert kind == "control" or following == "control"
    assert "control" == found[-1][0]
    offsets = [fields["streamNextOffset"] for fields in controls]
    assert sorted(set(offsets)) == offsets
    assert all(OFFSET.fullmatch(offset) for offset in offsets)
    assert [True] == [fields["streamClosed"] for fields in controls if "streamClosed" in fields]
    assert all("streamCursor" in fields for fields in controls[:-1])
    assert "streamCursor" not in controls[-1]
    assert len(controls) > 3


async def test_events_end_after_their_lifetime() -> None:
    """A response ends after its lifetime though the run goes on, and its reader has left."""
    async with opened() as (hub, log):
        say(log, 0)
        left: list[bool] = []
        source = source_of(record(), hub.journal, hub.get("r1"))
        follower = Follower(record(), source, 0, lambda _: left.append(True))
        response = EventsStream(follower, Offset(0), "7", heartbeat=60, lifetime=0.05)
        reader = Client()
        task = called(response, reader)
        await until(lambda: len(reader.writes) == 1)
        await task
        assert reader.complete
        assert b'"streamClosed"' not in reader.body
        assert b'"streamCursor":"7","upToDate":true' in reader.body
        assert b"?1" == dict(reader.messages[0]["headers"])[b"incremental"]
        assert [True] == left
        log.append(ending())


async def test_head_tells_how_far_the_stream_goes(serve: Serve, provider: Provider) -> None:
    """`HEAD` has the tail, the closure, and how long the stream is kept, and is not cached."""
    provider.script(Reply(["one "], stall_after=1))
    async with httpx.AsyncClient(base_url=serve(retention=77).url, timeout=30) as http:
        url = await start(http)
        await shown(http, url)
        live = await http.head(url)
        tail = (await http.get(url)).headers["stream-next-offset"]
        await http.post(url.replace("/stream", "/cancel"))
        closed = await http.head(url)
    for reply in (live, closed):
        assert (200, b"") == (reply.status_code, reply.content)
        assert "application/json" == reply.headers["content-type"]
        assert "no-store" == reply.headers["cache-control"]
        assert "77" == reply.headers["stream-ttl"]
    assert (tail, {}) == (live.headers["stream-next-offset"], marks(live))
    assert {"closed": "true"} == marks(closed)
    assert f"{int(tail) + 1:016}" == closed.headers["stream-next-offset"]


async def test_now_begins_at_the_tail(http: httpx.AsyncClient, provider: Provider) -> None:
    """`now` returns no chunk that was there before, and is not cached."""
    provider.script(Reply(["one "], stall_after=1))
    url = await start(http)
    await shown(http, url)
    tail = (await http.head(url)).headers["stream-next-offset"]
    reply = await http.get(url, params={"offset": "now"})
    assert ([], {"up-to-date": "true"}) == (reply.json(), marks(reply))
    assert (tail, "no-store") == (
        reply.headers["stream-next-offset"],
        reply.headers["cache-control"],
    )
    await http.post(url.replace("/stream", "/cancel"))
    reply = await http.get(url, params={"offset": "now"})
    assert ([], ENDED) == (reply.json(), marks(reply))


async def test_the_tag_of_a_page(http: httpx.AsyncClient, provider: Provider) -> None:
    """The same page has the same tag, and 304 for it; another end, and closure, change it."""
    provider.script(Reply(["one "], stall_after=1))
    url = await start(http)
    reply = await shown(http, url)
    tag = reply.headers["etag"]
    for known, status in [(tag, 304), (f'"x", W/{tag}', 304), ('"x"', 200)]:
        again = await http.get(url, headers={"If-None-Match": known})
        assert (status, tag) == (again.status_code, again.headers["etag"])
        assert (b"" if status == 304 else reply.content) == again.content
        assert reply.headers["stream-next-offset"] == again.headers["stream-next-offset"]
    await http.post(url.replace("/stream", "/cancel"))
    closed = await http.get(url, headers={"If-None-Match": tag})
    assert 200 == closed.status_code
    end = closed.headers["stream-next-offset"]
    empty = await http.get(url, params={"offset": end})
    assert empty.headers["etag"].endswith(':c"')
    assert 3 == len({tag, closed.headers["etag"], empty.headers["etag"]})


async def test_a_long_run_comes_in_pages(http: httpx.AsyncClient, provider: Provider) -> None:
    """A page that is not the last one says neither that it is up to date nor closed."""
    provider.script(Reply(numbered(1500)))
    url = await finished(http)
    pages, chunks, offset = 0, [], "-1"
    while marks(page := await http.get(url, params={"offset": offset})) != ENDED:
        assert ({}, True) == (marks(page), len(page.json()) > 100)
        assert page.headers["cache-control"].startswith("private, max-age=60")
        chunks += page.json()
        pages, offset = pages + 1, page.headers["stream-next-offset"]
    assert counted(1500) == text(chunks + page.json())
    assert pages > 1
    found = [event async for event in events(http, url, "-1")]
    controls = [fields for kind, fields in found if kind == "control"]
    assert [False] * pages + [True] == ["upToDate" in fields for fields in controls]


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("offset=", 400),
        ("offset=x", 400),
        ("offset=-2", 400),
        ("offset=1", 400),
        ("offset=0000000000000001,2", 400),
        ("offset=0000000000000001x", 400),
        ("offset=9999999999999999", 400),
        ("offset=000000000000000%D9%A1", 400),
        ("offset=0000000000000999", 400),
        ("offset=-1&offset=-1", 400),
        ("offset=-1&live=x", 400),
        ("live=long-poll", 400),
        ("live=sse", 400),
        ("offset=-1&cursor=x", 200),
        ("offset=-1&unknown=x", 200),
    ],
)
async def test_strange_queries(
    http: httpx.AsyncClient, provider: Provider, query: str, status: int
) -> None:
    """A query that the protocol does not know is refused, and what is only unknown is not."""
    provider.script(Reply(["one "], stall_after=1))
    url = await start(http)
    reply = await http.get(f"{url}?{query}")
    assert status == reply.status_code, reply.text
    await http.post(url.replace("/stream", "/cancel"))


async def test_writes_are_refused(http: httpx.AsyncClient) -> None:
    """A stream can be read only, and `Allow` says so."""
    url = await finished(http)
    for method in ("PUT", "POST", "DELETE"):
        reply = await http.request(method, url)
        assert (405, "GET, HEAD") == (reply.status_code, reply.headers["allow"])


async def test_a_stream_is_its_owners(serve: Serve) -> None:
    """Only the run's principal reads it, by a key or by a ticket; to others it is unknown."""
    url = serve(api_keys="me:key-of-me-0123456789,you:key-of-you-0123456789").url
    me, you = ({"Authorization": f"Bearer key-of-{who}-0123456789"} for who in ("me", "you"))
    async with httpx.AsyncClient(base_url=url, timeout=30) as http:
        body = {"message": "x", "background": True}
        run = (await http.post(CHAT, json=body, headers=me)).json()
        signed = run["stream_url"].replace("/events", "/stream")
        path = signed.partition("?")[0]
        for method in ("GET", "HEAD"):
            for address, headers, status in [
                (path, me, 200),
                (signed, {}, 200),
                (path, you, 404),
                (path, {}, 401),
                (signed[:-1] + "~", {}, 401),
                ("/api/v1/runs/none/stream", me, 404),
            ]:
                reply = await http.request(method, address, headers=headers)
                assert status == reply.status_code, (method, address)


async def test_a_gap_is_gone(serve: Serve, provider: Provider) -> None:
    """Chunks that are no longer kept are 410 for each way to read; the rest can be read."""
    provider.script(Reply([f"{n:0999} " for n in range(300)]))
    server = serve(journal_url="memory://?run_bytes=100000", hub_run_bytes=50_000)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        url = await finished(http)
        async with asyncio.timeout(5):
            while (reply := await http.get(url)).status_code == 200:  # noqa: ASYNC110  # polls
                await asyncio.sleep(0.05)
        for live in ({}, {"live": "long-poll"}, {"live": "sse"}):
            reply = await http.get(url, params={"offset": "-1", **live})
            assert (410, "gap") == (reply.status_code, reply.json()["error"]["code"])
        number = int(reply.json()["error"]["first_event_id"].rpartition(":")[2])
        offset, ends = f"{number:016}", False
        while not ends:  # pages: of the journal, then of what only memory has yet
            rest = await http.get(url, params={"offset": offset})
            assert (200, True) == (rest.status_code, bool(rest.json()))
            offset, ends = rest.headers["stream-next-offset"], rest.json()[-1]["done"]
            assert ends == (ENDED == marks(rest))


async def test_two_processes(tmp_path: Path, provider: Provider) -> None:
    """A reader of a run of another process, in each way, is sent what the run's own readers are;
    an end that another process wrote comes once, under an offset of its own."""
    provider.default = paced(1.5)
    async with AsyncExitStack() as stack:
        here, there = [await stack.enter_async_context(serving(tmp_path, provider)) for _ in "ab"]
        near = await stack.enter_async_context(client(here))
        far = await stack.enter_async_context(client(there))
        url = await start(near)
        found = [event async for event in events(far, url, "-1")]
        chunks = [chunk for kind, batch in found if kind == "data" for chunk in batch]
        assert counted(150) == text(chunks)
        assert chunks == (await near.get(url)).json() == (await far.get(url)).json()
        assert {"streamClosed": True, "upToDate": True}.items() <= found[-1][1].items()

        provider.default = paced(30)
        url = await start(near)
        seen, offset = Chunks(), "-1"
        while len(seen) < 50:
            reply = await near.get(url, params={"offset": offset, "live": "long-poll"})
            seen, offset = seen + reply.json(), reply.headers["stream-next-offset"]
        here.process.kill()
        offsets = [offset]
        while True:
            params = {"offset": offset, "live": "long-poll"}
            reply = await far.get(url, params=params)
            offset = reply.headers["stream-next-offset"]
            offsets.append(offset)
            seen += reply.json() if reply.status_code == 200 else []
            if "stream-closed" in reply.headers:
                break
        assert sorted(offsets) == offsets
        assert offset.endswith("i")
        assert ["interrupted"] == [chunk["finish_reason"] for chunk in seen if chunk["done"]]
        for live, status in [({}, 200), ({"live": "long-poll"}, 204)]:
            reply = await far.get(url, params={"offset": offset, **live})
            assert (status, ENDED) == (reply.status_code, marks(reply))
            assert reply.content in (b"", b"[]")
        assert (await far.head(url)).headers["stream-next-offset"].endswith("i")
        found = [event async for event in events(far, url, offset)]
        assert [("control", True)] == [(kind, fields["streamClosed"]) for kind, fields in found]


@pytest.mark.parametrize("offset", [Offset(0), Offset(7), Offset(7, saw_end=True)])
def test_offsets_are_read_as_written(offset: Offset) -> None:
    """An offset is read as it was written, and sorts as text as it does in the log."""
    assert offset == parse_offset(str(offset))
    later = Offset(offset.number + 1)
    assert str(offset) < str(later)
    with pytest.raises(BadEventId):
        parse_offset(f"{offset} ")


@pytest.mark.parametrize("ahead", [None, "", "x", "-1", "9" * 99, "5", "now", "future"])
def test_cursors_move_on(ahead: str | None) -> None:
    """A cursor is the current interval, and always above the client's."""
    current = int((time.time() - EPOCH) // INTERVAL)
    sent = {"now": str(current), "future": str(current + 1000)}.get(ahead or "", ahead)
    found = int(next_cursor(sent))
    if ahead in ("now", "future"):
        assert int(sent or "") < found <= int(sent or "") + 181
    else:
        assert current <= found <= current + 1
