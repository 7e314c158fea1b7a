"""`AsyncClient`, for programs with an event loop; `agno_stream.client` documents the calls."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack

import httpx2

from agno_stream import calls, requests
from agno_stream import transport as wire
from agno_stream.answer import Answer
from agno_stream.chats import AsyncChat
from agno_stream.config import Config
from agno_stream.decisions import Decision
from agno_stream.errors import AgnoStreamError
from agno_stream.infos import AgentInfo, Conversation, Exchange, ModelInfo, RunInfo
from agno_stream.parts import Media
from agno_stream.requests import Call, QuestionOptions
from agno_stream.source import Source
from agno_stream.types import ModelResponse, StreamChunk
from agno_stream.version import __version__

T = TypeVar("T")
Chunks = AsyncGenerator[StreamChunk, None]


class AsyncClient:
    """The client for coroutines: the same calls as those of `Client`, to be awaited.

        async with AsyncClient("http://127.0.0.1:8000") as client:
            async for chunk in client.generate_stream("Hello"):
                print(chunk.text, end="", flush=True)

    Stop reading a stream only inside `contextlib.aclosing`, which closes its connection at once.
    """

    def __init__(
        self,
        config: Config | str | None = None,
        *,
        url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx2.AsyncBaseTransport | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.config = wire.client_config(config, url, api_key, headers)
        self._http = httpx2.AsyncClient(
            transport=transport, **wire.settings(self.config, __version__)
        )
        if on_exchange is not None:

            async def report(reply: httpx2.Response) -> None:
                on_exchange(wire.exchange(reply, self.config))

            self._http.event_hooks["response"].append(report)

    def generate_stream(self, prompt: str, **options: Unpack[QuestionOptions]) -> Chunks:
        """Send a question, and yield the chunks of its answer as they arrive."""
        question = requests.question(self.config, prompt, options)
        return self._follow(Answer.to(wire.base(self.config), question))

    async def generate(
        self, prompt: str, *, stream: bool = False, **options: Unpack[QuestionOptions]
    ) -> ModelResponse:
        """Send a question, and return the complete answer; with `stream` it is streamed
        internally."""
        if stream:
            chunks = [chunk async for chunk in self.generate_stream(prompt, **options)]
            return ModelResponse.from_chunks(chunks)
        question = requests.question(self.config, prompt, options, stream=False)
        try:
            return await self._call(calls.generate_request(question))
        except AgnoStreamError as failure:
            return question.failed(failure)

    def chat(
        self,
        conversation_id: str | None = None,
        *,
        agent: str | None = None,
        model: str | None = None,
    ) -> AsyncChat:
        """Return a new conversation, or the one with this id; the server stores its messages."""
        return AsyncChat(self, conversation_id, agent=agent, model=model)

    def resume(
        self, run_id: str, after: int = 0, *, pace: bool = False, raise_on_error: bool | None = None
    ) -> Chunks:
        """Yield the events of a run after number `after`, until the run ends or has ended.

        With `pace` the events arrive with their original delays.
        """
        config = self.config
        source = Source(wire.base(config), run_id=run_id, after=after, pace=pace)
        raises = config.raise_on_error if raise_on_error is None else raise_on_error
        return self._follow(Answer(source, requests.limits(config), raises=raises))

    def continue_run(
        self, run_id: str, decisions: Sequence[Decision], *, raise_on_error: bool | None = None
    ) -> Chunks:
        """Decide on all that a paused run waits for, and yield the chunks of the run that continues
        it, as `generate_stream` does.

        `agno_stream.decisions` has decisions for all requirements at once.
        """
        question = requests.decided(self.config, run_id, decisions, raise_on_error)
        return self._follow(Answer.to(wire.base(self.config), question))

    def regenerate(self, run_id: str, **options: Unpack[QuestionOptions]) -> Chunks:
        """Answer the question of a stored turn once more, in its place, and yield the chunks."""
        question = calls.again(self.config, run_id, None, options)
        return self._follow(Answer.to(wire.base(self.config), question))

    def edit(self, run_id: str, prompt: str, **options: Unpack[QuestionOptions]) -> Chunks:
        """Send another question in the place of a stored turn's, and yield the chunks."""
        question = calls.again(self.config, run_id, prompt, options)
        return self._follow(Answer.to(wire.base(self.config), question))

    async def run(self, run_id: str) -> ModelResponse:
        """Return the current state of a run, with its text so far."""
        return await self._call(calls.run(run_id))

    async def cancel(self, run_id: str) -> ModelResponse:
        """Stop a run and return its final state; a run that has ended is not changed."""
        return await self._call(calls.cancel(run_id))

    async def models(self) -> list[ModelInfo]:
        """Return the models that a question can name."""
        return await self._call(calls.models())

    async def agents(self) -> list[AgentInfo]:
        """Return the agents that a question can name."""
        return await self._call(calls.agents())

    async def runs(
        self, conversation_id: str | None = None, *, status: str | None = None
    ) -> list[RunInfo]:
        """Return the runs that have not ended, of all conversations or of one, oldest first.

        With `status="paused"` they are those that wait for a person, with their `requirements`.
        """
        return await self._call(calls.runs(conversation_id, status))

    async def conversations(
        self,
        limit: int = 50,
        offset: int = 0,
        *,
        before: str | None = None,
        query: str | None = None,
    ) -> list[Conversation]:
        """Return conversations without their messages: pinned ones, then the latest.

        At most `limit` of the latter, after the first `offset`, or after the cursor `before`; with
        `query` those whose titles contain it.
        """
        return await self._call(calls.conversations(limit, offset, before, query))

    async def conversation(self, conversation_id: str) -> Conversation:
        """Return a conversation with its messages; raises `NotFound`."""
        return await self._call(calls.conversation(conversation_id))

    async def rename_conversation(self, conversation_id: str, title: str) -> Conversation:
        """Give a conversation a title, and return it without its messages; raises `NotFound`."""
        return await self._call(calls.rename_conversation(conversation_id, title))

    async def pin_conversation(self, conversation_id: str, pinned: bool = True) -> Conversation:
        """Pin a conversation, or no longer: lists show it first; raises `NotFound`."""
        return await self._call(calls.pin_conversation(conversation_id, pinned))

    async def select_branch(self, conversation_id: str, run_id: str) -> Conversation:
        return await self._call(calls.select_branch(conversation_id, run_id))

    async def fork_conversation(
        self, conversation_id: str, run_id: str | None = None, *, title: str | None = None
    ) -> Conversation:
        return await self._call(calls.fork_conversation(conversation_id, run_id, title))

    async def export_conversation(
        self, conversation_id: str, form: Literal["md", "json"] = "md"
    ) -> str:
        """Return a conversation as Markdown or as JSON; raises `NotFound`."""
        return await self._call(calls.export_conversation(conversation_id, form))

    async def delete_conversation(self, conversation_id: str) -> None:
        """Delete a conversation on the server; raises `NotFound`."""
        await self._call(calls.delete_conversation(conversation_id))

    async def download(self, item: Media) -> bytes:
        """Return the bytes of media that a run has made; raises `NotFound`, and `ValueError` for
        media at another server."""
        return await self._call(calls.download(item))

    async def aclose(self) -> None:
        """Close all connections to the server."""
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
        with wire.translated(self.config):
            reply = await self._http.request(**wire.arguments(self.config, call.request))
        url = wire.base(self.config)
        return requests.read(call, url, reply.status_code, reply.headers, reply.content)

    async def _follow(self, answer: Answer) -> Chunks:
        """Yield the chunks of an answer; send its requests and pass it the bytes of their
        responses."""
        for pause, request in answer.attempts():
            await asyncio.sleep(pause)
            with wire.reported(answer, self.config):
                async with (
                    self._http.stream(**wire.arguments(self.config, request)) as reply,
                    wire.async_body(answer, reply) as parts,
                ):
                    answer.opened(reply.status_code, reply.headers)
                    while answer.reading:
                        for chunk in answer.receive(await anext(parts, b"")):
                            yield chunk
        for call in answer.farewell():
            with suppress(AgnoStreamError):
                await self._call(call)
        for chunk in answer.last():
            yield chunk
