"""The bodies of Ollama's API, and their questions.

Like Ollama, this ignores the content type and unknown fields, and reads null as absent.
"""

from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ....core.errors import BadRequest
from ....core.question import ClientTool, ModelOptions, Question
from ...body_model import BodyModel
from ...histories import history_or_memory
from ...ignored import ignored_fields
from ...names import Target
from ...requests import (
    ITEMS,
    MESSAGES,
    BodyBounds,
    Int64,
    Text,
    read_object,
    validate,
)
from .messages import (
    Lenient,
    Message,
    no_nulls,
    pictures,
    read_history,
)

Body = TypeVar("Body", bound=BaseModel)


class Function(Lenient):
    name: Text
    description: Text = ""
    parameters: dict[str, Any] = Field({})


class Tool(Lenient):
    function: Annotated[Function, BeforeValidator(no_nulls)]


class Options(BodyModel):
    """The known options of a model; unknown ones are kept, and sent to a provider that is
    Ollama."""

    model_config = ConfigDict(extra="allow")

    temperature: float | None = None
    top_p: float | None = None
    top_k: Int64 | None = None
    min_p: float | None = None
    seed: Int64 | None = None
    stop: Text | Annotated[list[Text], *ITEMS] | None = None
    num_predict: Int64 | None = None
    num_ctx: Int64 | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class AnyRequest(Lenient):
    """The fields that the bodies of `/api/generate` and `/api/chat` have in common."""

    model: str = ""
    stream: bool = True
    format: str | dict[str, Any] = ""
    options: Annotated[Options, BeforeValidator(no_nulls)] = Options()
    think: bool | str | None = None
    keep_alive: float | str | None = None
    top_logprobs: int = 0

    @property
    def unloads(self) -> bool:
        """True if the request unloads the model: `keep_alive` is a duration of zero (0, "0s",
        "0h0m")."""
        duration = self.keep_alive
        return duration is not None and not any(digit in str(duration) for digit in "123456789")


class GenerateRequest(AnyRequest):
    """The body of `/api/generate`.

    The deprecated field `context`, a history in tokens, is ignored; clients send the header
    `X-Conversation-Id` instead.
    """

    prompt: Text = ""
    suffix: Text = ""
    system: Text = ""
    template: Text = ""
    raw: bool = False
    images: Annotated[list[Text], *ITEMS] = Field([])

    def question(self, target: Target, *, kept: bool) -> Question:
        """Return the request as a `Question`; if `kept`, the server stores question and answer.

        Raises `BadRequest` for features that need the model's own template.
        """
        for feature, wanted in (
            ("insert", self.suffix),
            ("raw prompts", self.raw),
            ("templates", self.template),
        ):
            if wanted:
                raise BadRequest(f'"{self.model}" does not support {feature}')
        return Question(
            message=self.prompt,
            agent=target.agent,
            model=target.model,
            system=self.system or None,
            history=None if kept else [],
            images=list(pictures(self.images)),
            kept=kept,
            **_common(self),
        )


class ChatRequest(AnyRequest):
    """The body of `/api/chat`."""

    messages: Annotated[list[Annotated[Message, BeforeValidator(no_nulls)]], *MESSAGES] = Field([])
    tools: Annotated[list[Annotated[Tool, BeforeValidator(no_nulls)]], *ITEMS] = Field([])

    def question(self, target: Target, *, kept: bool) -> Question:
        """Return the request as a `Question`; if `kept`, the server stores question and answer."""
        parts = history_or_memory(read_history(self.messages), kept=kept)
        return Question(
            message=parts.message,
            agent=target.agent,
            model=target.model,
            system=parts.system,
            history=parts.history,
            images=parts.images,
            tools=[
                ClientTool(tool.function.name, tool.function.description, tool.function.parameters)
                for tool in self.tools
            ],
            kept=kept,
            **_common(self),
        )


class NameRequest(Lenient):
    """The body of a request that contains only a model's name, such as `/api/show`."""

    model: str = ""


async def read(
    request: Request, model: type[Body], bounds: BodyBounds
) -> tuple[Body, dict[str, str]]:
    """Read a request's body and return it as an instance of `model`, with the header that names its
    unknown fields.

    The older field `name` is accepted instead of `model`. Raises `BadRequest`, `InvalidField`,
    `TooLarge` or `BodyTimeout`.
    """
    fields = no_nulls(await read_object(request, bounds, empty="missing request body"))
    if not fields.get("model") and "name" in fields:
        fields["model"] = fields.pop("name")
    return validate(model, fields), ignored_fields(model, fields, native=False)


def _common(request: AnyRequest) -> dict[str, Any]:
    """Return the `Question` fields that `generate` and `chat` share; raises `BadRequest` if one is
    wrong."""
    if not 0 <= request.top_logprobs <= 20:
        raise BadRequest("top_logprobs must be between 0 and 20")
    if isinstance(request.think, str) and request.think not in ("high", "medium", "low", "max"):
        raise BadRequest(
            f'invalid think value: "{request.think}" (must be "high", "medium", "low", "max", '
            "true, or false)"
        )
    return {
        "options": _options(request.options),
        "response_format": _format(request.format),
        "think": request.think,
    }


def _options(options: Options) -> ModelOptions:
    known = options.model_dump(exclude_none=True, include=set(Options.model_fields))
    extra = dict(options.model_extra or {})
    limit = known.pop("num_predict", None)
    if limit is not None and limit <= 0:
        extra["num_predict"] = limit  # no limit: only Ollama knows these values
        limit = None
    if isinstance(known.get("stop"), str):
        known["stop"] = [known["stop"]]
    return ModelOptions(**known, max_tokens=limit, extra=extra or None)


def _format(requested: str | dict[str, Any]) -> dict[str, Any] | None:
    """Return Ollama's `format` as OpenAI's `response_format`, None if empty; raises `BadRequest`.

    `strict` is not set, because most schemas that Ollama accepts are invalid in strict mode.
    """
    if isinstance(requested, dict):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": requested}}
    if requested not in ("", "json"):
        raise BadRequest(
            f'invalid format: "{requested}"; expected "json" or a valid JSON Schema object'
        )
    return {"type": "json_object"} if requested else None
