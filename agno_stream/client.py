"""`Client`, for programs without an event loop: a loop that moves bytes for `Answer`."""

import time
import weakref
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Literal, Self, TypeVar, Unpack

import httpx2

from agno_stream import calls, requests
from agno_stream import transport as wire
from agno_stream.answer import Answer
from agno_stream.chats import Chat
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
Chunks = Generator[StreamChunk, None, None]


class Client:
    """The client of one server, with pooled connections; threads may share it.

        with Client("http://127.0.0.1:8000") as client:
            for chunk in client.generate_stream("Hello"):
                print(chunk.text, end="", flush=True)

    `config` are settings, or the server's URL. If it is None, the settings are
    `Config.from_defaults()`; `url`, `api_key` and `headers` (as a proxy's token) override both.
    `transport` replaces the network, as in tests (`httpx2.MockTransport`) or for a proxy.

    An answer that fails raises nothing, unless `raise_on_error` is set: its last chunk or the
    response has the error. All other calls raise `AgnoStreamError`.

    `on_exchange` is called for each request when the head of its response has arrived: several
    times for a stream that was cut and resumed.
    """

    def __init__(
        self,
        config: Config | str | None = None,
        *,
        url: str | None = None,
        api_key: str | None = None,
        headers: Mapping[str, str] | None = None,
        transport: httpx2.BaseTransport | None = None,
        on_exchange: Callable[[Exchange], None] | None = None,
    ) -> None:
        self.config = wire.client_config(config, url, api_key, headers)
        settings = wire.settings(self.config, __version__)
        self._http = httpx2.Client(transport=transport, **settings)
        if on_exchange is not None:
            hooks = self._http.event_hooks["response"]
            hooks.append(lambda reply: on_exchange(wire.exchange(reply, self.config)))
        # Closes the connections of a client that its program never closes.
        self._close = weakref.finalize(self, self._http.close)

    def generate_stream(self, prompt: str, **options: Unpack[QuestionOptions]) -> Chunks:
        """Send a question, and yield the chunks of its answer as they arrive.

        `QuestionOptions` lists the other arguments. A lost connection is restored, and continues
        after the last event that arrived. The last chunk has `done`, and `error` if the answer
        failed. If the caller stops reading, the server stops the run after a while without a
        reader; `cancel` stops it at once.
        """
        question = requests.question(self.config, prompt, options)
        return self._follow(Answer.to(wire.base(self.config), question))

    def generate(
        self, prompt: str, *, stream: bool = False, **options: Unpack[QuestionOptions]
    ) -> ModelResponse:
        """Send a question, and return the complete answer.

        With `stream` the answer is streamed internally: then a lost connection is resumed, the
        timeouts of the first token and of silence apply, and a failure keeps the part that arrived.
        """
        if stream:
            return ModelResponse.from_chunks(self.generate_stream(prompt, **options))
        question = requests.question(self.config, prompt, options, stream=False)
        try:
            return self._call(calls.generate_request(question))
        except AgnoStreamError as failure:
            return question.failed(failure)

    def chat(
        self,
        conversation_id: str | None = None,
        *,
        agent: str | None = None,
        model: str | None = None,
    ) -> Chat:
        """Return a new conversation, or the one with this id; the server stores its messages."""
        return Chat(self, conversation_id, agent=agent, model=model)

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
        """Answer the question of a stored turn once more, in its place, and yield the chunks of the
        answer; `options` say how to answer."""
        question = calls.again(self.config, run_id, None, options)
        return self._follow(Answer.to(wire.base(self.config), question))

    def edit(self, run_id: str, prompt: str, **options: Unpack[QuestionOptions]) -> Chunks:
        """Send another question in the place of a stored turn's, with its media if `options` has
        none, and yield the chunks of the answer."""
        question = calls.again(self.config, run_id, prompt, options)
        return self._follow(Answer.to(wire.base(self.config), question))

    def run(self, run_id: str) -> ModelResponse:
        """Return the current state of a run, with its text so far."""
        return self._call(calls.run(run_id))

    def cancel(self, run_id: str) -> ModelResponse:
        """Stop a run and return its final state; a run that has ended is not changed."""
        return self._call(calls.cancel(run_id))

    def models(self) -> list[ModelInfo]:
        """Return the models that a question can name."""
        return self._call(calls.models())

    def agents(self) -> list[AgentInfo]:
        """Return the agents that a question can name."""
        return self._call(calls.agents())

    def runs(
        self, conversation_id: str | None = None, *, status: str | None = None
    ) -> list[RunInfo]:
        """Return the runs that have not ended, of all conversations or of one, oldest first.

        With `status="paused"` they are those that wait for a person, with their `requirements`.
        """
        return self._call(calls.runs(conversation_id, status))

    def conversations(
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
        return self._call(calls.conversations(limit, offset, before, query))

    def conversation(self, conversation_id: str) -> Conversation:
        """Return a conversation with its messages; raises `NotFound`."""
        return self._call(calls.conversation(conversation_id))

    def rename_conversation(self, conversation_id: str, title: str) -> Conversation:
        """Give a conversation a title, and return it without its messages; raises `NotFound`."""
        return self._call(calls.rename_conversation(conversation_id, title))

    def pin_conversation(self, conversation_id: str, pinned: bool = True) -> Conversation:
        """Pin a conversation, or no longer: lists show it first; raises `NotFound`."""
        return self._call(calls.pin_conversation(conversation_id, pinned))

    def select_branch(self, conversation_id: str, run_id: str) -> Conversation:
        """Show the branch with a turn, and return it; raises `NotFound`, `RequestRefused`."""
        return self._call(calls.select_branch(conversation_id, run_id))

    def fork_conversation(
        self, conversation_id: str, run_id: str | None = None, *, title: str | None = None
    ) -> Conversation:
        """Copy the turns up to one into a new conversation, and return that without them."""
        return self._call(calls.fork_conversation(conversation_id, run_id, title))

    def export_conversation(self, conversation_id: str, form: Literal["md", "json"] = "md") -> str:
        """Return a conversation as Markdown or as JSON; raises `NotFound`."""
        return self._call(calls.export_conversation(conversation_id, form))

    def delete_conversation(self, conversation_id: str) -> None:
        """Delete a conversation on the server; raises `NotFound`."""
        self._call(calls.delete_conversation(conversation_id))

    def download(self, item: Media) -> bytes:
        """Return the bytes of media that a run has made; raises `NotFound`, and `ValueError` for
        media at another server."""
        return self._call(calls.download(item))

    def close(self) -> None:
        """Close all connections to the server."""
        self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def _call(self, call: Call[T]) -> T:
        with wire.translated(self.config):
            reply = self._http.request(**wire.arguments(self.config, call.request))
        url = wire.base(self.config)
        return requests.read(call, url, reply.status_code, reply.headers, reply.content)

    def _follow(self, answer: Answer) -> Chunks:
        """Yield the chunks of an answer: send its requests, and pass it the bytes that come."""
        for pause, request in answer.attempts():
            time.sleep(pause)
            with (
                wire.reported(answer, self.config),
                self._http.stream(**wire.arguments(self.config, request)) as reply,
                wire.body(answer, reply) as parts,
            ):
                answer.opened(reply.status_code, reply.headers)
                while answer.reading:
                    yield from answer.receive(next(parts, b""))
        for call in answer.farewell():
            with suppress(AgnoStreamError):
                self._call(call)
        yield from answer.last()
