"""Bodies of requests, written as OpenAI's SDK writes them, but faster."""

from math import isfinite
from typing import Any

import msgspec

#: Arguments of `create` that are no fields of the body.
_OPTIONS = ("extra_headers", "extra_query", "timeout")


def written(arguments: dict[str, Any]) -> bytes | None:
    """The body of a request with these arguments; None if only the SDK knows how to write it, or
    refuses to."""
    fields = dict(arguments)
    further = fields.pop("extra_body", None)
    for name in _OPTIONS:
        if name in fields and fields.pop(name) is not None:
            return None
    try:
        if further:
            fields = {**fields, **further}
        return msgspec.json.encode(fields) if _plain(fields) else None
    except (TypeError, ValueError, RecursionError):
        return None


def _plain(value: Any) -> bool:
    """Whether a value is made of nothing but what JSON has: of the rest, msgspec writes more than
    the SDK, and writes it otherwise."""
    kind = type(value)
    if kind is dict:
        for key, part in value.items():
            if type(key) is not str or (type(part) is not str and not _plain(part)):
                return False
        return True
    if kind is list or kind is tuple:
        return all(type(part) is str or _plain(part) for part in value)
    if kind is float:
        return isfinite(value)
    return value is None or kind in (str, int, bool)
