"""JSON objects in requests, parsed within bounds.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import json
import math
from typing import Any, NoReturn

from ..core.errors import BadRequest, TooLarge

#: Bounds of a request's JSON: objects and arrays inside of each other, and values in all of them.
MAX_DEPTH = 100
MAX_VALUES = 250_000


def parse_object(body: bytes) -> dict[str, Any]:
    """Parse a request body as a JSON object and return it as a dict.

    Raises `BadRequest`, or `TooLarge` for an object with too many values. The content type is
    ignored, because many clients send none.
    """
    if not body.strip():
        raise BadRequest("The request body is empty. Send a JSON object.")
    try:
        data = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
    except (ValueError, RecursionError) as error:
        raise BadRequest(f"The request body is not JSON: {error}") from None
    if not isinstance(data, dict):
        raise BadRequest("The request body is not a JSON object: it must begin with '{'.")
    _check_size(data)
    return data


def _check_size(data: dict[str, Any]) -> None:
    """Raise for an object that is nested too deeply, or has too many values."""
    level: list[Any] = [data]
    values = depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise BadRequest(f"The request body is JSON that is nested deeper than {MAX_DEPTH}.")
        below: list[Any] = []
        for container in level:
            values += len(container)
            if values > MAX_VALUES:
                raise TooLarge(
                    f"The request body has more than {MAX_VALUES} values.", max_values=MAX_VALUES
                )
            inner = container.values() if isinstance(container, dict) else container
            below += [value for value in inner if isinstance(value, dict | list)]
        level = below


def _finite(text: str) -> float:
    """Python's parser takes 1e999 for infinity, which no provider can be sent."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _no_constant(name: str) -> NoReturn:
    """Raise `ValueError`: NaN and Infinity, which Python's parser accepts, are not JSON (RFC 8259,
    6)."""
    raise ValueError(f"{name} is not a JSON number")
