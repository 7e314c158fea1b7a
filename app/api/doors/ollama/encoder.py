"""The encoder of Ollama's API: each chunk is one JSON object on a line, a whole answer one object.

There are no blank lines and no `data:`, because Ollama's own clients fail at both.
"""

import time
from datetime import UTC, datetime
from typing import Any, ClassVar

import msgspec

from ....core.log.journal import Entry
from ....core.run_failures import ModelBadResponse
from ....models.chat import StreamingChunk, ToolCall, Usage
from ....models.folding import whole_text
from ...client_calls import is_for_client
from ...encoding import encode_line
from ...media_links import MediaLinks
from .errors import failure

#: Ends for which Ollama has no word: the client, or a person, has to do something.
CALLS = frozenset({"tool_calls", "paused"})


class Function(msgspec.Struct):
    index: int
    name: str
    arguments: dict[str, Any]


class Call(msgspec.Struct):
    """A tool call for the client. Its arguments are a JSON object in this protocol, never text."""

    id: str
    function: Function


class Message(msgspec.Struct, omit_defaults=True):
    role: str
    content: str
    thinking: str | None = None
    tool_calls: list[Call] | None = None
    images: list[str] | None = None  # base64


class Line(msgspec.Struct, kw_only=True, omit_defaults=True):
    """One line of the response: of `generate` (`response`, `thinking`) or of `chat` (`message`).

    The fields after `done` are set in the last line only; durations are in nanoseconds.
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
    """Makes the lines of one answer, for `chat` or for `generate`.

    `name` is the model's name in the request; if a fallback model takes over, the lines have its
    own name. With `thinks=False` reasoning is dropped, even if the provider sends it.
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
        """Return one `Line` with a text, reasoning and tool calls; `last` has the last line's extra
        fields."""
        thinking = (thinking or None) if self._thinks else None
        now = datetime.now(UTC)
        last.setdefault("done", False)
        if self._chat:
            message = Message("assistant", text, thinking, calls, images or None)
            return Line(model=self._name, created_at=now, message=message, **last)
        return Line(model=self._name, created_at=now, response=text, thinking=thinking, **last)

    def track_model(self, chunk: StreamingChunk) -> None:
        """Take the model's name from a chunk for later lines, once a fallback model has taken over.

        Must be called with every chunk of the run, in order.
        """
        if chunk.model != self._model:
            if self._model is not None:
                self._name = chunk.model
            self._model = chunk.model

    def has_output(self, chunk: StreamingChunk) -> bool:
        """Return True if a chunk becomes a line: it has text, reasoning, media, or a client's tool
        call."""
        visible = chunk.content or chunk.media or (chunk.reasoning and self._thinks)
        return bool(visible or chunk.requirements) or is_for_client(chunk.tool)

    def media(self, chunk: StreamingChunk) -> tuple[StreamingChunk, list[str]]:
        """A chunk with its media in the text, and the pictures of a chat, which are beside it."""
        noted = chunk.media is not None or chunk.requirements is not None
        if not noted or self.links is None:
            return chunk, []
        if self._chat:
            return self.links.with_pictures(chunk)
        return self.links.as_text(chunk), []


class OllamaEncoder:
    """Encodes each chunk that has text, reasoning or a client's tool call as a line of JSON.

    The status is sent with the first line, because Ollama's errors have a status, or with the first
    heartbeat: a line with empty content, which keeps proxies from closing a silent connection.
    After that an error is the last line.
    """

    media_type: ClassVar[str] = "application/x-ndjson"
    defers_status: ClassVar[bool] = True
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = True

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
        self._form.track_model(chunk)
        out = b""
        if self._form.has_output(chunk):
            if self._first is None:
                self._first = time.perf_counter()
            try:
                calls = [_call(self._calls, chunk.tool)] if is_for_client(chunk.tool) else None
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


def complete_object(form: Form, entries: list[Entry]) -> bytes:
    """Return the bytes of the whole answer as one JSON object, from all entries of a run's log.

    Raises `ModelBadResponse` if the arguments of a tool call are not a JSON object.
    """
    chunks = [chunk for _, chunk in entries]
    for chunk in chunks:
        form.track_model(chunk)
    total, final = entries[-1]
    first = next((offset for offset, chunk in entries if form.has_output(chunk)), total)
    tools = [chunk.tool for chunk in chunks if is_for_client(chunk.tool)]
    shown = [form.media(chunk) for chunk in chunks]
    chunks = [chunk for chunk, _ in shown]
    line = form.line(
        whole_text(chunks),
        "".join(chunk.reasoning or "" for chunk in chunks),
        [_call(index, tool) for index, tool in enumerate(tools)] or None,
        [image for _, images in shown for image in images],
        **ending(final, first, total),
    )
    return encode_line(line)


def ending(chunk: StreamingChunk, first: float, total: float) -> dict[str, Any]:
    """Return the extra fields of the last line: the reason of the end, durations, and token counts.

    `first` and `total` are the seconds from the run's start to its first token and to its end. The
    token counts are absent if the provider has sent none.
    """
    usage: Usage | None = chunk.usage
    counts = {}
    if usage is not None:
        counts = {"prompt_eval_count": usage.input_tokens, "eval_count": usage.output_tokens}
    return {
        "done": True,
        # Ollama ends an answer with calls with `stop`, too.
        "done_reason": "stop" if chunk.finish_reason in CALLS else chunk.finish_reason,
        "total_duration": _nanoseconds(total),
        "load_duration": 0,  # there is nothing to load
        "prompt_eval_duration": _nanoseconds(first),
        "eval_duration": _nanoseconds(total - first),
        **counts,
    }


def _call(index: int, tool: ToolCall) -> Call:
    """Return a tool call in Ollama's form; raises `ModelBadResponse` if its arguments are no
    object."""
    if tool.arguments is None and tool.arguments_text:
        raise ModelBadResponse(
            f"The model called {tool.name!r} with arguments that are not a JSON object. Try again."
        )
    return Call(tool.id, Function(index, tool.name, tool.arguments or {}))


def _nanoseconds(seconds: float) -> int:
    """Convert seconds to whole nanoseconds, at least 1, because clients divide by durations."""
    return max(1, round(seconds * 1e9))
