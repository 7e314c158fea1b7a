"""Streams of chunks, as OpenAI's SDK gives them to its user."""

import json
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from functools import cached_property
from typing import Any

import httpx2
import openai
from openai.types.chat import ChatCompletionChunk
from pydantic import ValidationError

from .reply import Reply


class Bytes(httpx2.AsyncByteStream):
    """The body of a response that goes to the SDK as it is."""

    def __init__(self, reply: Reply) -> None:
        self._reply = reply

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while part := await self._reply.more():
            yield part

    async def aclose(self) -> None:
        self._reply.close()


class Chunks(openai.AsyncStream[ChatCompletionChunk]):
    """What a response's reader writes for the SDK, as the SDK's own objects."""

    def __init__(self, reply: Reply, request: Callable[[], httpx2.Request]) -> None:
        self._reply = reply
        self._request = request
        self._parts = _read(reply, request)
        self._begun = False

    @cached_property
    def response(self) -> httpx2.Response:  # type: ignore[override]  # it is rarely wanted
        """The head of the response."""
        reply = self._reply
        return httpx2.Response(reply.status, headers=reply.headers, request=self._request())

    def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        self._begun = True
        return self._parts

    async def __anext__(self) -> ChatCompletionChunk:
        self._begun = True
        return await anext(self._parts)

    async def close(self) -> None:
        """Read no further."""
        self._reply.close()
        await self._parts.aclose()

    def __del__(self) -> None:
        if not self._begun:
            self._reply.drop()


async def _read(
    reply: Reply, request: Callable[[], httpx2.Request]
) -> AsyncGenerator[ChatCompletionChunk]:
    # A function: as a method, it would hold the object that holds it, and a stream that nobody
    # reads any more would be open until the garbage is collected.
    try:
        while events := (await reply.more()).split(b"\n\n")[:-1]:
            events.reverse()
            while events:  # what is read is let go: the next may come in minutes
                if (chunk := _chunk(events.pop(), request)) is not None:
                    yield chunk
    except httpx2.TimeoutException as error:
        raise openai.APITimeoutError(request=request()) from error
    except httpx2.TransportError as error:
        raise openai.APIConnectionError(request=request()) from error
    finally:
        reply.close()


def _chunk(event: bytes, request: Callable[[], httpx2.Request]) -> ChatCompletionChunk | None:
    """The chunk in an event; None for the event that ends the stream."""
    data = event[len(b"data: ") :]
    if not data.startswith(b"{"):
        return None
    fields: dict[str, Any] = json.loads(data)
    if error := fields.get("error"):
        raise openai.APIError(error.get("message") or "", request(), body=error)
    try:
        return ChatCompletionChunk.model_validate(fields)
    except ValidationError:  # the SDK takes what it gets
        return ChatCompletionChunk.construct(**fields)
