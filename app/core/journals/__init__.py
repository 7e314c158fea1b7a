"""The contract of a journal: where the logs of runs are kept, whoever reads them.

One file here is one journal; `open_journal` picks it by the scheme of `JOURNAL_URL`.
"""

from collections.abc import Sequence
from typing import Protocol
from urllib.parse import parse_qsl, urlsplit

import msgspec

from app.core.errors import ConfigurationError
from app.models.chat import StreamingChunk

#: Seconds since the run was created, and the chunk that was appended then.
Entry = tuple[float, StreamingChunk]


class RunRecord(msgspec.Struct, frozen=True):
    """What is known of a run when it starts. `created_at` is Unix time in seconds; `question` is
    what was asked, for those who come to watch."""

    run_id: str
    conversation_id: str
    principal: str
    agent: str
    model: str
    created_at: float
    question: str = ""


class Journal(Protocol):
    """Keeps entries in order, numbered from 1, without holes.

    Appends come in groups from the hub, never one a token. `read` raises `Gap` for a part that
    retention has removed.
    """

    async def open(self) -> None: ...

    async def close(self) -> None: ...

    async def create(self, record: RunRecord) -> None: ...

    async def append(self, run_id: str, first: int, entries: Sequence[Entry]) -> None:
        """Add `entries`, the first of which has the number `first`."""

    async def record(self, run_id: str) -> RunRecord | None: ...

    async def read(self, run_id: str, after: int, limit: int) -> list[Entry]:
        """At most `limit` entries that follow number `after`; none if there are no more."""


def size_of(chunk: StreamingChunk) -> int:
    """About how many bytes of memory a chunk holds: its text, and the objects around it."""
    size = 200 + len(chunk.content)
    if chunk.reasoning is not None:
        size += len(chunk.reasoning)
    if chunk.tool is not None:
        size += 500 + len(chunk.tool.result or "") + len(str(chunk.tool.arguments or ""))
    return size


def open_journal(url: str, *, retention: float) -> Journal:
    """The journal for a `JOURNAL_URL`; runs are kept for `retention` seconds after their end.

    `memory://?run_bytes=N&total_bytes=N` bounds the memory of one run, and of all.
    """
    from app.core.journals.memory import MemoryJournal  # one import a scheme: none pays for all

    try:
        parts = urlsplit(url)
        if parts.scheme != "memory":
            raise ConfigurationError(
                f"JOURNAL_URL: no journal for {parts.scheme!r}; known: memory://"
            )
        bounds = {name: int(value) for name, value in parse_qsl(parts.query)}
        return MemoryJournal(retention=retention, **bounds)
    except (ValueError, TypeError) as error:
        raise ConfigurationError(f"JOURNAL_URL: {error}") from error
