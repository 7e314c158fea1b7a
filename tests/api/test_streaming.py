"""The responses that carry a run, called as an ASGI server calls them."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from httpx_sse._decoders import SSEDecoder
from starlette.types import Message, Scope

from app.api.doors.native.answer import NativeAnswer
from app.api.doors.native.encoder import NdjsonEncoder, SseEncoder, TextEncoder
from app.api.doors.native.errors import error_response
from app.api.encoding import Encoder
from app.api.reading import Reading
from app.api.streaming import RunStream
from app.api.whole_answer import WholeAnswer
from app.core.log.follower import Follower
from app.core.log.hub import Hub
from app.core.log.journals.memory import MemoryJournal
from app.core.log.run_log import RunLog
from app.core.log.sources import LiveSource, source_of
from app.core.run_failures import AgentFailed
from app.models.chat import StreamingChunk
from app.models.sizes import size_of
from tests.core.parts import ending, record, text_chunk, until

SCOPE: Scope = {"type": "http", "method": "GET", "path": "/", "headers": []}
ONE = size_of(text_chunk("0000"))


class Client:
    """The other end of a connection: what was sent to it, and when it leaves or reads on."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.gone = asyncio.Event()
        self.reads = asyncio.Event()
        self.reads.set()

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        await self.reads.wait()
        self.messages.append(message)

    @property
    def status(self) -> int:
        return int(self.messages[0]["status"])

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages)

    @property
    def writes(self) -> list[bytes]:
        return [message["body"] for message in self.messages[1:] if message["body"]]

    @property
    def complete(self) -> bool:
        return self.messages[-1].get("more_body", False) is False


@asynccontextmanager
async def opened(**bounds: int) -> AsyncIterator[tuple[Hub, RunLog]]:
    """A hub that forgets fast, and the log of a run in it; no task may be left at the end."""
    hub = Hub(MemoryJournal(**bounds), run_bytes=2 * ONE, flush_interval=0.001)
    await hub.open("me")
    yield hub, await hub.create(record())
    await hub.close()
    await asyncio.sleep(0)
    assert {asyncio.current_task()} == asyncio.all_tasks()


def say(log: RunLog, *numbers: int) -> None:
    for n in numbers:
        log.append(text_chunk(f"{n:04}"))


def failed() -> StreamingChunk:
    return AgentFailed("no").last_chunk("m")


def stream(hub: Hub, encoder: Encoder, after: int = 0, **options: Any) -> tuple[RunStream, Client]:
    follower = Follower(record(), source_of(record(), hub.journal, hub.get("r1")), after)
    options = {
        "refusal": error_response,
        "heartbeat": 60,
        "headers": {"X-Run-Id": "r1"},
        **options,
    }
    return RunStream(follower, encoder, **options), Client()


def serve(response: RunStream | WholeAnswer, client: Client) -> asyncio.Task[None]:
    return asyncio.create_task(response(SCOPE, client.receive, client.send))


async def test_missed_events_are_sent_in_one_write() -> None:
    """A client that reads slowly is sent all that it missed at once."""
    async with opened() as (hub, log):
        response, client = stream(hub, SseEncoder("r1", "m"))
        task = serve(response, client)
        say(log, 0)
        await until(lambda: len(client.writes) == 1)
        client.reads.clear()
        say(log, 1)
        await asyncio.sleep(0.01)
        say(log, 2)
        await asyncio.sleep(0.01)
        say(log, 3, 4)
        log.append(ending())
        client.reads.set()
        await task
        assert [1, 1, 4] == [write.count(b"data:") for write in client.writes]
        assert client.complete
        assert set() == log.readers


async def test_a_client_leaving_ends_the_response() -> None:
    """A response to a client that left before any output ends at once, and reads no more."""
    for encoder in (SseEncoder("r1", "m"), NdjsonEncoder("r1", "m"), TextEncoder("r1", "m")):
        async with opened() as (hub, log):
            response, client = stream(hub, encoder)
            task = serve(response, client)
            say(log, 0)
            await asyncio.sleep(0.01)
            client.gone.set()
            await asyncio.wait_for(task, 5)
            assert set() == log.readers
            assert b"0000" in client.body


async def test_cancelling_a_response_leaves_no_task() -> None:
    """A server that cancels a response instead leaves no reader and no task behind."""
    async with opened() as (hub, log):
        left: list[int] = []
        follower = Follower(record(), LiveSource(log, hub.journal), 0, lambda _: left.append(1))
        response = RunStream(follower, SseEncoder("r1", "m"), refusal=error_response, heartbeat=60)
        task = serve(response, Client())
        await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert ([1], set()) == (left, log.readers)


async def test_a_failed_write_ends_the_response() -> None:
    """A write that fails ends the response, and the run has one reader fewer."""

    class Broken(Client):
        async def send(self, message: Message) -> None:
            if self.messages:
                raise OSError("broken pipe")
            await super().send(message)

    async with opened() as (hub, log):
        response, _ = stream(hub, SseEncoder("r1", "m"))
        client = Broken()
        task = asyncio.create_task(response(SCOPE, client.receive, client.send))
        say(log, 0)
        with pytest.raises(OSError, match="broken pipe"):
            await task
        assert set() == log.readers


async def test_a_gap_is_an_event_in_sse() -> None:
    """A part that is no longer kept is reported in the stream, under the id of the last event that
    the client has, so that it is not taken for one that follows."""
    async with opened(run_bytes=5 * ONE) as (hub, log):
        say(log, *range(50))
        await until(lambda: log.base > 40)
        response, client = stream(hub, SseEncoder("r1", "m"), after=3)
        await serve(response, client)
        decoder = SSEDecoder()
        events = [decoder.decode(line) for line in client.body.decode().splitlines()]
        (event,) = [event for event in events if event is not None]
        assert ("r1:3", "gap", True) == (
            event.id,
            event.json()["error"]["code"],
            event.json()["done"],
        )
        assert client.complete


async def test_a_gap_before_plain_text_is_410() -> None:
    """Where the format has no word for a gap, it is an error before the first byte."""
    async with opened(run_bytes=5 * ONE) as (hub, log):
        say(log, *range(50))
        await until(lambda: log.base > 40)
        response, client = stream(hub, TextEncoder("r1", "m"), after=3)
        await serve(response, client)
        assert 410 == client.status
        assert "gap" == json.loads(client.body)["error"]["code"]
        assert (b"x-run-id", b"r1") in client.messages[0]["headers"]


async def test_a_gap_in_plain_text_breaks_the_connection() -> None:
    """A reader of plain text that falls behind what is kept sees its stream break off, never
    end."""
    async with opened(run_bytes=5 * ONE) as (hub, log):
        response, client = stream(hub, TextEncoder("r1", "m"))
        task = serve(response, client)
        say(log, 0)
        await until(lambda: client.body == b"0000")
        client.reads.clear()
        say(log, 1)
        await asyncio.sleep(0.01)
        say(log, *range(2, 50))
        await until(lambda: log.base > 40)
        client.reads.set()
        await task
        assert b"00000001" == client.body
        assert not client.complete


@pytest.mark.parametrize("spoken", [0, 2])
async def test_a_failure_in_plain_text_is_a_status_or_a_break(spoken: int) -> None:
    """A run that fails before any output has a status for it; later, its text breaks off."""
    async with opened() as (hub, log):
        response, client = stream(hub, TextEncoder("r1", "m"))
        task = serve(response, client)
        say(log, *range(spoken))
        await asyncio.sleep(0.01)
        log.append(failed())
        await task
        assert (200 if spoken else 500) == client.status
        assert (not spoken) is client.complete


async def test_a_paced_replay_keeps_the_delays() -> None:
    """A paced replay sends each event by itself, and a client that leaves ends it."""
    async with opened() as (hub, log):
        say(log, 0)
        await asyncio.sleep(0.1)
        say(log, 1)
        log.append(ending())
        response, client = stream(hub, NdjsonEncoder("r1", "m"), pace=True)
        began = asyncio.get_running_loop().time()
        await serve(response, client)
        assert asyncio.get_running_loop().time() - began >= 0.09
        assert [1, 1, 1] == [write.count(b"\n") for write in client.writes]
        response, client = stream(hub, NdjsonEncoder("r1", "m"), pace=True)
        task = serve(response, client)
        await until(lambda: len(client.writes) == 1)
        client.gone.set()
        await asyncio.wait_for(task, 0.09)
        assert 1 == len(client.writes)


async def test_a_whole_answer_waits_for_the_end() -> None:
    """An answer in one piece is sent when the run has ended, and not to a client that left."""
    async with opened() as (hub, log):
        clients = [Client(), Client()]
        tasks = [
            serve(NativeAnswer(Follower(record(), LiveSource(log, hub.journal), 0), {}), client)
            for client in clients
        ]
        say(log, 0)
        await asyncio.sleep(0.01)
        assert [] == clients[0].messages
        clients[1].gone.set()
        await asyncio.wait_for(tasks[1], 5)
        log.append(ending("!"))
        await tasks[0]
        assert "0000!" == json.loads(clients[0].body)["content"]
        assert [] == clients[1].messages
        assert set() == log.readers


@pytest.mark.parametrize("how", ["read to the end", "left", "failed"])
async def test_no_task_outlives_its_reader(how: str) -> None:
    """When the part of a response that reads a run is over, however that came about, the task that
    watched for the client's leave has ended, and is not only told to."""
    client = Client()
    async with opened() as (hub, log):
        before = asyncio.all_tasks()
        follower = Follower(log.record, source_of(log.record, hub.journal, log, None), 0)
        with contextlib.suppress(ZeroDivisionError):
            async with Reading(follower, client.receive) as gone:
                await asyncio.sleep(0)
                if how == "left":
                    client.gone.set()
                    await gone.wait()
                elif how == "failed":
                    raise ZeroDivisionError
        assert before == asyncio.all_tasks()
