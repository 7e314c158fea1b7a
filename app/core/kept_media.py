"""What is known of an item in the media store, of the run that it belongs to, and how many bytes
there are."""

import secrets
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from ..models.chat import Media
from .errors import TooLarge

Kind = Literal["image", "audio", "video", "file"]


@dataclass(frozen=True, slots=True)
class Owner:
    """The run that media belong to, and whether its conversation keeps the turn.

    `user` is the end user of a principal whose key is one for many. `asks` is True for the media of
    the question.
    """

    run_id: str
    principal: str
    conversation_id: str
    kept: bool
    user: str | None = None
    asks: bool = False


class Kept(msgspec.Struct, frozen=True):
    """An item as its `.json` file has it. `created_at` is Unix time in seconds."""

    media: Media
    principal: str
    conversation_id: str
    kept: bool
    created_at: float
    asks: bool = False


class Room:
    """The bytes of media that are kept: at most `total`, and `each` of one principal.

    They are counted by this process; other processes and what was there before are known from
    `measured`.
    """

    def __init__(self, total: int = 1 << 62, each: int = 1 << 62) -> None:
        self.total = total
        self.each = each
        self._used = Counter[str]()

    def has(self, principal: str, size: int) -> bool:
        """True if so many bytes more may be kept."""
        if self._used[principal] + size > self.each:
            return False
        return self._used.total() + size <= self.total

    def check(self, principal: str, size: int) -> None:
        """Raise `TooLarge` if so many bytes more may not be kept."""
        if not self.has(principal, size):
            raise TooLarge(
                "The files of your conversations take all the space that there is for them. Delete "
                "conversations with files, or send none.",
                max_stored_media_bytes=min(self.total, self.each),
            )

    def take(self, principal: str, size: int) -> None:
        self._used[principal] += size

    def give(self, principal: str, size: int) -> None:
        self._used[principal] = max(0, self._used[principal] - size)

    def measured(self, used: Counter[str]) -> None:
        self._used = used


def weigh(folder: Path) -> tuple[str, int]:
    """The principal and the bytes of the media in the folder of a run; the principal is empty if
    there are none."""
    principal, size = "", 0
    try:
        for file in folder.iterdir():
            size += file.stat().st_size
            if not principal and file.suffix == ".json":
                principal = msgspec.json.decode(file.read_bytes(), type=Kept).principal
    except (OSError, msgspec.DecodeError):
        pass  # another process is removing it, or it is none of ours
    return principal, size


def weigh_all(runs: Path) -> Counter[str]:
    """The bytes of the media of each principal, in the folders of all runs."""
    used = Counter[str]()
    for folder in runs.iterdir():
        principal, size = weigh(folder)
        used[principal] += size
    return used


def modified(path: Path) -> float:
    """The Unix time of the last change of a file; now if it is gone."""
    try:
        return path.stat().st_mtime
    except OSError:  # another process has removed it
        return time.time()


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that is complete as soon as it has its name."""
    part = path.with_name(f".{secrets.token_hex(8)}")
    part.write_bytes(content)
    part.replace(path)
