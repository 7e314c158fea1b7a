"""One HTTP response while its bytes arrive."""

from collections.abc import Mapping

from agno_stream.requests import SSE
from agno_stream.sse import SSEDecoder


class Reply:
    """An HTTP response while its bytes arrive: a stream of events, or a document.

    A stream has a `decoder`, else None; the bytes of a document collect in `body`. `complete` is
    True if no more bytes will come, because the response has ended or its connection is lost.
    """

    def __init__(self, status: int = 0, headers: Mapping[str, str] | None = None) -> None:
        self.status = status
        self.headers = headers or {}
        is_stream = status == 200 and self.headers.get("content-type", "").startswith(SSE)
        # A decoder for each response, because an event that a lost connection cut is sent again.
        self.decoder = SSEDecoder() if is_stream else None
        self.body = b""
        self.complete = False
