"""Small media, and tools that make them."""

import struct
import zlib
from collections.abc import Callable
from typing import Any

from agno.media import Audio, File, Image, Video
from agno.tools.function import ToolResult


def png(shade: int = 0) -> bytes:
    """A picture of one point."""

    def block(name: bytes, data: bytes) -> bytes:
        check = zlib.crc32(name + data)
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", check)

    head = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes([0, shade]))
    return b"\x89PNG\r\n\x1a\n" + block(b"IHDR", head) + block(b"IDAT", rows) + block(b"IEND", b"")


PNG = png()
MP3 = b"ID3\x04\x00\x00\x00\x00\x00\x00" + bytes(64)
MP4 = b"\x00\x00\x00\x18ftypisom" + bytes(64)
PDF = b"%PDF-1.4\n%%EOF\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'


def tool(**media: Any) -> Callable[[], ToolResult]:
    """A tool `make` whose result has these media."""

    def make() -> ToolResult:
        """Make something."""
        return ToolResult(content="made", **media)

    return make


def everything() -> dict[str, list[Any]]:
    return {
        "images": [Image(content=PNG), Image(url="https://pictures.example/cat.png")],
        "audios": [Audio(content=MP3, format="mp3")],
        "videos": [Video(content=MP4)],
        "files": [File(content=PDF, filename="report.pdf", mime_type="application/pdf")],
    }
