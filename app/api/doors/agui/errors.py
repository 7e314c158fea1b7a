"""AG-UI's shape of an error: the event `RUN_ERROR`, before the first byte as a JSON body."""

from collections.abc import Mapping

from fastapi import Response

from ....core.errors import AgnoStreamError
from ...door import retry_after
from ...encoding import encode_line
from .events import RunError


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error before the first byte: the run has not started."""
    extra = {**(headers or {}), **retry_after(error)}
    body = encode_line(RunError(message=error.message, code=error.code))
    return Response(body, error.status, extra, media_type="application/json")
