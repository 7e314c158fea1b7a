"""The media of a question: kept with their run, so that its conversation can show them later."""

import logging
from dataclasses import replace
from functools import partial

from ..media import Kind, MediaStore, Owner
from ..question import Attachment, Picture, Question
from .media_in import adopted
from .media_types import file_name, media_type

logger = logging.getLogger(__name__)


async def taken(question: Question, store: MediaStore, owner: Owner) -> Question:
    """The question with its uploads moved into the folder of the run.

    If the turn is stored, its media are kept, too, except addresses and what is too large. Errors
    of the disk are logged then, because the answer does not depend on that.
    """
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
