"""Request bodies, received within bounds of size, time and memory.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from ..core.access.turnstile import in_turns
from ..core.errors import BadRequest, BodyTimeout, TooLarge
from .encodings import decoding, encodings_of
from .spool import Allowance, Part

T = TypeVar("T")

#: Bytes from which on a body has the bench of its allowance to itself.
LARGE = 16 << 10


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """The largest size of a request body in bytes, the longest time in seconds to receive it, and
    the bytes of all bodies that are received at the same time."""

    size: int
    seconds: float
    allowance: Allowance = field(default_factory=lambda: Allowance(256 << 20))


async def read_body(request: Request, bounds: BodyBounds) -> bytes:
    """Return the bytes of a request's body; raises what `use_body` raises."""

    async def whole(body: bytearray) -> bytes:
        return bytes(body)

    return await use_body(request, bounds, whole)


async def use_body(
    request: Request, bounds: BodyBounds, use: Callable[[bytearray], Awaitable[T]]
) -> T:
    """Return what `use` makes of a request's body, without its `Content-Encoding`.

    One large body is decoded and used at a time. Raises `TooLarge`, `BodyTimeout`, `Overloaded`,
    `UnsupportedEncoding`, or `BadRequest` if the client disconnects before the end, or the encoding
    is broken.
    """
    encodings = encodings_of(request.headers.get("content-encoding", ""))
    async with in_time(bounds):
        with bounds.allowance.part() as part:
            size = await _receive(request, bounds.size, part)
            if size < LARGE and not encodings:
                return await use(await part.whole())
            async with bounds.allowance.bench:
                body = await part.whole()
                if encodings:
                    body = await in_turns(decoding(body, encodings, bounds.size))
                return await use(body)


@asynccontextmanager
async def in_time(bounds: BodyBounds) -> AsyncIterator[None]:
    """The time in which a body must arrive; raises `BodyTimeout` at its end."""
    try:
        async with asyncio.timeout(bounds.seconds):
            yield
    except TimeoutError:
        raise BodyTimeout(
            f"The request body did not arrive within {bounds.seconds:g} seconds. Send it again."
        ) from None


async def _receive(request: Request, bound: int, part: Part) -> int:
    """Keep the body in `part`, and return its size."""
    too_large = TooLarge(f"The request body is larger than {bound} bytes.", max_body_bytes=bound)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > 16 * bound:
        raise too_large
    size = 0
    # A body that is a little too large is read to its end and dropped, because a client does not
    # read the response while it sends.
    try:
        async for piece in request.stream():
            size += len(piece)
            if size <= bound:
                await part.keep(piece)
            elif size > 16 * bound:
                break
    except ClientDisconnect:
        raise BadRequest("The client left before its request was complete.") from None
    if size > bound:
        raise too_large
    return size
