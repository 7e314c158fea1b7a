"""The size of a request's head, counted while it comes."""

import re
from collections.abc import Iterable

from ..core.errors import AddressTooLong, BadRequest, HeadTooLarge
from .connections import ConnectionBounds

#: A name or an address, and a port (RFC 9110, 7.2): no user, no path, no white space.
HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]*|\[[0-9a-fA-F:.]+\])(?::\d*)?")

#: An address with a scheme, as clients send it to a proxy.
ABSOLUTE = re.compile(rb"[a-z][a-z0-9+.-]*://([^/?#]*)", re.IGNORECASE)


def body_length(fields: Iterable[tuple[bytes, bytes]]) -> int | None:
    """Return the bytes of the body by a request's fields; None for one in chunks.

    Raises `BadRequest` for another transfer coding: where the body ends would be a guess. The
    parser has refused what contradicts itself.
    """
    length = 0
    chunked = False
    for name, value in fields:
        if name == b"transfer-encoding":
            if value.strip().lower() != b"chunked":
                raise BadRequest("Transfer-Encoding: only chunked is read here.")
            chunked = True
        elif name == b"content-length":
            length = int(value)
    return None if chunked else length


def check_host(fields: Iterable[tuple[bytes, bytes]], address: bytes, version: str) -> None:
    """Raise `BadRequest` unless a request says for which host it is, once and in one way (RFC 9112,
    3.2): a proxy in front may have read another one."""
    if version == "0.9":
        raise BadRequest("HTTP/0.9 is not spoken here.")
    hosts = [value.strip() for name, value in fields if name == b"host"]
    if len(hosts) > 1 or (not hosts and version != "1.0"):
        raise BadRequest("Host: must be sent once.")
    if hosts and not HOST.fullmatch(hosts[0]):
        raise BadRequest("Host: is not valid.")
    absolute = ABSOLUTE.match(address)
    if absolute and hosts and absolute[1].lower() != hosts[0].lower():
        raise BadRequest("Host: is not the host of the address.")


class HeadMeter:
    """Bounds the bytes and the fields of the heads of one connection, one head at a time.

    `add_address` and `add_field` count what the parser reports. It reports a field only when that
    is complete, so `feed` also counts all slices of the input that end before their head does:
    a field that never ends is bounded, too.
    """

    __slots__ = ("_address", "_bounds", "_fed", "_fields", "_size")

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
