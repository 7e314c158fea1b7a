// Made from app/core/error_codes/ by `make docs`: what each code means.

/** @typedef {{summary: string, advice: string, retryable: boolean}} Meaning */
/** @type {Record<string, Meaning>} */
export const ERRORS = {
  "bad_request": {
    "summary": "The request cannot be read.",
    "advice": "The message says what is wrong.",
    "retryable": false
  },
  "bad_last_event_id": {
    "summary": "The event id does not belong to this run.",
    "advice": "Send the `id` of the last event that was received, or read the run from its beginning.",
    "retryable": false
  },
  "unknown_host": {
    "summary": "The server does not answer to the name in `Host`.",
    "advice": "Add the name to ALLOWED_HOSTS.",
    "retryable": false
  },
  "unauthorized": {
    "summary": "The server requires a key.",
    "advice": "Send `Authorization: Bearer <key>`. The operator of the server gives out keys.",
    "retryable": false
  },
  "loopback_only": {
    "summary": "The server has no keys, so it answers on its own machine only.",
    "advice": "Set API_KEYS, ALLOWED_HOSTS, or ALLOW_ANONYMOUS=1.",
    "retryable": false
  },
  "cross_site": {
    "summary": "A page of another site sent a request without a key.",
    "advice": "Add the page's origin to CORS_ORIGINS, or set API_KEYS.",
    "retryable": false
  },
  "not_found": {
    "summary": "No route has this address.",
    "advice": "GET /docs lists the routes of the server.",
    "retryable": false
  },
  "no_embeddings": {
    "summary": "The server has no model that makes embeddings.",
    "advice": "Set EMBEDDINGS, as in openai:text-embedding-3-small.",
    "retryable": false
  },
  "unknown_agent": {
    "summary": "The server has no agent of this name.",
    "advice": "Choose one of GET /api/v1/agents.",
    "retryable": false
  },
  "unknown_model": {
    "summary": "The server has no model of this name.",
    "advice": "Choose one of GET /api/v1/models.",
    "retryable": false
  },
  "unknown_run": {
    "summary": "The server has no such run.",
    "advice": "It never started, belongs to another key, or is no longer kept (RETENTION).",
    "retryable": false
  },
  "unknown_conversation": {
    "summary": "The server has no such conversation.",
    "advice": "It was deleted, never existed, or belongs to another key.",
    "retryable": false
  },
  "unknown_media": {
    "summary": "The run has no such media.",
    "advice": "It never existed, belongs to another key, or is no longer kept.",
    "retryable": false
  },
  "method_not_allowed": {
    "summary": "The address has no such method.",
    "advice": "The header `Allow` lists the methods.",
    "retryable": false
  },
  "body_timeout": {
    "summary": "The request body did not arrive in time.",
    "advice": "Send it again; BODY_TIMEOUT is the limit.",
    "retryable": true
  },
  "head_timeout": {
    "summary": "The request's header fields did not arrive in time.",
    "advice": "Send it again; HEAD_TIMEOUT is the limit.",
    "retryable": true
  },
  "conversation_busy": {
    "summary": "Another run is answering in this conversation.",
    "advice": "Wait for it, cancel it, or send `on_busy`.",
    "retryable": true
  },
  "not_paused": {
    "summary": "The run does not wait for a person.",
    "advice": "If another decision came first, `continued_by` is the run that continues it: follow that.",
    "retryable": false
  },
  "gap": {
    "summary": "The beginning of this answer is no longer kept.",
    "advice": "Read from `first_event_id`.",
    "retryable": false
  },
  "too_large": {
    "summary": "The request is larger than the server accepts.",
    "advice": "Make it shorter; MAX_BODY_BYTES is the limit.",
    "retryable": false
  },
  "address_too_long": {
    "summary": "The address of the request is longer than the server accepts.",
    "advice": "Send the question in a POST.",
    "retryable": false
  },
  "unsupported_encoding": {
    "summary": "The server does not read this `Content-Encoding`.",
    "advice": "Send the body in one of `Accept-Encoding`, or as it is.",
    "retryable": false
  },
  "invalid_field": {
    "summary": "The server did not accept a field of the request.",
    "advice": "The message and `fields` name it.",
    "retryable": false
  },
  "invalid_decision": {
    "summary": "The decisions do not fit what the run waits for.",
    "advice": "The message and `decisions` name each one that is missing, unknown or wrong.",
    "retryable": false
  },
  "idempotency_key_reused": {
    "summary": "This `Idempotency-Key` was sent with another request.",
    "advice": "Use a new random key for each request.",
    "retryable": false
  },
  "head_too_large": {
    "summary": "The request's header fields are larger than the server accepts.",
    "advice": "Send fewer or shorter ones; MAX_HEAD_BYTES is the limit.",
    "retryable": false
  },
  "rate_limited": {
    "summary": "The rate limit for this key is exceeded.",
    "advice": "Wait as long as `Retry-After` says.",
    "retryable": true
  },
  "too_many_runs": {
    "summary": "The limit of concurrent runs for this key is reached.",
    "advice": "Wait until a run has ended, or cancel one.",
    "retryable": true
  },
  "overloaded": {
    "summary": "The server accepts no new runs at the moment.",
    "advice": "It is restarting or at a limit. Try again in a moment.",
    "retryable": true
  },
  "not_opened": {
    "summary": "The application that mounts the server does not run its lifespan.",
    "advice": "Write FastAPI(lifespan=lifespan(server)), with lifespan from agno_stream.server.",
    "retryable": false
  },
  "journal_unavailable": {
    "summary": "The journal of runs cannot be read at the moment.",
    "advice": "Active runs continue from memory. Try again in a moment.",
    "retryable": true
  },
  "error": {
    "summary": "The server failed.",
    "advice": "The server's log says why.",
    "retryable": false
  },
  "internal_error": {
    "summary": "The server failed.",
    "advice": "The server's log says why.",
    "retryable": false
  },
  "agent_failed": {
    "summary": "The agent failed.",
    "advice": "The server's log says why.",
    "retryable": false
  },
  "input_refused": {
    "summary": "A rule of the agent refused the question.",
    "advice": "The message says which. Nothing of the turn is stored, and the model was not called.",
    "retryable": false
  },
  "output_refused": {
    "summary": "A rule of the agent refused the answer.",
    "advice": "The message says which. Nothing of the turn is stored.",
    "retryable": false
  },
  "pause_lost": {
    "summary": "What the paused run waited with is no longer stored.",
    "advice": "Its conversation was deleted, or the agent has another store now. Ask again.",
    "retryable": false
  },
  "agent_denied": {
    "summary": "The agent is not made for this key or user.",
    "advice": "The message has the reason of the agent's factory.",
    "retryable": false
  },
  "tools_unavailable": {
    "summary": "The agent's tools cannot be reached.",
    "advice": "Check the servers of its toolkits; GET /readyz names them. Then try again.",
    "retryable": true
  },
  "too_many_rounds": {
    "summary": "The agent called its model again and again without an end.",
    "advice": "Look at its tool calls; MAX_ROUNDS is the limit of requests in one run.",
    "retryable": false
  },
  "model_refused_request": {
    "summary": "The provider refused the question.",
    "advice": "The message has the provider's reason.",
    "retryable": false
  },
  "context_too_long": {
    "summary": "The conversation is too long for this model.",
    "advice": "Start a new one, or choose a model with a larger context.",
    "retryable": false
  },
  "model_rate_limited": {
    "summary": "The provider's rate limit is exceeded.",
    "advice": "Wait as long as `Retry-After` says, then try again.",
    "retryable": true
  },
  "model_auth_failed": {
    "summary": "The provider refused the server's key.",
    "advice": "Check OPENAI_API_KEY, or the key of the provider, and restart the server.",
    "retryable": false
  },
  "model_not_found": {
    "summary": "The provider does not know this model.",
    "advice": "Choose another model, or correct MODEL.",
    "retryable": false
  },
  "model_bad_response": {
    "summary": "The provider sent an invalid response.",
    "advice": "Try again. If this happens again, check OPENAI_BASE_URL.",
    "retryable": false
  },
  "upstream_cut": {
    "summary": "The provider's stream broke off: the answer is incomplete.",
    "advice": "The text so far is kept.",
    "retryable": false
  },
  "model_unavailable": {
    "summary": "The model cannot be reached.",
    "advice": "Check that its server runs and that its address is right. Then try again.",
    "retryable": true
  },
  "conversations_unavailable": {
    "summary": "The store of conversations cannot be read at the moment.",
    "advice": "Nothing was answered or stored. Try again in a moment.",
    "retryable": true
  },
  "interrupted": {
    "summary": "The server stopped in the middle of the answer.",
    "advice": "The text so far is kept.",
    "retryable": false
  },
  "timeout_first_token": {
    "summary": "The model did not start to answer in time.",
    "advice": "It may be busy or still loading. Try again in a moment.",
    "retryable": false
  },
  "timeout_idle": {
    "summary": "The model stopped sending in the middle of its answer.",
    "advice": "The text so far is kept.",
    "retryable": false
  },
  "timeout_total": {
    "summary": "The answer took longer than the server allows.",
    "advice": "The text so far is kept.",
    "retryable": false
  },
  "cancelled": {
    "summary": "The run was cancelled.",
    "advice": "The text so far is kept, and the model sees it in the next turn.",
    "retryable": false
  },
  "disconnected": {
    "summary": "The run was stopped because no client was reading it.",
    "advice": "The text so far is kept.",
    "retryable": false
  }
}
