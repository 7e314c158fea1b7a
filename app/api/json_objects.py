"""JSON objects in requests, parsed within bounds.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import json
import math
from collections.abc import Generator, Iterable
from typing import Any, NoReturn

from ..core.access.turnstile import in_turns
from ..core.errors import BadRequest, TooLarge

#: Bounds of a request's JSON: objects and arrays inside of each other, their number, and the values
#: in all of them. An object with one value takes 200 bytes.
MAX_DEPTH = 100
MAX_CONTAINERS = 75_000
MAX_VALUES = 150_000

#: Bytes whose values are counted at once.
SLICE = 32 << 10

#: The types of values that have others inside.
CONTAINERS = frozenset({dict, list})

EMPTY = "The request body is empty. Send a JSON object."


async def parse_in_turns(body: bytearray, empty: str = EMPTY) -> dict[str, Any]:
    """Parse a request body as `parse_object` does, after its values were counted in small steps:
    millions of them would take seconds to parse."""
    if not json.detect_encoding(bytes(body[:4])).startswith("utf-8"):
        try:  # in UTF-16 a character may look like a quotation mark
            body[:] = _text(body).encode("utf-8", "surrogatepass")
        except ValueError as error:
            raise _broken(error) from None
    if len(body) > MAX_VALUES:
        await in_turns(_counting(body))
    return parse_object(body, empty)


def parse_object(body: bytes | bytearray, empty: str = EMPTY) -> dict[str, Any]:
    """Parse a request body as a JSON object and return it as a dict.

    Raises `BadRequest`, or `TooLarge` for an object with too many values. `empty` is the error's
    message for an empty body. The content type is ignored, because many clients send none. A
    `bytearray` is empty afterwards, so that a large text is in memory once.
    """
    if not body or body.isspace():
        raise BadRequest(empty)
    try:
        text = _text(body)
        if isinstance(body, bytearray):
            body.clear()
        data = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _broken(error) from None
    if not isinstance(data, dict):
        raise BadRequest("The request body is not a JSON object: it must begin with '{'.")
    _check_size(data)
    return data


def _broken(error: Exception) -> BadRequest:
    return BadRequest(f"The request body is not JSON: {error}")


def _text(body: bytes | bytearray) -> str:
    """The text of a body in UTF-8, UTF-16 or UTF-32; raises `ValueError`."""
    return body.decode(json.detect_encoding(bytes(body[:4])), "surrogatepass")


def _counting(body: bytearray) -> Generator[None, None, None]:
    """Count what is between the values of a JSON text in UTF-8; raises `TooLarge`.

    There may be some more values than are accepted: `_check_size` counts exactly.
    """
    commas = openings = at = 0
    inside = False  # a string
    while at < len(body):
        piece = bytes(body[at : at + SLICE])
        if (len(piece) - len(piece.rstrip(b"\\"))) % 2 and len(piece) == SLICE:
            piece = piece[:-1]  # no escape is cut
        at += len(piece)
        parts = piece.replace(rb"\\", b"").replace(rb"\"", b"").split(b'"')
        outside = b"".join(parts[inside::2])
        inside ^= not len(parts) % 2
        commas += outside.count(b",")
        openings += outside.count(b"{") + outside.count(b"[")
        if commas > MAX_VALUES or openings > MAX_CONTAINERS:
            raise _too_many()
        yield


def _check_size(data: dict[str, Any]) -> None:
    """Raise for an object that is nested too deeply, or has too many values, or numbers that are
    not finite."""
    level: list[Any] = [data]
    values = depth = containers = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadRequest(f"The request body is JSON that is nested deeper than {MAX_DEPTH}.")
        below: list[Any] = []
        containers += len(level)
        for container in level:
            values += len(container)
            if values > MAX_VALUES or containers > MAX_CONTAINERS:
                raise _too_many()
            inner = container.values() if isinstance(container, dict) else container
            types = set(map(type, inner))
            if float in types:
                _check_finite(inner)
            if types & CONTAINERS:
                below += [value for value in inner if type(value) in CONTAINERS]
        level = below


def _too_many() -> TooLarge:
    return TooLarge(
        f"The request body has more than {MAX_VALUES} values, or more than {MAX_CONTAINERS} "
        "objects and arrays.",
        max_values=MAX_VALUES,
    )


def _check_finite(values: Iterable[Any]) -> None:
    """Python's parser takes 1e999 for infinity, which no provider can be sent."""
    if not all(map(math.isfinite, [value for value in values if type(value) is float])):
        raise BadRequest("The request body is not JSON: it has a number that is too large.")


def _no_constant(name: str) -> NoReturn:
    """Raise `ValueError`: NaN and Infinity, which Python's parser accepts, are not JSON (RFC 8259,
    6)."""
    raise ValueError(f"{name} is not a JSON number")
