"""What an answer has beside its text, as typed JSON, and the parts that chunks are folded into.

The types are those of the server's JSON, unchanged: fields that are not always there may be absent.
"""

from collections.abc import Mapping
from typing import Any, Literal, NotRequired, TypedDict


class ToolCall(TypedDict):
    """The state of a tool call; `result` is there when it has ended."""

    id: str
    name: str
    status: Literal["started", "completed", "failed", "paused"]
    arguments: NotRequired[dict[str, Any]]
    result: NotRequired[str]
    arguments_text: NotRequired[str]


class Speaker(TypedDict):
    """Who speaks inside a run: a member of a team, a step of a workflow, an agent of a tool.

    `depth` counts from 1, which is the value if it is absent.
    """

    id: str
    name: str
    kind: str
    run_id: NotRequired[str]
    depth: NotRequired[int]


class Said(TypedDict, total=False):
    """What a speaker adds: text, reasoning, or the state of a tool call."""

    content: str
    reasoning: str
    tool: ToolCall


class Step(TypedDict):
    """The state of a step of a workflow."""

    id: str
    name: str
    kind: str
    status: Literal["started", "running", "completed", "failed", "paused"]
    iteration: NotRequired[int]
    message: NotRequired[str]


class NamedEvent(TypedDict):
    """An event of the application's own, or something that the agent did meanwhile."""

    name: str
    data: NotRequired[dict[str, Any]]


class Media(TypedDict):
    """A picture, sound, video or file; `Client.download` returns its bytes.

    `url` is a path of the server, or the address of another server that a tool has named.
    """

    id: str
    kind: Literal["image", "audio", "video", "file"]
    mime_type: str
    url: str
    name: NotRequired[str]
    size: NotRequired[int]


class Citation(TypedDict):
    """A source of the answer."""

    kind: str
    url: NotRequired[str]
    title: NotRequired[str]
    text: NotRequired[str]
    query: NotRequired[str]


class Recovered(TypedDict):
    """That a server has died, and another one goes on with the answer: what came after the event
    with the number `after` is void; `length` characters of the text stand."""

    after: int
    length: int
    attempt: int


class Part(TypedDict):
    """A part of an answer: its `type`, and the field of that name; of speakers, `speaker` too."""

    type: Literal["content", "reasoning", "tool", "said", "step", "media", "event", "citations"]
    content: NotRequired[str]
    reasoning: NotRequired[str]
    tool: NotRequired[ToolCall]
    speaker: NotRequired[Speaker]
    said: NotRequired[Said]
    step: NotRequired[Step]
    media: NotRequired[list[Media]]
    event: NotRequired[NamedEvent]
    citations: NotRequired[list[Citation]]


#: States in which a tool call or a step has ended; one that starts after them is another one.
ENDED = frozenset({"completed", "failed"})


class Parts:
    """Folds the JSON of chunks into parts, in order, as the server does for stored answers."""

    def __init__(self) -> None:
        self._parts: list[Part] = []
        self._texts: dict[int, list[str]] = {}  # by the place of their part
        self._places: dict[object, int] = {}  # of tool calls and steps
        self._spoken: dict[object, int] = {}  # the place of each speaker's latest part
        self._final: list[str] = []

    def add(self, chunk: Mapping[str, Any]) -> None:
        """Add everything that a chunk contains."""
        for field in ("reasoning", "content"):
            if text := chunk.get(field):
                self._own(field, text)
        if len(chunk) <= 3:  # as nearly all are
            return
        if tool := chunk.get("tool"):
            self._update(("tool", tool["id"]), {"type": "tool", "tool": tool}, tool["status"])
        if (added := chunk.get("said")) and (speaker := chunk.get("speaker")):
            self._add_speech(speaker, added)
        if step := chunk.get("step"):
            key = ("step", step["id"], step.get("iteration"))
            self._update(key, {"type": "step", "step": step}, step["status"])
        if event := chunk.get("event"):
            whole: Part = {"type": "event", "event": event}
            if speaker := chunk.get("speaker"):
                whole["speaker"] = speaker
            self._parts.append(whole)
        if media := chunk.get("media"):
            self._parts.append({"type": "media", "media": media})
        if citations := chunk.get("citations"):
            self._parts.append({"type": "citations", "citations": citations})
        if chunk.get("final") is not None:
            self._final.append(chunk["final"])

    def folded(self) -> list[Part]:
        """Return the parts so far; a text that replaced all others is at the place of the last."""
        for place, texts in self._texts.items():
            _fill(self._parts[place], "".join(texts))
        if not self._final:
            return [*self._parts]
        places = [place for place, part in enumerate(self._parts) if part["type"] == "content"]
        place = places[-1] if places else len(self._parts)
        before = [part for part in self._parts[:place] if part["type"] != "content"]
        whole: Part = {"type": "content", "content": "".join(self._final)}
        return [*before, whole, *self._parts[place + 1 :]]

    def _own(self, field: Any, text: str) -> None:
        place = len(self._parts) - 1
        if place < 0 or self._parts[place]["type"] != field:
            place += 1
            self._parts.append({"type": field})
            self._texts[place] = []
        self._texts[place].append(text)

    def _add_speech(self, speaker: Speaker, added: Said) -> None:
        who = (speaker["id"], speaker.get("run_id"))
        for field in ("reasoning", "content"):
            if text := added.get(field):
                self._speak(who, speaker, field, str(text))
        if tool := added.get("tool"):
            part: Part = {"type": "said", "speaker": speaker, "said": {"tool": tool}}
            self._update(("tool", who, tool["id"]), part, tool["status"])
            self._spoken.pop(who, None)

    def _speak(self, who: tuple[str, str | None], speaker: Speaker, field: Any, text: str) -> None:
        place = self._spoken.get(who, -1)
        # A step without a run of its own has the same id when it runs again.
        stale = who[1] is None and place != len(self._parts) - 1
        if place < 0 or stale or field not in self._parts[place]["said"]:
            place = self._spoken[who] = len(self._parts)
            empty: Any = {field: ""}
            self._parts.append({"type": "said", "speaker": speaker, "said": empty})
            self._texts[place] = []
        self._texts[place].append(text)

    def _update(self, key: object, part: Part, status: str) -> None:
        place = self._places.get(key)
        if place is None:
            self._places[key] = len(self._parts)
            self._parts.append(part)
            return
        state: Any = self._parts[place]
        before = (state.get("step") or state.get("tool") or state["said"]["tool"])["status"]
        if status == "started" and before in ENDED:
            self._places[key] = len(self._parts)
            self._parts.append(part)
        elif not (part["type"] == "step" and before == "failed" and status == "completed"):
            self._parts[place] = part


def _fill(part: Any, text: str) -> None:
    if part["type"] == "said":
        part["said"][next(iter(part["said"]))] = text
    else:
        part[part["type"]] = text
