"""What is known of an item in the media store, and of the run that it belongs to."""

from dataclasses import dataclass
from typing import Literal

import msgspec

from ..models.chat import Media

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
