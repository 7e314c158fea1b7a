"""The media of a question as objects of Agno, which of their URLs a provider fetches itself, and
how they are kept for later.
"""

import logging
import mimetypes
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from agno.agent import Agent
from agno.media import Audio, File, Image, Video
from agno.models.base import Model

from ..media import Kind, MediaStore, Owner
from ..providers.media_urls import sends_urls
from ..question import Attachment, PastMessage, Picture, Question
from .components.late import Team
from .components.tree import OTHER_MODELS, walk
from .media_types import file_name, media_type

logger = logging.getLogger(__name__)

#: The field of a request, and of Agno, for each kind of attachment.
FIELDS = {"audio": "audio", "video": "videos", "file": "files"}

Given = TypeVar("Given", Picture, Attachment)


@dataclass(slots=True)
class AgnoMedia:
    """Media by Agno's parameters of a run, and by its fields of a message; None without any."""

    images: list[Image] | None = None
    audio: list[Audio] | None = None
    videos: list[Video] | None = None
    files: list[File] | None = None

    def fields(self) -> dict[str, Any]:
        return {
            "images": self.images,
            "audio": self.audio,
            "videos": self.videos,
            "files": self.files,
        }


def refused_urls(model: Model, tools: Any, question: Question) -> str | None:
    """The field with a URL that this server would have to download, or None.

    `tools` are the agent's: with OpenAI's file search, Agno downloads files, too.
    """
    searches = not isinstance(tools, list | None) or any(
        isinstance(tool, dict) and tool.get("type") == "file_search" for tool in tools or []
    )
    messages: list[Question | PastMessage] = [question, *(question.history or [])]
    for message in messages:
        found = [("images", image.url) for image in message.images]
        found += [(FIELDS[item.kind], item.url) for item in message.attachments]
        for kind, url in found:
            if url is None:
                continue
            if not sends_urls(model, kind) or (kind == "files" and searches):
                return kind
    return None


def refusal_of(
    component: Any, chosen: Model | None, default: Model, question: Question
) -> str | None:
    """Why a component cannot be sent the URLs of a question, or None.

    Members and steps get the media of the question, too. `chosen` replaces the component's own
    model, and `default` serves all agents without one.
    """
    for part in walk(component):
        if not isinstance(part, Agent | Team):
            continue
        answers = chosen if part is component else None
        others = (getattr(part, name, None) for name in OTHER_MODELS)
        for model in (answers or part.model or default, *others):
            if not isinstance(model, Model):
                continue
            if (field := refused_urls(model, part.tools, question)) is not None:
                return f"{field}: this model accepts no URLs of {field}; send the data."
    return None


async def adopted(question: Question, adopt: Callable[[Path], Awaitable[Path]]) -> Question:
    """The question with its uploads where `adopt` has moved them."""

    async def moved(item: Given) -> Given:
        return item if item.path is None else replace(item, path=await adopt(item.path))

    items: list[Picture | Attachment] = [*question.images, *question.attachments]
    if all(item.path is None for item in items):
        return question
    return replace(
        question,
        images=[await moved(image) for image in question.images],
        attachments=[await moved(item) for item in question.attachments],
    )


def media_of(message: Question | PastMessage) -> AgnoMedia:
    """The media of a question or of a message of its history."""
    media = AgnoMedia(images=agno_images(message.images))
    for item in message.attachments:
        source: dict[str, Any] = {"url": item.url, "content": item.content, "filepath": item.path}
        if item.kind == "audio":
            audio = Audio(**source, mime_type=item.mime_type, format=_format(item))
            media.audio = [*(media.audio or []), audio]
        elif item.kind == "video":
            video = Video(**source, mime_type=item.mime_type, format=_format(item))
            media.videos = [*(media.videos or []), video]
        else:
            media.files = [*(media.files or []), _file(item, source)]
    return media


def agno_images(pictures: Iterable[Picture]) -> list[Image] | None:
    """Images of Agno, None without any."""
    return [
        Image(
            url=picture.url,
            content=picture.content,
            filepath=picture.path,
            mime_type=picture.mime_type,
            detail=picture.detail,
        )
        for picture in pictures
    ] or None


def _file(item: Attachment, source: dict[str, Any]) -> File:
    # Agno takes the types of its list only; providers guess others from the name.
    known = item.mime_type in File.valid_mime_types()
    return File(
        **source,
        mime_type=item.mime_type if known else None,
        filename=item.name,
        name=item.name,
        format=_format(item),
        size=None if item.content is None else len(item.content),
    )


def _format(item: Attachment) -> str | None:
    """The format in a provider's words, `wav` or `pdf`: from the name, else from the type."""
    suffix = Path(item.name or "").suffix
    if not suffix and item.mime_type:
        subtype = item.mime_type.partition("/")[2]
        known = {"mpeg": ".mp3", "x-wav": ".wav", "wave": ".wav", "vnd.wave": ".wav"}
        suffix = known.get(subtype) or mimetypes.guess_extension(item.mime_type) or f".{subtype}"
    return suffix.removeprefix(".").lower() or None


async def taken(question: Question, store: MediaStore | None, owner: Owner) -> Question:
    """The question with its uploads moved into the folder of the run; unchanged without a store.

    If the turn is stored, its media are kept, too, except addresses and what is too large. Errors
    of the disk are logged then, because the answer does not depend on that.
    """
    if store is None:
        return question
    question = await adopted(question, partial(store.adopt, owner))
    items: list[Picture | Attachment] = [*question.images, *question.attachments]
    for item in items if question.kept else []:
        try:
            await _keep(item, store, replace(owner, asks=True))
        except OSError:
            logger.exception("run %s: media of the question cannot be kept", owner.run_id)
    return question


async def _keep(item: Picture | Attachment, store: MediaStore, owner: Owner) -> None:
    kind: Kind = "image" if isinstance(item, Picture) else item.kind
    name = file_name(item.name)
    mime = media_type(kind, item.content or b"", item.mime_type, name=name)
    if item.path is not None:
        await store.keep_upload(owner, kind, item.path, mime, name)
    elif item.content is not None:
        await store.keep(owner, kind, item.content, mime, name)
