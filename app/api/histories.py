"""The messages of a client that sends its whole history, split into a question's parts."""

from dataclasses import dataclass, field

from ..core.question import PastMessage, Picture


@dataclass(frozen=True, slots=True)
class SplitMessages:
    """The part of a `Question` that comes from a list of messages."""

    message: str | None
    images: list[Picture] = field(default_factory=list)
    system: str | None = None
    history: list[PastMessage] | None = None


def history_or_memory(messages: list[PastMessage], *, kept: bool) -> SplitMessages:
    """Split messages into the question and its history, or a system message and no history.

    The last message is the question if it is the user's. In a conversation that the server keeps, a
    question with nothing but system messages before it continues from the stored conversation
    (`history` is None); any other history replaces the stored one.
    """
    history = list(messages)
    question = history.pop() if history and history[-1].role == "user" else None
    message = question.content if question else None
    images = list(question.images) if question else []
    if kept and question is not None and all(past.role == "system" for past in history):
        system = "\n\n".join(past.content for past in history)
        return SplitMessages(message, images, system or None)
    return SplitMessages(message, images, history=history)
