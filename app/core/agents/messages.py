"""Messages of a client's history as messages of Agno, and the text of Agno's messages."""

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


def shown_text(message: Message, *, pictures: bool) -> str | None:
    """The text of a stored message as a conversation shows it; None if it does not.

    The text of a model's sound is its transcript. The answer of a turn with `pictures` may have no
    text.
    """
    if message.from_history or message.role not in ("user", "assistant"):
        return None
    text = message.get_content_string()
    if not text and message.audio_output is not None:
        text = message.audio_output.transcript or ""
    answers = message.role == "assistant" and not message.tool_calls
    return text if text or (pictures and answers) else None
