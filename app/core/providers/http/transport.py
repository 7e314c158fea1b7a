"""The HTTP seam under the providers' SDKs: hooks of their own clients, for httpx and httpx2.

The hooks touch only requests of an `Exchange`. A response of a known protocol is read by its
reader, and the SDK gets what the reader writes.

See docs/decisions/014-the-seam-to-providers-is-http.md.
"""

import asyncio
from collections.abc import AsyncGenerator
from time import perf_counter
from typing import Any

import httpx
import httpx2

from ...access.turnstile import turnstile
from ...waiting.pause import pausing
from ..wire.chat_completions import ChatCompletions
from ..wire.gemini import Gemini
from ..wire.messages import Messages
from ..wire.ollama import Ollama
from ..wire.outcome import ProviderError
from ..wire.parts.framing import LARGEST
from ..wire.reader import Reader
from ..wire.responses import Responses
from .bodies import body_of
from .bounds import DRAIN, GRACE, LARGE, LIGHT, OFTEN, REFUSAL, SLICE, SMALL
from .exchange import CURRENT, Exchange
from .refusals import decoded

#: Readers by the end of the path that a request goes to.
READERS: dict[str, type[Reader]] = {
    "/chat/completions": ChatCompletions,
    "/responses": Responses,
    "/messages": Messages,
    "/api/chat": Ollama,
    ":streamGenerateContent": Gemini,
    ":generateContent": Gemini,
}

#: Errors of a connection while its body is read, and those among them that only mean silence.
BROKEN = (httpx.TransportError, httpx2.TransportError)
SLOW = (httpx.TimeoutException, httpx2.TimeoutException)


def hook(client: Any) -> None:
    """Hook an `AsyncClient` of httpx or of httpx2; it may be hooked already."""
    hooks = client.event_hooks
    if _on_request not in hooks["request"]:
        hooks["request"].append(_on_request)
        hooks["response"].append(_on_response)


def _reader_of(path: str) -> type[Reader] | None:
    return next((reader for end, reader in READERS.items() if path.endswith(end)), None)


async def _on_request(request: Any) -> None:
    exchange = CURRENT.get()
    if exchange is None:
        return
    exchange.leaves_for(request.url.netloc.decode("ascii", "replace"))
    request.headers.update(exchange.headers)
    if exchange.history is not None:
        _replace_content(request, exchange.history.written_into(request.content))
    reader = _reader_of(request.url.path)
    if reader is None:
        return
    request.headers["accept-encoding"] = "identity"  # the reader reads the bytes as they are
    if reader is ChatCompletions and exchange.replay:
        body = request.content
        if (restored := exchange.restored(body)) is not body:
            _replace_content(request, restored)


def _replace_content(request: Any, content: bytes) -> None:
    headers = request.headers.copy()
    del headers["content-length"]
    changed = type(request)(
        request.method,
        request.url,
        headers=headers,
        content=content,
        extensions=request.extensions,
    )
    # Some transports send the stream of a request, others its content: both have to be new.
    vars(request).update(vars(changed))


async def _on_response(response: Any) -> None:
    exchange = CURRENT.get()
    if exchange is None:
        return
    if response.status_code >= 400:
        beginning = _beginning(response.stream, response.headers.pop("content-encoding", ""))
        response.stream = body_of(response)(response.stream, beginning)
        exchange.refused(response.status_code, await response.aread(), response.headers)
        return
    if response.status_code != 200:
        return
    reader_class = _reader_of(response.request.url.path)
    if reader_class is None or response.headers.get("content-encoding", "identity") != "identity":
        return
    reader = exchange.read_by(reader_class, response.headers.get("content-type", ""))
    read = _read if exchange.streaming else _read_whole
    response.stream = body_of(response)(response.stream, read(response.stream, reader, exchange))
    if exchange.streaming:
        response.headers["content-type"] = reader.STREAM_TYPE
    response.headers.pop("content-length", None)


async def _beginning(inner: Any, encodings: str) -> AsyncGenerator[bytes]:
    body = bytearray()
    async for part in inner:
        body += part
        if len(body) > REFUSAL:
            break
    yield decoded(bytes(body), encodings)


async def _read(inner: Any, reader: Reader, exchange: Exchange) -> AsyncGenerator[bytes]:
    """What the SDK gets of a body that streams."""
    parts = aiter(inner)
    deadline: float | None = None  # of the loop's time
    part = b""  # the latest one, which is read up to `at`
    at = parts_read = 0
    stile, run = turnstile(), pausing()

    async def more() -> bytes:
        """Read until there is something for the SDK; nothing at the end of the answer."""
        nonlocal deadline, part, at, parts_read
        while not reader.complete:
            if at >= len(part):
                at = 0
                try:
                    if reader.ended:
                        if deadline is None:
                            deadline = asyncio.get_running_loop().time() + GRACE
                        async with asyncio.timeout_at(deadline):
                            part = await anext(parts)
                    else:  # a timeout costs as much as a token
                        part = await anext(parts)
                except (StopAsyncIteration, TimeoutError):
                    break
                except BROKEN as error:
                    if reader.ended:
                        break  # what is lost is not of the answer
                    if not isinstance(error, SLOW):
                        reader.break_off()
                    raise
            parts_read += 1
            if len(part) > LIGHT or not parts_read % OFTEN:
                if (seconds := run.pause()) > 0:
                    await asyncio.sleep(seconds)
                await stile.share(makes=True)
            size = len(part) if len(part) <= SMALL else SLICE
            moves = reader.moves
            began = perf_counter()
            out = reader.feed(part[at : at + size])
            stile.spend(perf_counter() - began)
            at += size
            if reader.moves != moves:
                exchange.on_alive()
            if out:
                return out
        return b""

    # In a task of its own: each part would have to pass some thirty frames of Agno here.
    while out := await asyncio.create_task(more()):
        yield out
    if out := reader.close():
        yield out
    try:
        async with asyncio.timeout(DRAIN):
            async for _ in parts:
                pass
    except (TimeoutError, *BROKEN):
        pass  # the connection is closed instead of reused


async def _read_whole(inner: Any, reader: Reader, exchange: Exchange) -> AsyncGenerator[bytes]:
    """What the SDK gets of a body that does not stream."""
    body = bytearray()
    async for part in inner:
        exchange.on_alive()
        body += part
        if len(body) > LARGEST:
            reader.outcome.error = ProviderError(
                f"The provider sent an answer of more than {LARGEST} bytes."
            )
            reader.outcome.finish_reason = "error"
            return
    if len(body) > LARGE:
        yield await asyncio.to_thread(reader.read_json, bytes(body))
    else:
        yield reader.read_json(bytes(body))
