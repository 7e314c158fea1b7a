"""The format of `/ai/chat`: the AI SDK's UI message stream, version 1, which ends with `[DONE]`.

No frame has an `id:`, because the protocol resumes by a replay of the whole message.

See docs/decisions/066-void-text-is-taken-back-where-the-protocol-can.md.
"""

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from ....core.log.journal import Entry, RunRecord
from ....models.chat import StreamingChunk
from ....models.numbers import STRIDE
from ...encoding import encode_line
from ...media_links import MediaLinks
from . import chunks as ui
from .answered import request_of
from .chunks import Chunk, StartStep
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
    With `resets` the page knows the chunk `reset-step`, by which parts are taken back.
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
        resets: bool = False,
        links: MediaLinks | None = None,
    ) -> None:
        self.heartbeat: bytes | None = b": keep-alive\n\n"
        self._record = record
        self._links = links
        self._earlier = earlier
        self._joins = joins and not earlier
        self._narration, before, after = self._begun()
        self._head = _frames([*(before if replay else ()), *after])
        # What was sent, by the numbers of entries, where some of it may become void.
        self._sent: list[tuple[int, StreamingChunk]] | None = None
        if resets and record.recipe:
            self._sent = []

    def encode(self, number: int, chunk: StreamingChunk) -> bytes:
        if chunk.recovered is not None:
            return self._reset(chunk.recovered.after % STRIDE)
        if self._sent is not None:
            self._sent.append((number, chunk))
        found = self._narration.feed(self._record, self._linked(chunk))
        if not found and not chunk.done:
            return b""
        head, self._head = self._head, b""
        return head + _frames(found) + (DONE if chunk.done else b"")

    def takes_back(self, after: int) -> bool:
        """Whether the page can drop what it has got after this entry: all that is new is in its
        last step."""
        if self._sent is None:
            return False
        _, stands = self._message(after)
        void = self._message(None)[1][len(stands) :]
        starts = [n for n, chunk in enumerate(void) if isinstance(chunk, StartStep)]
        if not starts:
            return True
        adds = not all(isinstance(chunk, ui.ADD_NOTHING) for chunk in void[: starts[0]])
        return len(starts) == 1 and not adds

    def _reset(self, after: int) -> bytes:
        """The chunks by which the page drops what it has got after an entry."""
        narration, stands = self._message(after)
        begun = self._narration.steps - narration.steps
        self._narration = narration
        self._sent = [sent for sent in self._sent or () if sent[0] <= after]
        if begun:  # the page keeps the step, which is empty then
            narration.reopen()
            return _frames([ui.ResetStep()])
        starts = [n for n, chunk in enumerate(stands, 1) if isinstance(chunk, StartStep)]
        return _frames([ui.ResetStep(), *stands[starts[-1] :]]) if starts else b""

    def _message(self, after: int | None) -> tuple[Narration, list[Chunk]]:
        """The message as it was after an entry, or as it is, and all of its chunks."""
        narration, *begun = self._begun()
        chunks = [chunk for part in begun for chunk in part]
        for number, entry in self._sent or ():
            if after is None or number <= after:
                chunks += narration.feed(self._record, self._linked(entry))
        return narration, chunks

    def _begun(self) -> tuple[Narration, list[Chunk], list[Chunk]]:
        """The message before this run: its chunks so far, and what the page has answered then."""
        narration, before = Narration(joins=self._joins), list[Chunk]()
        for run in self._earlier:
            before += narration.answer(run.record, request_of(run.record).answers)
            for _, chunk in run.entries:
                before += narration.feed(run.record, self._linked(chunk), last=False)
        if not self._earlier:
            return narration, before, []
        return narration, before, narration.answer(self._record, request_of(self._record).answers)

    def _linked(self, chunk: StreamingChunk) -> StreamingChunk:
        return chunk if self._links is None else self._links.absolute(chunk)


def _frames(found: Sequence[Chunk]) -> bytes:
    return b"".join(b"data: %b\n\n" % encode_line(chunk) for chunk in found)
