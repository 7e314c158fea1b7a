"""The body of `/v1/responses`. Unknown fields are ignored."""

from typing import Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, model_validator

from ....core.errors import InvalidField
from ....core.question import ModelOptions, PastMessage, Question
from ...body_model import BodyModel
from ...names import Target
from ...requests import ENTRIES, ITEMS, MESSAGES, ConversationId, Int64, Name
from . import tools as tooling
from .input import Item
from .resource import Request


def raw_items(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the items of a body as the client sent them; a text is a message of the user."""
    given = fields["input"]
    return [{"role": "user", "content": given}] if isinstance(given, str) else given


class TextFormat(BodyModel):
    """The format that the answer must have; a schema is sent to the provider unchanged."""

    model_config = ConfigDict(extra="allow")

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    schema_: dict[str, Any] | None = Field(None, alias="schema")

    @model_validator(mode="after")
    def _has_schema(self) -> Self:
        if self.type == "json_schema" and self.schema_ is None:
            raise ValueError("schema is missing; it must hold the JSON schema")
        return self

    def response_format(self) -> dict[str, Any] | None:
        """Return the format in the form of chat completions; None for plain text."""
        if self.type == "text":
            return None
        if self.type == "json_object":
            return {"type": "json_object"}
        fields = self.model_dump(by_alias=True, exclude_none=True, exclude={"type"})
        return {"type": "json_schema", "json_schema": {"name": "answer", **fields}}


class TextOptions(BodyModel):
    format: TextFormat | None = None
    verbosity: str | None = None


class ReasoningOptions(BodyModel):
    model_config = ConfigDict(extra="allow")

    effort: str | None = None


class ConversationObject(BodyModel):
    id: ConversationId


class ResponseRequest(BodyModel):
    """The body of `/v1/responses`."""

    model: Name | None = None
    input: Annotated[list[Item], *MESSAGES, Field(min_length=1)]
    instructions: str | None = None
    previous_response_id: Name | None = None
    conversation: ConversationId | ConversationObject | None = None
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    tools: Annotated[list[tooling.Tool], *ITEMS] | None = None
    tool_choice: str | dict[str, Any] | None = None
    parallel_tool_calls: bool | None = None
    max_tool_calls: Annotated[Int64, Field(ge=1)] | None = None
    max_output_tokens: Annotated[Int64, Field(ge=1)] | None = None
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    service_tier: str | None = None
    metadata: Annotated[dict[str, str], ENTRIES] | None = None
    user: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt: None = None  # a prompt that OpenAI stores: refused, for it would be missing

    @model_validator(mode="before")
    @classmethod
    def _has_items(cls, fields: Any) -> Any:
        if isinstance(fields, dict):
            if fields.get("input") is None:
                raise ValueError("input is missing; send a text or a list of items")
            if isinstance(fields["input"], str):
                fields = {**fields, "input": raw_items(fields)}
        return fields

    @model_validator(mode="after")
    def _is_consistent(self) -> Self:
        if self.conversation is not None and self.previous_response_id is not None:
            raise ValueError("conversation and previous_response_id exclude each other; send one")
        if self.background and self.store is False:
            raise ValueError("background needs store: a response that is not kept cannot be read")
        return self

    @property
    def kept(self) -> bool:
        return self.store is not False

    @property
    def named_conversation(self) -> str | None:
        named = self.conversation
        return named.id if isinstance(named, ConversationObject) else named

    @property
    def client_tools(self) -> list[tooling.FunctionTool | tooling.CustomTool]:
        return [t for t in self.tools or [] if not isinstance(t, tooling.HostedTool)]

    def question(
        self,
        target: Target,
        messages: list[PastMessage],
        *,
        before: list[PastMessage],
        continues: bool,
        user: str | None,
    ) -> Question:
        """Return the request as a `Question`.

        `messages` are its items; `before` are those that precede the stored conversation, which the
        run `continues` or not. `user` is the end user. Raises `InvalidField`.
        """
        if self.kept and any("\0" in past.content for past in messages):
            raise InvalidField("input: a NUL character cannot be stored in a conversation")
        history = list(messages)
        last = history.pop() if history and history[-1].role == "user" else None
        if last is not None and "\0" in last.content:
            raise InvalidField("input: the question contains a NUL character")
        if last is not None and not (last.content.strip() or last.images or last.attachments):
            raise InvalidField("input: is empty; send a text, a picture or a file")
        if last is None and not any(past.role in ("user", "tool") for past in history):
            raise InvalidField("input: has no message of the user")
        choice, allowed = tooling.chosen(self.tool_choice, self.client_tools)
        form = self.text.format if self.text else None
        return Question(
            message=last.content if last else None,
            agent=target.agent,
            model=target.model,
            system=self.instructions,
            history=[*before, *history] or None,
            extends=continues,
            images=list(last.images) if last else [],
            attachments=list(last.attachments) if last else [],
            options=ModelOptions(
                temperature=self.temperature,
                top_p=self.top_p,
                max_tokens=self.max_output_tokens,
                presence_penalty=self.presence_penalty,
                frequency_penalty=self.frequency_penalty,
                reasoning_effort=self.reasoning.effort if self.reasoning else None,
                verbosity=self.text.verbosity if self.text else None,
                service_tier=self.service_tier,
                user=self.user,
            ),
            tools=[tooling.client_tool(tool) for tool in allowed],
            tool_choice=choice,
            parallel_tool_calls=self.parallel_tool_calls,
            response_format=form.response_format() if form else None,
            max_rounds=self.max_tool_calls + 1 if self.max_tool_calls else None,
            kept=self.kept,
            user=user,
            metadata=dict(self.metadata) if self.metadata else None,
        )

    def repeated(
        self,
        items: list[dict[str, Any]] | None,
        before: list[dict[str, Any]],
        follows: str | None,
    ) -> Request:
        """Return what the response repeats of the request, and what later ones need of it."""
        text = self.text.model_dump(by_alias=True, exclude_none=True) if self.text else {}
        return Request(
            **self.model_dump(
                include={
                    *("model", "instructions", "max_output_tokens", "max_tool_calls"),
                    *("temperature", "top_p", "presence_penalty", "frequency_penalty"),
                    *("service_tier", "user", "safety_identifier", "prompt_cache_key"),
                    "previous_response_id",
                }
            ),
            tools=[tooling.shown(tool) for tool in self.client_tools],
            tool_choice=self.tool_choice or "auto",
            parallel_tool_calls=self.parallel_tool_calls is not False,
            text={"format": {"type": "text"}, **text},
            reasoning=(
                {"effort": None, "summary": None, **self.reasoning.model_dump()}
                if self.reasoning
                else None
            ),
            metadata=self.metadata or {},
            conversation=self.named_conversation,
            background=bool(self.background),
            store=self.kept,
            hosted=bool(self.tools),
            custom_tools=[
                tool.name for tool in self.client_tools if isinstance(tool, tooling.CustomTool)
            ],
            input=items,
            before=before,
            follows=follows,
        )
