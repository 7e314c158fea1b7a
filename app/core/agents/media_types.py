"""The media types and names of what tools and models make: recognised, and made harmless."""

import base64
import binascii
import io
import mimetypes
import re
import unicodedata
import wave
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Literal

Kind = Literal["image", "audio", "video", "file"]

#: A media type without parameters (RFC 9110, section 8.3.1), of a length that headers can hold.
MEDIA_TYPE = re.compile(r"[a-z0-9][a-z0-9!#$&^_.+-]{0,62}/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}")

DEFAULT = "application/octet-stream"

#: How the content of common types begins.
BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"%PDF-", "application/pdf"),
    (b"OggS", "audio/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"\xff\xfb", "audio/mpeg"),
    (b"\xff\xf3", "audio/mpeg"),
    (b"\xff\xf1", "audio/aac"),
    (b"fLaC", "audio/flac"),
    (b"\x1aE\xdf\xa3", "video/webm"),
)

#: The types of containers, which have their length before their name.
CONTAINERS = {b"WEBP": "image/webp", b"WAVE": "audio/wav"}

BASE64 = re.compile(rb"[A-Za-z0-9+/]+={0,2}")

#: What a type has to begin with to be of a kind; anything may be a file.
FAMILIES = {"image": "image/", "audio": "audio/", "video": "video/", "file": ""}


def media_type(kind: Kind, content: bytes, *declared: str | None, name: str | None = None) -> str:
    """The type of an item: the first valid one of `declared`, types or formats such as `png`; else
    what its content, or its name, shows."""
    for written in (*declared, recognised(content), name and PurePosixPath(name).suffix):
        if found := _valid(kind, written):
            return found
    return DEFAULT


def recognised(content: bytes) -> str | None:
    """The type that a content begins like, or None."""
    if content[:4] == b"RIFF":
        return CONTAINERS.get(content[8:12])
    if content[4:8] == b"ftyp":
        return "audio/mp4" if content[8:11] == b"M4A" else "video/mp4"
    return next((kind for start, kind in BEGINNINGS if content.startswith(start)), None)


def _valid(kind: Kind, written: str | None) -> str | None:
    plain = (written or "").partition(";")[0].strip().lower()
    if plain and "/" not in plain:
        plain = mimetypes.guess_type(f"x.{plain.lstrip('.')}")[0] or ""
    fits = plain.startswith(FAMILIES[kind]) or (kind == "video" and plain == "image/gif")
    return plain if fits and MEDIA_TYPE.fullmatch(plain) else None


def file_name(written: str | None) -> str | None:
    """A name without folders, control characters and other traps, of at most 120 characters."""
    if not written:
        return None
    last = re.split(r"[/\\]", written)[-1]
    # Format characters (Cf) can reverse what a person reads, such as the ending.
    plain = "".join(c for c in last if unicodedata.category(c)[0] != "C" and c not in '<>:"|?*')
    plain = " ".join(plain.split()).strip(". ")
    if len(plain) > 120:
        suffix = PurePosixPath(plain).suffix[:16]
        plain = plain[: 120 - len(suffix)] + suffix
    return plain or None


def decoded(content: bytes) -> bytes:
    """Bytes that Agno has left as base64, decoded; others as they are."""
    if len(content) % 4 or not BASE64.fullmatch(content):
        return content
    try:
        return base64.b64decode(content, validate=True)
    except binascii.Error:
        return content


def joined(pieces: Sequence[bytes]) -> bytes:
    """The content in pieces that are base64, each alone or all together, or bytes as they are."""
    whole = b"".join(pieces)
    if not all(map(BASE64.fullmatch, pieces)):
        return whole
    return decoded(whole) if any(len(p) % 4 for p in pieces) else b"".join(map(decoded, pieces))


def as_wave(content: bytes, rate: int, channels: int) -> bytes:
    """Samples of 16 bits, as audio models stream them, with the head that players need."""
    out = io.BytesIO()
    with wave.open(out, "wb") as written:
        written.setnchannels(channels)
        written.setsampwidth(2)
        written.setframerate(rate)
        written.writeframes(content)
    return out.getvalue()
