"""The kind of a body, by its first bytes."""

from collections.abc import Callable

from .framing import LARGEST

#: Bytes of blanks at the beginning of a body that are kept until it is known what it is.
_BLANKS = 4096

_BOM = b"\xef\xbb\xbf"

#: What a stream of server-sent events begins with.
_FIELDS = (b"data", b"event", b"id", b"retry", b":")


def begins_events(start: bytes) -> bool | None:
    """Whether a body that begins so is a stream of events; None if that is not yet known."""
    if start.startswith(_FIELDS):
        return True
    return None if any(name.startswith(start) for name in _FIELDS) else False


class Body:
    """Lets a stream of events through, and keeps a body that is none: JSON, a page, words.

    `is_stream` says which it is by the first bytes that are not blank, as `begins_events` does.
    """

    __slots__ = ("_head", "_is_stream", "_kept", "_size", "streaming")

    def __init__(self, is_stream: Callable[[bytes], bool | None]) -> None:
        self.streaming = False
        self._is_stream = is_stream
        self._head: bytes | None = b""
        self._kept: list[bytes] = []
        self._size = 0

    @property
    def too_large(self) -> bool:
        return self._size > LARGEST

    def feed(self, data: bytes) -> bytes:
        """What of a stream is there with these bytes; nothing of another body."""
        if self.streaming:
            return data
        if self._head is not None:
            data = self._head + data
            start = data.removeprefix(_BOM).lstrip()
            stream = None if _BOM.startswith(start) else self._is_stream(start)
            if stream is None:
                self._head = data if len(data) < _BLANKS else b"\n"
                return b""
            self._head = None
            data = data.removeprefix(_BOM)
            if stream:
                self.streaming = True
                return data
        self._kept.append(data)
        self._size += len(data)
        if self.too_large:
            self._kept.clear()
        return b""

    def whole(self) -> bytes:
        """The body that is no stream."""
        return (self._head or b"") + b"".join(self._kept)
