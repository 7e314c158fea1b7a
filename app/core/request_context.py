"""The current request's id, as a `ContextVar`."""

from contextvars import ContextVar

#: The `X-Request-Id` of the client or a proxy, or else a new id; None outside of a request.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
