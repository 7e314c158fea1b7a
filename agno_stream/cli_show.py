"""How an answer is shown: as text, as Markdown on a terminal, or as JSON; and its figures."""

import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import Protocol, TextIO

from agno_stream.parts import Media, Part
from agno_stream.standing import RECOVERED, Standing
from agno_stream.types import ModelResponse, StreamChunk


class Show(Protocol):
    """Shows the chunks of one answer; `close` is called when the answer ends or is interrupted."""

    def add(self, chunk: StreamChunk) -> None: ...

    def close(self) -> None: ...


class PlainShow:
    """Writes the text of an answer, and a line end after it if the text has none."""

    def __init__(self, out: TextIO) -> None:
        self._out, self._last = out, "\n"
        self._standing: Standing[str] = Standing()

    def add(self, chunk: StreamChunk) -> None:
        if chunk.recovered is not None:
            self._take_back(chunk.recovered["after"])
        self._standing.add(chunk.number, chunk.text)
        if chunk.text:
            self._out.write(chunk.text)
            self._out.flush()
            self._last = chunk.text

    def _take_back(self, after: int) -> None:
        """Say what is void; a file or a pipe cannot take it back."""
        void = "".join(self._standing.take_back(after))
        note = f"agno-stream: {RECOVERED}"
        if void:
            note += f" The last {len(void)} characters of its text are void."
        print(note, file=sys.stderr)

    def close(self) -> None:
        if not self._last.endswith("\n"):
            self._out.write("\n")
        self._out.flush()


class JsonShow:
    """Writes each chunk of an answer as a line of JSON, as the server has sent it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def add(self, chunk: StreamChunk) -> None:
        self._out.write(json.dumps(chunk.raw, ensure_ascii=False) + "\n")
        self._out.flush()

    def close(self) -> None:
        pass


class SlowShow:
    """Passes an answer to another show, one character at a time, with a pause of `delay`
    seconds."""

    def __init__(self, inner: Show, delay: float) -> None:
        self._inner, self._delay = inner, delay

    def add(self, chunk: StreamChunk) -> None:
        for character in chunk.text[:-1]:
            self._inner.add(StreamChunk(character, False, number=chunk.number))
            time.sleep(self._delay)
        chunk.text = chunk.text[-1:]
        self._inner.add(chunk)
        time.sleep(self._delay if chunk.text else 0)

    def close(self) -> None:
        self._inner.close()


@dataclass(frozen=True, slots=True)
class Look:
    """How answers are shown: as JSON, slowly (seconds between characters), with arguments and
    results whole (`long`), and what becomes of media."""

    as_json: bool = False
    delay: float = 0.0
    long: bool = False
    media: Callable[[Media], str] = itemgetter("url")


def pick_show(look: Look, *, live: bool = True) -> Show:
    """Return the show for the options: JSON, Markdown on a terminal, or else plain text; `live` if
    the answer is not complete yet."""
    if look.as_json:
        return JsonShow(sys.stdout)
    show: Show = PlainShow(sys.stdout)
    if sys.stdout.isatty():
        with suppress(ModuleNotFoundError):  # rich comes with the extra `cli` only
            from agno_stream.cli_markdown import MarkdownShow

            show = MarkdownShow(live=live, long=look.long, media=look.media)
    return SlowShow(show, look.delay) if look.delay and live else show


class Tally:
    """The figures of an answer: its tokens and times, and the ids of its run and conversation."""

    def __init__(self) -> None:
        self._began = time.perf_counter()
        self._first = self._latest = 0.0
        self._parts = 0
        self.last = StreamChunk("", False)
        self.run_id: str | None = None
        self.conversation_id: str | None = None
        self.model: str | None = None

    def add(self, chunk: StreamChunk) -> None:
        if chunk.text or chunk.reasoning:
            self._latest = time.perf_counter()
            self._first = self._first or self._latest
            self._parts += 1
        self.run_id = chunk.run_id or self.run_id
        self.conversation_id = chunk.conversation_id or self.conversation_id
        self.model = chunk.model or self.model
        self.last = chunk

    def summary(self) -> str:
        """Return a line with the tokens, the seconds to the first token, tokens per second, and the
        model."""
        usage = self.last.usage or {}
        tokens = usage.get("output_tokens") or self._parts
        parts = [f"{tokens} token" + "s" * (tokens != 1)]
        if self._parts:
            parts.append(f"first after {self._first - self._began:.2f} s")
        if self._parts > 1 and self._latest > self._first:
            parts.append(f"{(tokens - 1) / (self._latest - self._first):.1f} tokens/s")
        if self.model:
            parts.append(self.model)
        return " · ".join(parts)


def chunks_of(parts: Iterable[Part]) -> Iterator[StreamChunk]:
    """Yield the parts of a complete answer as chunks, without a last one."""
    for part in parts:
        chunk = StreamChunk(part.get("content", ""), False)
        chunk.reasoning, chunk.tool = part.get("reasoning"), part.get("tool")
        chunk.speaker, chunk.said = part.get("speaker"), part.get("said")
        chunk.step, chunk.event = part.get("step"), part.get("event")
        chunk.media, chunk.citations = part.get("media"), part.get("citations")
        yield chunk


def as_chunks(generate: Callable[[], ModelResponse], *, whole: bool) -> Iterator[StreamChunk]:
    """Yield a complete answer as chunks, or as one if `whole`; `generate` is called when the first
    one is read."""
    response = generate()
    if not whole:
        yield from chunks_of(response.parts)
    yield StreamChunk(
        response.text if whole else "",
        True,
        response.error,
        response.number,
        response.run_id,
        response.model,
        response.conversation_id,
        usage=response.usage,
        finish_reason=response.finish_reason,
        failure=response.failure,
        raw=response.raw,
        followups=response.followups,
    )
