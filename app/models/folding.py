"""Folds the chunks of a run into its answer."""

from collections.abc import Iterable

from .answer_parts import has_more_than_text
from .chat import ChatResponse, Said, Speaker, Speech, Step, StreamingChunk, ToolCall
from .parts_folding import PartsFolder


def whole_text(chunks: Iterable[StreamingChunk]) -> str:
    """The text of an answer: what was streamed, or what replaces it."""
    text, final = [], []
    for chunk in chunks:
        text.append(chunk.content)
        if chunk.final is not None:
            final.append(chunk.final)
    return "".join(final or text)


def fold(response: ChatResponse, chunks: Iterable[StreamingChunk]) -> None:
    """Add chunks to a response, in order: text is appended, the last chunk sets how it ended.

    A `final` text replaces all text that was streamed.
    """
    text = [response.content]
    reasoning = [response.reasoning or ""]
    final: list[str] = []
    tools = {tool.id: tool for tool in response.tools}
    extras = _Extras(response)
    parts = PartsFolder(response.parts)
    added = 1 if response.parts else 0  # of the text to the parts
    for chunk in chunks:
        response.model = chunk.model
        if _is_text(chunk):
            text.append(chunk.content)
            continue
        parts.add_text("".join(text[added:]))
        parts.add(chunk)
        text.append(chunk.content)
        added = len(text)
        if chunk.reasoning is not None:
            reasoning.append(chunk.reasoning)
        if chunk.tool is not None:
            tools[chunk.tool.id] = chunk.tool
        if chunk.final is not None:
            final.append(chunk.final)
        extras.add(chunk)
        if chunk.done:
            response.finish_reason = chunk.finish_reason
            response.usage = chunk.usage
            response.error = chunk.error
            response.stored = chunk.stored
    response.content = "".join(final or text)
    response.reasoning = "".join(reasoning) or None
    response.tools = list(tools.values())
    extras.finish()
    parts.add_text("".join(text[added:]))
    found = parts.parts()
    response.parts = found if has_more_than_text(found) else []


def _is_text(chunk: StreamingChunk) -> bool:
    """Whether a chunk is only text, as nearly all are."""
    return chunk == StreamingChunk(chunk.content, False, chunk.model)


class _Extras:
    """Collects speakers, steps, events and media of chunks, beside the answer's text and tools."""

    def __init__(self, response: ChatResponse) -> None:
        self._response = response
        self._speeches = {_key(speech.speaker): _Speech(speech) for speech in response.said}
        self._steps = {(step.id, step.iteration): step for step in response.steps}
        self._media = {item.id: item for item in response.media}

    def add(self, chunk: StreamingChunk) -> None:
        response = self._response
        if chunk.said is not None and chunk.speaker is not None:
            key = _key(chunk.speaker)
            if key not in self._speeches:
                self._speeches[key] = _Speech(Speech(chunk.speaker))
            self._speeches[key].add(chunk.said)
        if chunk.step is not None:
            self._step(chunk.step)
        if chunk.event is not None:
            response.events.append(chunk.event)
        if chunk.citations is not None:
            response.citations += [c for c in chunk.citations if c not in response.citations]
        if chunk.media is not None:
            self._media |= {item.id: item for item in chunk.media}
        if chunk.output is not None:
            response.output = chunk.output
        if chunk.continues is not None:
            response.continues = chunk.continues
        if chunk.replaces is not None:
            response.replaces = chunk.replaces
        if chunk.requirements is not None:
            response.requirements = chunk.requirements
        if chunk.followups is not None:
            response.followups = chunk.followups
        if chunk.session_state is not None:
            response.session_state = chunk.session_state

    def _step(self, step: Step) -> None:
        before = self._steps.get((step.id, step.iteration))
        if before is None or before.status != "failed" or step.status == "started":
            self._steps[step.id, step.iteration] = step

    def finish(self) -> None:
        self._response.said = [speech.whole() for speech in self._speeches.values()]
        self._response.steps = list(self._steps.values())
        self._response.media = list(self._media.values())


class _Speech:
    """The words of one speaker so far."""

    def __init__(self, speech: Speech) -> None:
        self._speech = speech
        self._text = [speech.content]
        self._reasoning = [speech.reasoning or ""]
        self._tools: dict[str, ToolCall] = {tool.id: tool for tool in speech.tools}

    def add(self, part: Said) -> None:
        self._text.append(part.content or "")
        self._reasoning.append(part.reasoning or "")
        if part.tool is not None:
            self._tools[part.tool.id] = part.tool

    def whole(self) -> Speech:
        return Speech(
            self._speech.speaker,
            "".join(self._text),
            "".join(self._reasoning) or None,
            list(self._tools.values()),
        )


def _key(speaker: Speaker) -> tuple[str, str | None]:
    return speaker.id, speaker.run_id
