"""The body of `/agui`, AG-UI's `RunAgentInput`. Unknown fields are ignored."""

from typing import Annotated, Any, Literal

import msgspec
from pydantic import AfterValidator, BeforeValidator, Field

from ....core.errors import InvalidField
from ....core.question import ClientTool, Question
from ...body_model import BodyModel
from ...requests import ITEMS, MESSAGES, JsonObject, JsonValue, Text, validate
from .interrupts import Answer, ids_of
from .messages import Message, has_nul, history_of

#: The names that a client gives to a thread and a run.
Id = Annotated[Text, Field(min_length=1, max_length=512)]

#: The fields of `forwardedProps` that choose who answers.
CHOICES = ("agent", "model")


def _one_line(name: str) -> str:
    if "\n" in name or "\r" in name:
        raise ValueError("must be one line")
    return name


class Tool(BodyModel):
    """A tool that the client runs."""

    name: Annotated[Text, Field(min_length=1)]
    description: Text | None = None
    parameters: JsonObject | None = None


class ContextItem(BodyModel):
    """Something that the model is to know in this run."""

    description: Text = ""
    value: JsonValue = ""

    @property
    def text(self) -> str:
        value = self.value
        text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
        return f"{self.description}: {text}" if self.description else text


class ResumeEntry(BodyModel):
    """The answer to an interrupt."""

    interrupt_id: Text = Field(alias="interruptId")
    status: Literal["resolved", "cancelled"]
    payload: JsonValue = None

    @property
    def answer(self) -> Answer:
        return Answer(self.interrupt_id, self.status == "cancelled", self.payload)


def _if_object(value: Any) -> Any:
    return value if isinstance(value, dict) else None


class Objects(BodyModel):
    """The values of a request that Agno takes as objects; any others are passed over."""

    state: Annotated[JsonObject | None, BeforeValidator(_if_object)]
    props: Annotated[JsonObject | None, BeforeValidator(_if_object), Field(alias="forwardedProps")]


class RunAgentInput(BodyModel):
    thread_id: Id = Field(alias="threadId")
    run_id: Annotated[Id, AfterValidator(_one_line)] = Field(alias="runId")
    protocol_version: Text | None = Field(None, alias="protocolVersion")
    parent_run_id: Text | None = Field(None, alias="parentRunId")
    state: Any = None
    messages: Annotated[list[Message], *MESSAGES]
    tools: Annotated[list[Tool], *ITEMS] | None = None
    context: Annotated[list[ContextItem], *ITEMS] | None = None
    forwarded_props: Any = Field(None, alias="forwardedProps")
    resume: Annotated[list[ResumeEntry], *ITEMS] | None = None

    @property
    def answers(self) -> list[Answer]:
        """The answers to interrupts of this server's runs."""
        entries = self.resume or []
        return [entry.answer for entry in entries if ids_of(entry.interrupt_id) is not None]

    @property
    def chosen(self) -> dict[str, str]:
        """The `agent` and the `model` that the client has chosen."""
        given = self.forwarded_props if isinstance(self.forwarded_props, dict) else {}
        found = {name: given.get(name) for name in CHOICES}
        return {name: value for name, value in found.items() if isinstance(value, str) and value}

    def question(self, agent: str | None, model: str | None) -> Question:
        """Return the request as a `Question`; raises `InvalidField`."""
        history = history_of(self.messages)
        last = history.pop() if history and history[-1].role == "user" else None
        if last is not None and has_nul(self.messages):
            raise InvalidField(
                "messages: the question contains a NUL character, which cannot be stored"
            )
        if last is not None and not (last.content.strip() or last.images or last.attachments):
            raise InvalidField("messages: the question is empty; send a text, a picture or a file")
        if last is None and not any(past.role in ("user", "tool") for past in history):
            raise InvalidField("messages: has no message of the user")
        given = validate(Objects, {"state": self.state, "forwardedProps": self.forwarded_props})
        props = {k: v for k, v in (given.props or {}).items() if k not in CHOICES}
        return Question(
            message=last.content if last else None,
            agent=agent,
            model=model,
            system="\n\n".join(item.text for item in self.context or []) or None,
            history=history,
            images=list(last.images) if last else [],
            attachments=list(last.attachments) if last else [],
            tools=[
                ClientTool(tool.name, tool.description or "", tool.parameters or {})
                for tool in self.tools or []
            ],
            session_state=given.state or None,
            dependencies=props or None,
        )
