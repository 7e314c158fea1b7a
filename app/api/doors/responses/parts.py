"""The parts of a message's content: text, pictures, files, sounds."""

from typing import Annotated, Literal

from pydantic import Field

from ....core.errors import InvalidField
from ....core.question import Attachment, Picture
from ...body_model import BodyModel
from ...media_items import decode
from ...requests import ITEMS, picture


class TextPart(BodyModel):
    type: Literal["input_text", "output_text", "text", "summary_text", "reasoning_text"]
    text: str


class RefusalPart(BodyModel):
    type: Literal["refusal"]
    refusal: str


class ImagePart(BodyModel):
    type: Literal["input_image"]
    image_url: str | None = None
    file_id: str | None = None
    detail: str | None = None


class FilePart(BodyModel):
    type: Literal["input_file"]
    file_data: str | None = None
    file_url: str | None = None
    file_id: str | None = None
    filename: str | None = None


class Sound(BodyModel):
    data: str
    format: Literal["wav", "mp3"] | None = None


class AudioPart(BodyModel):
    type: Literal["input_audio"]
    input_audio: Sound


class VideoPart(BodyModel):
    type: Literal["input_video"]
    video_url: str


Part = Annotated[
    TextPart | RefusalPart | ImagePart | FilePart | AudioPart | VideoPart,
    Field(discriminator="type"),
]

Content = str | Annotated[list[Part], *ITEMS]

SOUNDS = {"mp3": "audio/mpeg", "wav": "audio/wav"}


def text_of(content: Content | None) -> str:
    """Return the text of a content, without its media."""
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(
        part.text if isinstance(part, TextPart) else part.refusal
        for part in content
        if isinstance(part, TextPart | RefusalPart)
    )


def pictures(content: Content | None) -> tuple[Picture, ...]:
    """Return the pictures of a content; raises `InvalidField` for one without its data."""
    parts = content if isinstance(content, list) else []
    return tuple(_picture(part) for part in parts if isinstance(part, ImagePart))


def attachments(content: Content | None) -> tuple[Attachment, ...]:
    """Return the other media of a content; raises `InvalidField` for one without its data."""
    parts = content if isinstance(content, list) else []
    return tuple(
        _attachment(part) for part in parts if isinstance(part, FilePart | AudioPart | VideoPart)
    )


def _picture(part: ImagePart) -> Picture:
    if not part.image_url:
        raise _missing("input_image", "image_url")
    return Picture(**picture(part.image_url), detail=part.detail)


def _attachment(part: FilePart | AudioPart | VideoPart) -> Attachment:
    if isinstance(part, AudioPart):
        content, mime = decode(part.input_audio.data, "input_audio")
        form = part.input_audio.format or "wav"
        return Attachment("audio", content=content, mime_type=mime or SOUNDS[form])
    if isinstance(part, VideoPart):
        if part.video_url.startswith(("https://", "http://")):
            return Attachment("video", url=part.video_url)
        content, mime = decode(part.video_url, "input_video")
        return Attachment("video", content=content, mime_type=mime)
    if part.file_data:
        content, mime = decode(part.file_data, "input_file")
        return Attachment("file", content=content, mime_type=mime, name=part.filename)
    if part.file_url and part.file_url.startswith(("https://", "http://")):
        return Attachment("file", url=part.file_url, name=part.filename)
    raise _missing("input_file", "file_data or file_url")


def _missing(part: str, field: str) -> InvalidField:
    return InvalidField(
        f"{part}: has no {field}; this server keeps no files to name by file_id",
        fields=[{"field": "input", "problem": f"{part} without {field}"}],
    )
