"""OpenAI's shape of an error, for all doors to its clients: `{"error": {"message", "type", "param",
"code"}}`, always all four."""

from collections.abc import Mapping

import msgspec
from fastapi import Response

from ..core.error_codes import REGISTRY
from ..core.errors import AgnoStreamError, InvalidField
from .door import retry_after
from .encoding import encode_line

#: The codes that OpenAI's clients look for, and its status where it is another than ours.
CODES = {
    "unknown_model": "model_not_found",
    "context_too_long": "context_length_exceeded",
    "model_rate_limited": "rate_limit_exceeded",
    "rate_limited": "rate_limit_exceeded",
    "too_many_runs": "rate_limit_exceeded",
    "unauthorized": "invalid_api_key",
    "not_signed_in": "invalid_api_key",
}
STATUSES = {"invalid_field": 400, "context_too_long": 400}

#: The SDKs retry after these by themselves, because nothing was generated. After most other errors
#: they would, too, and each time start an answer that nobody is shown.
TRANSIENT = frozenset(row.code for row in REGISTRY.values() if row.retryable)


class ErrorBody(msgspec.Struct):
    message: str
    type: str
    param: str | None
    code: str


class ErrorObject(msgspec.Struct):
    error: ErrorBody


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error before the first byte, with its HTTP status.

    The header `x-should-retry: false` keeps clients from retrying errors that are not transient.
    """
    extra = {**(headers or {}), **retry_after(error)}
    if error.code not in TRANSIENT:
        extra["x-should-retry"] = "false"
    status = STATUSES.get(error.code, error.status)
    return Response(error_body(error), status, extra, media_type="application/json")


def error_body(error: AgnoStreamError) -> bytes:
    """Return an error as the bytes of one line of JSON."""
    code = CODES.get(error.code, error.code)
    return encode_line(ErrorObject(ErrorBody(error.message, _type(error), _param(error), code)))


def _type(error: AgnoStreamError) -> str:
    if error.status == 429:
        return "rate_limit_error"
    return "invalid_request_error" if error.status < 499 else "server_error"


def _param(error: AgnoStreamError) -> str | None:
    """Return the name of the request's field that is wrong, None if the error is about no field."""
    if error.code == "unknown_model":
        return "model"
    fields = error.details.get("fields") if isinstance(error, InvalidField) else None
    return fields[0]["field"] or None if isinstance(fields, list) and fields else None
