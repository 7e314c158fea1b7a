"""The base of all errors of the server, and those that no request causes."""

from typing import Any

from ...models.chat import ErrorInfo, FinishReason, StreamingChunk
from ..error_codes import REGISTRY
from ..text import replace_lone_surrogates


class AgnoStreamError(Exception):
    """Base of all errors. `code` is in the registry `error_codes`, which has the HTTP status.

    `retry_after` is the time to wait before another attempt in seconds, None if unknown or useless;
    `details` are further JSON fields for the client.
    """

    code: str = "error"
    finish_reason: FinishReason = "error"

    def __init__(
        self, message: str, *, retry_after: float | None = None, **details: object
    ) -> None:
        super().__init__(message)
        self.message = replace_lone_surrogates(message)  # it may quote a provider
        self.retry_after = retry_after
        self.details = details

    @property
    def status(self) -> int:
        """The HTTP status of the response, if the error occurs before the first byte."""
        return REGISTRY[self.code].status

    def body(self) -> dict[str, Any]:
        """Return the JSON body of a response in the native protocol: `{"error": {"code", "message",
        ...}}`."""
        return {"error": {"code": self.code, "message": self.message, **self.details}}

    def last_chunk(self, model: str) -> StreamingChunk:
        """Return the last chunk of a run or stream that ends with this error."""
        return StreamingChunk(
            content="",
            done=True,
            model=model,
            finish_reason=self.finish_reason,
            error=ErrorInfo(code=self.code, message=self.message, retry_after=self.retry_after),
        )


class ConfigurationError(AgnoStreamError):
    """A setting that cannot work; raised before the server serves."""

    code = "configuration_error"


class InternalError(AgnoStreamError):
    """An unforeseen error of the server; the traceback is in the server's log, never in a
    response."""

    code = "internal_error"


class NotOpened(AgnoStreamError):
    """The server has not been started, because the application that mounts it did not do so."""

    code = "not_opened"
