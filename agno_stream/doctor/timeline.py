"""When the bytes and events of a stream arrived.

See docs/decisions/046-buffering-is-measured-by-a-second-connection.md.
"""

import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

import httpx2

from agno_stream.doctor.errors import CheckFailed
from agno_stream.sse import SSEDecoder

HEARTBEAT = re.compile(rb"(?:^|\n):\r?\n")


@dataclass(slots=True)
class Timeline:
    """When the bytes and events of one stream arrived, in seconds of `time.monotonic()`."""

    requested: float = field(default_factory=time.monotonic)
    opened: float | None = None
    response: httpx2.Response | None = None
    reads: list[tuple[float, int]] = field(default_factory=list)  # time, bytes
    events: list[tuple[float, int]] = field(default_factory=list)  # time, event number
    heartbeats: list[float] = field(default_factory=list)
    text: str = ""
    last: dict[str, Any] = field(default_factory=dict)  # the last chunk
    ended: float | None = None
    broke: bool = False  # the connection failed
    _decoder: SSEDecoder = field(default_factory=SSEDecoder)

    @property
    def done(self) -> bool:
        """True if the last chunk of the answer has arrived."""
        return bool(self.last.get("done"))

    @property
    def number(self) -> int:
        """The number of the latest event; 0 if none has arrived."""
        return self.events[-1][1] if self.events else 0

    def receive(self, data: bytes) -> None:
        """Note bytes that arrive now; raises `CheckFailed` if no agno-stream server can have sent
        them."""
        now = time.monotonic()
        self.reads.append((now, len(data)))
        if HEARTBEAT.search(data):
            self.heartbeats.append(now)
        for event in self._decoder.feed(data):
            try:
                self.last = json.loads(event.data)
                number = int(event.id.rpartition(":")[2])
                self.text += self.last["content"]
            except (ValueError, LookupError, TypeError) as error:
                raise CheckFailed("The response is no stream of an agno-stream server") from error
            self.events.append((now, number))


def held_back(timeline: Timeline, available: list[tuple[float, int]]) -> float:
    """Return the delay of events between the server and the reader in seconds; 0 or less means
    none.

    `available` are times, each with the number of the latest event that the server had then. Of
    many delays the third longest is returned, because a machine that wakes up late spoils one or
    two. An event that never arrived counts as late until the stream's end.
    """
    end = timeline.ended
    if end is None:
        end = timeline.reads[-1][0] if timeline.reads else timeline.requested
    arrived = {number: at for at, number in timeline.events}
    late = sorted((arrived.get(number, end) - at for at, number in available), reverse=True)
    return late[2 if len(late) > 5 else 0] if late else 0.0
