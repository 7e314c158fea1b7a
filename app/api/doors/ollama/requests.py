"""What Ollama's clients send, and the question in it.

Ollama never looks at the content type, takes null for absent, and passes over unknown fields.
"""

from typing import Annotated, Any, TypeVar

from fastapi import Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ....core.errors import BadRequest
from ....core.question import ClientTool, ModelOptions, Question
from ...requests import (
    BodyBounds,
    Int64,
    Text,
    parse_object,
    read_body,
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


class Options(BaseModel):
    """What we know the meaning of; the rest goes to providers that are Ollama, as it is."""

    model_config = ConfigDict(extra="allow")

    temperature: float | None = None
    top_p: float | None = None
    top_k: Int64 | None = None
    min_p: float | None = None
    seed: Int64 | None = None
    stop: Text | list[Text] | None = None
    num_predict: Int64 | None = None
    num_ctx: Int64 | None = None
    repeat_penalty: float | None = None
    presence_penalty: float | None = None
    frequency_penalty: float | None = None


class AnyRequest(Lenient):
    """What `generate` and `chat` have in common."""

    model: str = ""
    stream: bool = True
    format: str | dict[str, Any] = ""
    options: Annotated[Options, BeforeValidator(no_nulls)] = Options()
    think: bool | str | None = None
    keep_alive: float | str | None = None
    top_logprobs: int = 0

    @property
    def unloads(self) -> bool:
        """Whether the model is to be kept for no time: 0, "0s", "0h0m"."""
        kept = self.keep_alive
        return kept is not None and not any(digit in str(kept) for digit in "123456789")


class GenerateRequest(AnyRequest):
    """`context`, the deprecated memory in tokens, is passed over: `X-Conversation-Id` is ours."""

    prompt: Text = ""
    suffix: Text = ""
    system: Text = ""
    template: Text = ""
    raw: bool = False
    images: list[Text] = Field([])

    def question(self, agent: str | None, model: str | None, *, remembered: bool) -> Question:
        for name, asked in (("insert", self.suffix), ("raw prompts", self.raw)):
            if asked:
                raise BadRequest(f'"{self.model}" does not support {name}')
        if self.template:
            raise BadRequest(f'"{self.model}" does not support templates')
        return Question(
            message=self.prompt,
            agent=agent,
            model=model,
            system=self.system or None,
            history=None if remembered else [],
            images=list(pictures(self.images)),
            kept=remembered,
            **_common(self),
        )


class ChatRequest(AnyRequest):
    messages: list[Annotated[Message, BeforeValidator(no_nulls)]] = Field([])
    tools: list[Annotated[Tool, BeforeValidator(no_nulls)]] = Field([])

    def question(self, agent: str | None, model: str | None, *, remembered: bool) -> Question:
        """A conversation's first message, or a client that sends only what is new, is answered
        from the server's memory; any other history takes its place."""
        history = read_history(self.messages)
        asked = history.pop() if history and history[-1].role == "user" else None
        system = None
        if remembered and asked and all(past.role == "system" for past in history):
            system = "\n\n".join(past.content for past in history)
        return Question(
            message=asked.content if asked else None,
            agent=agent,
            model=model,
            system=system or None,
            history=history if system is None else None,
            images=list(asked.images) if asked else [],
            tools=[
                ClientTool(tool.function.name, tool.function.description, tool.function.parameters)
                for tool in self.tools
            ],
            kept=remembered,
            **_common(self),
        )


class NameRequest(Lenient):
    """What names a model and nothing else."""

    model: str = ""


async def read(request: Request, model: type[Body], bounds: BodyBounds) -> Body:
    """The body; `name` is an older word for `model`."""
    body = await read_body(request, bounds)
    if not body.strip():
        raise BadRequest("missing request body")
    fields = no_nulls(parse_object(body))
    if not fields.get("model") and "name" in fields:
        fields["model"] = fields["name"]
    return validate(model, fields)


def _common(request: AnyRequest) -> dict[str, Any]:
    """The fields of a question that both ways to ask have."""
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
        extra["num_predict"] = limit  # Ollama's words for no limit
        limit = None
    if isinstance(known.get("stop"), str):
        known["stop"] = [known["stop"]]
    return ModelOptions(**known, max_tokens=limit, extra=extra or None)


def _format(wanted: str | dict[str, Any]) -> dict[str, Any] | None:
    """Ollama's `format` as OpenAI's `response_format`. It is not `strict`: that would refuse most
    of the schemas that Ollama takes."""
    if isinstance(wanted, dict):
        return {"type": "json_schema", "json_schema": {"name": "answer", "schema": wanted}}
    if wanted not in ("", "json"):
        raise BadRequest(
            f'invalid format: "{wanted}"; expected "json" or a valid JSON Schema object'
        )
    return {"type": "json_object"} if wanted else None
