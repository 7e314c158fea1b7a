"""The question of a stored turn, to be answered again: its text and its media."""

import os
import shutil
from asyncio import to_thread
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ....errors import UnknownMedia
from ....media import MediaStore
from ....question import Attachment, Picture
from ..sessions import AnyRun
from .questions import plain_question


@dataclass(slots=True)
class QuestionMedia:
    """The media of a question, as those of a new one."""

    images: list[Picture] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class StoredTurn:
    """A turn in its conversation, with its question and the id of what answered it.

    `user` is the end user of a principal whose key is one for many.
    """

    run_id: str
    conversation_id: str
    user: str | None
    agent: str | None
    question: str
    run: AnyRun


def stored_turn(run: AnyRun, conversation_id: str, user: str | None) -> StoredTurn:
    """A run of Agno's as a turn."""
    ids = (getattr(run, name, None) for name in ("agent_id", "team_id", "workflow_id"))
    return StoredTurn(
        run.run_id or "",
        conversation_id,
        user,
        next(filter(None, ids), None),
        plain_question(run),
        run,
    )


async def question_media(run: AnyRun, store: MediaStore, principal: str) -> QuestionMedia:
    """The media of a run's question: copies of what was kept, and what Agno has stored."""
    found = QuestionMedia()
    run_id = run.run_id or ""
    kept = (await store.of_runs([run_id], principal, asks=True)).get(run_id, [])
    for item in kept:
        try:
            _, path = await store.find(run_id, item.id, principal)
        except UnknownMedia:  # it was removed in this moment
            continue
        upload = await copied(path, store.upload())
        if item.kind == "image":
            found.images.append(Picture(path=upload, mime_type=item.mime_type, name=item.name))
        else:
            found.attachments.append(
                Attachment(item.kind, path=upload, mime_type=item.mime_type, name=item.name)
            )
    _add_stored(found, run, only_addresses=bool(kept))
    return found


async def copied(path: Path, target: Path) -> Path:
    """A copy of a file that takes no room, if the file system can make one."""

    def copy() -> Path:
        try:
            os.link(path, target)
        except OSError:
            shutil.copyfile(path, target)
        return target

    return await to_thread(copy)


def _add_stored(found: QuestionMedia, run: AnyRun, *, only_addresses: bool) -> None:
    """Add what Agno has stored with a run, or of it only what has an address."""
    given = getattr(run, "input", None)

    def wanted(name: str) -> Iterable[Any]:
        for item in getattr(given, name, None) or []:
            if item.url or (item.content and not only_addresses):
                yield item

    found.images += [
        Picture(
            url=item.url,
            content=item.content,
            mime_type=item.mime_type,
            detail=item.detail,
        )
        for item in wanted("images")
    ]
    for kind, name in (("audio", "audios"), ("video", "videos"), ("file", "files")):
        found.attachments += [
            Attachment(
                kind,  # type: ignore[arg-type]  # one of its three
                url=item.url,
                content=item.content,
                mime_type=item.mime_type,
                name=getattr(item, "filename", None) or getattr(item, "name", None),
            )
            for item in wanted(name)
        ]
