"""Bodies of responses, as the packages of HTTP clients take them for their own."""

from collections.abc import AsyncGenerator, AsyncIterator
from typing import Any

import httpx
import httpx2


class Body:
    """The body of a response, as the SDK gets it: `parts` are made of those of `inner`."""

    def __init__(self, inner: Any, parts: AsyncGenerator[bytes]) -> None:
        self._inner = inner
        self._parts = parts

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self._parts

    async def aclose(self) -> None:
        await self._parts.aclose()
        await self._inner.aclose()


class HttpxBody(Body, httpx.AsyncByteStream):
    """A body that httpx takes for one of its own."""


class Httpx2Body(Body, httpx2.AsyncByteStream):
    """A body that httpx2 takes for one of its own."""


def body_of(response: Any) -> type[Body]:
    """The class of bodies that the package of a response takes for its own."""
    return Httpx2Body if isinstance(response, httpx2.Response) else HttpxBody
