"""The messages of a request, and the history that they are for the model."""

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag

from ....core.question import ClientCall, PastMessage
from ...body_model import BodyModel
from ...requests import ITEMS
from .content import Content, TextPart, kind, media_of, text_of
from .sealed import unseal


class Attributed(BodyModel):
    """A message; one of a subagent is not a part of the run's own answer."""

    subagent_run_id: str | None = Field(None, alias="subagentRunId")


class GivenMessage(Attributed):
    role: Literal["user", "system", "developer"]
    content: Content


class Function(BodyModel):
    name: str
    arguments: str = ""


class Call(BodyModel):
    id: Annotated[str, Field(min_length=1)]
    function: Function
    encrypted_value: str | None = Field(None, alias="encryptedValue")


class AssistantMessage(Attributed):
    role: Literal["assistant"]
    content: Content | None = None
    tool_calls: Annotated[list[Call], *ITEMS] | None = Field(None, alias="toolCalls")


class ToolMessage(Attributed):
    """What a tool has returned; with `error` it has failed."""

    role: Literal["tool"]
    content: Content = ""
    tool_call_id: Annotated[str, Field(min_length=1, alias="toolCallId")]
    error: str | None = None

    @property
    def text(self) -> str:
        parts = (text_of(self.content), (self.error or "").replace("\0", "\ufffd"))
        return "\n".join(filter(None, parts))


class OtherMessage(BodyModel):
    """Reasoning, activities, and roles that are not known here: no part of a history."""

    role: str


Message = Annotated[
    Annotated[GivenMessage, Tag("<user>")]
    | Annotated[GivenMessage, Tag("<system>")]
    | Annotated[GivenMessage, Tag("<developer>")]
    | Annotated[AssistantMessage, Tag("<assistant>")]
    | Annotated[ToolMessage, Tag("<tool>")]
    | Annotated[OtherMessage, Tag("<other>")],
    Discriminator(kind("role", "user", "system", "developer", "assistant", "tool")),
]

#: Roles that are passed over without a word.
SILENT = ("reasoning", "activity")


def own_messages(messages: Sequence[Message]) -> list[Message]:
    """The messages without those of subagents, which their agent does not read."""
    return [m for m in messages if getattr(m, "subagent_run_id", None) is None]


def last_text(messages: Sequence[Message]) -> str | None:
    """The text of the last message if it is the user's; None if it is not, or has none."""
    own = [m for m in own_messages(messages) if not isinstance(m, OtherMessage)]
    last = own[-1] if own else None
    if not isinstance(last, GivenMessage) or last.role != "user":
        return None
    return text_of(last.content) or None


def has_nul(messages: Sequence[Message]) -> bool:
    """Whether the last message of the user has a NUL character in its text."""
    given = [m.content for m in messages if isinstance(m, GivenMessage) and m.role == "user"]
    last = given[-1] if given else ""
    texts = [last] if isinstance(last, str) else [p.text for p in last if isinstance(p, TextPart)]
    return any("\0" in text for text in texts)


def results_of(messages: Sequence[Message]) -> dict[str, str]:
    """The results of tools by the ids of their calls; of several for one call the last."""
    return {m.tool_call_id: m.text for m in messages if isinstance(m, ToolMessage)}


def last_results(messages: Sequence[Message]) -> dict[str, str]:
    """The results of tools at the end of the messages."""
    found: list[Message] = []
    for message in reversed(messages):
        if isinstance(message, OtherMessage):
            continue
        if not isinstance(message, ToolMessage):
            break
        found.insert(0, message)
    return results_of(found)


def history_of(messages: Sequence[Message]) -> list[PastMessage]:
    """The messages as a history that every provider takes: results follow their calls at once, and
    calls without a result are left out.

    Raises `InvalidField` for media that are no base64.
    """
    own = own_messages(messages)
    results = {m.tool_call_id: m for m in own if isinstance(m, ToolMessage)}
    found: list[PastMessage] = []
    group: list[AssistantMessage] = []
    for message in own:
        if isinstance(message, AssistantMessage):
            if group and text_of(message.content):
                found += _answers(group, results)
                group = []
            group.append(message)
        elif isinstance(message, GivenMessage):
            found += _answers(group, results)
            group = []
            found.append(_given(message))
        elif isinstance(message, ToolMessage):
            found += _answers(group, results)
            group = []
    found += _answers(group, results)
    return found


def _given(message: GivenMessage) -> PastMessage:
    role = "system" if message.role == "developer" else message.role
    text = text_of(message.content)
    if role == "system":
        return PastMessage(role, text)
    media = media_of(message.content)
    return PastMessage(
        role, text, images=tuple(media.pictures), attachments=tuple(media.attachments)
    )


def _answers(
    group: Sequence[AssistantMessage], results: dict[str, ToolMessage]
) -> Iterator[PastMessage]:
    """A text and the calls after it as one message, then the results of these calls, then the media
    in them, because no provider reads media in a result."""
    if not group:
        return
    text = "".join(text_of(message.content) for message in group)
    calls: list[ClientCall] = []
    beside: dict[str, object] = {}
    for call in (call for message in group for call in message.tool_calls or []):
        if call.id in results:
            extra, fields = unseal(call.encrypted_value)
            beside = beside or fields
            calls.append(
                ClientCall(call.id, call.function.name, call.function.arguments or "{}", extra)
            )
    if not text and not calls:
        return
    yield PastMessage("assistant", text, calls=tuple(calls), extra=beside if calls else {})
    for made in calls:
        yield PastMessage("tool", results[made.id].text, call_id=made.id, tool=made.name)
    for made in calls:
        media = media_of(results[made.id].content)
        if media.pictures or media.attachments:
            yield PastMessage(
                "user", "", images=tuple(media.pictures), attachments=tuple(media.attachments)
            )
