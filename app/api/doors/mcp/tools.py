"""The agents of the server as tools: names, descriptions, schemas, and the arguments of a call."""

import re
from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from ....core.question import Question
from ...body_model import BodyModel
from ...context import Context
from ...media_items import MediaItem, picture_of
from ...requests import ITEMS, ConversationId, Text, validate

#: Names of tools that all clients take.
PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}")
OTHER = re.compile(r"[^A-Za-z0-9_-]+")


class Arguments(BodyModel):
    """The arguments of a call."""

    message: Text
    conversation_id: ConversationId | None = None
    images: Annotated[list[Text | MediaItem], *ITEMS] = Field([], max_length=16)

    @model_validator(mode="after")
    def _has_question(self) -> Self:
        if not (self.message.strip() or self.images):
            raise ValueError("message is empty; send a text or a picture")
        return self

    def question(self, agent: str) -> Question:
        """The call as a question; raises `InvalidField` for an image that cannot be decoded."""
        return Question(
            message=self.message, agent=agent, images=[picture_of(image) for image in self.images]
        )


#: The JSON schema of the arguments.
INPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "message": {"type": "string", "minLength": 1, "description": "What to ask the agent."},
        "conversation_id": {
            "type": "string",
            "description": "The conversation to continue, as an earlier result names it. Without "
            "it the agent remembers nothing of earlier calls.",
        },
        "images": {
            "type": "array",
            "maxItems": 16,
            "items": {"type": "string"},
            "description": "Addresses (https), data URLs or base64 of pictures.",
        },
    },
    "required": ["message"],
    "additionalProperties": False,
}

#: The JSON schema of a structured result.
OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "content": {"type": "string", "description": "The answer."},
        "run_id": {"type": "string"},
        "conversation_id": {"type": "string", "description": "To continue the conversation."},
        "finish_reason": {
            "type": "string",
            "description": "Why the answer ended; paused: a person has to decide.",
        },
        "requirements": {
            "type": "array",
            "items": {"type": "object"},
            "description": "What a person has to decide.",
        },
    },
    "required": ["content", "run_id", "conversation_id", "finish_reason"],
}


def agents_by_tool(server: Context) -> dict[str, str]:
    """The ids of the agents by the names of their tools."""
    found: dict[str, str] = {}
    for agent in server.agents.entries:
        name = base = agent if PLAIN.fullmatch(agent) else OTHER.sub("_", agent)[:60] or "agent"
        number = 1
        while name in found:
            number += 1
            name = f"{base[:60]}_{number}"
        found[name] = agent
    return found


def description_of(server: Context, agent: str) -> str:
    """What a tool's agent is for, in a sentence or more."""
    entry = server.agents.entries[agent]
    return entry.description or f"Ask {entry.name}, an AI {entry.kind}, and get its answer."


def arguments_of(given: dict[str, Any] | None) -> Arguments:
    """The arguments of a call; raises `InvalidField`."""
    return validate(Arguments, given or {})
