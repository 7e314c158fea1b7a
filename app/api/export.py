"""A conversation as a file: Markdown for people, JSON for programs."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

import msgspec
from fastapi import Response

from ..models.answer_parts import (
    CitationsPart,
    ContentPart,
    EventPart,
    MediaPart,
    Part,
    ReasoningPart,
    SaidPart,
    StepPart,
    ToolPart,
)
from ..models.chat import Conversation, StoredMessage
from ..models.parts import Citation, Media, ToolCall
from .addresses import local, with_prefix


def exported(conversation: Conversation, kind: str) -> Response:
    """The response with a conversation as a file; `kind` is "md" or "json"."""
    if kind == "json":
        body = msgspec.json.format(with_prefix(msgspec.json.encode(conversation)), indent=2)
        return _file(body, "application/json", conversation, "json")
    text = markdown(conversation)
    return _file(text.encode(), "text/markdown; charset=utf-8", conversation, "md")


def markdown(conversation: Conversation) -> str:
    """A conversation as Markdown, with everything that its reader saw in its order."""
    began = datetime.fromtimestamp(conversation.created_at, UTC)
    blocks = [f"# {_line(conversation.title) or 'Conversation'}", f"*{began:%Y-%m-%d %H:%M} UTC*"]
    for message in conversation.messages:
        blocks += _message(message)
    return "\n\n".join(blocks) + "\n"


def _message(message: StoredMessage) -> Iterator[str]:
    if message.role == "user":
        yield "## User"
        yield message.content
        return
    yield f"## {_line(message.speaker.name) if message.speaker else 'Assistant'}"
    for part in message.parts:
        yield _part(part)
    if message.truncated:
        yield "*This answer had more in it than is kept.*"
    if message.finish_reason is not None:
        why = f": {_line(message.error.message)}" if message.error else ""
        yield f"*Ended as `{message.finish_reason}`{why}*"
    if message.followups:
        yield "\n".join(f"- {_line(text)}" for text in message.followups)


def _part(part: Part) -> str:
    match part:
        case ContentPart():
            return part.content
        case ReasoningPart():
            return _quoted(part.reasoning)
        case ToolPart():
            return _tool(part.tool)
        case SaidPart():
            added = part.said
            text = added.content or added.reasoning or ""
            inner = _tool(added.tool) if added.tool is not None else text
            return _quoted(f"**{_line(part.speaker.name)}:** {inner}")
        case StepPart():
            message = f": {_line(part.step.message)}" if part.step.message else ""
            return f"*Step {_line(part.step.name)}, {part.step.status}{message}*"
        case MediaPart():
            return "\n\n".join(map(_media, part.media))
        case EventPart():
            return f"*{_line(part.event.name)}*\n\n{_json(part.event.data)}"
        case CitationsPart():
            return "\n".join(map(_citation, part.citations))


def _tool(tool: ToolCall) -> str:
    blocks = [f"*Tool `{_line(tool.name)}`, {tool.status}*"]
    if tool.arguments:
        blocks.append(_json(tool.arguments))
    if tool.result:
        blocks.append(_fenced(tool.result))
    return "\n\n".join(blocks)


def _media(item: Media) -> str:
    mark = "!" if item.kind == "image" else ""
    name = re.sub(r"[\[\]]", "", _line(item.name or item.kind))
    return f"{mark}[{name}]({quote(local(item.url), safe=':/?&=%#+@,;~')})"


def _citation(citation: Citation) -> str:
    title = re.sub(r"[\[\]]", "", _line(citation.title or citation.url or citation.kind))
    shown = f"[{title}]({quote(citation.url, safe=':/?&=%#+@,;~')})" if citation.url else title
    return f"- {shown}" + (f": {_line(citation.text)}" if citation.text else "")


def _json(value: Any) -> str:
    return _fenced(json.dumps(value, ensure_ascii=False, indent=2), "json")


def _fenced(text: str, language: str = "") -> str:
    """A text in a fence that is longer than any in it."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _quoted(text: str) -> str:
    return "\n".join(f"> {line}".rstrip() for line in text.split("\n"))


def _line(text: str) -> str:
    return " ".join(text.split())


def _file(content: bytes, media_type: str, conversation: Conversation, ending: str) -> Response:
    title = _line(conversation.title)[:60] or conversation.conversation_id
    plain = re.sub(r"[^A-Za-z0-9 ._-]", "_", title)
    name = quote(f"{title}.{ending}", safe="")
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'attachment; filename="{plain}.{ending}"; '
            f"filename*=UTF-8''{name}",
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )
