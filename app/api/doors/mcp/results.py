"""What comes of a run, as the result of a call: blocks of content, and an object."""

from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from ....core.errors import AgnoStreamError
from ....core.log.journal import Entry, RunRecord
from ....core.media import MediaStore
from ....models.chat import COMPLETE, ChatResponse, Media
from ....models.folding import fold
from ...media_links import MediaLinks
from ...pause_text import pause_text
from .errors import error_data

#: The largest picture or sound that is put into a result itself, in bytes.
INLINE = 4 << 20


@dataclass(frozen=True, slots=True)
class Block:
    """A block of content: a text, a picture or sound with its bytes, or the address of a file."""

    kind: Literal["text", "image", "audio", "link"]
    text: str = ""
    content: bytes = b""
    mime_type: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class CallResult:
    """The result of a call; `answer` is that of the run, None if none has started."""

    blocks: list[Block]
    structured: dict[str, Any]
    is_error: bool = False
    answer: ChatResponse | None = field(default=None)


def failed(error: AgnoStreamError) -> CallResult:
    """The result of a call that could not start a run."""
    return CallResult([Block("text", error.message)], {"error": error_data(error)}, is_error=True)


def result_of(
    record: RunRecord, entries: list[Entry], links: MediaLinks, store: MediaStore
) -> CallResult:
    """The result of a run that has ended.

    What a paused run waits for is described in sentences, with the address where it can be decided.
    """
    answer = ChatResponse(
        content="",
        model=record.model,
        run_id=record.run_id,
        conversation_id=record.conversation_id,
        agent=record.agent,
    )
    fold(answer, (links.absolute(chunk) for _, chunk in entries))
    reason = answer.finish_reason or "stop"
    structured: dict[str, Any] = {
        "content": answer.content,
        "run_id": record.run_id,
        "conversation_id": record.conversation_id,
        "finish_reason": reason,
    }
    text = answer.content
    if answer.requirements:
        structured["requirements"] = msgspec.to_builtins(answer.requirements)
        text += pause_text(answer.requirements, links.decide_at)
    if answer.output is not None:
        structured["output"] = answer.output
    blocks = [Block("text", text)] if text else []
    blocks += [_media(item, record, store) for item in answer.media]
    broken = reason not in COMPLETE and reason != "paused"
    if answer.error is not None:
        structured["error"] = msgspec.to_builtins(answer.error)
        blocks.append(Block("text", answer.error.message))
    return CallResult(blocks or [Block("text", "")], structured, broken, answer)


def _media(item: Media, record: RunRecord, store: MediaStore) -> Block:
    """A picture or sound of this server with its bytes; all else as its address."""
    name = item.name or item.kind
    if item.kind in ("image", "audio") and item.size is not None and item.size <= INLINE:
        content = store.load(record.run_id, item.id)
        if content is not None:
            kind: Literal["image", "audio"] = "image" if item.kind == "image" else "audio"
            return Block(kind, content=content, mime_type=item.mime_type, name=name)
    return Block("link", text=item.url, mime_type=item.mime_type, name=name)
