"""Conversations of a client: the same calls, whose questions are all in one conversation."""

from collections.abc import AsyncGenerator, Generator
from typing import TYPE_CHECKING, Unpack
from uuid import uuid4

from agno_stream import requests
from agno_stream.infos import Message
from agno_stream.requests import QuestionOptions
from agno_stream.types import ModelResponse, StreamChunk

if TYPE_CHECKING:  # a client makes its chats
    from agno_stream.async_client import AsyncClient
    from agno_stream.client import Client


class Chat:
    """A conversation: all its questions have the same `id`, so that the model knows the earlier
    ones."""

    def __init__(
        self, client: "Client", conversation_id: str | None, *, agent: str | None, model: str | None
    ) -> None:
        self.id = conversation_id or uuid4().hex
        self.agent, self.model = agent, model
        self._client = client

    def generate_stream(
        self, prompt: str, **options: Unpack[QuestionOptions]
    ) -> Generator[StreamChunk, None, None]:
        """Send a question in this conversation, and yield the answer's chunks; see
        `Client.generate_stream`."""
        return self._client.generate_stream(prompt, **requests.with_chat_defaults(self, options))

    def generate(
        self, prompt: str, *, stream: bool = False, **options: Unpack[QuestionOptions]
    ) -> ModelResponse:
        """Send a question in this conversation, and return the complete answer; see
        `Client.generate`."""
        return self._client.generate(
            prompt, stream=stream, **requests.with_chat_defaults(self, options)
        )

    def regenerate(
        self, run_id: str, **options: Unpack[QuestionOptions]
    ) -> Generator[StreamChunk, None, None]:
        """Answer the question of a turn once more, in its place; see `Client.regenerate`."""
        return self._client.regenerate(run_id, **requests.with_chat_defaults(self, options))

    def edit(
        self, run_id: str, prompt: str, **options: Unpack[QuestionOptions]
    ) -> Generator[StreamChunk, None, None]:
        """Send another question in the place of a turn's; see `Client.edit`."""
        return self._client.edit(run_id, prompt, **requests.with_chat_defaults(self, options))

    def messages(self) -> tuple[Message, ...]:
        """Return the messages that the server has stored for this conversation."""
        return self._client.conversation(self.id).messages


class AsyncChat:
    """A conversation: all its questions have the same `id`, so that the model knows the earlier
    ones."""

    def __init__(
        self,
        client: "AsyncClient",
        conversation_id: str | None,
        *,
        agent: str | None,
        model: str | None,
    ) -> None:
        self.id = conversation_id or uuid4().hex
        self.agent, self.model = agent, model
        self._client = client

    def generate_stream(
        self, prompt: str, **options: Unpack[QuestionOptions]
    ) -> AsyncGenerator[StreamChunk, None]:
        """Send a question in this conversation, and yield the answer's chunks; see
        `Client.generate_stream`."""
        return self._client.generate_stream(prompt, **requests.with_chat_defaults(self, options))

    async def generate(
        self, prompt: str, *, stream: bool = False, **options: Unpack[QuestionOptions]
    ) -> ModelResponse:
        """Send a question in this conversation, and return the complete answer; see
        `Client.generate`."""
        return await self._client.generate(
            prompt, stream=stream, **requests.with_chat_defaults(self, options)
        )

    def regenerate(
        self, run_id: str, **options: Unpack[QuestionOptions]
    ) -> AsyncGenerator[StreamChunk, None]:
        """Answer the question of a turn once more, in its place; see `Client.regenerate`."""
        return self._client.regenerate(run_id, **requests.with_chat_defaults(self, options))

    def edit(
        self, run_id: str, prompt: str, **options: Unpack[QuestionOptions]
    ) -> AsyncGenerator[StreamChunk, None]:
        """Send another question in the place of a turn's; see `Client.edit`."""
        return self._client.edit(run_id, prompt, **requests.with_chat_defaults(self, options))

    async def messages(self) -> tuple[Message, ...]:
        """Return the messages that the server has stored for this conversation."""
        return (await self._client.conversation(self.id)).messages
