"""The errors of runs: before the first byte as a status, after it in the last chunk."""

from .code import ErrorCode

_KEPT = "The text so far is kept."

RUNS = (
    # How a run can fail: before the first byte as a status, after it in the last chunk.
    ErrorCode("agent_failed", 500, "The agent failed.", "The server's log says why."),
    ErrorCode(
        "input_refused",
        422,
        "A rule of the agent refused the question.",
        "The message says which. Nothing of the turn is stored, and the model was not called.",
    ),
    ErrorCode(
        "output_refused",
        422,
        "A rule of the agent refused the answer.",
        "The message says which. Nothing of the turn is stored.",
    ),
    ErrorCode(
        "pause_lost",
        410,
        "The state of the paused run is no longer stored.",
        "Its conversation was deleted, or the agent has another store. Send the question again.",
    ),
    ErrorCode(
        "turn_gone",
        410,
        "The turn that was to be answered again is no longer stored.",
        "It was deleted while the run waited. Ask the question anew.",
    ),
    ErrorCode(
        "agent_denied",
        403,
        "The agent is not made for this key or user.",
        "The message has the reason of the agent's factory.",
    ),
    ErrorCode(
        "tools_unavailable",
        503,
        "The agent's tools cannot be reached.",
        "Check the servers of its toolkits; GET /readyz names them. Then try again.",
        retryable=True,
    ),
    ErrorCode(
        "too_many_rounds",
        500,
        "The agent called its model again and again without an end.",
        "Look at its tool calls; MAX_ROUNDS is the limit of requests in one run.",
    ),
    ErrorCode(
        "model_refused_request",
        400,
        "The provider refused the question.",
        "The message has the provider's reason.",
    ),
    ErrorCode(
        "context_too_long",
        413,
        "The conversation is too long for this model.",
        "Start a new one, or choose a model with a larger context.",
    ),
    ErrorCode(
        "model_rate_limited",
        429,
        "The provider's rate limit is exceeded.",
        "Wait for the seconds in `Retry-After`, then retry.",
        retryable=True,
    ),
    ErrorCode(
        "model_auth_failed",
        502,
        "The provider refused the server's key.",
        "Check OPENAI_API_KEY, or the key of the provider, and restart the server.",
    ),
    ErrorCode(
        "model_not_found",
        502,
        "The provider does not know this model.",
        "Choose another model, or correct MODEL.",
    ),
    ErrorCode(
        "model_bad_response",
        502,
        "The provider sent an invalid response.",
        "Try again. If this happens again, check OPENAI_BASE_URL.",
    ),
    ErrorCode(
        "upstream_cut",
        502,
        "The provider's stream broke off: the answer is incomplete.",
        _KEPT,
    ),
    ErrorCode(
        "model_unavailable",
        503,
        "The model cannot be reached.",
        "Check that its server runs and that its address is right. Then try again.",
        retryable=True,
    ),
    ErrorCode(
        "conversations_unavailable",
        503,
        "The store of conversations cannot be read at the moment.",
        "Nothing was answered or stored. Try again in a moment.",
        retryable=True,
    ),
    ErrorCode("interrupted", 503, "The server stopped in the middle of the answer.", _KEPT),
    ErrorCode(
        "timeout_first_token",
        504,
        "The model did not start to answer in time.",
        "It may be busy or still loading. Try again in a moment.",
    ),
    ErrorCode("timeout_idle", 504, "The model stopped sending in the middle of its answer.", _KEPT),
    ErrorCode("timeout_total", 504, "The answer took longer than the server allows.", _KEPT),
    ErrorCode(
        "cancelled",
        499,
        "The run was cancelled.",
        "The text so far is kept, and the model sees it in the next turn.",
    ),
    ErrorCode("disconnected", 499, "The run was stopped because no client was reading it.", _KEPT),
)
