"""Lets SDKs that know only httpx read through aiohttp: half of a token's cost is httpx's parser.

OpenAI's SDK brings a client of httpx2 that does so. Here httpx's requests go through it.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import aiohttp
import httpx
import httpx2


class Bridge(httpx.AsyncBaseTransport):
    """A transport of httpx's that sends by a client of httpx2's."""

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        with _as_httpx(request):
            made = self._client.build_request(
                request.method,
                str(request.url),
                headers=request.headers.raw,
                content=await request.aread(),
                extensions=request.extensions,
            )
            response = await self._client.send(made, stream=True, follow_redirects=False)
        return httpx.Response(
            response.status_code, headers=response.headers.raw, stream=_Body(response, request)
        )

    async def aclose(self) -> None:
        await self._client.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, response: httpx2.Response, request: httpx.Request) -> None:
        self._response = response
        self._request = request

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx(self._request):
            async for part in self._response.aiter_raw():
                yield part

    async def aclose(self) -> None:
        await self._response.aclose()


@contextmanager
def _as_httpx(request: httpx.Request) -> Iterator[None]:
    """Errors under the names that httpx's users know."""
    try:
        yield
    except httpx2.RequestError as error:
        kind: Any = getattr(httpx, type(error).__name__, httpx.TransportError)
        if isinstance(error.__cause__, aiohttp.ClientConnectorError):
            kind = httpx.ConnectError  # a server that refuses is taken for one that is slow
        raise kind(str(error), request=request) from error
