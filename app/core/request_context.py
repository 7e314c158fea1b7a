"""The request that something is done for."""

from contextvars import ContextVar

#: The id by which the client, or a proxy before us, may ask after a request; None outside of one.
request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
