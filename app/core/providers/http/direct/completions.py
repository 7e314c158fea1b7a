"""Streamed chat completions of an SDK's client, posted without its HTTP client.

The SDK's own way from arguments to bytes, and from bytes to objects, is a third of what a short
answer costs. What is not just as usual goes that way: other arguments, the first requests, proxies.

See docs/decisions/086-a-request-is-posted-below-its-sdk.md.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import httpx2
import msgspec
import openai
from openai.types.chat import ChatCompletionChunk
from pydantic import ValidationError

from ...wire.chat_completions import ChatCompletions
from ...wire.outcome import Outcome
from ...wire.parts.documents import parse
from ...wire.parts.errors import status_error
from ...wire.reader import Reader
from ..exchange import CURRENT, Exchange
from .connection import Headers
from .heads import Heads, learn
from .pool import Pool
from .reply import Reply

#: Arguments of `create` that are no fields of the body.
_OPTIONS = ("extra_headers", "extra_query", "timeout")

#: The SDK's exceptions by the status of the response.
_REFUSALS: dict[int, type[openai.APIStatusError]] = {
    400: openai.BadRequestError,
    401: openai.AuthenticationError,
    403: openai.PermissionDeniedError,
    404: openai.NotFoundError,
    409: openai.ConflictError,
    422: openai.UnprocessableEntityError,
    429: openai.RateLimitError,
}

Create = Callable[..., Awaitable[Any]]


class Completions:
    """Posts the chat completions of one client of OpenAI's SDK; `create` is the SDK's method.

    The client is one that was made for its model here, with an API key that is a text.
    """

    posts_directly = True

    def __init__(self, client: openai.AsyncOpenAI, create: Create) -> None:
        self._client = client
        self._create = create
        self._heads: Heads | None = None  # none if requests have to be posted by the SDK
        self._learned: tuple[Any, ...] | None = None  # what they were learned of
        self._pool: Pool | None = None
        self._usual = True  # what the provider sends can be read here

    async def __call__(self, **arguments: Any) -> Any:
        exchange = CURRENT.get()
        if exchange is None or not exchange.streaming or arguments.get("stream") is not True:
            return await self._create(**arguments)
        body = _body(arguments)
        if body is None or exchange.history is not None or not self._usual:
            return await self._create(**arguments)
        if (identity := self._identity()) != self._learned:
            self._learned, self._heads = identity, await learn(self._client)
        if self._heads is None:
            return await self._create(**arguments)
        return await self._post(body, self._heads, exchange, arguments)

    def close(self) -> None:
        """Close the connections that have no request."""
        if self._pool is not None:
            self._pool.close()

    def _identity(self) -> tuple[Any, ...]:
        """What the heads of a client's requests depend on and its user may change."""
        client = self._client
        return client.api_key, client.base_url, client.organization, client.project

    async def _post(
        self, body: bytes, heads: Heads, exchange: Exchange, arguments: dict[str, Any]
    ) -> Any:
        exchange.sent = True
        exchange.host = heads.target.netloc
        exchange.outcome = None
        if exchange.replay:
            whole = msgspec.json.decode(body)
            if exchange.replay.restore(whole, exchange.host):
                body = msgspec.json.encode(whole)
        further = {
            name.lower().encode("ascii"): value.encode("ascii")
            for name, value in exchange.headers.items()
        }
        request = heads.head(further, len(body)) + body
        reply = await self._sent(request, heads, exchange)
        if reply.status >= 400:
            raise await self._refused(reply, exchange)
        if exchange.outcome is None:  # a redirect, or bytes that are not as they were wanted
            reply.close()
            self._usual = False
            return await self._create(**arguments)
        return self._chunks(reply)

    async def _sent(self, request: bytes, heads: Heads, exchange: Exchange) -> Reply:
        """The reply to a request, from its head on.

        A connection that the provider closed between two requests is not the provider's answer: a
        new one is tried, once.
        """
        target = heads.target
        if self._pool is None or self._pool.target != target:
            self.close()
            self._pool = Pool(target)
        connect, read = self._timeouts()
        connection = self._pool.take()
        while True:
            reply = None
            try:
                if connection is None:
                    connection = await self._pool.open(connect)
                reply = Reply(exchange, _beginner(exchange), read)
                reply.send(connection, request)
                await reply.started()
            except BaseException as error:
                if reply is not None:
                    reply.close()
                if not isinstance(error, Exception):
                    raise
                stale = connection is not None and connection.reused and connection.silent
                if stale and isinstance(error, OSError):
                    connection = None
                    continue
                raise self._failed(error) from error
            return reply

    def _timeouts(self) -> tuple[float | None, float | None]:
        """Seconds to connect, and between two reads."""
        timeout = self._client.timeout
        if isinstance(timeout, int | float) or timeout is None:
            return timeout, timeout
        return timeout.connect, timeout.read

    def _request(self) -> httpx2.Request:
        return httpx2.Request("POST", f"{self._client.base_url}chat/completions")

    def _failed(self, error: Exception) -> Exception:
        """An error of a connection as the SDK raises it."""
        if isinstance(error, TimeoutError):
            return openai.APITimeoutError(request=self._request())
        return openai.APIConnectionError(request=self._request())

    async def _refused(self, reply: Reply, exchange: Exchange) -> Exception:
        """The SDK's exception for a status that is an error."""
        try:
            body = await reply.whole()
        except BaseException:
            reply.close()
            raise
        headers = httpx2.Headers(reply.headers)
        error = status_error(
            reply.status, body, headers.get("content-type", ""), headers.get("retry-after")
        )
        exchange.outcome = Outcome(finish_reason="error", error=error)
        for name in ("content-encoding", "transfer-encoding", "content-length"):
            headers.pop(name, None)
        response = httpx2.Response(
            reply.status, headers=headers, content=body, request=self._request()
        )
        if reply.status >= 500:
            kind: type[openai.APIStatusError] = openai.InternalServerError
        else:
            kind = _REFUSALS.get(reply.status, openai.APIStatusError)
        message = f"Error code: {reply.status} - {error.message}"
        return kind(message, response=response, body=_error_of(body))

    async def _chunks(self, reply: Reply) -> AsyncGenerator[ChatCompletionChunk]:
        """What the reader writes for the SDK, as the SDK's own objects."""
        try:
            while part := await reply.more():
                for event in part.split(b"\n\n"):
                    data = event[len(b"data: ") :]
                    if data.startswith(b"{"):
                        yield self._chunk(msgspec.json.decode(data))
        except (OSError, ValueError) as error:
            raise self._failed(error) from error
        finally:
            reply.close()

    def _chunk(self, fields: dict[str, Any]) -> ChatCompletionChunk:
        if error := fields.get("error"):
            raise openai.APIError(error.get("message") or "", self._request(), body=error)
        try:
            return ChatCompletionChunk.model_validate(fields)
        except ValidationError:  # the SDK takes what it gets
            return ChatCompletionChunk.construct(**fields)


def _body(arguments: dict[str, Any]) -> bytes | None:
    """The body of a request; None if only the SDK knows how to write it."""
    fields = dict(arguments)
    if any(fields.pop(name, None) for name in _OPTIONS):
        return None
    further = fields.pop("extra_body", None)
    try:
        return msgspec.json.encode({**fields, **(further or {})})
    except (TypeError, ValueError, RecursionError):
        return None


def _error_of(body: bytes) -> Any:
    """What the SDK's exceptions have as their body."""
    value = parse(body)
    if isinstance(value, dict):
        return value.get("error", value)
    return body.decode("utf-8", "replace")


def _beginner(exchange: Exchange) -> Callable[[int, Headers], Reader | None]:
    """Makes the reader of a response by its head."""

    def begin(status: int, headers: Headers) -> Reader | None:
        fields = dict(headers)
        if status != 200 or fields.get(b"content-encoding", b"identity") != b"identity":
            return None
        reader = ChatCompletions(
            exchange.sink,
            content_type=fields.get(b"content-type", b"").decode("latin-1"),
            think_tags=exchange.think_tags,
        )
        exchange.outcome = reader.outcome
        return reader

    return begin
