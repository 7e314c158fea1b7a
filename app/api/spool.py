"""The bytes of a request body while it is received: in memory, or in a file if that is full.

See docs/decisions/026-bodies-are-parsed-by-us.md.
"""

import asyncio
import logging
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ..core.errors import Overloaded

logger = logging.getLogger(__name__)

#: Bytes of each body that are not counted: questions without files are never refused for others'.
FREE = 64 << 10

#: Bytes of large bodies in memory, of all requests together; further ones go to files.
IN_MEMORY = 2 << 20

#: Bytes that are written to a file at once.
BLOCK = 256 << 10


class Allowance:
    """The bytes of large bodies that are being received, of all requests together.

    `total` is their bound in bytes: a request whose body would exceed it is refused with 503. The
    first `FREE` bytes of each body do not count; the number of connections bounds those. What is
    more than `IN_MEMORY` bytes is in files without a name in `folder`, or in memory if there is no
    folder, or no space in it. `bench` is held by the one request whose large body is being decoded
    or parsed, which takes the memory of its size several times.
    """

    def __init__(self, total: int, folder: Path | None = None) -> None:
        self.total = total
        self.folder = folder
        self.taken = 0
        self.in_memory = 0  # bytes
        self.bench = asyncio.Lock()

    @contextmanager
    def part(self) -> Iterator["Part"]:
        """The part of one request, which is given back at the end of the context."""
        part = Part(self)
        try:
            yield part
        finally:
            part.give_back()


class Part:
    """The bytes that one request has taken from an `Allowance`, and those that it keeps."""

    def __init__(self, allowance: Allowance) -> None:
        self._allowance = allowance
        self._free = FREE
        self._taken = self._in_memory = 0
        self._kept = bytearray()
        self._file: BinaryIO | None = None
        self._size = 0  # bytes in the file
        self._refused = False  # the file could not be written

    def take(self, size: int) -> int:
        """Take further bytes, and return how many of them count; raises `Overloaded` if there are
        not so many left."""
        allowance = self._allowance
        free = min(self._free, size)
        self._free -= free
        size -= free
        if size and allowance.taken + size > allowance.total:
            raise Overloaded(
                "The server is receiving as many bytes of requests as it has room for.",
                retry_after=1,
            )
        self._taken += size
        allowance.taken += size
        return size

    async def keep(self, piece: bytes) -> None:
        """Take the bytes of a piece and keep them; raises `Overloaded`."""
        size = self.take(len(piece))
        self._kept += piece
        allowance = self._allowance
        room = self._file is None and allowance.in_memory + size <= IN_MEMORY
        if room or allowance.folder is None or self._refused:
            self._in_memory += size
            allowance.in_memory += size
        elif self._file is None or len(self._kept) >= BLOCK:
            await asyncio.to_thread(self._write)
            if not self._refused:
                self._forget()

    async def whole(self) -> bytearray:
        """Return all bytes that were kept."""
        if self._file is None:
            kept, self._kept = self._kept, bytearray()
            return kept
        return await asyncio.to_thread(self._read)

    def give_back(self) -> None:
        """Let others have the bytes."""
        self._kept = bytearray()
        self._allowance.taken -= self._taken
        self._forget()
        self._taken = 0
        if self._file is not None:
            self._file.close()
            self._file = None

    def _forget(self) -> None:
        self._allowance.in_memory -= self._in_memory
        self._in_memory = 0

    def _write(self) -> None:
        """Move what is in memory to the file, in a thread."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._allowance.folder, buffering=0)  # noqa: SIM115 - `give_back` closes it
            while self._kept:
                written = self._file.write(self._kept)
                del self._kept[:written]
                self._size += written
        except OSError as error:
            self._refused = True
            logger.warning("a request body stays in memory: its file cannot be written: %s", error)

    def _read(self) -> bytearray:
        """Return the bytes of the file and those behind it, in a thread."""
        assert self._file is not None
        whole = bytearray(self._size + len(self._kept))
        view = memoryview(whole)
        self._file.seek(0)
        at = 0
        while at < self._size:
            at += self._file.readinto(view[at : self._size])  # type: ignore[attr-defined]
        view[at:] = self._kept
        self._kept = bytearray()
        return whole
