"""Uploads: `multipart/form-data` (RFC 7578), received within bounds; large files go to the disk."""

import asyncio
import hashlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import ClientDisconnect

from ..core.errors import BadRequest, InvalidField, TooLarge
from ..core.media import MediaStore
from ..core.question import Attachment, Picture, Question
from .bodies import BodyBounds, in_time, read_body
from .encodings import encodings_of
from .json_objects import parse_in_turns
from .spool import Part

#: Parts with files, by the fields that they add to, and what is in them.
FILES = {"images": "image", "files": "file", "audio": "audio", "videos": "video"}

#: The part that holds the request as a JSON object.
JSON_PART = "request"

#: Parts that may stand for fields of that object.
TEXTS = frozenset({"message", "agent", "model", "conversation_id"})
FLAGS = frozenset({"stream", "background"})

#: Files, and other parts, of one request.
MAX_FILES, MAX_PARTS = 16, 16

#: Bytes of a file above which it goes to the disk.
IN_MEMORY = 64 << 10


class Parser(MultiPartParser):
    """A parser that keeps files in memory up to that size."""

    spool_max_size = IN_MEMORY


@dataclass(frozen=True, slots=True)
class Form:
    """A request with uploads: its fields, its files, and a hash of those."""

    fields: dict[str, Any]
    images: list[Picture] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    digest: str = ""

    @property
    def paths(self) -> list[Path]:
        """The files on the disk, which are the caller's to remove if no run starts."""
        items: list[Picture | Attachment] = [*self.images, *self.attachments]
        return [item.path for item in items if item.path is not None]


def is_form(request: Request) -> bool:
    """Whether a request has uploads. Without a boundary there are none, but perhaps JSON."""
    kind, _, parameters = request.headers.get("content-type", "").partition(";")
    return kind.strip().lower() == "multipart/form-data" and "boundary=" in parameters.lower()


def media_bytes(question: Question) -> int:
    """The bytes of a question's pictures and files, those of its addresses aside."""
    items: list[Picture | Attachment] = [*question.images, *question.attachments]
    sizes = (len(item.content) for item in items if item.content is not None)
    return sum(sizes) + sum(item.path.stat().st_size for item in items if item.path is not None)


async def read_form(request: Request, bounds: BodyBounds, store: MediaStore) -> Form:
    """Receive a multipart form, and return its request and its files, which are on the disk then.

    Raises `TooLarge`, `BodyTimeout`, `BadRequest` and `InvalidField`.
    """
    if encodings_of(request.headers.get("content-encoding", "")):
        return await _read_parts(request, _once(await read_body(request, bounds)), bounds, store)
    limit = store.item_bytes + bounds.size
    with bounds.allowance.part() as part:
        return await _read_parts(request, _bounded(request, limit, part, bounds), bounds, store)


async def _read_parts(
    request: Request, body: AsyncIterator[bytes], bounds: BodyBounds, store: MediaStore
) -> Form:
    parser = Parser(
        request.headers,
        body,  # type: ignore[arg-type]  # it is only iterated
        max_files=MAX_FILES,
        max_fields=MAX_PARTS,
        max_part_size=bounds.size,
    )
    try:
        async with in_time(bounds):
            parts = await parser.parse()
    except MultiPartException as error:
        raise BadRequest(f"The form cannot be read: {error.message}") from None
    except ClientDisconnect:
        raise BadRequest("The client left before its request was complete.") from None
    form = Form({})
    try:
        return await _read(list(parts.multi_items()), form, store)
    except BaseException:
        await store.drop_uploads(form.paths)
        raise
    finally:
        await parts.close()


async def _once(body: bytes) -> AsyncIterator[bytes]:
    yield body


async def _bounded(
    request: Request, limit: int, part: Part, bounds: BodyBounds
) -> AsyncIterator[bytes]:
    size = 0
    async for piece in request.stream():
        size += len(piece)
        if size > limit:
            raise TooLarge(f"The request body is larger than {limit} bytes.", max_body_bytes=limit)
        if size <= bounds.size:  # the rest is in files, which go to the disk
            part.take(len(piece))
        yield piece


async def _read(parts: list[tuple[str, Any]], form: Form, store: MediaStore) -> Form:
    digests = []
    fields: dict[str, Any] = {}
    for name, value in parts:
        if isinstance(value, UploadFile):
            if (value.size or 0) > store.item_bytes:
                raise TooLarge(
                    f"A file is larger than {store.item_bytes} bytes.",
                    max_media_bytes=store.item_bytes,
                )
            digests.append(await _take(name, value, form, store))
        elif name == JSON_PART:
            form.fields.update(await parse_in_turns(bytearray(value.encode("utf-8", "replace"))))
        else:
            fields[name] = _field(name, value)
    form.fields.update(fields)
    digest = hashlib.sha256("\n".join(digests).encode()).hexdigest()
    return Form(form.fields, form.images, form.attachments, digest)


def _field(name: str, value: str) -> Any:
    if name in TEXTS:
        return value
    if name in FLAGS and value in ("true", "false"):
        return value == "true"
    if name in FLAGS:
        raise InvalidField(f"{name}: must be true or false")
    raise InvalidField(
        f"{name[:80]}: is no part of this form; send {JSON_PART} (JSON), {', '.join(sorted(TEXTS))}"
        f", or files as {', '.join(FILES)}"
    )


async def _take(name: str, upload: UploadFile, form: Form, store: MediaStore) -> str:
    """Add a file to the form; returns a hash of it, its place and its name."""
    if name not in FILES:
        raise InvalidField(f"{name[:80]}: must be one of {', '.join(FILES)}")
    if not upload.size:
        raise InvalidField(f"{name}: a file is empty")
    content = path = None
    if upload.size <= IN_MEMORY:
        content = await upload.read()
        digest = hashlib.sha256(content).hexdigest()
    else:
        path = store.upload()
        digest = await asyncio.to_thread(_copy, upload, path)
    kind, mime = FILES[name], (upload.content_type or "").partition(";")[0].strip() or None
    if kind == "image":
        form.images.append(
            Picture(content=content, path=path, mime_type=mime, name=upload.filename)
        )
    else:
        form.attachments.append(
            Attachment(kind, content=content, path=path, mime_type=mime, name=upload.filename)  # type: ignore[arg-type]  # a kind of `FILES`
        )
    return f"{name}\0{upload.filename}\0{digest}"


def _copy(upload: UploadFile, path: Path) -> str:
    try:
        with path.open("xb") as written:
            shutil.copyfileobj(upload.file, written)
        with path.open("rb") as read:
            return hashlib.file_digest(read, "sha256").hexdigest()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
