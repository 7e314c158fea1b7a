"""Failures of requests, given to the SDK as what came of its own first attempt.

So it raises the exceptions that are its, follows a redirect, or tries again as its user wants it.
"""

from typing import Any

import httpx2
import openai

from ..refusals import decoded
from .connection import Headers

#: What is no longer true of a body that was read here.
_FRAMING = ("transfer-encoding", "content-length", "content-encoding")


class Attempt(httpx2.AsyncBaseTransport):
    """A transport that has `first`, a response or an error, for the first request, and sends those
    after it by the SDK's own client, `http_client`."""

    def __init__(self, first: httpx2.Response | Exception, http_client: httpx2.AsyncClient) -> None:
        self._first: httpx2.Response | Exception | None = first
        self._http_client = http_client

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        first, self._first = self._first, None
        if first is None:
            return await self._http_client.send(request, stream=True)
        if isinstance(first, Exception):
            raise first
        return first


async def give(
    first: httpx2.Response | Exception,
    sdk: openai.AsyncOpenAI,
    http_client: httpx2.AsyncClient,
    arguments: dict[str, Any],
) -> Any:
    """What `create` of the SDK returns or raises with these arguments after a first attempt."""
    attempts = httpx2.AsyncClient(transport=Attempt(first, http_client), follow_redirects=True)
    return await sdk.with_options(http_client=attempts).chat.completions.create(**arguments)


def response(status: int, headers: Headers, body: bytes) -> httpx2.Response:
    """A response that was read here, as far as it was."""
    kept = [pair for pair in headers if pair[0].decode("latin-1") not in _FRAMING]
    encodings = b",".join(value for name, value in headers if name == b"content-encoding")
    content = decoded(body, encodings.decode("latin-1"))
    return httpx2.Response(status, headers=kept, content=content)


class Untouched:
    """The place of a reader for a response that no reader knows: its body goes to the SDK as it is.
    It has of `Reader` what is used here."""

    complete = ended = False
    moves = 0

    def feed(self, data: bytes) -> bytes:
        return data

    def close(self) -> bytes:
        return b""

    def break_off(self) -> None:
        """Do nothing: the SDK finds out."""
