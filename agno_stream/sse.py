"""A decoder for server-sent events (HTML standard, section 9.2), without any I/O."""

from typing import NamedTuple

#: The most bytes of one event; a longer one is an attack or a fault.
LONGEST_EVENT = 64 << 20


class Event(NamedTuple):
    """One event; `id` is the latest event id of the stream, from this event or an earlier one."""

    data: str
    event: str
    id: str


class SSEDecoder:
    """Decodes the bytes of a stream of server-sent events, which may be cut anywhere.

    An event without its blank line is not returned, as the standard demands; after a lost
    connection the server sends it again. Raises ValueError for an event of more than `longest`
    bytes.
    """

    def __init__(self, longest: int = LONGEST_EVENT) -> None:
        self._longest = longest
        self._rest: list[bytes] = []  # of a line whose end has not arrived
        self._size = 0  # bytes of the event so far
        self._skip_lf = False  # the last byte was CR; an LF after it ends the same line
        self._first = True
        self._data: list[bytes] = []
        self._event = b""
        self._id = ""

    def feed(self, data: bytes) -> list[Event]:
        """Return the list of events that these bytes complete."""
        if self._skip_lf and data:
            self._skip_lf = False
            if data[0] == 10:
                data = data[1:]
        if b"\n" not in data and b"\r" not in data:
            self._keep(data)
            return []
        self._size += len(data)
        if self._rest:
            data = b"".join((*self._rest, data))
            self._rest.clear()
        self._skip_lf = data[-1] == 13
        lines = data.splitlines()
        if data[-1] not in (10, 13):
            self._rest.append(lines.pop())
        if self._first:
            self._first = False
            lines[0] = lines[0].removeprefix(b"\xef\xbb\xbf")
        events: list[Event] = []
        for line in lines:
            if line[:6] == b"data: ":
                self._data.append(line[6:])
            elif not line:
                if self._data:
                    events.append(self._dispatch())
                self._event = b""
                self._size = 0
            elif line[:1] != b":":
                self._field(line)
        self._keep(b"")
        return events

    def _dispatch(self) -> Event:
        parts = self._data
        data = parts[0] if len(parts) == 1 else b"\n".join(parts)
        parts.clear()
        event = self._event.decode(errors="replace") if self._event else "message"
        return Event(data.decode(errors="replace"), event, self._id)

    def _field(self, line: bytes) -> None:
        name, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if name == b"data":
            self._data.append(value)
        elif name == b"id":
            if b"\0" not in value:
                self._id = value.decode(errors="replace")
        elif name == b"event":
            self._event = value
        # `retry` is ignored, because the client has its own pauses before it reconnects.

    def _keep(self, part: bytes) -> None:
        """Keep the beginning of a line until its end arrives; raises ValueError if the event is too
        long."""
        self._size += len(part)
        if self._size > self._longest:
            raise ValueError(f"an event of more than {self._longest} bytes")
        if part:
            self._rest.append(part)
