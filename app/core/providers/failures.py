"""What an exception of a provider, or of a provider's SDK, means."""

import math
import time
from email.utils import parsedate_to_datetime

from agno.exceptions import (
    ContextWindowExceededError,
    ModelAuthenticationError,
    redact_secrets,
)

from ..errors import (
    ContextTooLong,
    ModelAuthFailed,
    ModelBadResponse,
    ModelNotFound,
    ModelRateLimited,
    ModelRefused,
    ModelUnavailable,
    RunFailed,
    UpstreamCut,
)

#: Packages whose exceptions mean that the connection, not the provider, is at fault.
TRANSPORTS = frozenset({"httpx", "httpx2", "httpcore", "httpcore2", "aiohttp"})


def classify(error: Exception, model_id: str, *, spoke: bool, key: str | None = None) -> RunFailed:
    """What went wrong with a model, for the client: no secret in it, no traceback.

    `spoke` says that a part of the answer had already come. `key` is the one that was sent: some
    providers repeat it.
    """
    causes = [error]
    while (cause := causes[-1].__cause__ or causes[-1].__context__) and len(causes) < 10:
        causes.append(cause)  # type: ignore[arg-type]  # a BaseException would have passed through
    said = str(getattr(error, "message", None) or error)
    if key and len(key) >= 8:  # shorter ones are placeholders, such as "none"
        said = said.replace(key, "[redacted]")
    said = redact_secrets(said)
    if isinstance(error, ContextWindowExceededError) or "context_length_exceeded" in said:
        return ContextTooLong(f"The conversation is too long for the model: {said}")
    status = next((s for e in reversed(causes) if (s := getattr(e, "status_code", None))), None)
    wait = _retry_after(causes)
    if _is_transport(causes) and not any(hasattr(e, "response") for e in causes):
        if spoke:
            return UpstreamCut(
                "The connection to the model was lost before its answer was complete."
            )
        return ModelUnavailable(f"The model {model_id!r} cannot be reached.", retry_after=5)
    if isinstance(error, ModelAuthenticationError) or status in (401, 403):
        return ModelAuthFailed(
            f"The provider of {model_id!r} did not accept the server's credentials ({status})."
        )
    if status == 404:
        return ModelNotFound(f"The provider does not know the model {model_id!r}: {said}")
    if status == 429:
        limited = ModelRateLimited(
            f"The provider of {model_id!r} is limiting requests: {said}", retry_after=wait
        )
        limited.wait = wait
        return limited
    answered = any(getattr(e, "status_code", None) for e in causes[1:])
    if status is not None and answered and 400 <= status < 500:
        return ModelRefused(f"The provider refused the request: {said}")
    if status is not None and (answered or status != 502):
        down = ModelUnavailable(
            f"The provider failed ({status}): {said}", retry_after=5 if wait is None else wait
        )
        down.wait = wait
        return down
    # 502 is Agno's default for all that has no status: an error in mid-stream, or rubbish.
    if any(type(e).__module__.partition(".")[0] in ("openai", "ollama") for e in causes):
        return ModelBadResponse(f"The provider reported an error in its stream: {said}")
    return ModelBadResponse("The provider sent something that is not an answer.")


def _is_transport(causes: list[Exception]) -> bool:
    return any(
        isinstance(e, ConnectionError)
        or type(e).__name__ == "APIConnectionError"
        or type(e).__module__.partition(".")[0] in TRANSPORTS
        for e in causes
    )


def _retry_after(causes: list[Exception]) -> float | None:
    """Seconds, from either form of the header (RFC 9110, section 10.2.3)."""
    for error in causes:
        value = (getattr(getattr(error, "response", None), "headers", None) or {}).get(
            "retry-after"
        )
        if value is None:
            continue
        try:
            seconds = float(value)
        except ValueError:
            try:
                seconds = parsedate_to_datetime(value).timestamp() - time.time()
            except ValueError:
                continue
        if math.isfinite(seconds):
            return max(0.0, seconds)
    return None
