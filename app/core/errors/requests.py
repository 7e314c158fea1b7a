"""Errors for which a request is rejected by what it contains, or by where it comes from."""

from .base import AgnoStreamError


class BadRequest(AgnoStreamError):
    """A request that cannot be read."""

    code = "bad_request"


class BadEventId(BadRequest):
    """An event id that is malformed, belongs to another run, or is ahead of the run's log."""

    code = "bad_last_event_id"


class UnknownHost(BadRequest):
    """A `Host` that is not among ALLOWED_HOSTS."""

    code = "unknown_host"


class InvalidField(BadRequest):
    """A field that was not accepted; `details` has `fields`, each with its problem."""

    code = "invalid_field"


class Unauthorized(AgnoStreamError):
    """A request without a key, or with an unknown key."""

    code = "unauthorized"


class Forbidden(AgnoStreamError):
    """Base of the errors for requests that are rejected because of where they come from (403)."""


class LoopbackOnly(Forbidden):
    """A request from another machine to a server without keys."""

    code = "loopback_only"


class CrossSite(Forbidden):
    """A request with no key by a page of another site, or that a browser makes on its own."""

    code = "cross_site"


class NotFound(AgnoStreamError):
    """Something that does not exist, or belongs to another principal."""

    code = "not_found"


class UnknownAgent(NotFound):
    """No agent has this name."""

    code = "unknown_agent"


class UnknownModel(NotFound):
    """No model has this name."""

    code = "unknown_model"


class MethodNotAllowed(AgnoStreamError):
    """The address has routes, but none for this method."""

    code = "method_not_allowed"


class NoMcp(AgnoStreamError):
    """The package that speaks MCP is not installed."""

    code = "no_mcp"


class NoEmbeddings(AgnoStreamError):
    """The server has no model for embeddings."""

    code = "no_embeddings"


class BodyTimeout(AgnoStreamError):
    """A request body that did not arrive within BODY_TIMEOUT seconds."""

    code = "body_timeout"


class HeadTimeout(AgnoStreamError):
    """A request whose line and header fields did not arrive within HEAD_TIMEOUT seconds."""

    code = "head_timeout"


class KeyReused(InvalidField):
    """An `Idempotency-Key` that was sent with another request before."""

    code = "idempotency_key_reused"


class TooLarge(AgnoStreamError):
    """A request body of more than MAX_BODY_BYTES bytes."""

    code = "too_large"


class AddressTooLong(AgnoStreamError):
    """A request whose address is longer than the server accepts."""

    code = "address_too_long"


class HeadTooLarge(AgnoStreamError):
    """A request whose line and header fields have more than MAX_HEAD_BYTES bytes, or are too
    many."""

    code = "head_too_large"


class UnsupportedEncoding(AgnoStreamError):
    """A request body in a `Content-Encoding` that the server does not read."""

    code = "unsupported_encoding"
