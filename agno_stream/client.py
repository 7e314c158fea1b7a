"""`Client`, for programs without an event loop."""

import time
import weakref
from collections.abc import Callable, Generator, Iterator
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
Chunks = Generator[StreamChunk, None, None]


class Client:
    """Talks to one server, over pooled connections; threads may share it.

        with Client(url="http://127.0.0.1:8000") as client:
            for chunk in client.generate_stream("Hello"):
                print(chunk.text, end="", flush=True)

    Without a `config` the settings are `Config.from_defaults()`; `url` and `api_key` go before
    both. Answers do not raise: how they ended is in their last chunk or in the response, unless
    `raise_on_error` is set. All other calls raise `AgnoStreamError`.

    `on_exchange` is told of each request when the head of its reply has come: a stream that was
    cut and resumed is several.
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
        self._http = httpx2.Client(**transport.settings(self.config, __version__))
        if on_exchange is not None:
            self._http.event_hooks["response"].append(
                lambda reply: on_exchange(transport.exchange(reply))
            )
        # Programs that never close their client leave no open connections behind, either.
        self._close = weakref.finalize(self, self._http.close)

    def generate_stream(self, prompt: str, **asked: Unpack[Asked]) -> Chunks:
        """Ask, and yield the answer as it comes; see `Asked` for what else can be said.

        A connection that is lost is made again behind the last event that came. The last chunk has
        `done`, and `error` where the answer did not end well. Who leaves early leaves the run to
        the server, which stops it when nobody has come back for a while: `cancel` stops it at once.
        """
        question = requests.question(self.config, prompt, asked)
        return self._follow(Answer.to(transport.base(self.config), question), question.raises)

    def generate(
        self, prompt: str, *, stream: bool = False, **asked: Unpack[Asked]
    ) -> ModelResponse:
        """Ask, and return the whole answer. With `stream` it is streamed behind the scenes, with
        all that this brings: resumption, the timeouts of the first token and of silence, and the
        part that had come where it fails."""
        if stream:
            return ModelResponse.from_chunks(self.generate_stream(prompt, **asked))
        question = requests.question(self.config, prompt, asked, stream=False)
        try:
            return self._call(requests.whole(question))
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
    ) -> "Chat":
        """A conversation, new or known, whose turns the server remembers."""
        return Chat(self, conversation_id, agent=agent, model=model)

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

    def run(self, run_id: str) -> ModelResponse:
        """A run as it stands now."""
        return self._call(requests.run(run_id))

    def cancel(self, run_id: str) -> ModelResponse:
        """Stop a run, and return how it ended; one that is over is left as it is."""
        return self._call(requests.cancel(run_id))

    def models(self) -> list[ModelInfo]:
        """The models that a question may name."""
        return self._call(requests.models())

    def agents(self) -> list[AgentInfo]:
        """The agents that a question may name."""
        return self._call(requests.agents())

    def conversations(self, limit: int = 50, offset: int = 0) -> list[Conversation]:
        """Conversations, the one spoken in last first, without their messages."""
        return self._call(requests.conversations(limit, offset))

    def conversation(self, conversation_id: str) -> Conversation:
        """A conversation with its messages."""
        return self._call(requests.conversation(conversation_id))

    def delete_conversation(self, conversation_id: str) -> None:
        """Have the server forget a conversation."""
        self._call(requests.delete_conversation(conversation_id))

    def close(self) -> None:
        """Close the connections."""
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
        try:
            reply = self._http.request(**transport.arguments(self.config, call.request))
        except transport.FAILURES as error:
            raise transport.translate(error, self.config) from error
        return requests.read(call, transport.base(self.config), reply.status_code, reply.content)

    def _follow(self, answer: Answer, raises: bool) -> Chunks:
        """Move the bytes of an answer, over one connection after the other."""
        while not answer.done:
            pause, request = answer.connect()
            time.sleep(pause)
            told, failure = False, None
            try:
                with self._http.stream(**transport.arguments(self.config, request)) as reply:
                    if answer.opened(reply.status_code, reply.headers):
                        parts = reply.iter_bytes()
                        try:
                            for data in parts:
                                for chunk in answer.receive(data):
                                    if chunk.done:
                                        self._last(answer, chunk, raises)
                                    yield chunk
                                if answer.done:
                                    break
                        finally:
                            self._drain(answer, reply, parts)
                    else:
                        body, told = reply.read(), True
                        for chunk in answer.told(reply.headers, body):
                            self._last(answer, chunk, raises)
                            yield chunk
            except transport.FAILURES as error:
                failure = error
            if not (told or answer.done):
                for chunk in answer.lost(*transport.verdict(failure, self.config)):
                    self._last(answer, chunk, raises)
                    yield chunk

    def _last(self, answer: Answer, chunk: StreamChunk, raises: bool) -> None:
        if answer.cancels and answer.run_id is not None:
            with suppress(AgnoStreamError):
                self._call(requests.cancel(answer.run_id, patience=transport.FAREWELL))
        if raises and chunk.failure is not None:
            raise chunk.failure

    def _drain(self, answer: Answer, reply: httpx2.Response, parts: Iterator[bytes]) -> None:
        """Read the end of a body whose last event has come, so that its connection can be used
        again; but never wait for it."""
        stream = reply.extensions["network_stream"]
        if answer.done and not reply.is_closed and stream.get_extra_info("is_readable"):
            with suppress(*transport.FAILURES):
                next(parts, None)


class Chat:
    """One conversation: all questions go with the same `id`, so the server knows what was said."""

    def __init__(
        self, client: Client, conversation_id: str | None, *, agent: str | None, model: str | None
    ) -> None:
        self.id = conversation_id or uuid4().hex
        self.agent, self.model = agent, model
        self._client = client

    def generate_stream(self, prompt: str, **asked: Unpack[Asked]) -> Chunks:
        """`Client.generate_stream`, in this conversation."""
        return self._client.generate_stream(prompt, **requests.said(self, asked))

    def generate(
        self, prompt: str, *, stream: bool = False, **asked: Unpack[Asked]
    ) -> ModelResponse:
        """`Client.generate`, in this conversation."""
        return self._client.generate(prompt, stream=stream, **requests.said(self, asked))

    def messages(self) -> tuple[Message, ...]:
        """What was said so far, as the server keeps it."""
        return self._client.conversation(self.id).messages
