"""The body of `POST /ai/chat`. Unknown fields are ignored, and named in a header."""

import hashlib
import re
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from ....core.errors import InvalidField
from ....core.question import ClientTool, PastMessage, Question
from ...body_model import BodyModel
from ...histories import history_or_memory
from ...names import Target
from ...requests import ENTRIES, ITEMS, MESSAGES, Name, User
from .history import past_messages
from .parts import UIMessage

#: Ids of chats that are ids of conversations, too.
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@-]{0,127}")


class Tool(BodyModel):
    """A tool that the page runs."""

    name: Annotated[str, Field(min_length=1)] | None = None
    description: str | None = None
    parameters: dict[str, Any] | None = None
    inputSchema: dict[str, Any] | None = None  # the name on the wire

    def client_tool(self, name: str | None) -> ClientTool:
        """The tool by its name; raises `InvalidField` if it has none."""
        if name is None:
            raise InvalidField("tools: a tool has no name")
        schema = self.parameters or self.inputSchema or {}
        found = schema.get("jsonSchema")  # as `jsonSchema()` of the AI SDK is written
        return ClientTool(
            name, self.description or "", found if isinstance(found, dict) else schema
        )


class ChatRequest(BodyModel):
    """A page's messages, all of them, or the last one alone: then the server has the others.

    `model` and the fields after it are not the protocol's; pages send them in their `body`.
    """

    id: Annotated[str, Field(min_length=1, max_length=1024)]
    messages: Annotated[list[UIMessage], *MESSAGES] | None = None
    message: UIMessage | None = None
    trigger: str | None = None
    messageId: str | None = None  # the name on the wire
    model: Name | None = None
    agent: Name | None = None
    user: User | None = None
    system: str | None = None
    tools: Annotated[dict[str, Tool], ENTRIES] | Annotated[list[Tool], *ITEMS] | None = None
    on_disconnect: Literal["cancel", "continue", "grace"] | None = None

    @model_validator(mode="after")
    def _has_messages(self) -> Self:
        if self.message is not None:
            self.messages = [*(self.messages or []), self.message]
        if not self.messages and not self.regenerates:
            raise ValueError("messages is missing; send all messages, or the last one as message")
        return self

    @property
    def regenerates(self) -> bool:
        return (self.trigger or "").startswith("regenerate")

    @property
    def conversation_id(self) -> str:
        return conversation_of(self.id)

    @property
    def answered(self) -> UIMessage | None:
        """The message of the assistant that goes on; None if the request has a question."""
        last = self.messages[-1] if self.messages else None
        return last if last and last.role == "assistant" and not self.regenerates else None

    @property
    def alone(self) -> bool:
        """True if the request has its last message only."""
        return len(self.messages or []) <= 1

    def history(self) -> list[PastMessage]:
        """Return the messages as a history, without the last answer if the request regenerates it;
        raises `InvalidField`."""
        messages = list(self.messages or [])
        while self.regenerates and messages and messages[-1].role == "assistant":
            messages.pop()
        history = past_messages(messages)
        if any("\0" in past.content for past in history):
            raise InvalidField("messages: a NUL character cannot be stored in a conversation")
        return history

    def question(self, target: Target, history: list[PastMessage]) -> Question:
        """Return the request as a `Question`; raises `InvalidField`."""
        parts = history_or_memory(history, kept=True)
        if parts.message is None and not (history and history[-1].role == "tool"):
            raise InvalidField("messages: must end with one of the user, or with results of tools")
        empty = parts.message is not None and not parts.message.strip()
        if empty and not (parts.images or parts.attachments):
            raise InvalidField("messages: the last one is empty; send a text or a file")
        system = "\n\n".join(filter(None, (self.system, parts.system)))
        return Question(
            message=parts.message,
            agent=self.agent or target.agent,
            model=target.model,
            system=system or None,
            history=parts.history,
            # The history of the last message alone is its own calls; the server has the rest.
            extends=parts.message is None and self.alone,
            images=parts.images,
            attachments=parts.attachments,
            tools=self.client_tools(),
            user=self.user,
        )

    def client_tools(self) -> list[ClientTool]:
        """The tools that the page runs; raises `InvalidField`."""
        tools = self.tools or []
        named = tools.items() if isinstance(tools, dict) else ((tool.name, tool) for tool in tools)
        return [tool.client_tool(name) for name, tool in named]


def conversation_of(chat_id: str) -> str:
    """Return the id of a chat as that of a conversation: its hash, if it has another form."""
    if PLAIN.fullmatch(chat_id):
        return chat_id
    return hashlib.sha256(chat_id.encode()).hexdigest()[:32]
