"""The body of `/api/v1/chat` and `/chat`, and the question in it."""

from typing import Annotated, ClassVar, Literal, Self

import msgspec
from pydantic import BaseModel, Field, model_validator

from ....core.errors import InvalidField
from ....core.question import ModelOptions, PastMessage, Question
from ....core.runs.clock import Timeouts
from ...media_items import MediaItem, picture_of
from ...requests import ConversationId, Name, Text, Whole

Seconds = Annotated[float, Field(gt=0, le=86400)]


class ChatMessage(BaseModel):
    """One message of a history that the client keeps."""

    role: Literal["system", "user", "assistant"]
    content: Text


class ChatOptions(BaseModel):
    """What the model is asked for; absent: the provider's default."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(gt=0, lt=2**63)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: Text | list[Text] | None = None
    seed: Whole | None = None


class ChatTimeouts(BaseModel):
    """Seconds; at most what the server allows."""

    first_token: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None


class ChatRequest(BaseModel):
    """A question. `message`, or `messages` whose last is the user's, or both: then `messages`
    comes before. With `messages` the server's own memory of the conversation is not used."""

    #: Whether files come with the request, so that it may have no text.
    UPLOADS: ClassVar[bool] = False

    message: Text | None = None
    messages: list[ChatMessage] | None = None
    stream: bool = True
    agent: Name | None = None
    model: Name | None = None
    conversation_id: ConversationId | None = None
    images: list[Text | MediaItem] = Field(
        [], max_length=16, description="Addresses (https), data URLs, base64, or objects."
    )
    files: list[MediaItem] = Field([], max_length=16, description="Documents for the model.")
    audio: list[MediaItem] = Field([], max_length=16, description="Sounds for the model.")
    videos: list[MediaItem] = Field([], max_length=16, description="Videos for the model.")
    options: ChatOptions = ChatOptions()
    timeouts: ChatTimeouts = ChatTimeouts()
    on_disconnect: Literal["cancel", "continue", "grace"] | None = None
    on_busy: Literal["queue", "reject", "interrupt"] = "queue"
    background: bool = False
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Requests to the model in this run; the server has a limit of its own."
    )

    @model_validator(mode="after")
    def _has_question(self) -> Self:
        has_media = self.images or self.files or self.audio or self.videos or self.UPLOADS
        if self.message is None and has_media and self.messages is None:
            self.message = ""
        if self.message is None:
            if not self.messages or self.messages[-1].role != "user":
                raise ValueError("message is missing, and messages does not end in the user's")
            self.message = self.messages.pop().content
        if not self.message.strip() and not has_media:
            raise ValueError("message is empty")
        return self

    def question(self) -> Question:
        """The question, as every door gives it to the core."""
        stop = self.options.stop
        history = self.messages
        return Question(
            message=self.message or "",
            agent=self.agent,
            model=self.model,
            history=None if history is None else [PastMessage(m.role, m.content) for m in history],
            images=[picture_of(image) for image in self.images],
            attachments=[
                *(item.attachment("file", "files") for item in self.files),
                *(item.attachment("audio", "audio") for item in self.audio),
                *(item.attachment("video", "videos") for item in self.videos),
            ],
            max_rounds=self.max_rounds,
            options=ModelOptions(
                **self.options.model_dump(exclude={"stop"}),
                stop=[stop] if isinstance(stop, str) else stop,
            ),
        )

    def timeouts_within(self, bounds: Timeouts) -> Timeouts:
        """The timeouts of the run; raises `InvalidField` for one above the server's own."""
        chosen = {
            name: value for name, value in self.timeouts.model_dump().items() if value is not None
        }
        for name, value in chosen.items():
            if value > getattr(bounds, name):
                raise InvalidField(
                    f"timeouts.{name}: at most {getattr(bounds, name):g} s on this server",
                    bound=getattr(bounds, name),
                )
        return msgspec.structs.replace(bounds, **chosen)


class FormRequest(ChatRequest):
    """The fields of a request with uploads."""

    UPLOADS: ClassVar[bool] = True
