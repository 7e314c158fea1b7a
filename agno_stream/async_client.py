"""`AsyncClient`, for programs with an event loop. What it does is told in `agno_stream.client`."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import suppress
from types import TracebackType
from typing import Self, TypeVar, Unpack
from uuid import uuid4

import httpx2

from agno_stream import requests, transport
from agno_stream.answer import Answer
from agno_stream.config import Config
from agno_stream.errors import AgnoStreamError
from agno_stream.requests import Asked, Call
from agno_stream.types import (
    AgentInfo,
    Conversation,
    Exchange,
    Message,
    ModelInfo,
    ModelResponse,
    StreamChunk,
)
from agno_stream.version import __version__

T = TypeVar("T")
Chunks = AsyncGenerator[StreamChunk, None]

#: Seconds that the end of a body has to follow its last event.
DRAIN = 0.05


class AsyncClient:
    """`Client` for coroutines: the same calls with the same meaning, to be awaited.

        async with AsyncClient(url="http://127.0.0.1:8000") as client:
            async for chunk in client.generate_stream("Hello"):
                print(chunk.text, end="", flush=True)

    Leave a stream early only inside `contextlib.aclosing`, which closes its connection at once.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        url: str | None = None,
        api_key: str | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.config = transport.chosen(config, url, api_key)
        self._http = httpx2.AsyncClient(**transport.settings(self.config, __version__))
        if on_exchange is not None:

            async def tell(reply: httpx2.Response) -> None:
                on_exchange(transport.exchange(reply))

            self._http.event_hooks["response"].append(tell)

    def generate_stream(self, prompt: str, **asked: Unpack[Asked]) -> Chunks:
        """Ask, and yield the answer as it comes; see `Asked` for what else can be said."""
        question = requests.question(self.config, prompt, asked)
        return self._follow(Answer.to(transport.base(self.config), question), question.raises)

    async def generate(
        self, prompt: str, *, stream: bool = False, **asked: Unpack[Asked]
    ) -> ModelResponse:
        """Ask, and return the whole answer; with `stream` it is streamed behind the scenes."""
        if stream:
            chunks = [chunk async for chunk in self.generate_stream(prompt, **asked)]
            return ModelResponse.from_chunks(chunks)
        question = requests.question(self.config, prompt, asked, stream=False)
        try:
            return await self._call(requests.whole(question))
        except AgnoStreamError as failure:
            if question.raises:
                raise
            return ModelResponse.from_failure(failure)

    def chat(
        self,
        conversation_id: str | None = None,
        *,
        agent: str | None = None,
        model: str | None = None,
    ) -> "AsyncChat":
        """A conversation, new or known, whose turns the server remembers."""
        return AsyncChat(self, conversation_id, agent=agent, model=model)

    def resume(
        self, run_id: str, after: int = 0, *, pace: bool = False, raise_on_error: bool | None = None
    ) -> Chunks:
        """The events of a run behind number `after`, to its end, be it over or not. With `pace`
        they come with the delays that they had."""
        config = self.config
        answer = Answer(
            transport.base(config), requests.limits(config), run_id=run_id, after=after, pace=pace
        )
        return self._follow(
            answer, config.raise_on_error if raise_on_error is None else raise_on_error
        )

    async def run(self, run_id: str) -> ModelResponse:
        """A run as it stands now."""
        return await self._call(requests.run(run_id))

    async def cancel(self, run_id: str) -> ModelResponse:
        """Stop a run, and return how it ended; one that is over is left as it is."""
        return await self._call(requests.cancel(run_id))

    async def models(self) -> list[ModelInfo]:
        """The models that a question may name."""
        return await self._call(requests.models())

    async def agents(self) -> list[AgentInfo]:
        """The agents that a question may name."""
        return await self._call(requests.agents())

    async def conversations(self, limit: int = 50, offset: int = 0) -> list[Conversation]:
        """Conversations, the one spoken in last first, without their messages."""
        return await self._call(requests.conversations(limit, offset))

    async def conversation(self, conversation_id: str) -> Conversation:
        """A conversation with its messages."""
        return await self._call(requests.conversation(conversation_id))

    async def delete_conversation(self, conversation_id: str) -> None:
        """Have the server forget a conversation."""
        await self._call(requests.delete_conversation(conversation_id))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def _call(self, call: Call[T]) -> T:
        try:
            reply = await self._http.request(**transport.arguments(self.config, call.request))
        except transport.FAILURES as error:
            raise transport.translate(error, self.config) from error
        return requests.read(call, transport.base(self.config), reply.status_code, reply.content)

    async def _follow(self, answer: Answer, raises: bool) -> Chunks:
        """Move the bytes of an answer, over one connection after the other."""
        while not answer.done:
            pause, request = answer.connect()
            await asyncio.sleep(pause)
            told, failure = False, None
            try:
                async with self._http.stream(**transport.arguments(self.config, request)) as reply:
                    if answer.opened(reply.status_code, reply.headers):
                        parts = reply.aiter_bytes()
                        try:
                            async for data in parts:
                                for chunk in answer.receive(data):
                                    if chunk.done:
                                        await self._last(answer, chunk, raises)
                                    yield chunk
                                if answer.done:
                                    break
                        finally:
                            await self._drain(answer, parts)
                    else:
                        body, told = await reply.aread(), True
                        for chunk in answer.told(reply.headers, body):
                            await self._last(answer, chunk, raises)
                            yield chunk
            except transport.FAILURES as error:
                failure = error
            if not (told or answer.done):
                for chunk in answer.lost(*transport.verdict(failure, self.config)):
                    await self._last(answer, chunk, raises)
                    yield chunk

    async def _last(self, answer: Answer, chunk: StreamChunk, raises: bool) -> None:
        if answer.cancels and answer.run_id is not None:
            with suppress(AgnoStreamError):
                await self._call(requests.cancel(answer.run_id, patience=transport.FAREWELL))
        if raises and chunk.failure is not None:
            raise chunk.failure

    async def _drain(self, answer: Answer, parts: AsyncIterator[bytes]) -> None:
        """Read the end of a body whose last event has come, so that its connection can be used
        again; but hardly wait for it."""
        if answer.done:
            with suppress(TimeoutError, *transport.FAILURES):
                async with asyncio.timeout(DRAIN):
                    await anext(parts, None)


class AsyncChat:
    """One conversation: all questions go with the same `id`, so the server knows what was said."""

    def __init__(
        self,
        client: AsyncClient,
        conversation_id: str | None,
        *,
        agent: str | None,
        model: str | None,
    ) -> None:
        self.id = conversation_id or uuid4().hex
        self.agent, self.model = agent, model
        self._client = client

    def generate_stream(self, prompt: str, **asked: Unpack[Asked]) -> Chunks:
        """`Client.generate_stream`, in this conversation."""
        return self._client.generate_stream(prompt, **requests.said(self, asked))

    async def generate(
        self, prompt: str, *, stream: bool = False, **asked: Unpack[Asked]
    ) -> ModelResponse:
        """`Client.generate`, in this conversation."""
        return await self._client.generate(prompt, stream=stream, **requests.said(self, asked))

    async def messages(self) -> tuple[Message, ...]:
        """What was said so far, as the server keeps it."""
        return (await self._client.conversation(self.id)).messages
