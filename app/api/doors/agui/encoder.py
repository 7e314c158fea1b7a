"""The format of `/agui`: Server-Sent Events with ids, each with one AG-UI event as JSON."""

from typing import ClassVar

from msgspec.structs import replace

from ....core.log.journal import RunRecord
from ....core.run_failures import server_stopped
from ....models.chat import StreamingChunk
from ...encoding import encode_line
from ...media_links import MediaLinks
from ...steady import number_after_gap
from .cursor import START, Cursor
from .narration import Narration
from .request import Request


class AguiEncoder:
    """Encodes the chunks of one run, from the first one, and drops what is before the cursor.

    A failure is an event of its own, also if nothing precedes it; so the status is sent at once.
    There is no reconnect hint, because most clients of the protocol cannot resume: a server that
    shuts down lets their runs end.
    """

    media_type: ClassVar[str] = "text/event-stream"
    defers_status: ClassVar[bool] = False
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = True

    def __init__(
        self,
        record: RunRecord,
        request: Request,
        *,
        cursor: Cursor = START,
        links: MediaLinks | None = None,
    ) -> None:
        self.heartbeat: bytes | None = b":\n"  # no blank line: see the native encoder
        self._head = f"id: {record.run_id}:".encode()
        self._narration = Narration(record, request)
        self._cursor = cursor
        self._links = links
        self._number = self._entry = 0  # of the last event, and of the last chunk
        self._over = False

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        cursor = self._cursor
        if self._over:
            return b""
        if self._entry and number > self._entry + 1:
            chunk = self._after_gap(chunk)
        self._entry = number
        if self._links is not None and chunk.media:
            requirements = chunk.requirements
            chunk = self._links.as_text(replace(chunk, requirements=None))
            chunk = replace(chunk, requirements=requirements)
        events = self._narration.feed(chunk)
        lost = chunk.done and self._number == 0  # the log itself has no beginning any more
        if chunk.finish_reason == "interrupted" or lost:
            # The process that died may have sent events that the journal lacks: the end comes after
            # the last one that this reader has, with a 0 before its number.
            if cursor.saw_end:
                return b""
            last = f"0{max(self._number, cursor.after) + 1}"
            return b"".join(self._frame(last, encode_line(event)) for event in events)
        frames = b""
        for event in events:
            self._number += 1
            if self._number > cursor.after and number > cursor.entries:
                frames += self._frame(str(self._number), encode_line(event))
        return frames

    def _after_gap(self, chunk: StreamingChunk) -> StreamingChunk:
        """Count on after what a recovery has made void; the end of an interrupted run in the place
        of the chunk if the reader has received some of it."""
        number = number_after_gap(self._number + 1, self._cursor.after)
        if number is None:
            self._over = True
            return server_stopped().last_chunk(chunk.model)
        self._number = number - 1
        return chunk

    def _frame(self, suffix: str, line: bytes) -> bytes:
        return b"%b%b\ndata: %b\n\n" % (self._head, suffix.encode(), line)
