"""JSON documents as providers write them, and as SDKs can read them."""

import json
from typing import Any

from .framing import is_object

#: Objects and lists in one document, at most, so that reading it takes milliseconds.
MOST_CONTAINERS = 20_000

#: The same in a whole body, which has the log probabilities of all its tokens, perhaps.
MOST_IN_BODY = 50_000

#: Values between commas for each of those, at most.
_VALUES = 10

#: Documents in one event or body, at most.
MOST_DOCUMENTS = 5_000

#: Bytes below which a document cannot hold too many values.
_SMALL = 16 * 1024

#: Parts within parts of a content that are looked into.
DEEPEST = 4


def parse(data: bytes, most: int = MOST_CONTAINERS) -> Any:
    """A JSON document, read leniently; None for what is none, or holds more than `most`."""
    if len(data) > _SMALL and (
        data.count(b"{") + data.count(b"[") > most or data.count(b",") > most * _VALUES
    ):
        return None
    try:
        return json.loads(data.decode("utf-8", "replace"))
    except (ValueError, RecursionError):
        return None


def documents(data: bytes) -> list[bytes]:
    """The lines of data that is several JSON objects; none if a line is something else."""
    if data.count(b"\n") > MOST_DOCUMENTS:
        return []
    lines = [line for line in data.split(b"\n") if line.strip()]
    objects = all(is_object(line) or line.strip() == b"[DONE]" for line in lines)
    return lines if len(lines) > 1 and objects else []


def dump(value: Any) -> bytes:
    """JSON in ASCII: some SDKs split lines at U+0085 or U+2028, and halves of characters pass."""
    return json.dumps(value, separators=(",", ":")).encode()


def sse(value: Any, name: str | None = None) -> bytes:
    """A server-sent event."""
    head = b"" if name is None else b"event: " + name.encode() + b"\n"
    return head + b"data: " + dump(value) + b"\n\n"


def texts(content: Any, depth: int = 0) -> tuple[str, str]:
    """Text and reasoning of content in any of its forms: text, a part, or a list of parts."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        content = [content]
    if not isinstance(content, list) or depth > DEEPEST:
        return "", ""
    text: list[str] = []
    thought: list[str] = []
    for part in content:
        if isinstance(part, str):
            text.append(part)
        elif isinstance(part, dict):
            _part(part, text, thought, depth + 1)
    return "".join(text), "".join(thought)


def _part(part: dict[str, Any], text: list[str], thought: list[str], depth: int) -> None:
    kind = part.get("type")
    for key in ("thinking", "reasoning"):
        if inner := part.get(key):
            thought.extend(texts(inner, depth))
    words = part.get("text") or part.get("refusal") or part.get("content")
    if words:
        hidden = kind in ("thinking", "reasoning", "reasoning_text", "summary_text")
        plain, deep = texts(words, depth)
        (thought if hidden else text).append(plain)
        thought.append(deep)
