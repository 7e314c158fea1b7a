"""The door's errors before the first byte: sentences, because the AI SDK shows the body as the
error's message. The header `X-Error-Code` has the code. Later errors are chunks of the stream."""

from collections.abc import Mapping

from fastapi.responses import PlainTextResponse, Response

from ....core.errors import AgnoStreamError
from ...door import retry_after
from ...encoding import encode_line
from .chunks import Abort

#: The header by which clients know the format.
STREAM_HEADERS = {"x-vercel-ai-ui-message-stream": "v1"}

EVENTS = "text/event-stream"

#: Codes of failures that somebody has caused, who left or cancelled.
ABORTED = frozenset({"cancelled", "disconnected"})

CODE_HEADER = "X-Error-Code"


def refusal(error: AgnoStreamError, headers: Mapping[str, str] | None = None) -> Response:
    """Return the response to an error before the first byte.

    A run that was cancelled is no error of its reader: it is a stream that was aborted.
    """
    if error.code in ABORTED:
        body = b"data: %b\n\ndata: [DONE]\n\n" % encode_line(Abort(reason=error.message))
        return Response(body, 200, {**(headers or {}), **STREAM_HEADERS}, media_type=EVENTS)
    extra = {**(headers or {}), **retry_after(error), CODE_HEADER: error.code}
    return PlainTextResponse(error.message, error.status, extra)
