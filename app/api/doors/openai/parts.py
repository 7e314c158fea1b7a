"""The parts of a message's content in OpenAI's protocol: text, pictures, sounds, files."""

from typing import Annotated, Literal

from pydantic import Field

from ....core.errors import InvalidField
from ....core.question import Attachment
from ...body_model import BodyModel
from ...media_items import decode


class TextPart(BodyModel):
    type: Literal["text"]
    text: str


class RefusalPart(BodyModel):
    type: Literal["refusal"]
    refusal: str


class ImageAddress(BodyModel):
    url: str
    detail: str | None = None


class ImagePart(BodyModel):
    type: Literal["image_url"]
    image_url: ImageAddress


class Sound(BodyModel):
    data: str
    format: Literal["wav", "mp3"] | None = None


class AudioPart(BodyModel):
    type: Literal["input_audio"]
    input_audio: Sound


class FileData(BodyModel):
    file_data: str | None = None
    filename: str | None = None
    file_id: str | None = None


class FilePart(BodyModel):
    type: Literal["file"]
    file: FileData


Part = Annotated[
    TextPart | RefusalPart | ImagePart | AudioPart | FilePart, Field(discriminator="type")
]


def attachment(part: AudioPart | FilePart) -> Attachment:
    """A part as a part of the question; raises `InvalidField` for one without its content."""
    if isinstance(part, AudioPart):
        content, mime = decode(part.input_audio.data, "input_audio")
        form = part.input_audio.format or "wav"
        known = {"mp3": "audio/mpeg", "wav": "audio/wav"}[form]
        return Attachment("audio", content=content, mime_type=mime or known, name=f"audio.{form}")
    if part.file.file_data is None:
        raise InvalidField("file: has no file_data; this server keeps no files to name by file_id")
    content, mime = decode(part.file.file_data, "file")
    return Attachment("file", content=content, mime_type=mime, name=part.file.filename)
