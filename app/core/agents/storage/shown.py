"""What a reader saw of an answer besides its text, as it is stored with Agno's run.

It is a JSON value in the metadata of the run, under one key. Text of the answer is stored there as
its length only, because Agno stores the answer itself.

See docs/decisions/058-what-a-reader-saw-is-stored-with-the-turn.md.
"""

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ....models.answer_parts import (
    CitationsPart,
    ContentPart,
    EventPart,
    MediaPart,
    Part,
    ReasoningPart,
    SaidPart,
    StepPart,
    ToolPart,
)
from ....models.chat import ErrorInfo, FinishReason, StreamingChunk, ToolCall, Usage
from ..events.values import usage_of

logger = logging.getLogger(__name__)

#: The keys in Agno's metadata of a run: of what is stored here, and of how the run ended.
KEY, FINISH_REASON = "agno_stream", "finish_reason"

#: The key of a turn's place among branches, beside what is stored here; see `branches.tree`.
BRANCH = "branch"

#: Bytes of one turn, at most.
LIMIT = 256 << 10

#: Characters that stay of a tool's result that is cut.
CUT = 200


class TextPlace(msgspec.Struct, frozen=True, tag_field="type", tag="content"):
    """The place of some text of the answer, and its length in characters."""

    length: int


StoredPart = (
    TextPlace
    | ReasoningPart
    | ToolPart
    | SaidPart
    | StepPart
    | MediaPart
    | EventPart
    | CitationsPart
)


class Shown(msgspec.Struct, frozen=True, omit_defaults=True):
    """What is stored of one turn; `truncated` is True if parts were shortened or left out, and
    `continued` if a pause lies between them, so that their text is all that the model wrote. There
    are `usage` and `duration` (seconds) only if Agno's metrics of the run have not the same."""

    parts: list[StoredPart] = []
    followups: list[str] | None = None
    error: ErrorInfo | None = None
    model: str | None = None
    truncated: bool = False
    continued: bool = False
    usage: Usage | None = None
    duration: float | None = None

    @classmethod
    def of(
        cls,
        parts: Sequence[Part],
        last: StreamingChunk,
        model: str,
        before: "Shown | None" = None,
        duration: float | None = None,
    ) -> "Shown":
        """What to store of an answer. `last` is its last chunk, `model` the one it began with;
        `before` is what was shown of the turn until it paused, None if it did not."""
        stored: list[StoredPart] = [] if before is None else list(before.parts)
        stored += [
            TextPlace(len(part.content)) if isinstance(part, ContentPart) else part
            for part in parts
        ]
        bounded, truncated = _bounded(stored)
        return cls(
            parts=bounded,
            followups=last.followups,
            error=last.error,
            model=last.model if parts or last.model != model else None,
            truncated=truncated or (before is not None and before.truncated),
            continued=before is not None,
            usage=last.usage,
            duration=_sum(duration, before.duration if before else None),
        )

    def after(self, before: "Shown") -> "Shown":
        """All that is shown of a turn, of which `before` was shown until it paused."""
        bounded, truncated = _bounded([*before.parts, *self.parts])
        return msgspec.structs.replace(
            self,
            parts=bounded,
            truncated=truncated or before.truncated or self.truncated,
            continued=True,
            duration=_sum(self.duration, before.duration),
        )

    def __bool__(self) -> bool:
        """False if Agno stores all of the answer."""
        return msgspec.structs.replace(self, usage=None, duration=None) != NOTHING

    def beside(self, metrics: Any, *, paused: bool) -> "Shown":
        """This without what Agno's metrics have, too: of the time only that until a pause."""
        known = not (self.continued or paused) and getattr(metrics, "duration", None)
        return msgspec.structs.replace(
            self,
            usage=None if self.usage == usage_of(metrics) else self.usage,
            duration=None if known else self.duration,
        )

    def value(self) -> Any:
        """The value in the run's metadata."""
        return msgspec.to_builtins(self)

    def fits(self, text: str) -> bool:
        """Whether a text is as long as all of its places."""
        places = [part.length for part in self.parts if isinstance(part, TextPlace)]
        return bool(places) and sum(places) == len(text)

    def parts_with(self, content: str) -> list[Part]:
        """The parts with the text of the answer in its places.

        If the text has another length now, it stands in one piece in the last place.
        """
        lengths = [part.length for part in self.parts if isinstance(part, TextPlace)]
        pieces = _pieces(content, lengths)
        found: list[Part] = []
        for part in self.parts:
            if not isinstance(part, TextPlace):
                found.append(part)
            elif text := next(pieces):
                found.append(ContentPart(text))
        found += [ContentPart(rest) for rest in pieces if rest]
        return found


#: Of an answer that is only text.
NOTHING = Shown()


def shown_in(metadata: dict[str, Any] | None) -> Shown:
    """What is stored in the metadata of a run; empty if nothing is, or nothing readable."""
    value = (metadata or {}).get(KEY)
    if value is None:
        return NOTHING
    try:
        return msgspec.convert(value, Shown)
    except msgspec.ValidationError:
        logger.warning("conversations: the parts of an answer cannot be read", exc_info=True)
        return NOTHING


def metadata_with(
    metadata: dict[str, Any] | None, finish_reason: FinishReason, shown: Shown, metrics: Any
) -> dict[str, Any]:
    """Agno's metadata of a run with ours; a run that ended well has no finish reason there.
    `metrics` are Agno's of the run."""
    shown = shown.beside(metrics, paused=finish_reason == "paused")
    found = dict(metadata or {})
    found.pop(FINISH_REASON, None)  # of the pause, if this is its continuation
    if finish_reason != "stop":
        found[FINISH_REASON] = finish_reason
    before = found.get(KEY)
    place = before.get(BRANCH) if isinstance(before, dict) else None
    if value := shown.value():
        found[KEY] = {**value, **({} if place is None else {BRANCH: place})}
    return found


def _sum(seconds: float | None, more: float | None) -> float | None:
    return None if seconds is None else round(seconds + (more or 0), 3)


def _pieces(content: str, lengths: list[int]) -> Iterator[str]:
    """The text for each place, and what remains."""
    if sum(lengths) != len(content):
        yield from [""] * (len(lengths) - 1)
        yield content
        return
    start = 0
    for length in lengths:
        yield content[start : start + length]
        start += length


def _bounded(parts: list[StoredPart]) -> tuple[list[StoredPart], bool]:
    """The parts in at most `LIMIT` bytes, and whether anything is missing: first results of tools,
    then their arguments, then whole parts, each time the oldest first."""
    sizes = [len(msgspec.json.encode(part)) for part in parts]
    excess = sum(sizes) - LIMIT
    if excess <= 0:
        return parts, False
    found: list[StoredPart | None] = list(parts)
    for shorter in (_without_result, _without_arguments, lambda _: None):
        for place, part in enumerate(found):
            if excess <= 0:
                break
            if part is None or isinstance(part, TextPlace):
                continue
            found[place] = left = shorter(part)
            size = 0 if left is None else len(msgspec.json.encode(left))
            excess -= sizes[place] - size
            sizes[place] = size
    return [part for part in found if part is not None], True


def _without_result(part: StoredPart) -> StoredPart:
    tool = _tool_of(part)
    if tool is None or tool.result is None or len(tool.result) <= 2 * CUT:
        return part
    more = len(tool.result) - CUT
    return _with_tool(part, result=f"{tool.result[:CUT]}\n[{more} more characters]")


def _without_arguments(part: StoredPart) -> StoredPart:
    if _tool_of(part) is None:
        return part
    return _with_tool(part, arguments=None, arguments_text=None)


def _tool_of(part: StoredPart) -> ToolCall | None:
    if isinstance(part, ToolPart):
        return part.tool
    return part.said.tool if isinstance(part, SaidPart) else None


def _with_tool(part: StoredPart, **fields: Any) -> StoredPart:
    if isinstance(part, ToolPart):
        return ToolPart(msgspec.structs.replace(part.tool, **fields))
    if isinstance(part, SaidPart) and part.said.tool is not None:
        tool = msgspec.structs.replace(part.said.tool, **fields)
        return SaidPart(part.speaker, msgspec.structs.replace(part.said, tool=tool))
    return part
