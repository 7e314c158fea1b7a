"""Streamed chat completions of an SDK's client, posted without its HTTP client.

The SDK's own way from arguments to bytes, and from bytes to objects, is a third of what a short
answer costs. What is not just as usual goes that way: other arguments, failures, proxies.

See docs/decisions/081-a-request-is-posted-below-its-sdk.md.
"""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from types import FunctionType
from typing import Any

import httpx2
import openai

from ...wire.chat_completions import ChatCompletions
from ...wire.reader import Reader
from ..exchange import CURRENT, Exchange
from .bodies import written
from .connection import Headers
from .failures import Untouched, give, response
from .heads import Heads, learn
from .pool import Pool
from .reply import Reply
from .streams import Bytes, Chunks

Create = Callable[..., Awaitable[Any]]


class Completions:
    """Posts the chat completions of one client of OpenAI's SDK, which sends what it sends itself
    by `http_client`; `create` is its method.

    The client is one that was made for its model here, with an API key that is a text.
    """

    posts_directly = True

    def __init__(
        self, client: openai.AsyncOpenAI, create: Create, http_client: httpx2.AsyncClient
    ) -> None:
        self._client = client
        self._create = create
        self._http_client = http_client
        self._resource = type(client.chat.completions)
        self._names = inspect.signature(self._resource.create).parameters.keys()
        self._heads: Heads | None = None  # none if requests have to be posted by the SDK
        self._learned: tuple[Any, ...] | None = None  # what they were learned of
        self._learning: asyncio.Task[None] | None = None
        self._pool: Pool | None = None
        self._usual = True  # what the provider sends can be read here

    async def __call__(self, **arguments: Any) -> Any:
        exchange = CURRENT.get()
        if exchange is None or not exchange.streaming or arguments.get("stream") is not True:
            return await self._create(**arguments)
        if exchange.history is not None or not self._usual or not arguments.keys() <= self._names:
            return await self._create(**arguments)
        if (identity := self._identity()) != self._learned:
            await self._learn(identity)
        heads = self._heads
        body = None if heads is None else written(arguments)
        if heads is None or body is None:
            return await self._create(**arguments)
        exchange.leaves_for(heads.target.netloc)
        try:
            reply = await self._sent(_request(body, heads, exchange), heads, exchange)
        except httpx2.TransportError as error:
            return await self._give(error, arguments)
        return await self._answer(reply, exchange, arguments)

    def close(self) -> None:
        """Close the connections that have no request."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.close()

    def _identity(self) -> tuple[Any, ...]:
        """What the heads of a client's requests depend on and its user may change."""
        client = self._client
        of_client = (client.api_key, client.base_url, client.organization, client.project)
        return (*of_client, client.timeout, *self._methods())

    def _methods(self) -> tuple[Any, ...]:
        return type(self._client).request, self._resource.create

    def _is_untouched(self) -> bool:
        """Whether the SDK's methods are its own: tools that trace requests put theirs in place."""
        return all(
            isinstance(method, FunctionType)
            and str(method.__globals__.get("__name__")).partition(".")[0] == openai.__name__
            for method in self._methods()
        )

    async def _learn(self, identity: tuple[Any, ...]) -> None:
        """Learn the heads, once for all requests that wait for them."""
        learning = self._learning
        if learning is None or learning.get_loop() is not asyncio.get_running_loop():
            learning = self._learning = asyncio.create_task(self._look(identity))
        await asyncio.shield(learning)

    async def _look(self, identity: tuple[Any, ...]) -> None:
        try:
            heads = await learn(self._client) if self._is_untouched() else None
            self._learned, self._heads = identity, heads
        finally:
            self._learning = None

    async def _sent(self, request: bytes, heads: Heads, exchange: Exchange) -> Reply:
        """The reply to a request, from its head on.

        A connection that the provider closed between two requests is not the provider's answer: a
        new one is tried, once.
        """
        if self._pool is None or self._pool.target != heads.target:
            self.close()
            self._pool = Pool(heads.target)
        pool = self._pool
        connect, read = self._timeouts()
        connection = pool.take()
        while True:
            if connection is None:
                connection = await pool.open(connect)
            reply = Reply(exchange, _beginner(exchange), read)
            try:
                reply.send(connection, request)
                await reply.started()
            except BaseException as error:
                reply.close()
                if not isinstance(error, httpx2.NetworkError | httpx2.RemoteProtocolError):
                    raise
                if not connection.reused or not connection.silent:
                    raise
                connection = None
            else:
                return reply

    def _timeouts(self) -> tuple[float | None, float | None]:
        """Seconds to connect, and between two reads."""
        timeout = self._client.timeout
        if isinstance(timeout, int | float) or timeout is None:
            return timeout, timeout
        return timeout.connect, timeout.read

    async def _answer(self, reply: Reply, exchange: Exchange, arguments: dict[str, Any]) -> Any:
        if exchange.outcome is not None:
            return Chunks(reply, self._request)
        self._usual = self._usual and reply.status >= 400
        if reply.status < 300:  # bytes that are not as they were wanted
            body = Bytes(reply)
            first = httpx2.Response(reply.status, headers=reply.headers, stream=body)
        else:
            try:
                first = response(reply.status, reply.headers, await reply.whole())
            finally:
                reply.close()
        if reply.status >= 400:
            exchange.refused(first.status_code, first.content, first.headers)
        return await self._give(first, arguments)

    def _give(
        self, first: httpx2.Response | Exception, arguments: dict[str, Any]
    ) -> Awaitable[Any]:
        return give(first, self._client, self._http_client, arguments)

    def _request(self) -> httpx2.Request:
        return httpx2.Request("POST", f"{self._client.base_url}chat/completions")


def _request(body: bytes, heads: Heads, exchange: Exchange) -> bytes:
    """The bytes of a request, completed by what its exchange has for it."""
    body = exchange.restored(body)
    further = {
        name.lower().encode("ascii"): value.encode("ascii")
        for name, value in exchange.headers.items()
    }
    return heads.head(further, len(body)) + body


def _beginner(exchange: Exchange) -> Callable[[int, Headers], Reader | Untouched | None]:
    """Makes the reader of a response by its head."""

    # Types without quotes would be evaluated for each request, and kept as long as its answer.
    def begin(status: "int", headers: "Headers") -> "Reader | Untouched | None":
        fields = dict(headers)
        if status >= 300:
            return None
        if status != 200 or fields.get(b"content-encoding", b"identity") != b"identity":
            return Untouched()
        content_type = fields.get(b"content-type", b"").decode("latin-1")
        return exchange.read_by(ChatCompletions, content_type)

    return begin
