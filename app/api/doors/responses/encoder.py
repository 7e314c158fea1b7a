"""The format of `/v1/responses`: typed Server-Sent Events, and at last `[DONE]`.

No frame has `id:` or `retry:`, and every frame has data, because OpenAI's SDKs fail otherwise. Open
Responses wants `[DONE]`, at which OpenAI's clients stop as well.
"""

from typing import ClassVar

from ....core.log.journal import RunRecord
from ....core.run_failures import server_stopped
from ....models.chat import StreamingChunk
from ...encoding import encode_line
from ...media_links import MediaLinks
from ...steady import number_after_gap
from .events import Event
from .narration import Narration
from .pauses import readable
from .resource import Request

DONE = b"data: [DONE]\n\n"


class ResponsesEncoder:
    """Encodes the chunks of one run, from the first one, and drops the events up to number `after`.

    With `held` the first events wait for the second chunk, so that a failure before any text can
    still have its HTTP status.
    """

    media_type: ClassVar[str] = "text/event-stream"
    defers_status: ClassVar[bool] = True
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = True

    def __init__(
        self,
        record: RunRecord,
        request: Request,
        *,
        after: int = -1,
        held: bool = False,
        links: MediaLinks | None = None,
    ) -> None:
        self.heartbeat: bytes | None = b": keep-alive\n\n"
        self._narration = Narration(record, request)
        self._after = after
        self._holding = held
        self._held = b""
        self._links = links
        self._number = 0  # of the last chunk
        self._over = False

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        if self._over:
            return b""
        chunk = readable(chunk, self._links)
        if self._number and number > self._number + 1 and not self._pass_over():
            chunk = server_stopped().last_chunk(chunk.model)
            self._over = True
        self._number = number
        if chunk.finish_reason == "interrupted":
            # The process that died may have sent events that the journal lacks: the end comes after
            # the last one that this reader has.
            self._narration.sequence = max(self._narration.sequence, self._after + 1)
        frames = b"".join(
            _frame(event)
            for event in self._narration.feed(chunk)
            if event.sequence_number > self._after
        )
        if chunk.done:
            frames += DONE
        elif self._holding:
            self._holding = False
            self._held = frames
            return b""
        held, self._held = self._held, b""
        return held + frames

    def _pass_over(self) -> bool:
        """Count on after what a recovery has made void; False if the reader has received it."""
        number = number_after_gap(self._narration.sequence, self._after)
        self._narration.sequence = self._narration.sequence if number is None else number
        return number is not None


def _frame(event: Event) -> bytes:
    name = event.__struct_config__.tag
    return b"event: %b\ndata: %b\n\n" % (str(name).encode(), encode_line(event))
