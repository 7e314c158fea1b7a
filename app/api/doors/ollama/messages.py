"""The messages of Ollama's API, and their conversion to a history."""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field

from ....core.question import ClientCall, PastMessage, Picture
from ...body_model import BodyModel
from ...requests import ITEMS, Text, picture


def no_nulls(value: Any) -> Any:
    """Return an object without its null fields, and any other value unchanged.

    Ollama, which is written in Go, reads null as absent, too.
    """
    if isinstance(value, dict):
        return {name: inner for name, inner in value.items() if inner is not None}
    return value


class Lenient(BodyModel):
    model_config = ConfigDict(extra="ignore")


class CalledFunction(Lenient):
    name: Text
    arguments: dict[str, Any] | Text = Field(default_factory=dict)


class Call(Lenient):
    """A tool call in a past message of the model; older clients send no id."""

    id: Text = ""
    function: Annotated[CalledFunction, BeforeValidator(no_nulls)]


class Message(Lenient):
    """A message of the request; a tool's result names its call by `tool_call_id` or `tool_name`."""

    role: Literal["system", "user", "assistant", "tool"]
    content: Text = ""
    images: Annotated[list[Text], *ITEMS] = Field(default=[])
    tool_calls: Annotated[list[Annotated[Call, BeforeValidator(no_nulls)]], *ITEMS] = Field(
        default=[]
    )
    tool_name: Text | None = None
    tool_call_id: Text | None = None


def pictures(images: Iterable[str]) -> Iterable[Picture]:
    return (Picture(**picture(image)) for image in images)


def read_history(messages: list[Message]) -> list[PastMessage]:
    """Convert messages to a history in which each call has an id, and each result the id of its
    call.

    Other providers require the ids. Ollama's clients often name only the tool, or send results in
    the order of the calls.
    """
    history: list[PastMessage] = []
    open_calls: list[ClientCall] = []
    for number, message in enumerate(messages):
        calls = tuple(
            ClientCall(
                call.id or f"call_{number}_{index}",
                call.function.name,
                _arguments_text(call.function),
            )
            for index, call in enumerate(message.tool_calls)
        )
        open_calls += calls
        answered = _find_call(message, open_calls) if message.role == "tool" else None
        if answered is not None:
            open_calls.remove(answered)
        history.append(
            PastMessage(
                role=message.role,
                content=message.content,
                images=tuple(pictures(message.images)),
                calls=calls,
                call_id=answered.id if answered else message.tool_call_id,
                tool=answered.name if answered else message.tool_name,
            )
        )
    return history


def _find_call(result: Message, open_calls: list[ClientCall]) -> ClientCall | None:
    """Return the call that a tool's result belongs to, None if there is none.

    The call is found by the id in the result, else by the tool's name, else it is the oldest one.
    """
    if result.tool_call_id:
        return next((call for call in open_calls if call.id == result.tool_call_id), None)
    if result.tool_name:
        return next((call for call in open_calls if call.name == result.tool_name), None)
    return open_calls[0] if open_calls else None


def _arguments_text(function: CalledFunction) -> str:
    arguments = function.arguments
    return arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
