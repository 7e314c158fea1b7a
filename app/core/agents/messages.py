"""Messages of a client's history as messages of Agno."""

from agno.models.message import Message

from ..question import PastMessage
from .media_in import media_of


def agno_message(past: PastMessage) -> Message:
    """A message of the client's history as a message of Agno."""
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
        }
        for call in past.calls
    ]
    return Message(
        role=past.role,
        content=past.content,
        **media_of(past).fields(),
        tool_calls=calls or None,
        tool_call_id=past.call_id,
        tool_name=past.tool,
    )


def mark_history(messages: list[Message]) -> list[Message]:
    """Mark the messages before the user's newest as history, which is not stored with the run."""
    newest = max((n for n, message in enumerate(messages) if message.role == "user"), default=0)
    for message in messages[:newest]:
        message.from_history = True
    return messages
