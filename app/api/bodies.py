"""Request bodies, received within bounds of size, time and memory.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from fastapi import Request
from starlette.requests import ClientDisconnect

from ..core.errors import BadRequest, BodyTimeout, Overloaded, TooLarge
from .encodings import decode, encodings_of

#: Bytes of each body that are not counted: questions without files are never refused for others'.
FREE = 64 << 10


class Allowance:
    """The bytes of large bodies that are being received, of all requests together.

    `total` is their bound in bytes: a request whose body would exceed it is refused with 503. The
    first `FREE` bytes of each body do not count; the number of connections bounds those.
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self.taken = 0

    @contextmanager
    def part(self) -> Iterator["Part"]:
        """The part of one request, which is given back at the end of the context."""
        part = Part(self)
        try:
            yield part
        finally:
            self.taken -= part.taken


class Part:
    """The bytes that one request has taken from an `Allowance`."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._free = FREE
        self.taken = 0

    def take(self, size: int) -> None:
        """Take further bytes; raises `Overloaded` if there are not so many left."""
        allowance = self._allowance
        free = min(self._free, size)
        self._free -= free
        size -= free
        if size and allowance.taken + size > allowance.total:
            raise Overloaded(
                "The server is receiving as many bytes of requests as it has room for.",
                retry_after=1,
            )
        self.taken += size
        allowance.taken += size


@dataclass(frozen=True, slots=True)
class BodyBounds:
    """The largest size of a request body in bytes, the longest time in seconds to receive it, and
    the bytes of all bodies that are received at the same time."""

    size: int
    seconds: float
    allowance: Allowance = field(default_factory=lambda: Allowance(256 << 20))


async def read_body(request: Request, bounds: BodyBounds) -> bytes:
    """Return the bytes of a request's body, without its `Content-Encoding`.

    Raises `TooLarge`, `BodyTimeout`, `Overloaded`, `UnsupportedEncoding`, or `BadRequest` if the
    client disconnects before the end, or the encoding is broken.
    """
    encodings = encodings_of(request.headers.get("content-encoding", ""))
    async with in_time(bounds):
        with bounds.allowance.part() as part:
            body = await _receive(request, bounds.size, part)
            if encodings:
                part.take(bounds.size)
                body = await asyncio.to_thread(decode, body, encodings, bounds.size)
            return body


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


async def _receive(request: Request, bound: int, part: Part) -> bytes:
    too_large = TooLarge(f"The request body is larger than {bound} bytes.", max_body_bytes=bound)
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > 16 * bound:
        raise too_large
    body = bytearray()
    size = 0
    # A body that is a little too large is read to its end and dropped, because a client does not
    # read the response while it sends.
    try:
        async for piece in request.stream():
            size += len(piece)
            if size <= bound:
                part.take(len(piece))
                body += piece
            elif size > 16 * bound:
                break
    except ClientDisconnect:
        raise BadRequest("The client left before its request was complete.") from None
    if size > bound:
        raise too_large
    return bytes(body)
