"""Addresses of media: which models send them on, so that this server downloads none."""

import logging
from typing import Any

from agno.models.base import Model
from agno.models.message import Message

logger = logging.getLogger(__name__)

#: Model classes that send the URLs of such media to the provider. For others, Agno would download
#: them on this server: from any URL, including those of the private network, and of any size.
SENDS_URLS: dict[str, frozenset[str]] = {
    "images": frozenset({"OpenAIChat", "OpenAIResponses", "DemoModel"}),
    "files": frozenset({"OpenAIResponses", "DemoModel"}),
    "audio": frozenset({"DemoModel"}),
    "videos": frozenset({"DemoModel"}),
}

#: How Agno introduces the media of a tool, which are the application's own.
OF_A_TOOL = "The tool call above generated the attached media."


def sends_urls(model: Model, field: str) -> bool:
    """Whether a model sends the URLs in this field of a message to its provider."""
    return any(base.__name__ in SENDS_URLS[field] for base in type(model).__mro__)


def without_downloads(model: Model, messages: list[Message]) -> list[Message]:
    """The messages without those media of earlier turns that Agno would download for this model.

    Another model, which sends URLs on, may have answered those turns. The text says what is left
    out. The messages themselves stay as they are, because they are stored.
    """
    return [_without(model, message) for message in messages]


def _without(model: Model, message: Message) -> Message:
    if not message.from_history or message.role != "user" or message.content == OF_A_TOOL:
        return message
    changed: dict[str, Any] = {}
    left_out: list[str] = []
    for field in SENDS_URLS:
        items = getattr(message, field)
        if not items or sends_urls(model, field):
            continue
        rest = [item for item in items if not item.url]
        if len(rest) < len(items):
            left_out += [item.url for item in items if item.url]
            changed[field] = rest or None
    if not changed:
        return message
    logger.warning("media at %d URLs of earlier turns are not sent to %s", len(left_out), model.id)
    if isinstance(message.content, str):
        note = f"(Not shown to this model: {', '.join(left_out)})"
        changed["content"] = f"{message.content}\n\n{note}"
    return message.model_copy(update=changed)
