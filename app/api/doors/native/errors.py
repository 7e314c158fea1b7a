"""The native shape of an error before the first byte: `{"error": {"code", "message", ...}}`."""

from collections.abc import Mapping

from fastapi.responses import JSONResponse, Response

from ....core.errors import AgnoStreamError
from ...door import retry_after


def error_response(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """The error with its HTTP status and, if waiting helps, `Retry-After` in seconds."""
    extra = {**(headers or {}), **retry_after(error)}
    return JSONResponse(error.body(), status_code=error.status, headers=extra)
