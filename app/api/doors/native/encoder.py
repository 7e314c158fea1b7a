"""The server's own formats: Server-Sent Events, NDJSON and plain text.

SSE as in the HTML standard, section 9.2: `id: <run_id>:<n>` makes every event a place to resume.

See docs/decisions/020-a-heartbeat-is-a-comment-without-a-blank-line.md.
"""

from typing import ClassVar

from ....models.chat import StreamingChunk, number_in_id
from ...encoding import Encoder, encode_line


class SseEncoder:
    """`id:` and `data:` for each chunk; our JSON has no raw line ends, so one data line is enough.

    The heartbeat is a comment without a blank line behind it: after an id was seen, several
    decoders take a blank line for the end of an event without data. So is the parting, which tells
    a reader to come back after a second.
    """

    media_type: ClassVar[str] = "text/event-stream"
    holds: ClassVar[bool] = False
    parting: ClassVar[bytes | None] = b"retry: 1000\n"
    shared: ClassVar[bool] = True
    tells_failures: ClassVar[bool] = True

    def __init__(self, run_id: str, model: str) -> None:
        self.heartbeat: bytes | None = b":\n"
        self._head = f"id: {run_id}:".encode()

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        place = number_in_id(number, chunk).encode()
        return b"%b%b\ndata: %b\n\n" % (self._head, place, encode_line(chunk))


class NdjsonEncoder:
    """One chunk a line. The heartbeat is a chunk that says nothing: any reader can take it."""

    media_type: ClassVar[str] = "application/x-ndjson"
    holds: ClassVar[bool] = False
    parting: ClassVar[bytes | None] = None
    shared: ClassVar[bool] = True
    tells_failures: ClassVar[bool] = True

    def __init__(self, run_id: str, model: str) -> None:
        self.heartbeat: bytes | None = (
            encode_line(StreamingChunk(content="", done=False, model=model)) + b"\n"
        )

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        return encode_line(chunk) + b"\n"


class TextEncoder:
    """The text alone."""

    media_type: ClassVar[str] = "text/plain; charset=utf-8"
    holds: ClassVar[bool] = True
    parting: ClassVar[bytes | None] = None
    shared: ClassVar[bool] = True
    tells_failures: ClassVar[bool] = False

    def __init__(self, run_id: str, model: str) -> None:
        self.heartbeat: bytes | None = None

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        return chunk.content.encode()


ENCODERS: dict[str, type[SseEncoder | NdjsonEncoder | TextEncoder]] = {
    "text/event-stream": SseEncoder,
    "application/x-ndjson": NdjsonEncoder,
    "application/ndjson": NdjsonEncoder,
    "application/jsonl": NdjsonEncoder,
    "text/plain": TextEncoder,
}


def negotiate(accept: str | None, default: str) -> str:
    """The media type of `ENCODERS` that an `Accept` header wants most, or `default`.

    RFC 9110, section 12.5.1; what we do not speak is passed over, for a client that asks for
    JSON or for anything is well served with the default.
    """
    wanted: list[tuple[float, str]] = []
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
            wanted.append((quality, name.lower()))
    return max(wanted, key=lambda choice: choice[0])[1] if wanted else default


def encoder_for(media_type: str, run_id: str, model: str) -> Encoder:
    return ENCODERS[media_type](run_id, model)
