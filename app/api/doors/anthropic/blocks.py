"""The content blocks of a message in Anthropic's protocol: text, thinking, media, tools."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Discriminator, Field, Tag

from ....core.errors import InvalidField
from ....core.question import Attachment, Picture
from ...body_model import BodyModel
from ...media_items import decode
from ...requests import ITEMS


class TextBlock(BodyModel):
    type: Literal["text"]
    text: str


class Base64Source(BodyModel):
    type: Literal["base64"]
    data: str
    media_type: str | None = None


class UrlSource(BodyModel):
    type: Literal["url"]
    url: Annotated[str, Field(pattern="^https?://")]


class TextSource(BodyModel):
    type: Literal["text"]
    data: str


class BlocksSource(BodyModel):
    type: Literal["content"]
    content: str | Annotated[list[TextBlock], *ITEMS]


class OtherBlock(BodyModel):
    """A block or source of a type that is not read here."""

    type: str


def _kind(*known: str) -> Callable[[Any], str]:
    def kind(value: Any) -> str:
        named = value.get("type") if isinstance(value, dict) else getattr(value, "type", None)
        return f"<{named}>" if named in known else "<other>"

    return kind


class ImageBlock(BodyModel):
    type: Literal["image"]
    source: Annotated[
        Annotated[Base64Source, Tag("<base64>")]
        | Annotated[UrlSource, Tag("<url>")]
        | Annotated[OtherBlock, Tag("<other>")],
        Discriminator(_kind("base64", "url")),
    ]

    def picture(self) -> Picture:
        """The block as a part of a question; raises `InvalidField`."""
        source = self.source
        if isinstance(source, UrlSource):
            return Picture(url=source.url)
        if isinstance(source, OtherBlock):
            raise _no_source(source)
        content, mime = decode(source.data, "image")
        return Picture(content=content, mime_type=source.media_type or mime)


class DocumentBlock(BodyModel):
    type: Literal["document"]
    source: Annotated[
        Annotated[Base64Source, Tag("<base64>")]
        | Annotated[UrlSource, Tag("<url>")]
        | Annotated[TextSource, Tag("<text>")]
        | Annotated[BlocksSource, Tag("<content>")]
        | Annotated[OtherBlock, Tag("<other>")],
        Discriminator(_kind("base64", "url", "text", "content")),
    ]
    title: str | None = None
    context: str | None = None

    @property
    def text(self) -> str | None:
        """The text of a document that is sent as text, behind its title; None for a file."""
        source = self.source
        if isinstance(source, TextSource):
            text = source.data
        elif isinstance(source, BlocksSource):
            found = source.content
            text = found if isinstance(found, str) else join_texts(found)
        else:
            return None
        return "\n\n".join(filter(None, (self.title, self.context, text)))

    def attachment(self) -> Attachment:
        """The file as a part of a question; raises `InvalidField`."""
        source = self.source
        if isinstance(source, UrlSource):
            return Attachment("file", url=source.url, name=self.title)
        if not isinstance(source, Base64Source):
            raise _no_source(source)
        content, mime = decode(source.data, "document")
        return Attachment(
            "file", content=content, mime_type=source.media_type or mime, name=self.title
        )


class ThinkingBlock(BodyModel):
    type: Literal["thinking"]
    thinking: str


class RedactedBlock(BodyModel):
    type: Literal["redacted_thinking"]
    data: str


class ToolUseBlock(BodyModel):
    type: Literal["tool_use"]
    id: str
    name: str
    input: dict[str, Any] = Field(default={})


ResultBlock = Annotated[
    Annotated[TextBlock, Tag("<text>")]
    | Annotated[ImageBlock, Tag("<image>")]
    | Annotated[DocumentBlock, Tag("<document>")]
    | Annotated[OtherBlock, Tag("<other>")],
    Discriminator(_kind("text", "image", "document")),
]


class ToolResultBlock(BodyModel):
    """The result of a call of a client's tool."""

    type: Literal["tool_result"]
    tool_use_id: str
    content: str | Annotated[list[ResultBlock], *ITEMS] | None = None
    is_error: bool | None = None

    @property
    def blocks(self) -> list["Block"]:
        return list(self.content) if isinstance(self.content, list) else []

    @property
    def text(self) -> str:
        text = self.content if isinstance(self.content, str) else join_texts(self.blocks)
        return text or ("The tool failed." if self.is_error else "")


Block = (
    TextBlock
    | ImageBlock
    | DocumentBlock
    | ThinkingBlock
    | RedactedBlock
    | ToolUseBlock
    | ToolResultBlock
    | OtherBlock
)
#: The types of blocks that are read.
READ = (
    *("text", "image", "document", "thinking", "redacted_thinking"),
    *("tool_use", "tool_result"),
)
MessageBlock = Annotated[
    Annotated[TextBlock, Tag("<text>")]
    | Annotated[ImageBlock, Tag("<image>")]
    | Annotated[DocumentBlock, Tag("<document>")]
    | Annotated[ThinkingBlock, Tag("<thinking>")]
    | Annotated[RedactedBlock, Tag("<redacted_thinking>")]
    | Annotated[ToolUseBlock, Tag("<tool_use>")]
    | Annotated[ToolResultBlock, Tag("<tool_result>")]
    | Annotated[OtherBlock, Tag("<other>")],
    Discriminator(_kind(*READ)),
]


def join_texts(blocks: Sequence[Block]) -> str:
    """The texts of blocks, and of documents that are text, as paragraphs."""
    texts = [block.text for block in blocks if isinstance(block, TextBlock | DocumentBlock)]
    return "\n\n".join(filter(None, texts))


def pictures(blocks: Sequence[Block]) -> tuple[Picture, ...]:
    return tuple(block.picture() for block in blocks if isinstance(block, ImageBlock))


def attachments(blocks: Sequence[Block]) -> tuple[Attachment, ...]:
    documents = [block for block in blocks if isinstance(block, DocumentBlock)]
    return tuple(block.attachment() for block in documents if block.text is None)


def check_known(blocks: Sequence[Block]) -> None:
    """Raise `InvalidField` for a block that the model could not be shown."""
    for block in blocks:
        if isinstance(block, OtherBlock):
            raise InvalidField(f"messages: a block of the type {block.type!r} is not read here")


def _no_source(source: BaseModel) -> InvalidField:
    kind = getattr(source, "type", "")
    return InvalidField(
        f"messages: a source of the type {kind!r} is not read here; send base64, a url or a text"
    )
