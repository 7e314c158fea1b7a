"""The parts of an answer, in the order in which a reader saw them."""

from collections.abc import Sequence

import msgspec

from .parts import Citation, Media, NamedEvent, Said, Speaker, Step, ToolCall


class ContentPart(msgspec.Struct, frozen=True, tag_field="type", tag="content"):
    """Text of the answer."""

    content: str


class ReasoningPart(msgspec.Struct, frozen=True, tag_field="type", tag="reasoning"):
    """Reasoning before or between the text."""

    reasoning: str


class ToolPart(msgspec.Struct, frozen=True, tag_field="type", tag="tool"):
    """A tool call in its latest state, at the place where it started."""

    tool: ToolCall


class SaidPart(msgspec.Struct, frozen=True, tag_field="type", tag="said"):
    """What a member, a step or a nested agent adds: text, reasoning, or one tool call."""

    speaker: Speaker
    said: Said


class StepPart(msgspec.Struct, frozen=True, tag_field="type", tag="step"):
    """A step of a workflow in its latest state, at the place where it started."""

    step: Step


class MediaPart(msgspec.Struct, frozen=True, tag_field="type", tag="media"):
    """Media that a tool or a model made."""

    media: list[Media]


class EventPart(msgspec.Struct, frozen=True, omit_defaults=True, tag_field="type", tag="event"):
    """A custom event, with its speaker if it is not the run's own."""

    event: NamedEvent
    speaker: Speaker | None = None


class CitationsPart(msgspec.Struct, frozen=True, tag_field="type", tag="citations"):
    """Sources of the answer."""

    citations: list[Citation]


Part = (
    ContentPart
    | ReasoningPart
    | ToolPart
    | SaidPart
    | StepPart
    | MediaPart
    | EventPart
    | CitationsPart
)


def has_more_than_text(parts: Sequence[Part]) -> bool:
    """Return True if an answer has parts that its content alone does not show."""
    return any(not isinstance(part, ContentPart) for part in parts)
