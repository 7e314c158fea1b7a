"""Anthropic's shape of an error: `{"type": "error", "error": {"type", "message"}}`, before the
first byte as a response, after it as the last event."""

from collections.abc import Mapping

import msgspec
from fastapi import Response

from ....core.error_codes import REGISTRY
from ....core.errors import AgnoStreamError
from ....core.request_context import request_id
from ....core.run_failures import failure_from
from ....models.chat import ErrorInfo
from ...door import retry_after
from ...encoding import encode_line

#: Anthropic's status where it is another than ours.
STATUSES = {"invalid_field": 400, "context_too_long": 400}

#: Anthropic's types of errors by their status; all others are in `_type`.
TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


class ErrorDetails(msgspec.Struct):
    """`error_code` is this server's own code, where Anthropic's SDKs look for one."""

    error_code: str


class ErrorBody(msgspec.Struct):
    type: str
    message: str
    details: ErrorDetails


class ErrorObject(msgspec.Struct, tag="error"):
    error: ErrorBody
    request_id: str | None


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error before the first byte, with its HTTP status.

    The header `x-should-retry: false` keeps the SDKs from retrying errors that are not transient.
    """
    extra = {**(headers or {}), **request_header(), **retry_after(error)}
    row = REGISTRY.get(error.code)
    if row is None or not row.retryable:
        extra["x-should-retry"] = "false"
    return Response(error_body(error), _status(error), extra, media_type="application/json")


def error_frame(error: ErrorInfo) -> bytes:
    """Return the bytes of the last event of a failed stream, which the SDKs raise as an
    exception."""
    return b"event: error\ndata: %b\n\n" % error_body(failure_from(error))


def error_body(error: AgnoStreamError) -> bytes:
    """Return an error as the bytes of one line of JSON."""
    body = ErrorBody(_type(_status(error)), error.message, ErrorDetails(error.code))
    return encode_line(ErrorObject(body, request_id.get()))


def request_header() -> dict[str, str]:
    """The header in which Anthropic's SDKs look for the id of a request."""
    own = request_id.get()
    return {"request-id": own} if own else {}


def _status(error: AgnoStreamError) -> int:
    return STATUSES.get(error.code, error.status)


def _type(status: int) -> str:
    return TYPES.get(status) or ("invalid_request_error" if status < 499 else "api_error")
