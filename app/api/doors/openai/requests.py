"""The body of `/v1/chat/completions`, and its question. Unknown fields are ignored."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ....core.errors import InvalidField
from ....core.question import (
    Attachment,
    ClientCall,
    ClientTool,
    ModelOptions,
    PastMessage,
    Picture,
    Question,
)
from ...body_model import BodyModel
from ...histories import history_or_memory
from ...names import Target
from ...requests import ENTRIES, ITEMS, MESSAGES, Int64, Name, end_user, picture
from .parts import AudioPart, FilePart, ImagePart, Part, RefusalPart, TextPart, attachment

#: Fields of an assistant's message that some providers want back with its tool calls.
REASONING = ("reasoning_content", "reasoning", "reasoning_details")


class CalledFunction(BodyModel):
    name: str
    arguments: str


class Call(BodyModel):
    """A tool call of an earlier answer. Fields that its provider sent with it go back to it."""

    model_config = ConfigDict(extra="allow")

    id: str
    type: Literal["function"] = "function"
    function: CalledFunction


class Message(BodyModel):
    """A message of the request; the role `developer` is OpenAI's newer name for `system`."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | Annotated[list[Part], *ITEMS] | None = None
    tool_calls: Annotated[list[Call], *ITEMS] | None = None
    tool_call_id: str | None = None
    reasoning_content: Any = None
    reasoning: Any = None
    reasoning_details: Any = None

    @property
    def text(self) -> str:
        if self.content is None or isinstance(self.content, str):
            return self.content or ""
        return "".join(
            part.text if isinstance(part, TextPart) else part.refusal
            for part in self.content
            if isinstance(part, TextPart | RefusalPart)
        )

    @property
    def images(self) -> tuple[Picture, ...]:
        if not isinstance(self.content, list):
            return ()
        images = [part.image_url for part in self.content if isinstance(part, ImagePart)]
        return tuple(Picture(**picture(image.url), detail=image.detail) for image in images)

    @property
    def attachments(self) -> tuple[Attachment, ...]:
        parts = self.content if isinstance(self.content, list) else []
        return tuple(attachment(part) for part in parts if isinstance(part, AudioPart | FilePart))

    def past(self, tools: dict[str, str]) -> PastMessage:
        """Return the message as a part of a history; `tools` maps the ids of tool calls to tool
        names."""
        calls = [
            ClientCall(c.id, c.function.name, c.function.arguments, given(c.model_extra))
            for c in self.calls
        ]
        reasoning = {name: getattr(self, name) for name in REASONING}
        return PastMessage(
            role="system" if self.role == "developer" else self.role,
            content=self.text,
            images=self.images,
            attachments=self.attachments,
            calls=tuple(calls),
            call_id=self.tool_call_id,
            tool=tools.get(self.tool_call_id or ""),
            extra=given(reasoning) if calls else {},
        )

    @property
    def calls(self) -> list[Call]:
        return self.tool_calls or []


def given(fields: dict[str, Any] | None) -> dict[str, Any]:
    """The fields that hold something."""
    return {name: value for name, value in (fields or {}).items() if value}


class Function(BodyModel):
    name: Annotated[str, Field(min_length=1)]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Tool(BodyModel):
    type: Literal["function"]
    function: Function


class JsonSchema(BodyModel):
    model_config = ConfigDict(extra="allow")

    name: str
    schema_: dict[str, Any] | None = Field(None, alias="schema")


class ResponseFormat(BodyModel):
    """The format that the answer must have; it is validated, and sent to the provider unchanged."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "json_object", "json_schema"]
    json_schema: JsonSchema | None = None

    @model_validator(mode="after")
    def _has_schema(self) -> Self:
        if self.type == "json_schema" and self.json_schema is None:
            raise ValueError("json_schema is missing; it must hold the schema")
        return self


class StreamOptions(BodyModel):
    include_usage: bool | None = None


class Options(BodyModel):
    """The options that are sent to the provider unchanged."""

    temperature: float | None = None
    top_p: float | None = None
    seed: Int64 | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    logit_bias: Annotated[dict[str, int | float], ENTRIES] | None = None
    user: str | None = None
    service_tier: str | None = None
    metadata: Annotated[dict[str, str], ENTRIES] | None = None
    top_k: Int64 | None = None  # this one and the next are additions of other servers
    min_p: float | None = None


class CompletionRequest(Options):
    """The body of `/v1/chat/completions`."""

    model: Name
    messages: Annotated[list[Message], *MESSAGES, Field(min_length=1)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Int64 | None = None
    max_completion_tokens: Int64 | None = None
    stop: str | Annotated[list[str], *ITEMS] | None = None
    n: Literal[1] | None = None
    tools: Annotated[list[Tool], *ITEMS] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    response_format: ResponseFormat | None = None

    @property
    def include_usage(self) -> bool:
        return bool(self.stream_options and self.stream_options.include_usage)

    def question(self, target: Target, *, kept: bool) -> Question:
        """Return the request as a `Question`; if `kept`, the server stores question and answer.

        Raises `InvalidField` if a text cannot be stored, because it has a NUL character.
        """
        tools = {c.id: c.function.name for message in self.messages for c in message.calls}
        history = [message.past(tools) for message in self.messages]
        if kept and any("\0" in past.content for past in history):
            raise InvalidField("messages: a NUL character cannot be stored in a conversation")
        parts = history_or_memory(history, kept=kept)
        stop = [self.stop] if isinstance(self.stop, str) else self.stop
        form = self.response_format
        limit = self.max_completion_tokens or self.max_tokens
        return Question(
            message=parts.message,
            agent=target.agent,
            model=target.model,
            system=parts.system,
            history=parts.history,
            images=parts.images,
            attachments=parts.attachments,
            options=ModelOptions(
                **self.model_dump(include=set(Options.model_fields)), stop=stop, max_tokens=limit
            ),
            tools=[
                ClientTool(f.name, f.description or "", f.parameters or {}, f.strict)
                for f in (tool.function for tool in self.tools or [])
            ],
            tool_choice=self.tool_choice,
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=form.model_dump(by_alias=True, exclude_unset=True) if form else None,
            kept=kept,
            user=end_user(self.user),
            metadata=dict(self.metadata) if self.metadata else None,
        )
