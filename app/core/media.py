"""`MediaStore`: the pictures, sounds, videos and files of runs, as files in `MEDIA_DIR`.

    runs/<run id>/<media id>        the bytes
    runs/<run id>/<media id>.json   what they are, and the owner; written last
    conversations/<hash>/<run id>   an empty file for each run of a conversation that is kept
    uploads/<random>                what a request has sent, until its run begins

The methods that touch the disk run in threads. A media id is a hash of the content, so that one
file of a run is kept once, however many events repeat it.
"""

import asyncio
import hashlib
import logging
import re
import secrets
import shutil
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from ..models.chat import Media
from .errors import ConfigurationError, UnknownMedia
from .kept_media import Kept, Room, modified, weigh, weigh_all, write_whole
from .kept_media import Kind as Kind
from .kept_media import Owner as Owner

logger = logging.getLogger(__name__)

#: Items that one run may keep.
MAX_ITEMS = 64

#: Seconds that an upload waits for its run to begin, before a sweep removes it.
UPLOAD_LIFETIME = 24 * 3600.0

#: What the ids of runs and of media are made of; nothing else reaches the file system.
SAFE = re.compile(r"[0-9a-f]{16,64}")


class MediaStore:
    """Keeps media of at most `item_bytes` each, and not more than there is `room`; `uploads` is the
    folder of what is being received.

    Raises `ConfigurationError` if `folder` cannot be written.
    """

    def __init__(self, folder: Path, *, item_bytes: int, room: Room | None = None) -> None:
        self.item_bytes = item_bytes
        self.room = room or Room()
        self._runs = folder / "runs"
        self._conversations = folder / "conversations"
        self.uploads = folder / "uploads"
        try:
            for made in (self._runs, self._conversations, self.uploads):
                made.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise ConfigurationError(
                f"MEDIA_DIR: {folder} cannot be written: {error.strerror}"
            ) from error

    async def keep(
        self, owner: Owner, kind: Kind, content: bytes, mime_type: str, name: str | None
    ) -> Media | None:
        """Write an item; None if it is too large, if the run has too many, or if there is no room.
        Raises `OSError`."""
        return await asyncio.to_thread(self._keep, owner, kind, content, mime_type, name)

    async def keep_file(
        self, owner: Owner, kind: Kind, file: Path, mime_type: str, name: str | None
    ) -> Media | None:
        """The same for a copy of a file that a tool has made."""

        def copy() -> Media | None:
            if not file.is_file() or file.stat().st_size > self.item_bytes:
                return None
            return self._keep(owner, kind, file.read_bytes(), mime_type, name)

        return await asyncio.to_thread(copy)

    async def keep_upload(
        self, owner: Owner, kind: Kind, path: Path, mime_type: str, name: str | None
    ) -> None:
        """The same for an upload that was adopted, which stays where it is."""

        def describe() -> None:
            url = f"/api/v1/runs/{owner.run_id}/media/{path.name}"
            size = path.stat().st_size
            self._describe(owner, Media(path.name, kind, mime_type, url, name, size))

        await asyncio.to_thread(describe)

    async def find(self, run_id: str, media_id: str, principal: str) -> tuple[Media, Path]:
        """An item of a principal and the file with its bytes; raises `UnknownMedia`, also for the
        items of others."""
        found = await asyncio.to_thread(self._read, run_id, media_id)
        if found is None or found.principal != principal:
            raise UnknownMedia(f"Run {run_id!r} has no media {media_id!r}, or no longer.")
        return found.media, self._runs / run_id / media_id

    def load(self, run_id: str, media_id: str) -> bytes | None:
        """The bytes of an item, read at once; None if they are gone."""
        if not (SAFE.fullmatch(run_id) and SAFE.fullmatch(media_id)):
            return None
        try:
            return (self._runs / run_id / media_id).read_bytes()
        except OSError:
            return None

    async def of_runs(
        self, run_ids: Iterable[str], principal: str, *, asks: bool = False
    ) -> dict[str, list[Media]]:
        """The items of the answers of a principal's runs, or of their questions (`asks`), oldest
        first; runs without any are left out."""
        return await asyncio.to_thread(self._of_runs, list(run_ids), principal, asks)

    def upload(self) -> Path:
        """The path of a new upload."""
        return self.uploads / secrets.token_hex(16)

    async def adopt(self, owner: Owner, upload: Path) -> Path:
        """Move an upload into the folder of its run, which it is then removed with.

        Returns its new path. An upload that was moved before stays where it is.
        """

        def move() -> Path:
            path = self._folder(owner) / upload.name
            if upload.exists():
                upload.replace(path)
            return path

        return await asyncio.to_thread(move)

    async def drop_uploads(self, uploads: Iterable[Path]) -> None:
        """Remove the uploads of a request that starts no run."""

        def remove() -> None:
            for path in uploads:
                path.unlink(missing_ok=True)

        await asyncio.to_thread(remove)

    async def forget(self, principal: str, conversation_id: str, user: str | None = None) -> None:
        """Remove the media of a conversation."""

        def remove() -> None:
            marks = self._marks(principal, conversation_id, user)
            for mark in list(marks.iterdir()) if marks.is_dir() else []:
                self._remove(mark.name)
            shutil.rmtree(marks, ignore_errors=True)

        await asyncio.to_thread(remove)

    async def passing(self, age: float) -> list[tuple[str, str]]:
        """The runs and principals of media that no conversation keeps, untouched for `age` seconds.

        Uploads that no run has taken are removed, too.
        """
        return await asyncio.to_thread(self._passing, age)

    async def remove(self, run_id: str) -> None:
        """Remove the media of a run."""
        await asyncio.to_thread(self._remove, run_id)

    async def measure(self) -> None:
        """Count the bytes of all items anew, those of other processes included."""
        self.room.measured(await asyncio.to_thread(weigh_all, self._runs))

    def _remove(self, run_id: str) -> None:
        principal, size = weigh(self._runs / run_id)
        shutil.rmtree(self._runs / run_id, ignore_errors=True)
        self.room.give(principal, size)

    def _keep(
        self, owner: Owner, kind: Kind, content: bytes, mime_type: str, name: str | None
    ) -> Media | None:
        if not content or len(content) > self.item_bytes:
            return None
        media_id = hashlib.sha256(kind.encode() + b"\0" + content).hexdigest()[:32]
        folder = self._folder(owner)
        if (found := self._read(owner.run_id, media_id)) is not None:
            return found.media
        if sum(1 for _ in folder.glob("*.json")) >= MAX_ITEMS:
            return None
        if not self.room.has(owner.principal, len(content)):
            logger.warning("run %s: there is no room for a %s", owner.run_id, kind)
            return None
        url = f"/api/v1/runs/{owner.run_id}/media/{media_id}"
        media = Media(media_id, kind, mime_type, url, name, len(content))
        write_whole(folder / media_id, content)
        self._describe(owner, media)
        return media

    def _describe(self, owner: Owner, media: Media) -> None:
        fields = (owner.principal, owner.conversation_id, owner.kept, time.time(), owner.asks)
        written = msgspec.json.encode(Kept(media, *fields))
        write_whole(self._runs / owner.run_id / f"{media.id}.json", written)
        self.room.take(owner.principal, media.size or 0)

    def _folder(self, owner: Owner) -> Path:
        folder = self._runs / owner.run_id
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if owner.kept:
            marks = self._marks(owner.principal, owner.conversation_id, owner.user)
            marks.mkdir(mode=0o700, parents=True, exist_ok=True)
            (marks / owner.run_id).touch()
        else:
            (folder / "passing").write_text(owner.principal, encoding="utf-8")
        return folder

    def _marks(self, principal: str, conversation_id: str, user: str | None) -> Path:
        owner = principal if user is None else f"{principal}/{user}"
        key = f"{owner}\0{conversation_id}".encode()
        return self._conversations / hashlib.sha256(key).hexdigest()[:32]

    def _read(self, run_id: str, media_id: str) -> Kept | None:
        if not (SAFE.fullmatch(run_id) and SAFE.fullmatch(media_id)):
            return None
        try:
            folder = self._runs / run_id
            written = (folder / f"{media_id}.json").read_bytes()
            if not (folder / media_id).is_file():
                return None
            return msgspec.json.decode(written, type=Kept)
        except (OSError, msgspec.DecodeError):
            return None

    def _of_runs(self, run_ids: list[str], principal: str, asks: bool) -> dict[str, list[Media]]:
        found: dict[str, list[Media]] = {}
        for run_id in filter(SAFE.fullmatch, run_ids):
            items = [self._read(run_id, p.stem) for p in (self._runs / run_id).glob("*.json")]
            found_items = (item for item in items if item is not None and item.asks == asks)
            if own := [item for item in found_items if item.principal == principal]:
                own.sort(key=lambda item: item.created_at)
                found[run_id] = [item.media for item in own]
        return found

    def _passing(self, age: float) -> list[tuple[str, str]]:
        now = time.time()
        for upload in self.uploads.iterdir():
            if modified(upload) < now - UPLOAD_LIFETIME:
                upload.unlink(missing_ok=True)
        return [
            (mark.parent.name, mark.read_text(encoding="utf-8"))
            for mark in self._runs.glob("*/passing")
            if modified(mark.parent) < now - age
        ]
