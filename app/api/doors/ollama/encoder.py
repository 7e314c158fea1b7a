"""What Ollama's clients read: one JSON object a line, or one alone.

There are no blank lines and no `data:`: its own clients fail at both.
"""

import time
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeGuard

import msgspec

from ....core.errors import ModelBadResponse
from ....core.log.journal import Entry
from ....models.chat import StreamingChunk, ToolCall, Usage
from ...encoding import encode_line
from ...media_links import MediaLinks
from .errors import failure


class Function(msgspec.Struct):
    index: int
    name: str
    arguments: dict[str, Any]


class Call(msgspec.Struct):
    """A call that the client is to make. The arguments are an object here, never text."""

    id: str
    function: Function


class Message(msgspec.Struct, omit_defaults=True):
    role: str
    content: str
    thinking: str | None = None
    tool_calls: list[Call] | None = None
    images: list[str] | None = None  # base64


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One object of `generate` (`response`, `thinking`) or of `chat` (`message`).

    What is after `done` is on the last one only; durations are in nanoseconds.
    """

    model: str
    created_at: datetime
    response: str | None = None
    thinking: str | None = None
    message: Message | None = None
    done: bool
    done_reason: str | None = None
    total_duration: int | None = None
    load_duration: int | None = None
    prompt_eval_count: int | None = None
    prompt_eval_duration: int | None = None
    eval_count: int | None = None
    eval_duration: int | None = None


class Form:
    """Makes the lines of one answer. `name` is what the request called the model; one that answers
    in its stead is called by its own name.

    Each line has the time at which it was made as its `created_at`. A client that does not want
    to see the model `think` is not shown it, whatever the provider sends.
    """

    def __init__(
        self, name: str, *, chat: bool, thinks: bool = True, links: MediaLinks | None = None
    ) -> None:
        self.links = links
        self._name = name
        self._model: str | None = None
        self._chat = chat
        self._thinks = thinks

    def line(
        self,
        text: str,
        thinking: str | None = None,
        calls: list[Call] | None = None,
        images: list[str] | None = None,
        **last: Any,
    ) -> Line:
        """A line; `last` is what the last one has besides."""
        thinking = (thinking or None) if self._thinks else None
        now = datetime.now(UTC)
        last.setdefault("done", False)
        if self._chat:
            message = Message("assistant", text, thinking, calls, images or None)
            return Line(model=self._name, created_at=now, message=message, **last)
        return Line(model=self._name, created_at=now, response=text, thinking=thinking, **last)

    def see(self, chunk: StreamingChunk) -> None:
        """Learn which model answers; shown every chunk."""
        if chunk.model != self._model:
            if self._model is not None:
                self._name = chunk.model
            self._model = chunk.model

    def shows(self, chunk: StreamingChunk) -> bool:
        """Whether a chunk has anything to show; the calls of an agent's own tools have not."""
        thought = chunk.reasoning and self._thinks
        return bool(chunk.content or thought or chunk.media or _is_call(chunk.tool))

    def media(self, chunk: StreamingChunk) -> tuple[StreamingChunk, list[str]]:
        """A chunk with its media in the text, and the pictures of a chat, which are beside it."""
        if chunk.media is None or self.links is None:
            return chunk, []
        if self._chat:
            return self.links.with_pictures(chunk)
        return self.links.as_text(chunk), []


class OllamaEncoder:
    """A line for each chunk that has something to show.

    The status waits for the first of them, for Ollama's errors have one; but no longer than one
    heartbeat. Then an object that says nothing goes out, so that no proxy takes the silence for
    death, and from there on an error is the last line.
    """

    media_type: ClassVar[str] = "application/x-ndjson"
    holds: ClassVar[bool] = True
    parting: ClassVar[bytes | None] = None
    shared: ClassVar[bool] = False
    tells_failures: ClassVar[bool] = True

    def __init__(self, form: Form) -> None:
        self._form = form
        self._began = time.perf_counter()
        self._first: float | None = None
        self._calls = 0
        self._broken = False

    @property
    def heartbeat(self) -> bytes:
        return encode_line(self._form.line("")) + b"\n"

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        if self._broken:
            return b""
        self._form.see(chunk)
        out = b""
        if self._form.shows(chunk):
            if self._first is None:
                self._first = time.perf_counter()
            try:
                calls = [_call(self._calls, chunk.tool)] if _is_call(chunk.tool) else None
            except ModelBadResponse as error:
                self._broken = True
                return failure(error.message) + b"\n"
            self._calls += 1 if calls else 0
            chunk, images = self._form.media(chunk)
            line = self._form.line(chunk.content, chunk.reasoning, calls, images)
            out = encode_line(line) + b"\n"
        if chunk.error is not None:
            return out + failure(chunk.error.message) + b"\n"
        if chunk.done:
            now = time.perf_counter()
            first = now if self._first is None else self._first
            last = ending(chunk, first - self._began, now - self._began)
            out += encode_line(self._form.line("", **last)) + b"\n"
        return out


def whole(form: Form, entries: list[Entry]) -> bytes:
    """The answer as one object, from all entries of a run's log; raises `ModelBadResponse`."""
    chunks = [chunk for _, chunk in entries]
    for chunk in chunks:
        form.see(chunk)
    total, final = entries[-1]
    first = next((offset for offset, chunk in entries if form.shows(chunk)), total)
    tools = [chunk.tool for chunk in chunks if _is_call(chunk.tool)]
    shown = [form.media(chunk) for chunk in chunks]
    chunks = [chunk for chunk, _ in shown]
    line = form.line(
        "".join(chunk.content for chunk in chunks),
        "".join(chunk.reasoning or "" for chunk in chunks),
        [_call(index, tool) for index, tool in enumerate(tools)] or None,
        [image for _, images in shown for image in images],
        **ending(final, first, total),
    )
    return encode_line(line)


def ending(chunk: StreamingChunk, first: float, total: float) -> dict[str, Any]:
    """What the last line has; `first` and `total` are seconds from the run's beginning to its
    first token and to its end. Counts that the provider did not tell are absent."""
    usage: Usage | None = chunk.usage
    counts = {}
    if usage is not None:
        counts = {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
    return {
        "done": True,
        # Calls end with `stop` in Ollama, too.
        "done_reason": "stop" if chunk.finish_reason == "tool_calls" else chunk.finish_reason,
        "total_duration": _nanoseconds(total),
        "load_duration": 0,  # nothing is loaded
        "prompt_eval_duration": _nanoseconds(first),
        "eval_duration": _nanoseconds(total - first),
        **counts,
    }


def _is_call(tool: ToolCall | None) -> TypeGuard[ToolCall]:
    """Whether the client is to make this call."""
    return tool is not None and tool.status == "paused"


def _call(index: int, tool: ToolCall) -> Call:
    """The call; raises `ModelBadResponse` for arguments that this protocol has no place for."""
    if tool.arguments is None and tool.arguments_text:
        raise ModelBadResponse(
            f"The model called {tool.name!r} with arguments that are no JSON object."
        )
    return Call(tool.id, Function(index, tool.name, tool.arguments or {}))


def _nanoseconds(seconds: float) -> int:
    """At least one: clients divide by it."""
    return max(1, round(seconds * 1e9))
