"""A run's own copy of a model, whose upstream requests are tracked.

Agno drops the provider's finish reason, and reports a stream that was cut in the middle as
complete. Here the truth comes from the wire: the copy's public methods are wrapped, and each
request has an `Exchange` that the HTTP transport reports to. No class of Agno's is changed.

See docs/decisions/013-the-finish-reason-comes-from-the-provider.md.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from typing import Any

from agno.models.base import Model
from agno.models.message import Message
from agno.models.response import ModelResponse
from agno.tools.function import Function, FunctionCall

from ..question import ClientCall
from ..text import Sink
from .client_tools import split_calls
from .requests import Requests, ignore
from .upstream import REPLACEABLE, Upstream


class TrackedModel(Requests):
    """Wraps a copy of `source`, which is `model`; clients and settings are shared with the source.

    Text goes to `sink` as its bytes come, where the transport can read the provider's protocol.
    A request that fails before its first token is retried as its `upstream` allows. Before the
    first token of all, a `fallback` may take over, whose name `on_fallback` is called with.
    `max_rounds` bounds the requests of one run; None for a model that serves many runs. With
    `keeps_decided` Agno makes a checkpoint of what was done before the first request, too: it runs
    the tools that a person has decided on before that, and makes none itself.
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
        super().__init__(
            source, sink=sink, upstream=upstream, principal=principal, max_rounds=max_rounds
        )
        self._is_aside = False
        self.fallback: TrackedModel | None = None
        self.on_fallback: Callable[[str], None] = ignore
        self.on_unknown_call: Callable[[dict[str, Any]], None] = ignore
        self.keeps_decided = False
        self.answering = self
        self.client_calls: list[ClientCall] = []
        self._wrap(
            aresponse=self._aresponse,
            aresponse_stream=self._aresponse_stream,
            get_function_calls_to_run=self._calls_to_run,
        )
        # Agno's managers copy a model for each use, and its copies have new clients, unhooked.
        self.model.__dict__["__deepcopy__"] = self._aside

    @property
    def order(self) -> int:
        return max(self._latest, self.fallback.order if self.fallback is not None else 0)

    def count_with(self, count: Iterator[int]) -> None:
        super().count_with(count)
        if self.fallback is not None:
            self.fallback.count_with(count)

    def stay(self) -> None:
        """Let Agno's copies of the model be the model itself."""
        self.model.__dict__["__deepcopy__"] = lambda memo: self.model

    def _aside(self, memo: dict[int, Any] | None = None) -> Model:
        """A copy for requests that are no part of the answer, such as a memory manager's: tracked
        alike, with the same clients, without a sink and without the options of the question."""
        aside = TrackedModel(
            self._source,
            upstream=self._upstream,
            principal=self._principal,
            max_rounds=self._max_rounds,
        )
        aside._is_aside = True
        aside.on_alive = self.on_alive
        if memo is not None:
            memo[id(self.model)] = aside.model
        return aside.model

    async def _aresponse_stream(self, messages: list[Message], **kwargs: Any) -> AsyncIterator[Any]:
        # Agno's own fallback would start another model in the middle of an answer, too.
        before = list(messages)
        if (keep := kwargs.get("after_tool_results")) is not None:
            keep = kwargs["after_tool_results"] = _keeping_tools(keep)
            if self.keeps_decided and messages and messages[-1].role == "tool":
                self.keeps_decided = False
                await keep(ModelResponse())
        try:
            async for event in self._stock("aresponse_stream")(messages=messages, **kwargs):
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
            return await self._aside().aresponse(messages=messages, **kwargs)
        before = list(messages)
        try:
            whole: ModelResponse = await self._stock("aresponse")(messages=messages, **kwargs)
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
        own, theirs = split_calls(assistant_message, known)
        for call in own:
            if (call.get("function") or {}).get("name") not in known:
                self.on_unknown_call(call)
        self.client_calls += theirs
        message = Message(role=assistant_message.role, tool_calls=own)
        run: list[FunctionCall] = self._stock("get_function_calls_to_run")(
            message, messages, functions
        )
        return [*run, *(FunctionCall(function=known[c.name], call_id=c.id) for c in theirs)]


def _keeping_tools(keep: Callable[[ModelResponse], Awaitable[None]]) -> Any:
    """Agno's callback after a batch of tools, which makes a checkpoint, without its side effect.

    It replaces the tools of the run by those of the response, of which a stream has none: the run
    would not know what it waits for.
    """

    async def kept(response: ModelResponse) -> None:
        response.tool_executions = response.tool_executions or None
        await keep(response)

    return kept
