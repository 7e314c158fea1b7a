"""Long histories of words alone, put into a request as it leaves.

Some of Agno's classes and their SDKs make three and more objects of each message, which stops the
event loop for half a second where a client sends ten thousand. What becomes of such a message
depends on its role and its words alone. So they get four of them, with marks for words, and the
body gets all in the form of those four.

See docs/decisions/072-what-every-run-does-takes-one-step.md.
"""

from uuid import uuid4

import msgspec
from agno.models.base import Model
from agno.models.message import Message

#: Messages below which it is not worth it.
LEAST = 200

#: Messages at the beginning and the end of a history that stay: some providers treat those apart.
EDGE = 2

#: Agno's classes that are slow, each with its SDK's client and the class of that. Clients that sign
#: bodies, as for AWS, are of other classes.
SLOW = {
    "Claude": ("async_client", "AsyncAnthropic"),
    "MistralChat": ("mistral_client", "Mistral"),
    "Gemini": ("client", "Client"),
}

#: Fields of a message that are sent beside its words.
_OTHERS_TEXT = """compressed_content name tool_call_id tool_calls audio images videos files
    audio_output image_output video_output file_output redacted_reasoning_content provider_data
    citations reasoning_content"""
_OTHERS = _OTHERS_TEXT.split()


class History:
    """The words of messages of a user and a model in turn, and the marks that stand for them."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self.marks = [f"history-{uuid4().hex}" for _ in range(4)]

    def written_into(self, body: bytes) -> bytes:
        """The body of a request with all messages instead of the marks; raises `ValueError` for one
        that has not each mark once, in a string of its own."""
        parts: list[bytes] = []
        for mark in self.marks:
            part, found, body = body.partition(f'"{mark}"'.encode())
            if not found:
                raise ValueError("The request has no place for its history.")
            parts.append(part)
        before, to_model, to_user, again = parts
        if again != to_model:
            raise ValueError("The messages of a history are not alike.")
        words = [msgspec.json.encode(text) for text in self._texts]
        between = [to_model if n % 2 == 0 else to_user for n in range(len(words) - 1)]
        pairs = zip(words, [*between, b""], strict=True)
        return b"".join([before, *(part for pair in pairs for part in pair), body])


def shortened(model: Model, messages: list[Message]) -> tuple[list[Message], History | None]:
    """Messages with four instead of many where that is possible; else the messages as they are."""
    name, kind = SLOW.get(type(model).__name__, ("", ""))
    if len(messages) < LEAST or not name or type(getattr(model, name)).__name__ != kind:
        return messages, None
    start, end = _plain_part(messages)
    if end - start < LEAST:
        return messages, None
    texts: list[str] = [_words(message) or "" for message in messages[start:end]]
    history = History(texts)
    roles = ("user", "assistant", "user", "assistant")
    four = [
        Message(role=role, content=mark, from_history=True)
        for role, mark in zip(roles, history.marks, strict=True)
    ]
    return [*messages[:start], *four, *messages[end:]], history


def _plain_part(messages: list[Message]) -> tuple[int, int]:
    """The longest part that is words of a user and of a model in turn, without its edges."""
    best = (0, 0)
    start: int | None = None
    for n, message in enumerate([*messages, None]):
        role = None if message is None or _words(message) is None else message.role
        expected = None if start is None else ("user", "assistant")[(n - start) % 2]
        if start is not None and role != expected:
            end = n - (n - start) % 2
            best = max(best, (start, end), key=lambda part: part[1] - part[0])
            start = None
        if start is None and role == "user":
            start = n
    start, end = best
    return start + EDGE, end - EDGE


def _words(message: Message) -> str | None:
    """The words of a message that has nothing else; None for another one, and where some provider
    gets less than is there: without words, or without the blanks around them."""
    content = message.content
    if type(content) is not str or not content or content[0].isspace() or content[-1].isspace():
        return None
    fields = vars(message)
    if message.model_extra or any(fields[name] for name in _OTHERS):
        return None
    return content
