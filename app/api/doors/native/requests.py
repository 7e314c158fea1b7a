"""The body of `/api/v1/chat` and `/chat`, and the question in it."""

from typing import Annotated, Literal, Self

import msgspec
from pydantic import BaseModel, Field, model_validator

from ....core.errors import InvalidField
from ....core.question import ModelOptions, PastMessage, Picture, Question
from ....core.runs.clock import Timeouts
from ...requests import ConversationId, JsonObject, Name, Text, User, Whole, picture

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

    message: Text | None = None
    messages: list[ChatMessage] | None = None
    stream: bool = True
    agent: Name | None = None
    model: Name | None = None
    conversation_id: ConversationId | None = None
    images: list[Text] = Field(
        [], max_length=16, description="Addresses (https), data URLs, or base64."
    )
    options: ChatOptions = ChatOptions()
    timeouts: ChatTimeouts = ChatTimeouts()
    on_disconnect: Literal["cancel", "continue", "grace"] | None = None
    on_busy: Literal["queue", "reject", "interrupt"] = "queue"
    background: bool = False
    max_rounds: Annotated[int, Field(ge=1, le=10_000)] | None = Field(
        None, description="Requests to the model in this run; the server has a limit of its own."
    )
    user: User | None = Field(
        None,
        description="The end user, if the key is that of an application: each user has memories "
        "and conversations of their own.",
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

    @model_validator(mode="after")
    def _has_question(self) -> Self:
        if self.message is None:
            if not self.messages or self.messages[-1].role != "user":
                raise ValueError("message is missing, and messages does not end in the user's")
            self.message = self.messages.pop().content
        if not self.message.strip() and not self.images:
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
            images=[Picture(**picture(image)) for image in self.images],
            max_rounds=self.max_rounds,
            user=self.user,
            session_state=self.session_state,
            dependencies=self.dependencies,
            metadata=self.metadata,
            knowledge_filters=self.knowledge_filters,
            output_schema=self.output_schema,
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
