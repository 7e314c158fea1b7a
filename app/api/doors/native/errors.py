"""The native shape of an error before the first byte: `{"error": {"code", "message", ...}}`."""

from collections.abc import Mapping

from fastapi.responses import JSONResponse, Response

from ....core.errors import AgnoStreamError
from ...door import retry_after


def error_response(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return an error as JSON with its HTTP status, and with `Retry-After` in seconds if waiting
    helps."""
    extra = {**(headers or {}), **retry_after(error)}
    return JSONResponse(error.body(), status_code=error.status, headers=extra)
