"""What the readers of protocols that send server-sent events have in common."""

from .outcome import ProviderError
from .parts.documents import documents, parse
from .parts.framing import is_noise
from .reader import Reader


class EventsReader(Reader):
    """Reads a body of server-sent events, whose data is JSON for the most part."""

    __slots__ = ()

    def _read(self, data: bytes, name: bytes | None) -> None:
        """Read the data of an event that is not just text."""
        if name != b"error" and is_noise(data, name):
            return
        plain = data.strip()
        value = parse(plain) if plain.startswith((b"{", b"[")) else None
        if isinstance(value, dict):
            self._event(value, name)
        elif isinstance(value, list) and value and isinstance(value[0], dict):
            self._event(value[0], name)
        elif plain.startswith(b"[DONE]"):
            self._end()
        elif b"\n" in data and (lines := documents(data)):
            for line in lines:  # events without a blank line between them
                self._take(line, name)
        elif name == b"error":
            self._error(ProviderError(plain.decode("utf-8", "replace")[:2000]))
        else:
            self._garbage(data, name)
