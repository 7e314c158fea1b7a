"""Media and pauses in protocols that have no place for them: Markdown and sentences in the text,
with addresses to open."""

import base64
import re
from collections.abc import Iterable

import msgspec
from fastapi import Request

from ..core.log.journal import Entry, RunRecord
from ..core.media import MediaStore
from ..models.chat import Media, StreamingChunk
from .addresses import absolute
from .pause_text import pause_text
from .tickets import Tickets

#: The largest picture that is put into an answer itself, in bytes.
INLINE = 8 << 20


class MediaLinks:
    """Shows the media of one run, and what it waits for, to a client that knows text, or text and
    pictures.

    Addresses are absolute, and hold a ticket if the server requires keys.
    """

    def __init__(
        self, request: Request, tickets: Tickets, store: MediaStore, record: RunRecord
    ) -> None:
        self._request = request
        self._tickets = tickets
        self._store = store
        self._record = record

    @property
    def decide_at(self) -> str:
        """The address where people decide on the run."""
        return absolute(self._request, f"/api/v1/runs/{self._record.run_id}/continue")

    def as_text(self, chunk: StreamingChunk) -> StreamingChunk:
        """A chunk with its media as Markdown at the end of its content, and what the run waits for
        as sentences."""
        if not chunk.media and not chunk.requirements:
            return chunk
        text = "".join(map(self._markdown, chunk.media or []))
        text += pause_text(chunk.requirements, self.decide_at)
        return msgspec.structs.replace(
            chunk, content=chunk.content + text, media=None, requirements=None
        )

    def with_pictures(self, chunk: StreamingChunk) -> tuple[StreamingChunk, list[str]]:
        """A chunk with its media as Markdown, except the pictures, which are the list (base64)."""
        pictures, others = [], []
        for item in chunk.media or []:
            if item.kind == "image" and item.size is not None and item.size <= INLINE:
                content = self._store.load(self._record.run_id, item.id)
                if content is not None:
                    pictures.append(base64.b64encode(content).decode())
                    continue
            others.append(item)
        if chunk.media is None:
            return self.as_text(chunk), pictures
        return self.as_text(msgspec.structs.replace(chunk, media=others)), pictures

    def absolute(self, chunk: StreamingChunk) -> StreamingChunk:
        """A chunk whose media have addresses that work on other sites."""
        if not chunk.media:
            return chunk
        found = [msgspec.structs.replace(item, url=self._address(item)) for item in chunk.media]
        return msgspec.structs.replace(chunk, media=found)

    def entries(self, entries: Iterable[Entry]) -> list[Entry]:
        """The entries of a log with all media as Markdown."""
        return [(offset, self.as_text(chunk)) for offset, chunk in entries]

    def _markdown(self, item: Media) -> str:
        name = re.sub(r"[^\w .,-]", "", item.name or item.kind) or item.kind
        address = self._address(item).replace("(", "%28").replace(")", "%29")
        return f"\n\n{'!' if item.kind == 'image' else ''}[{name}]({address})\n\n"

    def _address(self, item: Media) -> str:
        if not item.url.startswith("/"):
            return item.url
        ticket = self._tickets.address(self._record.run_id, self._record.principal)
        _, mark, query = ticket.stream_url.partition("?")
        return f"{absolute(self._request, item.url)}{mark}{query}"
