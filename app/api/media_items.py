"""The media in JSON bodies: `{url}` or `{data, mime_type, name?}`."""

import base64
import binascii
from typing import Annotated, Literal, Self
from urllib.parse import unquote_to_bytes

from pydantic import Field, StringConstraints, model_validator

from ..core.errors import InvalidField
from ..core.question import Attachment, Picture
from .body_model import BodyModel
from .requests import Text, picture

#: The longest address, in characters.
MAX_URL = 4096

TOKEN = "[A-Za-z0-9!#$&^_.+-]+"
MimeType = Annotated[str, StringConstraints(pattern=f"^{TOKEN}/{TOKEN}$", max_length=127)]


class MediaItem(BodyModel):
    """A picture, sound, video or file: the address of one, or its content."""

    url: Annotated[Text, Field(max_length=MAX_URL, pattern="^https?://")] | None = Field(
        None, description="An address (https), which the model's provider fetches."
    )
    data: str | None = Field(None, description="The content in base64, or a data URL.")
    mime_type: MimeType | None = Field(None, description="The media type, such as image/png.")
    name: Annotated[Text, Field(max_length=255)] | None = Field(
        None, description="The name of the file."
    )

    @model_validator(mode="after")
    def _has_one_source(self) -> Self:
        if (self.url is None) == (self.data is None):
            raise ValueError("send either url or data")
        return self

    def picture(self) -> Picture:
        if self.url is not None:
            return Picture(url=self.url, mime_type=self.mime_type, name=self.name)
        content, mime = decode(self.data or "", "images")
        return Picture(content=content, mime_type=self.mime_type or mime, name=self.name)

    def attachment(self, kind: Literal["audio", "video", "file"], field: str) -> Attachment:
        """The item as a part of the question; raises `InvalidField` for data that is no base64."""
        if self.url is not None:
            return Attachment(kind, url=self.url, mime_type=self.mime_type, name=self.name)
        content, mime = decode(self.data or "", field)
        return Attachment(kind, content=content, mime_type=self.mime_type or mime, name=self.name)


def picture_of(item: str | MediaItem) -> Picture:
    """An image of a request: an address, a data URL or base64 as text, or a `MediaItem`."""
    return Picture(**picture(item)) if isinstance(item, str) else item.picture()


def decode(data: str, field: str) -> tuple[bytes, str | None]:
    """The content of base64 or of a data URL (RFC 2397), and the type that the URL has.

    Raises `InvalidField`.
    """
    mime = None
    if data.startswith("data:"):
        head, _, data = data[5:].partition(",")
        mime, *parameters = head.split(";")
        if "base64" not in parameters:
            data = base64.b64encode(unquote_to_bytes(data)).decode()
    try:
        content = base64.b64decode(data, validate=True)
    except (binascii.Error, ValueError):
        content = b""
    if not content:
        raise InvalidField(f"{field}: data must be base64 or a data URL, and not empty")
    return content, mime or None
