"""The server's own formats: Server-Sent Events, NDJSON and plain text.

SSE is that of the HTML standard, section 9.2: a reader can resume from every event by its
`id: <run_id>:<n>`.

See docs/decisions/020-a-heartbeat-is-a-comment-without-a-blank-line.md.
"""

from collections.abc import Sequence
from typing import ClassVar

from ....models.chat import StreamingChunk
from ....models.numbers import Recovery, number_in_id
from ...addresses import local
from ...encoding import Encoder, encode_line, line_encoder
from ...pause_text import pause_text


class SseEncoder:
    """Encodes each chunk as a Server-Sent Event: an `id:` line, and one `data:` line of JSON.

    The heartbeat is a comment without a blank line after it, because several decoders that have
    seen an id take a blank line for the end of an event without data. The reconnect hint has no
    blank line for the same reason; it makes a reader reconnect after one second.
    """

    __slots__ = ("_head", "_line", "_recoveries", "heartbeat")

    media_type: ClassVar[str] = "text/event-stream"
    defers_status: ClassVar[bool] = False
    reconnect_hint: ClassVar[bytes | None] = b"retry: 1000\n"
    cacheable: ClassVar[bool] = True
    has_error_frame: ClassVar[bool] = True

    def __init__(self, run_id: str, model: str, recoveries: Sequence[Recovery] = ()) -> None:
        self.heartbeat: bytes | None = b":\n"
        self._recoveries = recoveries
        self._head = f"id: {run_id}:".encode()
        self._line = line_encoder()

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        if not self._recoveries and chunk.finish_reason is None:  # most entries
            return b"%b%d\ndata: %b\n\n" % (self._head, number, self._line(chunk))
        suffix = number_in_id(number, chunk, self._recoveries).encode()
        return b"%b%b\ndata: %b\n\n" % (self._head, suffix, self._line(chunk))


class NdjsonEncoder:
    """Encodes each chunk as a line of JSON; the heartbeat is a chunk with empty content."""

    media_type: ClassVar[str] = "application/x-ndjson"
    defers_status: ClassVar[bool] = False
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = True
    has_error_frame: ClassVar[bool] = True

    def __init__(self, run_id: str, model: str, recoveries: Sequence[Recovery] = ()) -> None:
        self.heartbeat: bytes | None = (
            encode_line(StreamingChunk(content="", done=False, model=model)) + b"\n"
        )
        self._line = line_encoder()

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        return self._line(chunk) + b"\n"


class TextEncoder:
    """Encodes each chunk as its content alone, without any framing; there is no heartbeat.

    What a paused run waits for comes as sentences at the end.
    """

    media_type: ClassVar[str] = "text/plain; charset=utf-8"
    defers_status: ClassVar[bool] = True
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = True
    has_error_frame: ClassVar[bool] = False

    def __init__(self, run_id: str, model: str, recoveries: Sequence[Recovery] = ()) -> None:
        self._address = local(f"/api/v1/runs/{run_id}/continue")
        self.heartbeat: bytes | None = None

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        if chunk.requirements is not None:
            return (chunk.content + pause_text(chunk.requirements, self._address)).encode()
        return chunk.content.encode()


ENCODERS: dict[str, type[SseEncoder | NdjsonEncoder | TextEncoder]] = {
    "text/event-stream": SseEncoder,
    "application/x-ndjson": NdjsonEncoder,
    "application/ndjson": NdjsonEncoder,
    "application/jsonl": NdjsonEncoder,
    "text/plain": TextEncoder,
}


def negotiate(accept: str | None, default: str) -> str:
    """Return the media type of `ENCODERS` that an `Accept` header prefers, or `default`.

    Other media types in the header are ignored, because the default suits a client that accepts
    JSON or anything. See RFC 9110, section 12.5.1.
    """
    accepted: list[tuple[float, str]] = []
    for part in (accept or "").split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        quality = 1.0
        for parameter in parameters:
            key, _, value = parameter.partition("=")
            if key.strip().lower() == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        if name.lower() in ENCODERS and quality > 0:
            accepted.append((quality, name.lower()))
    return max(accepted, key=lambda choice: choice[0])[1] if accepted else default


def encoder_for(
    media_type: str, run_id: str, model: str, recoveries: Sequence[Recovery] = ()
) -> Encoder:
    """Return a new encoder for a media type, which must be one of `ENCODERS`; `recoveries` are
    those of the run, to which later ones may be added."""
    return ENCODERS[media_type](run_id, model, recoveries)
