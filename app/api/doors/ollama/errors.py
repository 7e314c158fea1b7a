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
    """The JSON object of an error: the body of an error response, or the last line of a stream."""

    error: str


def failure(message: str) -> bytes:
    """Return the bytes of the JSON object `{"error": <message>}`, without a line end."""
    return encode_line(Failure(message))


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error before the first line: `{"error": "..."}` with its HTTP
    status.

    For an unknown path or method the response is plain text, like that of Ollama's own server.
    """
    if type(error) in PLAIN:
        return PlainTextResponse(f"{error.status} {PLAIN[type(error)]}", error.status, headers)
    status = 400 if isinstance(error, InvalidField) else error.status
    extra = {**(headers or {}), **retry_after(error)}
    return Response(failure(error.message), status, extra, media_type=JSON)
