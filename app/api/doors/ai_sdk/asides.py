"""What a run has beside its answer, as data parts: steps, speakers, events, the last chunk's
fields."""

import msgspec

from ....models.chat import NamedEvent, Said, Speaker, Speech, StreamingChunk
from . import chunks as ui

#: Names of data parts with a meaning here; an event of such a name is `data-event-<name>`.
TAKEN = frozenset(
    {"step", "speaker", "said", "requirement", "output", "followups", "session-state", "final"}
)


class Voice(msgspec.Struct, frozen=True):
    """What a speaker has just added; `speaker` is the id of the part with all of it."""

    speaker: str
    said: Said


class Asides:
    """The asides of one message, so far."""

    def __init__(self) -> None:
        self._speeches: dict[str, Speech] = {}
        self._texts: dict[str, tuple[list[str], list[str]]] = {}
        self._final: list[str] = []

    def feed(self, chunk: StreamingChunk) -> list[ui.Chunk]:
        """Return the data parts of the next chunk of a run."""
        found: list[ui.Chunk] = []
        if chunk.step is not None:
            turn = f":{chunk.step.iteration}" if chunk.step.iteration is not None else ""
            found.append(ui.Data("data-step", chunk.step, id=chunk.step.id + turn))
        if chunk.speaker is not None:
            found += self._hear(chunk.speaker, chunk.said)
        if chunk.event is not None:
            found.append(_event(chunk.event))
        if chunk.final is not None:
            self._final.append(chunk.final)
        return found

    def end(self, chunk: StreamingChunk) -> list[ui.Chunk]:
        """Return the data parts at the end of a run."""
        found: list[ui.Chunk] = []
        for key, speech in self._speeches.items():
            text, thought = self._texts[key]
            speech.content, speech.reasoning = "".join(text), "".join(thought) or None
            found.append(ui.Data("data-speaker", speech, id=key))
        if self._final:
            found.append(ui.Data("data-final", "".join(self._final)))
            self._final = []
        if chunk.output is not None:
            found.append(ui.Data("data-output", chunk.output))
        if chunk.followups is not None:
            found.append(ui.Data("data-followups", chunk.followups))
        if chunk.session_state is not None:
            found.append(ui.Data("data-session-state", chunk.session_state))
        return found

    def _hear(self, speaker: Speaker, added: Said | None) -> list[ui.Chunk]:
        key, found = speaker.run_id or speaker.id, list[ui.Chunk]()
        if key not in self._speeches:
            self._speeches[key], self._texts[key] = Speech(speaker), ([], [])
            found.append(ui.Data("data-speaker", Speech(speaker), id=key))
        if added is None:
            return found
        texts, thoughts = self._texts[key]
        texts.append(added.content or "")
        thoughts.append(added.reasoning or "")
        if added.tool is not None:
            tools = [tool for tool in self._speeches[key].tools if tool.id != added.tool.id]
            self._speeches[key].tools = [*tools, added.tool]
        return [*found, ui.Data("data-said", Voice(key, added), transient=True)]


def _event(event: NamedEvent) -> ui.Data:
    name = f"event-{event.name}" if event.name in TAKEN else event.name
    return ui.Data(f"data-{name}", event.data)
