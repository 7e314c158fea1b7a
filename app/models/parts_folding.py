"""Folds the chunks of a run into the parts of its answer."""

from collections.abc import Callable, Iterable

from .answer_parts import (
    CitationsPart,
    ContentPart,
    EventPart,
    MediaPart,
    Part,
    ReasoningPart,
    SaidPart,
    StepPart,
    ToolPart,
    has_more_than_text,
)
from .chat import StreamingChunk
from .growing import GrowingText
from .parts import Said, Speaker, ToolCall

#: States in which a tool call or a step has ended; one that starts after them is another one.
ENDED = frozenset({"completed", "failed"})

#: A speaker's id and the id of its run.
Who = tuple[str, str | None]


class _Text:
    """The text of one part, while it grows; `make` makes the part."""

    def __init__(self, key: object, make: Callable[[str], Part]) -> None:
        self.key = key
        self.text = GrowingText()
        self._make = make

    def part(self) -> Part:
        return self._make(str(self.text))


class PartsFolder:
    """Folds chunks into parts, in order.

    Neighbouring text is joined. The text of a speaker is joined with that speaker's latest text,
    also if other speakers spoke in between. Tool calls and steps are updated in their places.
    """

    __slots__ = ("_final", "_parts", "_spoken", "_tools")

    def __init__(self, parts: Iterable[Part] = ()) -> None:
        self._parts: list[Part | _Text] = []
        self._tools: dict[object, int] = {}  # places of tool calls and steps
        self._spoken: dict[Who, int] = {}  # the place of each speaker's latest part
        self._final: list[str] = []
        for part in parts:
            self._resume(part)

    @property
    def empty(self) -> bool:
        """True if nothing was added."""
        return not (self._parts or self._final)

    def add(self, chunk: StreamingChunk) -> None:
        """Add everything that a chunk contains."""
        if chunk.reasoning:
            self._own("reasoning", chunk.reasoning, ReasoningPart)
        if chunk.content:
            self._own("content", chunk.content, ContentPart)
        if chunk.tool is not None:
            self._tool(chunk.tool.id, chunk.tool, ToolPart(chunk.tool))
        if chunk.said is not None and chunk.speaker is not None:
            self._add_speech(chunk.speaker, chunk.said)
        if chunk.step is not None:
            step = chunk.step
            self._update(("step", step.id, step.iteration), StepPart(step), step.status)
        if chunk.event is not None:
            self._parts.append(EventPart(chunk.event, chunk.speaker))
        if chunk.media:
            self._parts.append(MediaPart(chunk.media))
        if chunk.citations:
            self._parts.append(CitationsPart(chunk.citations))
        if chunk.final is not None:
            self._final.append(chunk.final)

    def add_text(self, content: str) -> None:
        """Add text of the answer."""
        if content:
            self._own("content", content, ContentPart)

    def add_reasoning(self, reasoning: str) -> None:
        """Add reasoning of the answer."""
        self._own("reasoning", reasoning, ReasoningPart)

    def parts(self) -> list[Part]:
        """Return the parts so far; a text that replaced all others is at the place of the last."""
        found = [part.part() if isinstance(part, _Text) else part for part in self._parts]
        if not self._final:
            return found
        texts = [number for number, part in enumerate(found) if isinstance(part, ContentPart)]
        place = texts[-1] if texts else len(found)
        whole = ContentPart("".join(self._final))
        others = [part for part in found[:place] if not isinstance(part, ContentPart)]
        return [*others, whole, *found[place + 1 :]]

    def _resume(self, part: Part) -> None:
        """Add a part that was folded before."""
        match part:
            case ContentPart():
                self.add_text(part.content)
            case ReasoningPart():
                self.add_reasoning(part.reasoning)
            case ToolPart():
                self._tool(part.tool.id, part.tool, part)
            case SaidPart():
                self._add_speech(part.speaker, part.said)
            case StepPart():
                step = part.step
                self._update(("step", step.id, step.iteration), part, step.status)
            case _:
                self._parts.append(part)

    def _own(self, key: str, text: str, make: Callable[[str], Part]) -> None:
        last = self._parts[-1] if self._parts else None
        if not (isinstance(last, _Text) and last.key == key):
            last = _Text(key, make)
            self._parts.append(last)
        last.text.append(text)

    def _add_speech(self, speaker: Speaker, added: Said) -> None:
        who = (speaker.id, speaker.run_id)
        if added.reasoning:
            self._speak(speaker, "reasoning", added.reasoning)
        if added.content:
            self._speak(speaker, "content", added.content)
        if added.tool is not None:
            self._tool((*who, added.tool.id), added.tool, SaidPart(speaker, Said(tool=added.tool)))
            self._spoken.pop(who, None)  # the speaker's next text comes after the call

    def _speak(self, speaker: Speaker, field: str, text: str) -> None:
        who = (speaker.id, speaker.run_id)
        key = (*who, field)
        place = self._spoken.get(who, -1)
        if speaker.run_id is None and place != len(self._parts) - 1:
            place = -1  # a step that runs again has the same id
        found = self._parts[place] if place >= 0 else None
        if not (isinstance(found, _Text) and found.key == key):
            found = _Text(key, lambda whole: SaidPart(speaker, _said(field, whole)))
            self._spoken[who] = len(self._parts)
            self._parts.append(found)
        found.text.append(text)

    def _tool(self, key: object, tool: ToolCall, part: Part) -> None:
        self._update(("tool", key), part, tool.status)

    def _update(self, key: object, part: Part, status: str) -> None:
        place = self._tools.get(key)
        if place is not None and not (status == "started" and _ended(self._parts[place])):
            if not (status == "completed" and _failed(self._parts[place])):
                self._parts[place] = part
            return
        self._tools[key] = len(self._parts)
        self._parts.append(part)


def _said(field: str, text: str) -> Said:
    return Said(content=text) if field == "content" else Said(reasoning=text)


def all_parts_of(chunks: Iterable[StreamingChunk]) -> list[Part]:
    """Fold chunks into parts."""
    folder = PartsFolder()
    for chunk in chunks:
        folder.add(chunk)
    return folder.parts()


def parts_of(chunks: Iterable[StreamingChunk]) -> list[Part]:
    """Fold chunks into parts; empty if they are only text."""
    found = all_parts_of(chunks)
    return found if has_more_than_text(found) else []


def _status(part: Part | _Text) -> str | None:
    match part:
        case ToolPart():
            return part.tool.status
        case StepPart():
            return part.step.status
        case SaidPart() if part.said.tool is not None:
            return part.said.tool.status
    return None


def _ended(part: Part | _Text) -> bool:
    return _status(part) in ENDED


def _failed(part: Part | _Text) -> bool:
    """Whether this is a failed step, whose completion does not undo that."""
    return isinstance(part, StepPart) and part.step.status == "failed"
