"""The upstream requests of one model: each with its retries, its exchange and its true ending.

See docs/decisions/013-the-finish-reason-comes-from-the-provider.md.
"""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator
from contextlib import aclosing
from types import MethodType
from typing import Any

from agno.exceptions import ModelProviderError
from agno.models.base import Model
from agno.models.response import ModelResponse

from ...models.chat import FinishReason, Usage
from ..run_failures import ModelUnavailable, RunFailed, TooManyRounds, UpstreamCut
from ..text import AlreadySent, Sink
from .attempts import Incomplete, failure_in, past_of
from .copies import small_copy
from .http.clients import attach
from .http.exchange import Exchange, bound
from .http.histories import shortened
from .media_urls import without_downloads
from .options import apply_output_schema
from .options.families import is_a
from .upstream import Call, Upstream
from .wire.parts.finish_reasons import finish_reason
from .wire.parts.think_tags import writes_think_tags
from .wire.replay import KEY, Replay

_END: Any = object()

#: Sends one request; yields what the model's class makes of the response.
Send = Callable[
    [Exchange, tuple[Any, ...], dict[str, Any]],
    AsyncGenerator[ModelResponse],
]


def ignore(*_: Any) -> None:
    """Do nothing: what is called if nobody listens."""


class Requests:
    """A copy of a model, `model`, whose `ainvoke` and `ainvoke_stream` are tracked.

    `finish_reason`, `failure` and `usage` are those that the provider sent; `spoke` is True after
    the first token of any request; `uncounted` is the number of characters sent in a request whose
    usage is not known; `order` is the place of its latest request among those that are counted
    together, 0 before it. `on_alive` is called for all that comes from the provider.
    """

    def __init__(
        self,
        source: Model,
        *,
        sink: Sink | None,
        upstream: Upstream | None,
        principal: str,
        max_rounds: int | None,
    ) -> None:
        self.read = attach(source)
        self._source = source
        self.model = small_copy(source)
        self.on_alive: Callable[[], None] = ignore
        self.finish_reason: FinishReason | None = None
        self.failure: RunFailed | None = None
        self.spoke = False
        self.uncounted = 0
        self.usage = Usage(0, 0, 0)
        self._latest = 0
        self._count: Iterator[int] = itertools.count(1)
        self._sink = sink
        self._upstream = upstream or Upstream(source.id)
        self._principal = principal
        self._max_rounds = max_rounds
        self._rounds = 0
        self._think_tags = writes_think_tags(source.id)
        self._wrap(ainvoke=self._ainvoke, ainvoke_stream=self._ainvoke_stream)

    @property
    def order(self) -> int:
        return self._latest

    def count_with(self, count: Iterator[int]) -> None:
        """Count the requests of this model together with those of others."""
        self._count = count

    def _wrap(self, **methods: Callable[..., Any]) -> None:
        """Put these in the place of the copy's public methods."""
        for name, wrapped in methods.items():
            setattr(self.model, name, wrapped)

    def _stock(self, name: str) -> Any:
        """A method of the copy that is wrapped: its user's own, or that of its class."""
        own = vars(self._source).get(name)
        return own or MethodType(getattr(type(self.model), name), self.model)

    def _ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[ModelResponse]:
        return self._attempts(self._deltas, args, kwargs, streaming=True)

    async def _ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        async with aclosing(self._attempts(self._whole, args, kwargs, streaming=False)) as found:
            return await anext(found)

    async def _attempts(
        self, send: Send, args: tuple[Any, ...], kwargs: dict[str, Any], *, streaming: bool
    ) -> AsyncGenerator[ModelResponse]:
        """What comes of a request, which is sent again as long as that may help."""
        apply_output_schema(self.model, kwargs.get("response_format"), streaming=streaming)
        call = self._request(kwargs)
        try:
            with call:
                messages, history = kwargs.get("messages", ()), None
                if self.read and messages:
                    short, history = shortened(self.model, messages)
                    kwargs = kwargs if history is None else {**kwargs, "messages": short}
                while True:
                    exchange = self._exchange(call, messages, streaming=streaming)
                    exchange.history = history
                    spoke = False
                    try:
                        found = send(exchange, args, kwargs)
                        try:
                            async for delta in found:
                                if not spoke:
                                    spoke = self.spoke = True
                                    call.spoke()
                                yield delta
                        finally:
                            await found.aclose()
                    except Exception as error:
                        pause = self._failed(call, exchange, error, spoke=spoke)
                        if pause is None:
                            raise
                    else:
                        call.spoke()
                        return
                    await asyncio.sleep(pause)
        finally:
            self._latest = next(self._count)

    async def _deltas(
        self, exchange: Exchange, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[ModelResponse]:
        """What the stock class makes of a response; text that the sink has had is marked."""
        deltas = self._stock("ainvoke_stream")(*args, **kwargs)
        try:
            # An async generator has its consumer's context: left set over a `yield`, the variable
            # would claim the requests of other models, too.
            with bound(exchange):
                delta = await anext(deltas, _END)
            while delta is not _END:
                self._note(delta, exchange)
                yield delta
                delta = await anext(deltas, _END)
        finally:
            await deltas.aclose()
        self._settle(exchange)
        if (found := exchange.kept) is not None:  # Agno stores it with the message
            yield ModelResponse(provider_data={KEY: found})

    async def _whole(
        self, exchange: Exchange, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[ModelResponse]:
        """The one response of a request that does not stream."""
        with bound(exchange):
            response: ModelResponse = await self._stock("ainvoke")(*args, **kwargs)
        self._note(response, exchange)
        self._settle(exchange)
        if (found := exchange.kept) is not None:
            response.provider_data = {**(response.provider_data or {}), KEY: found}
        yield response

    def _request(self, kwargs: dict[str, Any]) -> Call:
        """Begin a request: one more round of the run, if its provider may be called now."""
        if self._rounds:
            self.on_alive()
        self._rounds += 1
        self._latest = next(self._count)
        try:
            if self._max_rounds is not None and self._rounds > self._max_rounds:
                raise TooManyRounds(
                    f"The run made {self._max_rounds} requests to its model without an end; "
                    "the agent's tools, or its model, go in circles."
                )
            call = self._upstream.call(
                self.model.provider or self.model.get_provider(), self._principal
            )
        except (ModelUnavailable, TooManyRounds) as refused:
            self.failure = refused
            raise ModelProviderError(
                refused.message, refused.status, self.model.name, self.model.id
            ) from None
        if "messages" in kwargs:
            kwargs["messages"] = without_downloads(self.model, kwargs["messages"])
        self.uncounted = sum(len(str(m.content or "")) for m in kwargs.get("messages", ()))
        return call

    def _exchange(self, call: Call, messages: Iterable[Any], *, streaming: bool) -> Exchange:
        self.finish_reason = self.failure = None
        return Exchange(
            streaming=streaming,
            sink=self._sink if streaming else None,
            think_tags=self._think_tags,
            on_alive=self.on_alive,
            headers=call.headers,
            replay=Replay([past for m in messages if (past := past_of(m)) is not None]),
        )

    def _note(self, delta: ModelResponse, exchange: Exchange) -> None:
        """Note the end that a delta reports, and mark the text that has gone to the sink."""
        word = (delta.provider_data or {}).get("finish_reason")
        if exchange.outcome is None:
            if word:
                self.finish_reason = finish_reason(word)
        elif exchange.sink is not None:
            if isinstance(delta.content, str):
                delta.content = AlreadySent(delta.content)
            if isinstance(delta.reasoning_content, str):
                delta.reasoning_content = AlreadySent(delta.reasoning_content)

    def _settle(self, exchange: Exchange) -> None:
        """Take the end of a request from the wire; raises if the answer is incomplete."""
        outcome = exchange.outcome
        if outcome is None:  # no reader for this protocol: the SDK is believed
            if self.finish_reason is None and is_a(self.model, "DemoModel"):
                raise UpstreamCut("The model's stream stopped before its answer was complete.")
            self.uncounted = 0
            return
        self.finish_reason = outcome.finish_reason
        if outcome.usage is not None:
            self.uncounted = 0
            self.usage = self.usage + outcome.usage
        if outcome.error is not None or outcome.finish_reason is None:
            raise Incomplete

    def _failed(
        self, call: Call, exchange: Exchange, error: Exception, *, spoke: bool
    ) -> float | None:
        """Take note of a failed attempt: seconds to wait before the next one, or None."""
        failure = failure_in(exchange, error, self.model, spoke=spoke)
        self.failure = failure
        call.failed(failure)
        pause = None if spoke else call.pause()
        if pause is None and not spoke:
            self.uncounted = 0
        return pause
