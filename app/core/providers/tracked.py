"""A run's own copy of a model, whose upstream requests are tracked.

Agno drops the provider's finish reason, and reports a stream that was cut in the middle as
complete. Here the truth comes from the wire: the copy's public methods are wrapped, and each
request has an `Exchange` that the HTTP transport reports to. No class of Agno's is changed.

See docs/decisions/013-the-finish-reason-comes-from-the-provider.md.
"""

import asyncio
import copy
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from contextlib import aclosing, contextmanager
from typing import Any

from agno.exceptions import ModelProviderError
from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.tools.function import Function, FunctionCall

from ...models.chat import FinishReason, Usage
from ..question import ClientCall
from ..run_failures import ModelUnavailable, RunFailed, TooManyRounds, UpstreamCut
from ..text import AlreadySent, Sink
from .client_tools import split_calls
from .clients import attach
from .exchange import CURRENT, Exchange
from .failures import classify, failure_of
from .media_urls import without_downloads
from .options import apply_output_schema
from .upstream import REPLACEABLE, Call, Upstream
from .wire.parts.finish_reasons import finish_reason
from .wire.parts.think_tags import writes_think_tags
from .wire.replay import Replay

_END: Any = object()


def _nothing(*_: Any) -> None:
    """What nobody listens to."""


class TrackedModel:
    """Wraps a copy of `source`, which is `model`; clients and settings are shared with the source.

    Text goes to `sink` as its bytes come, where the transport can read the provider's protocol.
    A request that fails before its first token is retried as its `upstream` allows. Before the
    first token of all, a `fallback` may take over, which `on_fallback` is told the name of.
    `max_rounds` bounds the requests of one run; None for a model that serves many runs.
    """

    def __init__(
        self,
        source: Model,
        *,
        sink: Sink | None = None,
        upstream: Upstream | None = None,
        principal: str = "",
        max_rounds: int | None = None,
    ) -> None:
        self.read = attach(source)
        self.model = copy.copy(source)
        self._source = source
        self._is_aside = False
        self.fallback: TrackedModel | None = None
        self.on_fallback: Callable[[str], None] = _nothing
        self.on_alive: Callable[[], None] = _nothing
        self.on_unknown_call: Callable[[dict[str, Any]], None] = _nothing
        self.answering = self
        self.finish_reason: FinishReason | None = None
        self.failure: RunFailed | None = None
        self.client_calls: list[ClientCall] = []
        self.spoke = False  # in any request of the run
        self.uncounted = 0  # characters sent in a request whose usage is not known
        self.usage = Usage(0, 0, 0)  # of all responses that were read to their end
        self._sink = sink
        self._upstream = upstream or Upstream(source.id)
        self._principal = principal
        self._max_rounds = max_rounds
        self._rounds = 0
        self._replay = Replay()
        self._think_tags = writes_think_tags(source.id)
        self._stock = {
            name: getattr(self.model, name)
            for name in (
                *("ainvoke", "ainvoke_stream", "aresponse", "aresponse_stream"),
                "get_function_calls_to_run",
            )
        }
        for name, wrapped in (
            ("ainvoke", self._ainvoke),
            ("ainvoke_stream", self._ainvoke_stream),
            ("aresponse", self._aresponse),
            ("aresponse_stream", self._aresponse_stream),
            ("get_function_calls_to_run", self._calls_to_run),
        ):
            setattr(self.model, name, wrapped)
        # Agno's managers copy a model for each use, and its copies have new clients, unhooked.
        self.model.__dict__["__deepcopy__"] = self._deep_copy

    def _deep_copy(self, memo: dict[int, Any]) -> Model:
        """A copy that Agno makes of the model: tracked alike, with the same clients."""
        bare = copy.copy(self.model)
        for name in (*self._stock, "__deepcopy__"):
            del bare.__dict__[name]
        twin = TrackedModel(
            bare,
            upstream=self._upstream,
            principal=self._principal,
            max_rounds=self._max_rounds,
        )
        twin.on_alive = self.on_alive
        memo[id(self.model)] = twin.model
        return twin.model

    def __deepcopy__(self, memo: dict[int, Any]) -> "TrackedModel":
        """A model for requests that are no part of the answer. Agno copies the agent's model for
        its memory managers."""
        aside = TrackedModel(self._source, upstream=self._upstream, principal=self._principal)
        aside._is_aside = True
        return aside

    # ---- one turn of the agent: its requests, and the fallback ----

    async def _aresponse_stream(self, messages: list[Message], **kwargs: Any) -> AsyncIterator[Any]:
        # Agno's own fallback would start another model in the middle of an answer, too.
        before = list(messages)
        try:
            async for event in self._stock["aresponse_stream"](messages=messages, **kwargs):
                yield event
        except Exception:
            fallback = self._take_over()
            if fallback is None:
                raise
        else:
            return
        messages[:] = before
        async for event in fallback.model.aresponse_stream(messages=messages, **kwargs):
            yield event

    async def _aresponse(self, messages: list[Message], **kwargs: Any) -> ModelResponse:
        if kwargs.get("run_response") is None and not self._is_aside:  # it is not the agent's own
            return await copy.deepcopy(self).model.aresponse(messages=messages, **kwargs)
        before = list(messages)
        try:
            whole: ModelResponse = await self._stock["aresponse"](messages=messages, **kwargs)
        except Exception:
            fallback = self._take_over()
            if fallback is None:
                raise
            messages[:] = before
            return await fallback.model.aresponse(messages=messages, **kwargs)
        return whole

    def _take_over(self) -> "TrackedModel | None":
        """The fallback, if it may answer instead after what has just failed."""
        if self.spoke or self.fallback is None or not isinstance(self.failure, REPLACEABLE):
            return None
        self.answering = self.fallback
        self.fallback.on_alive = self.on_alive
        self.fallback.on_unknown_call = self.on_unknown_call
        self.on_fallback(self.fallback.model.id)
        return self.fallback

    def _calls_to_run(
        self,
        assistant_message: Message,
        messages: list[Message],
        functions: dict[str, Function] | None = None,
    ) -> list[FunctionCall]:
        """The calls of a message for Agno to run. Those of the client's tools are kept for the
        client, and pause the run."""
        if self.model._tool_choice != "none":
            self.model._tool_choice = None  # the choice holds until a tool was called
        known = functions or {}
        own, theirs = split_calls(assistant_message.tool_calls or [], known)
        for call in own:
            if (call.get("function") or {}).get("name") not in known:
                self.on_unknown_call(call)
        self.client_calls += theirs
        message = Message(role=assistant_message.role, tool_calls=own)
        run: list[FunctionCall] = self._stock["get_function_calls_to_run"](
            message, messages, functions
        )
        return [*run, *(FunctionCall(function=known[c.name], call_id=c.id) for c in theirs)]

    # ---- one request, with its retries ----

    async def _ainvoke_stream(self, *args: Any, **kwargs: Any) -> AsyncGenerator[ModelResponse]:
        apply_output_schema(self.model, kwargs.get("response_format"), streaming=True)
        with self._request(kwargs) as call:
            while True:
                exchange = self._exchange(call, streaming=True)
                spoke = False
                try:
                    async with aclosing(self._deltas(exchange, args, kwargs)) as deltas:
                        async for delta in deltas:
                            if not spoke:
                                spoke = self.spoke = True
                                call.spoke()
                            yield delta
                    self._settle(exchange)
                except Exception as error:
                    pause = self._failed(call, exchange, error, spoke=spoke)
                    if pause is None:
                        raise
                else:
                    call.spoke()
                    return
                await asyncio.sleep(pause)

    async def _deltas(
        self, exchange: Exchange, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> AsyncGenerator[ModelResponse]:
        """What the stock class makes of a response; text that the sink has had is marked."""
        async with aclosing(self._stock["ainvoke_stream"](*args, **kwargs)) as deltas:
            # An async generator has its consumer's context: left set over a `yield`, the variable
            # would claim the requests of other models, too.
            with _bound(exchange):
                delta = await anext(deltas, _END)
            while delta is not _END:
                self._note(delta, exchange)
                yield delta
                delta = await anext(deltas, _END)

    async def _ainvoke(self, *args: Any, **kwargs: Any) -> ModelResponse:
        apply_output_schema(self.model, kwargs.get("response_format"), streaming=False)
        with self._request(kwargs) as call:
            while True:
                exchange = self._exchange(call, streaming=False)
                try:
                    with _bound(exchange):
                        response: ModelResponse = await self._stock["ainvoke"](*args, **kwargs)
                    self._note(response, exchange)
                    self._settle(exchange)
                except Exception as error:
                    pause = self._failed(call, exchange, error, spoke=False)
                    if pause is None:
                        raise
                else:
                    self.spoke = True
                    call.spoke()
                    return response
                await asyncio.sleep(pause)

    @contextmanager
    def _request(self, kwargs: dict[str, Any]) -> Iterator[Call]:
        """Begin a request: one more round of the run, if its provider may be called now."""
        if self._rounds:
            self.on_alive()
        self._rounds += 1
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
        kwargs["messages"] = without_downloads(self.model, kwargs.get("messages", []))
        self.uncounted = sum(len(str(m.content or "")) for m in kwargs["messages"])
        with call:
            yield call

    def _exchange(self, call: Call, *, streaming: bool) -> Exchange:
        self.finish_reason = self.failure = None
        return Exchange(
            streaming=streaming,
            sink=self._sink if streaming else None,
            think_tags=self._think_tags,
            on_alive=self.on_alive,
            headers=call.headers,
            replay=self._replay,
        )

    def _note(self, delta: ModelResponse, exchange: Exchange) -> None:
        """Note what a delta tells of its end, and mark the text that has gone to the sink."""
        told = (delta.provider_data or {}).get("finish_reason")
        if exchange.outcome is None:
            if told:
                self.finish_reason = finish_reason(told)
        elif exchange.sink is not None:
            if isinstance(delta.content, str):
                delta.content = AlreadySent(delta.content)
            if isinstance(delta.reasoning_content, str):
                delta.reasoning_content = AlreadySent(delta.reasoning_content)

    def _settle(self, exchange: Exchange) -> None:
        """Take the end of a request from the wire; raises if the answer is incomplete."""
        outcome = exchange.outcome
        if outcome is None:  # no reader for this protocol: the SDK is believed
            if self.finish_reason is None and self.model.__class__.__name__ == "DemoModel":
                raise UpstreamCut("The model's stream stopped before its answer was complete.")
            self.uncounted = 0
            return
        self.finish_reason = outcome.finish_reason
        if outcome.usage is not None:
            self.uncounted = 0
            self.usage = self.usage + outcome.usage
        if outcome.error is not None or outcome.finish_reason is None:
            raise _Incomplete
        self._replay.keep(outcome)

    def _failed(
        self, call: Call, exchange: Exchange, error: Exception, *, spoke: bool
    ) -> float | None:
        """Take note of a failed attempt: seconds to wait before the next one, or None."""
        key = getattr(self.model, "api_key", None)
        outcome = exchange.outcome
        if isinstance(error, RunFailed):
            failure = error
        elif outcome is not None and (outcome.error is not None or isinstance(error, _Incomplete)):
            failure = failure_of(outcome, error, self.model.id, spoke=spoke, key=key)
        else:
            failure = classify(error, self.model.id, spoke=spoke, key=key)
        self.failure = failure
        call.failed(failure)
        pause = None if spoke else call.pause()
        if pause is None and not spoke:
            self.uncounted = 0
        return pause


class _Incomplete(Exception):
    """The response came to its end, and that was not the end of an answer."""


@contextmanager
def _bound(exchange: Exchange) -> Iterator[None]:
    token = CURRENT.set(exchange)
    try:
        yield
    finally:
        CURRENT.reset(token)
