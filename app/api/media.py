"""The media that tools and models have made, for the owner of their run.

What a model writes may be hostile: nothing of it may run in this server's origin. The types that
browsers show inertly are shown; every other one is downloaded, in a sandbox.
"""

from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query
from fastapi.responses import FileResponse

from ..core.media import MediaStore
from ..models.answer_parts import MediaPart
from ..models.chat import Conversation, Media, StoredMessage
from . import route_docs
from .context import Principal, Server

router = APIRouter(tags=["runs"])

#: Types that a browser shows without running anything in them. SVG and HTML are active.
INERT = frozenset(
    {
        *("image/png", "image/jpeg", "image/gif", "image/webp", "image/avif", "image/bmp"),
        *("audio/mpeg", "audio/wav", "audio/x-wav", "audio/ogg", "audio/flac", "audio/aac"),
        *("audio/mp4", "audio/webm", "video/mp4", "video/webm", "video/ogg"),
    }
)

#: What a page of ours may not become, whatever is in it.
SANDBOX = "default-src 'none'; sandbox; frame-ancestors 'none'"


@router.get("/api/v1/runs/{run_id}/media/{media_id}", **route_docs.MEDIA)
async def media(
    run_id: str,
    media_id: str,
    server: Server,
    principal: Principal,
    download: Annotated[bool, Query(description="Save it under its name.")] = False,
) -> FileResponse:
    """The bytes of a picture, sound, video or file of a run; `Range` is honoured."""
    found, path = await server.media.find(run_id, media_id, principal)
    return FileResponse(path, media_type=_type(found), headers=_headers(found, download=download))


async def add_media(conversation: Conversation, store: MediaStore, principal: str) -> None:
    """Add to each turn's question its media, and to its last message of the assistant what tools
    and models made, in so far as its parts do not have it."""
    first = {m.run_id: m for m in reversed(conversation.messages)}
    for run_id, items in (await store.of_runs(first, principal, asks=True)).items():
        question = first[run_id]
        if question.role != "user":  # one without a text
            place = conversation.messages.index(question)
            question = StoredMessage("user", "", run_id, question.created_at)
            conversation.messages.insert(place, question)
        question.media = items
    answers = {m.run_id: m for m in conversation.messages if m.role == "assistant"}
    for run_id, items in (await store.of_runs(answers, principal)).items():
        message = answers[run_id]
        known = {item.id for item in message.media}
        if missing := [item for item in items if item.id not in known]:
            message.media += missing
            message.parts.append(MediaPart(missing))


def _type(found: Media) -> str:
    # Text is shown as text only, so the type of what is downloaded matters to nobody else.
    return found.mime_type if found.mime_type in INERT else "application/octet-stream"


def _headers(found: Media, *, download: bool) -> dict[str, str]:
    shown = found.mime_type in INERT and not download
    name = found.name or f"{found.kind}-{found.id[:8]}"
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    return {
        "Content-Disposition": f"{'inline' if shown else 'attachment'}; "
        f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}",
        "Content-Security-Policy": SANDBOX,
        "Cache-Control": "private, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }
