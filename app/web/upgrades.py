"""Requests that offer to continue in another protocol, as Java's HTTP client does (`h2c`)."""

from collections.abc import Iterable
from typing import Any

#: Fields that concern the other protocol only.
OF_UPGRADES = frozenset({b"upgrade", b"http2-settings"})


def plain_head(parser: Any, url: bytes, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Return the bytes of a request's head without its offer to change the protocol.

    `parser` has read the head. What it found is written again, so that the same parser reads the
    body in the same way; the names of the fields are in lower case.
    """
    lines = [b"%b %b HTTP/%b" % (parser.get_method(), url, parser.get_http_version().encode())]
    for name, value in headers:
        if name in OF_UPGRADES:
            continue
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            kept = [token for token in tokens if token.lower() not in OF_UPGRADES]
            value = b", ".join(kept)
        lines.append(b"%b: %b" % (name, value))
    return b"\r\n".join([*lines, b"", b""])
