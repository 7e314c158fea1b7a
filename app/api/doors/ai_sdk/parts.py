"""The messages of the AI SDK's pages, and their parts, as far as they are read here."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from ....core.errors import InvalidField
from ....core.question import Attachment, Picture
from ...body_model import BodyModel
from ...media_items import decode
from ...requests import ITEMS

#: The name of this server among those whose metadata a part carries.
OWN = "agno-stream"


class TextPart(BodyModel):
    type: Literal["text"]
    text: str


class ReasoningPart(BodyModel):
    type: Literal["reasoning"]
    text: str = ""


class FilePart(BodyModel):
    """A file: its `url` is an address or a data URL."""

    type: Literal["file"]
    url: str
    mediaType: str = ""  # the name on the wire
    filename: str | None = None

    @property
    def kind(self) -> str:
        return self.mediaType.partition("/")[0]

    def picture(self) -> Picture:
        """The file as a picture; raises `InvalidField`."""
        return Picture(name=self.filename, **self._source())

    def attachment(self) -> Attachment:
        """The file as another part of a question; raises `InvalidField`."""
        kind: Literal["audio", "video", "file"] = "file"
        if self.kind == "audio":
            kind = "audio"
        elif self.kind == "video":
            kind = "video"
        return Attachment(kind, name=self.filename, **self._source())

    def _source(self) -> dict[str, Any]:
        full = self.mediaType if "/" in self.mediaType and "*" not in self.mediaType else None
        if self.url.startswith(("https://", "http://")):
            return {"url": self.url, "mime_type": full}
        if not self.url.startswith("data:"):
            raise InvalidField("messages: the url of a file must be http(s) or a data URL")
        content, mime = decode(self.url, "messages")
        return {"content": content, "mime_type": full or mime}


class StepStart(BodyModel):
    type: Literal["step-start"]


class Approval(BodyModel):
    id: str
    approved: bool | None = None
    reason: str | None = None


class ToolPart(BodyModel):
    """A call of a tool, with its state: `type` is `tool-<name>`, or `dynamic-tool`."""

    type: str
    toolCallId: Annotated[str, Field(min_length=1)]
    state: str
    toolName: str | None = None
    input: Any = None
    rawInput: Any = None
    output: Any = None
    errorText: str | None = None
    preliminary: bool | None = None
    approval: Approval | None = None
    callProviderMetadata: dict[str, Any] | None = None

    @property
    def name(self) -> str:
        return self.toolName or self.type.removeprefix("tool-")

    @property
    def answered(self) -> bool:
        """True if the call has its result, or an error for one."""
        if self.state == "output-available":
            return not self.preliminary
        return self.state == "output-error"

    @property
    def provider_data(self) -> dict[str, Any]:
        """What the provider wants back with the call, as this server has sent it."""
        found = (self.callProviderMetadata or {}).get(OWN)
        return found if isinstance(found, dict) else {}


class OtherPart(BodyModel):
    """A part that tells the model nothing: sources, data for the page, files of reasoning."""

    type: str


def _kind(value: Any) -> str:
    named = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
    if named in ("text", "reasoning", "file", "step-start"):
        return f"<{named}>"
    if isinstance(named, str) and (named == "dynamic-tool" or named.startswith("tool-")):
        return "<tool>"
    return "<other>"


Part = Annotated[
    Annotated[TextPart, Tag("<text>")]
    | Annotated[ReasoningPart, Tag("<reasoning>")]
    | Annotated[FilePart, Tag("<file>")]
    | Annotated[StepStart, Tag("<step-start>")]
    | Annotated[ToolPart, Tag("<tool>")]
    | Annotated[OtherPart, Tag("<other>")],
    Discriminator(_kind),
]


class UIMessage(BodyModel):
    """A message; `content` is the form of older pages, without parts."""

    id: str = ""
    role: Literal["system", "user", "assistant"]
    parts: Annotated[list[Part], *ITEMS] = Field(default=[])
    metadata: Any = None

    @model_validator(mode="before")
    @classmethod
    def _has_parts(cls, fields: Any) -> Any:
        if isinstance(fields, dict) and fields.get("parts") is None:
            content = fields.get("content")
            if not isinstance(content, str):
                raise ValueError("parts is missing; send a list of parts")
            return {**fields, "parts": [{"type": "text", "text": content}]}
        return fields

    @property
    def text(self) -> str:
        return "\n\n".join(part.text for part in self.parts if isinstance(part, TextPart))

    @property
    def files(self) -> list[FilePart]:
        return [part for part in self.parts if isinstance(part, FilePart)]

    @property
    def tools(self) -> list[ToolPart]:
        return [part for part in self.parts if isinstance(part, ToolPart)]
