"""Messages of a client's history as messages of Agno, and the text of Agno's messages."""

from base64 import b64decode

from agno.models.message import Message

from ..providers.wire.replay import KEY, kept
from ..question import ClientCall, PastMessage
from .media_in import media_of


def agno_message(past: PastMessage) -> Message:
    """A message of the client's history as a message of Agno."""
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.name, "arguments": call.arguments or "{}"},
            **_signature(call),
        }
        for call in past.calls
    ]
    found = kept(past.extra, [call.extra for call in past.calls])
    return Message(
        role=past.role,
        content=past.content,
        provider_data=None if found is None else {KEY: found},
        **media_of(past).fields(),
        tool_calls=calls or None,
        tool_call_id=past.call_id,
        tool_name=past.tool,
    )


def _signature(call: ClientCall) -> dict[str, str]:
    """What Agno's class for Gemini expects in a call; it decodes it."""
    signature = call.extra.get("thought_signature")
    if not isinstance(signature, str):
        return {}
    try:
        b64decode(signature, validate=True)
    except ValueError:
        return {}
    return {"thought_signature": signature}


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
