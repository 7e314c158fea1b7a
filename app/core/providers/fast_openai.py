"""A fast way through the streams of OpenAI-compatible providers, for Agno's `OpenAIChat`.

The stock class still builds the request, authenticates, retries and maps errors, with the
`openai` package; only its client is swapped for one that reads the stream itself. A delta of plain
text, which is nearly all of a stream, goes straight to the run as soon as its bytes are there.
Everything else, whatever it is, takes the stock way. At the end of the stream Agno is given the
whole text at once: given each token, it would copy all of the text so far each time.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, suppress
from typing import Any

import httpx2
import msgspec
import openai
from agno.models.base import Model
from agno.models.response import ModelResponse
from openai.types.chat import ChatCompletionChunk

from ..text import AlreadySent, Sink


class _Delta(msgspec.Struct, gc=False):
    """The parts of a delta that Agno reads; a value where only None is allowed is not plain."""

    role: str | None = None
    content: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    refusal: None = None
    tool_calls: None = None
    annotations: None = None
    audio: None = None


class _Choice(msgspec.Struct, gc=False):
    delta: _Delta
    finish_reason: None = None


class _Plain(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """A chunk of a stream that holds text and nothing that Agno would want to know of."""

    choices: tuple[_Choice]
    id: str | None = None
    object: str | None = None
    created: int | None = None
    model: str | None = None
    service_tier: str | None = None
    system_fingerprint: str | None = None
    obfuscation: str | None = None
    usage: None = None
    error: None = None


#: What Agno's `OpenAIChat` is handed instead of the SDK's chunks.
Seen = ChatCompletionChunk | ModelResponse

#: Seconds that a provider may take to end its body after it said that it is done.
DRAIN = 1.0

_decode = msgspec.json.Decoder(_Plain).decode


class Events:
    """Cuts the bytes of a stream into the data of its events; as in the HTML standard, 9.2.6.

    Lines may end in LF, CRLF or CR, and a cut may fall anywhere. An event that has no blank line
    behind it when the stream ends is dropped.
    """

    def __init__(self) -> None:
        self._rest = b""
        self._after_cr = False
        self._data: list[bytes] = []

    def feed(self, part: bytes) -> Iterator[bytes]:
        """The data of each event that is complete with this part."""
        if self._after_cr and part:
            part = part.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in part:
            self._after_cr = part.endswith(b"\r")  # a LF may come with the next part
            part = part.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        *lines, self._rest = (self._rest + part).split(b"\n")
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
            elif not line and data:
                yield data[0] if len(data) == 1 else b"\n".join(data)
                data.clear()


class FastStreaming(Model):
    """Mixed in before `OpenAIChat` or a class that only configures it; needs a `sink`."""

    sink: Sink

    def get_async_client(self) -> Any:
        client = super().get_async_client()  # type: ignore[misc]  # mixed in before OpenAIChat
        return _Client(client, self.sink)

    def _parse_provider_response_delta(self, response: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(response, ModelResponse):
            return response
        return super()._parse_provider_response_delta(response, *args, **kwargs)  # type: ignore[safe-super]  # as above


class _Client:
    """An `AsyncOpenAI` as far as `OpenAIChat` uses one: `chat.completions.create`."""

    def __init__(self, client: openai.AsyncOpenAI, sink: Sink) -> None:
        self._client = client
        self._sink = sink
        self.chat = self.completions = self

    async def create(self, *, stream: bool = False, **request: Any) -> Any:
        completions = self._client.chat.completions
        if not stream:
            return await completions.create(**request)
        opening = AsyncExitStack()
        response = await opening.enter_async_context(
            completions.with_streaming_response.create(stream=True, **request)
        )
        return _read(response, opening, self._sink)


async def _read(response: Any, opened: AsyncExitStack, sink: Sink) -> AsyncGenerator[Seen, None]:
    """What Agno is to see of a stream, while the text of it goes to the sink."""
    reading = _Reading(response, sink)
    try:
        async with opened:
            # In a task of its own: each part would have to pass some thirty frames of Agno here.
            while more := await asyncio.create_task(reading.more()):
                for seen in more:
                    yield seen
            if reading.done:
                await reading.drain()
    except httpx2.TimeoutException as error:
        raise openai.APITimeoutError(request=response.http_request) from error
    except httpx2.RequestError as error:
        raise openai.APIConnectionError(request=response.http_request) from error


class _Reading:
    """One stream, event by event. Agno sees an empty response with the first token, for its
    clock; each chunk that is not plain; and, before such a chunk and at the end, the text so far.
    """

    def __init__(self, response: Any, sink: Sink) -> None:
        self.done = False
        self._response = response
        self._sink = sink
        # Straight from the transport where nothing is compressed: there is a layer less.
        plain = "content-encoding" not in response.headers
        self._parts: AsyncIterator[bytes] = (
            response.http_response.aiter_raw() if plain else response.iter_bytes()
        )
        self._events = Events()
        self._data: Iterator[bytes] = iter(())
        self._begun = False
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self._identity: dict[str, Any] = {}

    async def more(self) -> Sequence[Seen]:
        """Read until there is something for Agno to see; nothing at the end of the stream."""
        while not self.done:
            for data in self._data:
                seen = self._take(data)
                if seen or self.done:
                    return seen
            part = await anext(self._parts, None)
            if part is None:
                break
            self._data = self._events.feed(part)
        return self._so_far()

    async def drain(self) -> None:
        """Read what is behind the last event, so that the connection can be used again."""
        with suppress(TimeoutError):  # else it is closed instead
            async with asyncio.timeout(DRAIN):
                async for _ in self._parts:
                    pass

    def _take(self, data: bytes) -> Sequence[Seen]:
        """What Agno is to see of an event: of most, nothing."""
        try:
            plain = _decode(data)
        except msgspec.MsgspecError:  # the stock way tells what it is
            self.done = data.startswith(b"[DONE]")
            return self._so_far() if self.done else [*self._so_far(), _chunk(data, self._response)]
        delta = plain.choices[0].delta
        text, thought = delta.content, delta.reasoning_content
        if thought is None:
            thought = delta.reasoning
        if text is not None:
            self._texts.append(text)
            self._identity = self._identity or _identity(plain)
        elif thought is None:
            return ()
        if thought is not None:
            self._thoughts.append(thought)
        self._sink(text, thought)
        if self._begun:
            return ()
        self._begun = True
        return (ModelResponse(),)

    def _so_far(self) -> Sequence[Seen]:
        """What has gone to the sink since this was asked the last time, in one piece."""
        if not (self._texts or self._thoughts):
            return ()
        texts, thoughts, self._texts, self._thoughts = self._texts, self._thoughts, [], []
        whole = ModelResponse(
            content=AlreadySent("".join(texts)) if texts else None,
            reasoning_content=AlreadySent("".join(thoughts)) if thoughts else None,
            provider_data=dict(self._identity) if texts else None,
        )
        return (whole,)


def _identity(plain: _Plain) -> dict[str, Any]:
    """What the stock class keeps of a stream beside its text."""
    kept = {"id": plain.id, "system_fingerprint": plain.system_fingerprint}
    return {name: value for name, value in kept.items() if value}


def _chunk(data: bytes, response: Any) -> ChatCompletionChunk:
    """A chunk as the SDK makes it; raises `APIError` for an error frame."""
    value = json.loads(data.decode())
    error = value.get("error") if isinstance(value, dict) else None
    if error:
        message = error.get("message") if isinstance(error, dict) else None
        if not isinstance(message, str) or not message:
            message = "An error occurred during streaming"
        raise openai.APIError(message, request=response.http_request, body=error)
    return ChatCompletionChunk.construct(**value)
