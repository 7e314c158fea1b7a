"""The size of a request's head, counted while it comes."""

from ..core.errors import AddressTooLong, HeadTooLarge
from .connections import ConnectionBounds


class HeadMeter:
    """Bounds the bytes and the fields of the heads of one connection, one head at a time.

    `add_address` and `add_field` count what the parser reports. It reports a field only when that
    is complete, so `feed` also counts all slices of the input that end before their head does:
    a field that never ends is bounded, too.
    """

    def __init__(self, bounds: ConnectionBounds) -> None:
        self._bounds = bounds
        self._address = self._size = self._fields = self._fed = 0

    @property
    def begun(self) -> bool:
        """Whether a part of the head has come."""
        return bool(self._size or self._fed)

    def restart(self) -> None:
        """Begin to count the next head."""
        self._address = self._size = self._fields = self._fed = 0

    def complete(self) -> None:
        """Begin to count what the parser has not reported after this."""
        self._fed = 0

    def feed(self, size: int) -> None:
        """Count the bytes of a slice that completes no head and no body; raises `HeadTooLarge`."""
        self._fed += size
        if self._fed > self._bounds.head_bytes:
            raise self._too_large()

    def add_address(self, size: int) -> None:
        """Count a part of the address; raises `AddressTooLong`."""
        self._address += size
        self._size += size
        if self._address > self._bounds.address_bytes:
            raise AddressTooLong(
                f"The address is longer than {self._bounds.address_bytes} bytes. "
                "Send the question in the body of a POST."
            )

    def add_field(self, size: int) -> None:
        """Count a field, also one after a chunked body; raises `HeadTooLarge`."""
        self._size += size
        self._fields += 1
        if self._size > self._bounds.head_bytes or self._fields > self._bounds.fields:
            raise self._too_large()

    def _too_large(self) -> HeadTooLarge:
        return HeadTooLarge(
            f"The header fields have more than {self._bounds.head_bytes} bytes, or are more than "
            f"{self._bounds.fields}."
        )
