"""Which error a refusal is, or an answer that failed."""

from collections.abc import Mapping
from typing import Any

from agno_stream.errors import (
    CLASSES,
    CLASSES_BY_STATUS,
    AgnoStreamError,
    AnswerFailed,
    AnswerTimeout,
    RequestRefused,
)


def run_failure(info: Mapping[str, Any], status_code: int | None = None) -> AgnoStreamError:
    """Return the error of a failed answer; `info` is the `error` in its last chunk, `{code,
    message}`."""
    code = str(info.get("code") or "error")
    kind = CLASSES.get(code, AnswerFailed)
    # A run can also end for the reason of a refusal, as `conversation_busy` after a wait.
    if not issubclass(kind, AnswerFailed | AnswerTimeout):
        kind = AnswerFailed
    return _error(kind, code, info, status_code)


def refusal(info: Mapping[str, Any], status_code: int) -> AgnoStreamError:
    """Return the error of a request that the server refused, or of a run that failed before its
    first byte; `info` is the `error` in the response's JSON."""
    if "finish_reason" in info:
        failure = run_failure(info, status_code)
        failure.text = str(info.get("content") or "")
        failure.run_id = info.get("run_id")
        return failure
    by_status = CLASSES_BY_STATUS.get(status_code, RequestRefused)
    code = str(info.get("code") or by_status.code)
    kind = CLASSES.get(code, by_status)
    return _error(kind if issubclass(kind, RequestRefused) else by_status, code, info, status_code)


def _error(
    kind: type[AgnoStreamError], code: str, info: Mapping[str, Any], status_code: int | None
) -> AgnoStreamError:
    return kind(
        str(info.get("message") or code),
        code=code,
        status_code=status_code,
        retry_after=info.get("retry_after"),
    )
