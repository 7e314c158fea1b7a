"""Errors of providers, in whichever shape they send them: inside a response, or as one."""

import html
import json
import re
from typing import Any

from ..outcome import ProviderError
from .documents import parse

#: Characters of a provider's words that a message repeats.
WORDS = 2000

#: Bytes of a page that are looked through for its words.
PAGE = 4096

#: HTTP statuses that stand behind words, where there is no number.
_STATUSES = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "invalid_api_key": 401,
    "permission_error": 403,
    "not_found_error": 404,
    "model_not_found": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "rate_limit_exceeded": 429,
    "insufficient_quota": 429,
    "tokens": 429,
    "resource_exhausted": 429,
    "api_error": 500,
    "server_error": 500,
    "internal": 500,
    "internal_server_error": 500,
    "internalservererror": 500,
    "unavailable": 503,
    "service_unavailable": 503,
    "timeout_error": 504,
    "deadline_exceeded": 504,
    "overloaded_error": 529,
}

#: Keys under which the words of an error stand.
_WORDS_KEYS = ("message", "detail", "error", "msg", "error_msg", "error_message", "reason", "title")


def error_in(value: dict[str, Any], *, named: bool = False) -> ProviderError | None:
    """The error that an object is or holds; None if there is none.

    `named` is True if the event was called an error, so that it is one whatever is in it.
    """
    for key in ("error", "detail", "errors"):
        found = value.get(key)
        if any(found.values()) if isinstance(found, dict) else found:
            return _error(found, value)
    failed = value.get("object") == "error" or value.get("type") == "error"
    failed = failed or value.get("status") in ("error", "failed") or value.get("success") is False
    if named or failed:
        return _error(value, value)
    bare = "choices" not in value and isinstance(value.get("message"), str)
    if bare and value.get("type") not in ("ping", "heartbeat"):
        return _error(value, value)
    return None


def text_error(text: str) -> ProviderError:
    return ProviderError(text.strip()[:WORDS] or "The provider reported an error without words.")


def status_error(
    status: int, body: bytes, content_type: str, retry_after: str | None
) -> ProviderError:
    """The error for a response whose status is one."""
    value = parse(body)
    if isinstance(value, list) and value:
        value = value[0]
    if isinstance(value, dict) and value:
        error = error_in(value, named=True) or ProviderError("")
    elif not body.strip():
        error = ProviderError("it sent this status and no words.")
    elif body.lstrip().startswith(b"<") or "html" in content_type:
        error = page_error(body, content_type)
    else:
        error = text_error(body.decode("utf-8", "replace"))
    error.status, error.retry_after = status, retry_after
    return error


def page_error(body: bytes, content_type: str) -> ProviderError:
    """The error for a body that is no answer in any protocol: it is named as what it is."""
    text = body[:PAGE].decode("utf-8", "replace").strip()
    is_page = text.startswith("<") or "html" in content_type
    kind = content_type.partition(";")[0].strip() or ("text/html" if is_page else "text/plain")
    if is_page:
        # Piecewise: a pattern for whole tags would run long on a page of many `<`.
        text = " ".join(piece.rpartition(">")[2] for piece in text.split("<"))
    words = re.sub(r"\s+", " ", html.unescape(text)).strip()[:300]
    what = "a page" if is_page else "a body"
    shown = f": {words}" if words else "."
    return ProviderError(f"The provider sent {what} of type {kind} that is not an answer{shown}")


def _error(found: Any, around: dict[str, Any]) -> ProviderError:
    inner = found[0] if isinstance(found, list) and found else found
    places = [place for place in (inner, around) if isinstance(place, dict)]
    words = _words(found)
    code: str | None = None
    status: int | None = None
    for place in places:
        for key in ("status_code", "http_status", "code", "status", "type", "error_type"):
            value = place.get(key)
            if (
                isinstance(value, bool)
                or not isinstance(value, int | str)
                or value in ("", "error")
            ):
                continue
            number = _number(value)
            if status is None:
                status = number or _STATUSES.get(str(value)[:80].lower())
            if code is None and number is None and key != "status_code":
                code = str(value)[:80]
    if code is None and status is not None:
        code = str(status)
    return ProviderError(words or "The provider reported an error without words.", code, status)


def _words(found: Any, depth: int = 0) -> str:
    """The provider's own words; an object without any is shown as it is."""
    if isinstance(found, str):
        return found.strip()[:WORDS]
    if isinstance(found, list) and found and depth < 4:
        return _words(found[0], depth + 1)
    if isinstance(found, dict) and depth < 4:
        for key in _WORDS_KEYS:
            if found.get(key) and (words := _words(found[key], depth + 1)):
                return words
    if isinstance(found, dict | list) and found:
        return json.dumps(found, ensure_ascii=False)[:WORDS]
    return ""


def _number(value: int | str) -> int | None:
    if isinstance(value, str):
        value = int(value) if len(value) == 3 and value.isdecimal() else 0
    return value if 400 <= value < 600 else None
