"""Cuts the bytes of a body into events: server-sent events, and lines of JSON.

A cut between two reads may fall anywhere. Each class calls `take` for an event as soon as its last
byte is there, and `overflow` once for a line or an event that is larger than the bound; after that,
and after `stop`, it reads nothing more.
"""

from collections.abc import Callable
from typing import Protocol

#: What gateways send as data, or as the name of an event, to keep a connection open.
_PINGS = frozenset({b"ping", b"pong", b"heartbeat", b"keepalive", b"keep-alive", b"keep_alive"})
_EMPTY = frozenset({b"null", b"{}", b"[]", b'""', b"true", b"ok"})

#: Bytes of one line, and of one event, at most: an image in base64 fits, an endless line does not.
LARGEST = 16 * 2**20

#: Bytes that a line takes in memory beside its own, about.
_LINE = 64

#: Lines of data after which they are looked at: whole documents need not wait for a blank line.
_MANY = 32

_LF = ord("\n")  # a number is found in bytes four times as fast as bytes

#: Takes the data of an event, and its name if it has one.
Take = Callable[[bytes, bytes | None], None]


class Framing(Protocol):
    """What a reader knows of the way its events are framed."""

    def feed(self, data: bytes) -> None: ...

    def close(self) -> None: ...

    def stop(self) -> None: ...


class _Lines:
    """Complete lines, out of parts that are joined once: not again with each part."""

    __slots__ = ("parts", "size")

    def __init__(self) -> None:
        self.parts: list[bytes] = []  # of the line that has no end yet
        self.size = 0  # of them

    def feed(self, data: bytes) -> bytes:
        """The lines that end in `data`, each with its LF; empty if there is none."""
        end = data.rfind(b"\n") + 1
        if not end:
            self.parts.append(data)
            self.size += len(data)
            return b""
        lines, rest = (data, b"") if end == len(data) else (data[:end], data[end:])
        if self.parts:
            self.parts.append(lines)
            lines = b"".join(self.parts)
            self.parts.clear()
        if rest:
            self.parts.append(rest)
        self.size = len(rest)
        return lines

    def rest(self) -> bytes:
        """The line that has no end."""
        rest = b"".join(self.parts)
        self.parts.clear()
        return rest


class Events:
    """Server-sent events (HTML standard, 9.2.6), read leniently.

    Lines end in LF, CRLF or CR. Comments, ids and unknown fields are passed over, and so is an
    event without data. At the end of the body an event is taken without a blank line behind it.
    """

    __slots__ = ("_after_cr", "_data", "_lines", "_name", "_overflow", "_size", "_stopped", "_take")

    def __init__(self, take: Take, overflow: Callable[[], None]) -> None:
        self._take = take
        self._overflow = overflow
        self._lines = _Lines()
        self._after_cr = False
        self._data: list[bytes] = []
        self._size = 0  # of the data lines, if there are several
        self._name: bytes | None = None
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def feed(self, data: bytes) -> None:
        if self._after_cr and data:
            data = data.removeprefix(b"\n")
            self._after_cr = False
        if b"\r" in data:
            self._after_cr = data.endswith(b"\r")  # a LF may come with the next part
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        # Whole events, as they mostly come, need not be joined.
        whole = not self._lines.parts and data.endswith(b"\n")
        lines = data if whole else self._lines.feed(data)
        if lines and not self._data and self._name is None:
            self._read_events(lines)
        elif lines:
            self._read(lines[:-1].split(b"\n"))
        if self._lines.size > LARGEST:
            self._refuse()

    def close(self) -> None:
        self._read([self._lines.rest(), b""])

    def _read_events(self, lines: bytes) -> None:
        """Read lines that begin with a new event: of nearly all events one line of data, at most
        with a name before it."""
        *events, rest = lines.split(b"\n\n")
        take, lf = self._take, _LF
        for event in events:
            if event.startswith(b"data: ") and lf not in event and len(event) < LARGEST:
                take(event[6:], None)
            else:
                self._read_event(event)
            if self._stopped:
                return
        if rest:
            self._read(rest[:-1].split(b"\n"))

    def _read_event(self, event: bytes) -> None:
        name, _, data = event.partition(b"\n")
        plain = name.startswith(b"event:") and data.startswith(b"data: ") and len(data) < LARGEST
        if plain and _LF not in data:
            self._take(data[6:], name[6:70].strip())
        else:
            self._read([*event.split(b"\n"), b""])

    def _read(self, lines: list[bytes]) -> None:
        data = self._data
        for line in lines:
            if line.startswith(b"data:"):
                data.append(line[6:] if line.startswith(b"data: ") else line[5:])
                if len(data) > 1 or len(line) > LARGEST:
                    self._further(line)
            elif not line:
                if data:
                    self._take(data[0] if len(data) == 1 else b"\n".join(data), self._name)
                    data.clear()
                    self._size = 0
                self._name = None
            elif line.startswith(b"event:"):
                self._name = line[6:70].strip()
            elif line == b"data":  # a field without a colon has an empty value
                data.append(b"")
                self._further(line)
            if self._stopped:
                return

    def _further(self, line: bytes) -> None:
        """Count a further line of an event, and let those go that are events of their own."""
        data = self._data
        self._size += len(line) + _LINE
        if self._size > LARGEST:
            self._refuse()
        elif len(data) == _MANY and all(map(is_object, data)):
            for one in data:
                self._take(one, self._name)
            data.clear()
            self._size = 0

    def _refuse(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._overflow()


class JsonLines:
    """One JSON document a line. Lines end at LF alone: text may hold U+0085 and U+2028 as they
    are."""

    def __init__(self, take: Take, overflow: Callable[[], None]) -> None:
        self._take = take
        self._overflow = overflow
        self._lines = _Lines()
        self._stopped = False

    def stop(self) -> None:
        self._stopped = True

    def feed(self, data: bytes) -> None:
        lines = self._lines.feed(data)
        if lines:
            self._read(lines[:-1].split(b"\n"))
        if self._lines.size > LARGEST:
            self._refuse()

    def close(self) -> None:
        self._read([self._lines.rest()])

    def _read(self, lines: list[bytes]) -> None:
        for line in lines:
            if self._stopped:
                return
            if len(line) > LARGEST:
                self._refuse()
            elif line and not line.isspace():
                self._take(line, None)

    def _refuse(self) -> None:
        if not self._stopped:
            self._stopped = True
            self._overflow()


def is_object(line: bytes) -> bool:
    """Whether a line looks like a whole JSON object."""
    line = line.strip()
    return line.startswith(b"{") and line.endswith(b"}")


def is_noise(data: bytes, name: bytes | None) -> bool:
    """Whether an event, by its data or its name, only keeps the connection open."""
    if data.startswith(b":"):
        return True
    plain = data.strip()
    if not plain or name in _PINGS or plain.startswith(b":"):
        return True
    return len(plain) < 16 and (plain.lower() in _PINGS or plain.lower() in _EMPTY)
