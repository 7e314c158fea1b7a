"""The current request id, as a ContextVar."""

from contextvars import ContextVar

#: The id by which the client, or a proxy before us, finds a request in the logs; None outside one.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
