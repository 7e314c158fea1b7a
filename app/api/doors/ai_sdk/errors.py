"""The door's errors before the first byte: sentences, because the AI SDK shows the body as the
error's message. The header `X-Error-Code` has the code. Later errors are chunks of the stream."""

from collections.abc import Mapping

from fastapi.responses import PlainTextResponse, Response

from ....core.errors import AgnoStreamError
from ...door import retry_after

CODE_HEADER = "X-Error-Code"


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error before the first byte."""
    extra = {**(headers or {}), **retry_after(error), CODE_HEADER: error.code}
    return PlainTextResponse(error.message, error.status, extra)
