"""The format of `/ai/chat`: the AI SDK's UI message stream, version 1, which ends with `[DONE]`.

No frame has an `id:`, because the protocol resumes by a replay of the whole message.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from ....core.log.journal import Entry, RunRecord
from ....models.chat import StreamingChunk
from ...encoding import encode_line
from ...media_links import MediaLinks
from .answered import Answer, request_of
from .chunks import Chunk
from .errors import EVENTS
from .narration import Narration

DONE = b"data: [DONE]\n\n"


class Earlier(NamedTuple):
    """An earlier run of the same message, with its whole log."""

    record: RunRecord
    entries: Sequence[Entry]


class AiSdkEncoder:
    """Encodes the chunks of one run as chunks of a message, which `earlier` runs have begun.

    With `replay` the earlier runs' chunks come first, so that a page can build the message anew;
    else the page has them. With `joins` it has a message whose earlier runs are not known here.
    """

    media_type: ClassVar[str] = EVENTS
    defers_status: ClassVar[bool] = True
    reconnect_hint: ClassVar[bytes | None] = None
    cacheable: ClassVar[bool] = False
    has_error_frame: ClassVar[bool] = True

    def __init__(
        self,
        record: RunRecord,
        earlier: Sequence[Earlier] = (),
        *,
        replay: bool = False,
        joins: bool = False,
        links: MediaLinks | None = None,
    ) -> None:
        self.heartbeat: bytes | None = b": keep-alive\n\n"
        self._record = record
        self._links = links
        self._narration = Narration(joins=joins and not earlier)
        before = b"".join(self._earlier(run) for run in earlier)
        after = self._answers(record) if earlier else b""
        self._head = (before if replay else b"") + after

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        found = self._narration.feed(self._record, self._linked(chunk))
        if not found and not chunk.done:
            return b""
        head, self._head = self._head, b""
        return head + _frames(found) + (DONE if chunk.done else b"")

    def _earlier(self, run: Earlier) -> bytes:
        out = self._answers(run.record)
        for _, chunk in run.entries:
            out += _frames(self._narration.feed(run.record, self._linked(chunk), last=False))
        return out

    def _answers(self, record: RunRecord) -> bytes:
        answers: list[Answer] = request_of(record).answers
        return _frames(self._narration.answer(record, answers))

    def _linked(self, chunk: StreamingChunk) -> StreamingChunk:
        return chunk if self._links is None else self._links.absolute(chunk)


def _frames(found: Sequence[Chunk]) -> bytes:
    return b"".join(b"data: %b\n\n" % encode_line(chunk) for chunk in found)
