"""The errors before there is a message: JSON-RPC errors without an id, with an HTTP status."""

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import Response

from ....core.errors import AgnoStreamError
from ...door import retry_after
from ...encoding import encode_line

#: Codes of JSON-RPC: its own for an invalid request, and the first that a server may give.
INVALID_REQUEST = -32600
SERVER_ERROR = -32000


class ErrorBody(msgspec.Struct):
    """`data` has this server's own code."""

    code: int
    message: str
    data: dict[str, Any]


class ErrorObject(msgspec.Struct):
    error: ErrorBody
    jsonrpc: str = "2.0"
    id: None = None


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error before there is a message."""
    code = INVALID_REQUEST if error.status in (400, 422) else SERVER_ERROR
    body = ErrorBody(code, error.message, error_data(error))
    extra = {**(headers or {}), **retry_after(error)}
    return Response(
        encode_line(ErrorObject(body)), error.status, extra, media_type="application/json"
    )


def error_data(error: AgnoStreamError) -> dict[str, Any]:
    """What a program may read of an error."""
    found: dict[str, Any] = {"code": error.code}
    if error.retry_after is not None:
        found["retry_after"] = error.retry_after
    return found
