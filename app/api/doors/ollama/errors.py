"""Ollama's shape of an error: `{"error": "..."}`, before the first line and as the last one."""

from collections.abc import Mapping

import msgspec
from fastapi import Response
from fastapi.responses import PlainTextResponse

from ....core.errors import AgnoStreamError, InvalidField, MethodNotAllowed, NotFound
from ...door import retry_after
from ...encoding import encode_line

JSON = "application/json; charset=utf-8"


#: What Ollama's own server answers, as plain text, to what it does not serve.
PLAIN: dict[type[AgnoStreamError], str] = {
    NotFound: "page not found",
    MethodNotAllowed: "method not allowed",
}


class Failure(msgspec.Struct):
    """An error: before the first line with an HTTP status of its own, after it as the last line."""

    error: str


def failure(message: str) -> bytes:
    """The JSON object of an error, without a line end."""
    return encode_line(Failure(message))


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """An error before the first line: `{"error": "..."}` with a status; and what Ollama's own
    server answers where it has no such address, or not with this method."""
    if type(error) in PLAIN:
        return PlainTextResponse(f"{error.status} {PLAIN[type(error)]}", error.status, headers)
    status = 400 if isinstance(error, InvalidField) else error.status
    extra = {**(headers or {}), **retry_after(error)}
    return Response(failure(error.message), status, extra, media_type=JSON)
