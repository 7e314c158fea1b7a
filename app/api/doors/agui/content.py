"""The parts of a message's content: text, pictures, sounds, videos, documents."""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag

from ....core.question import Attachment, Picture
from ...body_model import BodyModel
from ...media_items import decode
from ...requests import ITEMS


def kind(field: str, *known: str) -> Callable[[Any], str]:
    """A discriminator by a field, for which all unknown values are alike."""

    def found(value: Any) -> str:
        named = value.get(field) if isinstance(value, dict) else getattr(value, field, None)
        return f"<{named}>" if named in known else "<other>"

    return found


class Other(BodyModel):
    """A part or source that is not read here, or that a model could not be shown."""

    type: str


class TextPart(BodyModel):
    type: Literal["text"]
    text: str


class DataSource(BodyModel):
    """Content in base64."""

    type: Literal["data"]
    value: str
    mime_type: str | None = Field(None, alias="mimeType")


class UrlSource(BodyModel):
    type: Literal["url"]
    value: str
    mime_type: str | None = Field(None, alias="mimeType")


Source = Annotated[
    Annotated[DataSource, Tag("<data>")]
    | Annotated[UrlSource, Tag("<url>")]
    | Annotated[Other, Tag("<other>")],
    Discriminator(kind("type", "data", "url")),
]


class MediaPart(BodyModel):
    type: Literal["image", "audio", "video", "document"]
    source: Source


class BinaryPart(BodyModel):
    """Media as clients of versions before 1.0 send them."""

    type: Literal["binary"]
    mime_type: str = Field("", alias="mimeType")
    data: str | None = None
    url: str | None = None
    filename: str | None = None


Part = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[MediaPart, Tag("<image>")]
    | Annotated[MediaPart, Tag("<audio>")]
    | Annotated[MediaPart, Tag("<video>")]
    | Annotated[MediaPart, Tag("<document>")]
    | Annotated[BinaryPart, Tag("<binary>")]
    | Annotated[Other, Tag("<other>")],
    Discriminator(kind("type", "text", "image", "audio", "video", "document", "binary")),
]

Content = str | Annotated[list[Part], *ITEMS]

#: The kinds of attachments by the type of their part.
KINDS: dict[str, Literal["audio", "video", "file"]] = {
    "audio": "audio",
    "video": "video",
    "document": "file",
}


class Media(BodyModel):
    """The media of a content as parts of a question, and the places of parts that are no use."""

    model_config = ConfigDict(arbitrary_types_allowed=True)

    pictures: list[Picture] = Field(default_factory=list)
    attachments: list[Attachment] = Field(default_factory=list)
    unused: list[int] = Field(default_factory=list)


def text_of(content: Content | None) -> str:
    """The text of a content, without its media. A NUL, which cannot be stored, becomes U+FFFD."""
    if isinstance(content, list):
        content = "\n\n".join(part.text for part in content if isinstance(part, TextPart))
    return (content or "").replace("\0", "\ufffd")


def media_of(content: Content | None) -> Media:
    """The media of a content; raises `InvalidField` for data that are no base64."""
    found = Media()
    for place, part in enumerate(content if isinstance(content, list) else []):
        if isinstance(part, TextPart):
            continue
        fields = _fields(part)
        if fields is None:
            found.unused.append(place)
            continue
        made, given = fields
        if made == "image":
            found.pictures.append(Picture(**given))
        else:
            found.attachments.append(Attachment(KINDS[made], **given))
    return found


def _fields(part: Part) -> tuple[str, dict[str, Any]] | None:
    """What a part is, and the fields of a picture or an attachment; None if it cannot be used."""
    if isinstance(part, MediaPart) and not isinstance(part.source, Other):
        source, name = part.source, None
        made: str = part.type
        data = source.value if isinstance(source, DataSource) else None
        url = source.value if isinstance(source, UrlSource) else None
        mime = source.mime_type
    elif isinstance(part, BinaryPart):
        made, name = _kind_of(part.mime_type), part.filename
        data, url, mime = part.data, part.url, part.mime_type or None
    else:
        return None
    if url is not None and url.startswith("data:"):
        data, url = url, None
    named = {"name": name} if name else {}
    if data is not None:
        content, found = decode(data, "messages")
        return made, {"content": content, "mime_type": mime or found, **named}
    if url is None or not url.startswith(("https://", "http://")):
        return None  # a handle of a provider, or an address that only it can read
    return made, {"url": url, "mime_type": mime, **named}


def _kind_of(mime: str) -> str:
    head = mime.partition("/")[0]
    return head if head in ("image", "audio", "video") else "document"
