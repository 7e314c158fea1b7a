"""The body of `/api/v1/chat` and `/chat`, and its question."""

from typing import Annotated, Any, ClassVar, Literal, Self

import msgspec
from pydantic import Field, model_validator

from ....core.errors import InvalidField
from ....core.question import Attachment, ModelOptions, PastMessage, Picture, Question
from ....core.runs.clock import Timeouts
from ...body_model import BodyModel
from ...media_items import MediaItem, picture_of
from ...requests import ITEMS, MESSAGES, ConversationId, Int64, JsonObject, Name, Text, User

MediaItems = Annotated[list[MediaItem], *ITEMS]
Seconds = Annotated[float, Field(gt=0, le=86400)]


class ChatMessage(BodyModel):
    """An earlier message of a conversation whose history the client keeps."""

    role: Literal["system", "user", "assistant"]
    content: Text


class ChatOptions(BodyModel):
    """Options for the model. The provider's default applies to each option that is absent."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_tokens: Annotated[int, Field(gt=0, lt=2**63)] | None = None
    top_p: Annotated[float, Field(ge=0, le=1)] | None = None
    stop: Text | Annotated[list[Text], *ITEMS] | None = None
    seed: Int64 | None = None


class ChatTimeouts(BodyModel):
    """Timeouts of the run in seconds, each at most the server's own; an absent one is the server's
    own."""

    first_token: Seconds | None = None
    idle: Seconds | None = None
    total: Seconds | None = None

    def within(self, bounds: Timeouts) -> Timeouts:
        """Return the run's timeouts: the requested ones, and the server's own (`bounds`) for all
        others.

        Raises `InvalidField` if a requested timeout exceeds the server's own.
        """
        chosen = {name: value for name, value in self.model_dump().items() if value is not None}
        for name, value in chosen.items():
            if value > getattr(bounds, name):
                raise InvalidField(
                    f"timeouts.{name}: at most {getattr(bounds, name):g} s on this server",
                    bound=getattr(bounds, name),
                )
        return msgspec.structs.replace(bounds, **chosen)


class HowToAnswer(BodyModel):
    """How a question is answered, whichever question that is."""

    stream: bool = Field(True, description="Whether to stream the answer or return one object.")
    agent: Name | None = Field(None, description="The agent's id, if not the default agent.")
    model: Name | None = Field(None, description="The model's id or spec, if not the agent's own.")
    system: Text | None = Field(
        None,
        description="Instructions beside the agent's own, in this run alone; only for agents with "
        "`takes_system`.",
    )
    options: ChatOptions = ChatOptions()
    timeouts: ChatTimeouts = ChatTimeouts()
    on_disconnect: Literal["cancel", "continue", "grace"] | None = Field(
        None,
        description="What happens to the run when its last reader leaves: it is cancelled at once, "
        "it continues to its end, or it is cancelled if no reader returns within DISCONNECT_GRACE.",
    )
    on_busy: Literal["queue", "reject", "interrupt"] = Field(
        "queue",
        description="What to do if the conversation has an active run: wait for its end, return "
        "409, or interrupt it.",
    )
    background: bool = Field(
        False, description="Return 202 with the address of the stream as soon as the run starts."
    )
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Requests to the model in this run; the server has a limit of its own."
    )
    session_state: JsonObject | None = Field(
        None, description="The state that the agent's tools share; stored with the conversation."
    )
    dependencies: JsonObject | None = Field(
        None, description="Values for the agent's instructions and tools, in this run alone."
    )
    metadata: JsonObject | None = Field(None, description="Stored with the run.")
    knowledge_filters: JsonObject | None = Field(
        None, description="What of the agent's knowledge base is searched."
    )
    output_schema: JsonObject | None = Field(
        None, description="A JSON schema: the answer is an object, in `output`, too."
    )

    def ask(self, message: str, **fields: Any) -> Question:
        """Return a question that is answered in this way; `fields` are further ones of it."""
        given: dict[str, Any] = {
            "agent": self.agent,
            "model": self.model,
            "system": self.system or None,
            "max_rounds": self.max_rounds,
            "session_state": self.session_state,
            "dependencies": self.dependencies,
            "metadata": self.metadata,
            "knowledge_filters": self.knowledge_filters,
            "output_schema": self.output_schema,
        }
        if self.options.model_fields_set:  # else those of all questions without any
            stop = self.options.stop
            given["options"] = ModelOptions(
                **self.options.model_dump(exclude={"stop"}),
                stop=[stop] if isinstance(stop, str) else stop,
            )
        return Question(message=message, **{**given, **fields})


class WithMedia(BodyModel):
    """The media of a question."""

    images: Annotated[list[Text | MediaItem], *ITEMS] = Field(
        [], max_length=16, description="Addresses (https), data URLs, base64, or objects."
    )
    files: MediaItems = Field([], max_length=16, description="Documents for the model.")
    audio: MediaItems = Field([], max_length=16, description="Sounds for the model.")
    videos: MediaItems = Field([], max_length=16, description="Videos for the model.")

    @property
    def has_media(self) -> bool:
        return bool(self.images or self.files or self.audio or self.videos)

    def pictures(self) -> list[Picture]:
        """Raises `InvalidField` for an image that cannot be decoded."""
        return [picture_of(image) for image in self.images]

    def attachments(self) -> list[Attachment]:
        """Raises `InvalidField` for what cannot be decoded."""
        return [
            *(item.attachment("file", "files") for item in self.files),
            *(item.attachment("audio", "audio") for item in self.audio),
            *(item.attachment("video", "videos") for item in self.videos),
        ]


class ChatRequest(HowToAnswer, WithMedia):
    """A question: `message`, or `messages` that end with a user's message.

    If both are given, `messages` is the history before `message`. A request with `messages` does
    not use the messages that the server has stored for the conversation.
    """

    #: Whether files come with the request, so that it may have no text.
    UPLOADS: ClassVar[bool] = False

    message: Text | None = Field(None, description="The user's message.")
    messages: Annotated[list[ChatMessage], *MESSAGES] | None = Field(
        None, description="The history, if the client keeps it; oldest first."
    )
    conversation_id: ConversationId | None = Field(
        None, description="The conversation to continue; a new one if absent."
    )
    user: User | None = Field(
        None,
        description="The end user, if the key is that of an application: each user has memories "
        "and conversations of their own.",
    )

    @model_validator(mode="after")
    def _has_question(self) -> Self:
        has_media = self.has_media or self.UPLOADS
        if self.message is None and has_media and self.messages is None:
            self.message = ""
        if self.message is None:
            if not self.messages or self.messages[-1].role != "user":
                raise ValueError("message is missing; send it, or messages that end with a user's")
            self.message = self.messages.pop().content
        if not self.message.strip() and not has_media:
            raise ValueError("message is empty; send a text, an image or a file")
        return self

    def question(self) -> Question:
        """Return the request as a `Question`; raises `InvalidField` for an image that cannot be
        decoded."""
        history = self.messages
        return self.ask(
            self.message or "",
            history=None if history is None else [PastMessage(m.role, m.content) for m in history],
            images=self.pictures(),
            attachments=self.attachments(),
            user=self.user,
        )


class FormRequest(ChatRequest):
    """The fields of a request with uploads."""

    UPLOADS: ClassVar[bool] = True
