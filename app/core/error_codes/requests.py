"""The errors of requests that cannot be served, and of a server that cannot serve them now."""

from .code import ErrorCode

REQUESTS = (
    # Requests that cannot be served as they are.
    ErrorCode("bad_request", 400, "The request cannot be read.", "The message says what is wrong."),
    ErrorCode(
        "bad_last_event_id",
        400,
        "The event id does not belong to this run.",
        "Send the `id` of the last event that was received, or read the run from its beginning.",
    ),
    ErrorCode(
        "unknown_host",
        400,
        "The server does not answer to the name in `Host`.",
        "Add the name to ALLOWED_HOSTS.",
    ),
    ErrorCode(
        "unauthorized",
        401,
        "The server requires a key.",
        "Send `Authorization: Bearer <key>`. The operator of the server gives out keys.",
    ),
    ErrorCode(
        "loopback_only",
        403,
        "The server has no keys, so it answers on its own machine only.",
        "Set API_KEYS, ALLOWED_HOSTS, or ALLOW_ANONYMOUS=1.",
    ),
    ErrorCode(
        "cross_site",
        403,
        "A page of another origin sent a request that no key or token came with.",
        "Add the page's origin to CORS_ORIGINS. If the page is the server's own, its proxy has to "
        "pass on Host with the port.",
    ),
    ErrorCode(
        "not_found", 404, "No route has this address.", "GET /docs lists the routes of the server."
    ),
    ErrorCode(
        "no_embeddings",
        501,
        "The server has no model that makes embeddings.",
        "Set EMBEDDINGS, as in openai:text-embedding-3-small.",
    ),
    ErrorCode(
        "no_mcp",
        501,
        "The server has not the package that speaks MCP.",
        "Install agno-stream[mcp].",
    ),
    ErrorCode(
        "unknown_agent",
        404,
        "The server has no agent of this name.",
        "Choose one of GET /api/v1/agents.",
    ),
    ErrorCode(
        "unknown_model",
        404,
        "The server has no model of this name.",
        "Choose one of GET /api/v1/models.",
    ),
    ErrorCode(
        "unknown_run",
        404,
        "The server has no such run.",
        "It never started, belongs to another key, or is no longer kept (RETENTION).",
    ),
    ErrorCode(
        "unknown_conversation",
        404,
        "The server has no such conversation.",
        "It was deleted, never existed, or belongs to another key.",
    ),
    ErrorCode(
        "unknown_turn",
        404,
        "The conversation has no such turn.",
        "Read the conversation, and name a turn by one of its `run_id`s.",
    ),
    ErrorCode(
        "unknown_media",
        404,
        "The run has no such media.",
        "It never existed, belongs to another key, or is no longer kept.",
    ),
    ErrorCode(
        "method_not_allowed",
        405,
        "The address has no such method.",
        "The header `Allow` lists the methods.",
    ),
    ErrorCode(
        "body_timeout",
        408,
        "The request body did not arrive in time.",
        "Send it again; BODY_TIMEOUT is the limit.",
        retryable=True,
    ),
    ErrorCode(
        "head_timeout",
        408,
        "The request's header fields did not arrive in time.",
        "Send it again; HEAD_TIMEOUT is the limit.",
        retryable=True,
    ),
    ErrorCode(
        "conversation_busy",
        409,
        "Another run is answering in this conversation.",
        "Wait for it, cancel it, or send `on_busy`.",
        retryable=True,
    ),
    ErrorCode(
        "already_asked",
        409,
        "A run of this id exists.",
        "Follow it instead of starting it again.",
    ),
    ErrorCode(
        "not_paused",
        409,
        "The run does not wait for a person.",
        "If another decision came first, `continued_by` is the run that continues it: follow that.",
    ),
    ErrorCode(
        "gap",
        410,
        "The beginning of this answer is no longer kept.",
        "Read from `first_event_id`.",
    ),
    ErrorCode(
        "too_large",
        413,
        "The request is larger than the server accepts.",
        "Make it shorter; MAX_BODY_BYTES is the limit.",
    ),
    ErrorCode(
        "address_too_long",
        414,
        "The address of the request is longer than the server accepts.",
        "Send the question in a POST.",
    ),
    ErrorCode(
        "unsupported_encoding",
        415,
        "The server does not read this `Content-Encoding`.",
        "Send the body in one of `Accept-Encoding`, or as it is.",
    ),
    ErrorCode(
        "invalid_field",
        422,
        "The server did not accept a field of the request.",
        "The message and `fields` name it.",
    ),
    ErrorCode(
        "invalid_decision",
        422,
        "The decisions do not fit what the run waits for.",
        "The message and `decisions` name each one that is missing, unknown or wrong.",
    ),
    ErrorCode(
        "idempotency_key_reused",
        422,
        "This `Idempotency-Key` was sent with another request.",
        "Use a new random key for each request.",
    ),
    ErrorCode(
        "head_too_large",
        431,
        "The request's header fields are larger than the server accepts.",
        "Send fewer or shorter ones; MAX_HEAD_BYTES is the limit.",
    ),
    # Limits, and a server that cannot take the request now.
    ErrorCode(
        "rate_limited",
        429,
        "The rate limit for this key is exceeded.",
        "Wait for the seconds in `Retry-After`.",
        retryable=True,
    ),
    ErrorCode(
        "too_many_runs",
        429,
        "The limit of concurrent runs for this key is reached.",
        "Wait until a run has ended, or cancel one.",
        retryable=True,
    ),
    ErrorCode(
        "overloaded",
        503,
        "The server accepts no new runs at the moment.",
        "It is restarting or at a limit. Try again in a moment.",
        retryable=True,
    ),
    ErrorCode(
        "not_opened",
        503,
        "The application that mounts the server does not run its lifespan.",
        "Write FastAPI(lifespan=lifespan(server)), with lifespan from agno_stream.server.",
    ),
    ErrorCode(
        "journal_unavailable",
        503,
        "The journal of runs cannot be read at the moment.",
        "Active runs continue from memory. Try again in a moment.",
        retryable=True,
    ),
    ErrorCode(
        "configuration_error",
        500,
        "A setting cannot work.",
        "The message names it. The server does not start with it.",
    ),
    ErrorCode("error", 500, "The server failed.", "The server's log says why."),
    ErrorCode("internal_error", 500, "The server failed.", "The server's log says why."),
)
