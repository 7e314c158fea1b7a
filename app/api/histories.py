"""The messages of a client that sends its whole history, split into a question's parts."""

from dataclasses import dataclass, field

from ..core.errors import InvalidField
from ..core.question import Attachment, PastMessage, Picture


@dataclass(frozen=True, slots=True)
class SplitMessages:
    """A client's list of messages, split into the fields of a `Question`.

    `message` is None if the last message is not the user's; `history` is None if the server's
    stored conversation is to be used.
    """

    message: str | None
    images: list[Picture] = field(default_factory=list)
    system: str | None = None
    history: list[PastMessage] | None = None
    attachments: list[Attachment] = field(default_factory=list)


def history_or_memory(messages: list[PastMessage], *, kept: bool) -> SplitMessages:
    """Split a client's messages into the question, its media, a system text and a history.

    The last message is the question if its role is `user`. If the server stores the conversation
    (`kept`) and only system messages precede the question, the history is None, and the run uses
    the stored conversation. Any other history replaces the stored one. Raises `InvalidField` for a
    question with a NUL character, as every door does.
    """
    history = list(messages)
    question = history.pop() if history and history[-1].role == "user" else None
    if question is not None and "\0" in question.content:
        raise InvalidField(
            "messages: the question contains a NUL character, which cannot be stored"
        )
    message = question.content if question else None
    images = list(question.images) if question else []
    files = list(question.attachments) if question else []
    if kept and question is not None and all(past.role == "system" for past in history):
        system = "\n\n".join(past.content for past in history)
        return SplitMessages(message, images, system or None, attachments=files)
    return SplitMessages(message, images, history=history, attachments=files)
