"""The media in the events of an Agno run: kept in the store, and described by chunks."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ...models.chat import Media, StreamingChunk
from ..media import Kind, MediaStore, Owner
from ..text import replace_lone_surrogates
from .media_types import DEFAULT, as_wave, decoded, file_name, joined, media_type, recognised

logger = logging.getLogger(__name__)

#: The fields of events with media that tools or models made, and what is in them.
FIELDS: dict[str, Kind] = {
    "image": "image",
    "images": "image",
    "audio": "audio",
    "videos": "video",
    "files": "file",
}

#: The events of text, which are many.
TEXT = frozenset({"RunContent", "TeamRunContent"})

#: The longest address of another server, in characters.
MAX_URL = 2000


#: An empty set takes 216 bytes, which each run would have.
_NONE: frozenset[str] = frozenset()


class MediaReader:
    """Reads the media in the events of one run, each item once.

    Agno repeats all items of a run in each event with one, and at the end. A model's sound comes in
    pieces, and is kept at its end; its transcript is the text of the answer.
    """

    __slots__ = ("_owner", "_seen", "_sent", "_sound", "_store")

    def __init__(self, store: MediaStore | None, owner: Owner) -> None:
        self._store = store
        self._owner = owner
        self._seen: dict[int, Any] = {}  # by identity; the objects are held, so that ids stay true
        self._sent = _NONE
        self._sound = _Sound()

    @staticmethod
    def concerns(event: Any) -> bool:
        """Whether an event may have media. Most are text, which is to cost nothing here."""
        if event.event in TEXT:
            sound = getattr(event, "response_audio", None)
            return sound is not None or getattr(event, "image", None) is not None
        return True

    async def read(self, event: Any, model: str) -> StreamingChunk | None:
        """The chunk for the media in an event, None without any new."""
        own = getattr(event, "run_id", None) == self._owner.run_id
        sound = getattr(event, "response_audio", None)
        if event.event in TEXT:
            if own and sound is not None:
                self._sound.add(sound)
            if getattr(event, "image", None) is None:
                return None
        found = [
            media for kind, item in self._new(event) if (media := await self._keep(kind, item))
        ]
        if own and event.event.endswith("RunCompleted"):
            if sound is not None and not self._sound.parts:
                self._sound.add(sound)
            if (media := await self._kept_sound()) is not None:
                found.append(media)
        new = [media for media in found if media.id not in self._sent]
        if not new:
            return None
        self._sent |= {media.id for media in new}
        return StreamingChunk(content="", done=False, model=model, media=new)

    def _new(self, event: Any) -> Iterator[tuple[Kind, Any]]:
        for field, kind in FIELDS.items():
            value = getattr(event, field, None)
            for item in value if isinstance(value, list) else [value]:
                if item is not None and id(item) not in self._seen:
                    self._seen[id(item)] = item
                    yield kind, item

    async def _keep(self, kind: Kind, item: Any) -> Media | None:
        """An item as readers get it; None, with a line in the log, if it cannot be kept."""
        name = file_name(getattr(item, "filename", None) or getattr(item, "name", None))
        declared: tuple[str | None, ...] = (item.mime_type, getattr(item, "format", None))
        content = item.content
        if isinstance(content, str):
            content = content.encode("utf-8", "replace")
        try:
            if isinstance(content, bytes) and content:
                return await self._keep_bytes(kind, content, declared, name)
            if item.filepath is not None:
                path = Path(item.filepath)
                name = name or file_name(path.name)
                declared = (*declared, path.suffix)
                return await self._keep_file(kind, path, declared, name)
            reference = item.media_reference
            url = item.url or (reference.url if reference is not None else None)
            if url is not None and url.startswith("data:"):
                head, _, data = url[5:].partition(",")
                return await self._keep_bytes(kind, decoded(data.encode()), (*declared, head), name)
            if url is not None:
                return _elsewhere(kind, item.id, url, declared, name)
        except OSError:
            logger.exception("run %s: media cannot be kept", self._owner.run_id)
            return None
        logger.warning("run %s: a %s without content is not shown", self._owner.run_id, kind)
        return None

    async def _keep_bytes(
        self, kind: Kind, content: bytes, declared: tuple[str | None, ...], name: str | None
    ) -> Media | None:
        if kind != "file" and recognised(content) is None:
            content = decoded(content)
        mime = media_type(kind, content, *declared, name=name)
        if self._store is None:
            return None
        return self._noted(await self._store.keep(self._owner, kind, content, mime, name), kind)

    async def _keep_file(
        self, kind: Kind, path: Path, declared: tuple[str | None, ...], name: str | None
    ) -> Media | None:
        if self._store is None:
            return None
        mime = media_type(kind, b"", *declared, name=name)
        return self._noted(await self._store.keep_file(self._owner, kind, path, mime, name), kind)

    def _noted(self, media: Media | None, kind: Kind) -> Media | None:
        if media is None:
            logger.warning(
                "run %s: a %s is not kept: it is empty, too large (MAX_MEDIA_BYTES), or one of too "
                "many",
                self._owner.run_id,
                kind,
            )
        return media

    async def _kept_sound(self) -> Media | None:
        if not self._sound.parts or self._store is None:
            return None
        content, mime = self._sound.whole()
        try:
            kept = await self._store.keep(self._owner, "audio", content, mime, None)
        except OSError:
            logger.exception("run %s: the model's sound cannot be kept", self._owner.run_id)
            return None
        return self._noted(kept, "audio")


class _Sound:
    """The sound of a model, joined from its pieces, which are base64 of OpenAI, bytes of others."""

    __slots__ = ("_channels", "_rate", "_type", "parts")

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self._type: str | None = None
        self._rate, self._channels = 24000, 1

    def add(self, piece: Any) -> None:
        content = piece.content
        if isinstance(content, str):
            content = content.encode()
        if content:
            self.parts.append(content)
        self._type = piece.mime_type or self._type
        self._rate = piece.sample_rate or self._rate
        self._channels = piece.channels or self._channels

    def whole(self) -> tuple[bytes, str]:
        """The content and its type; samples without a head, as models stream them, get one."""
        content = joined(self.parts)
        found = recognised(content)
        if found is None and content and "wav" not in (self._type or ""):
            return as_wave(content, self._rate, self._channels), "audio/wav"
        return content, media_type("audio", content, found, self._type)


def transcript(event: Any) -> str | None:
    """The transcript in a piece of a model's sound: text of the answer."""
    sound = getattr(event, "response_audio", None)
    return None if sound is None else sound.transcript


def _elsewhere(
    kind: Kind, media_id: str, url: str, declared: tuple[str | None, ...], name: str | None
) -> Media | None:
    """An item at another server, whose address readers get: nothing is fetched here."""
    url = replace_lone_surrogates(url)
    if not re.match(r"https?://[^\s<>\"']+$", url) or len(url) > MAX_URL:
        logger.warning("a %s has an address that is not shown", kind)
        return None
    mime = media_type(kind, b"", *declared, name=name or url.partition("?")[0])
    if mime == DEFAULT and kind != "file":
        mime = f"{kind}/*"
    safe = re.sub(r"[^A-Za-z0-9._-]", "", str(media_id))[:64]
    return Media(safe or "media", kind, mime, url, name)
