"""The items of a request's `input`, and the messages of a history that they are."""

import json
from collections.abc import Iterable
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Discriminator, Field, Tag, TypeAdapter, ValidationError

from ....core.errors import InvalidField
from ....core.question import ClientCall, PastMessage
from ...body_model import BodyModel
from ...requests import invalid
from .parts import Content, attachments, pictures, text_of


class MessageItem(BodyModel):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: Content


class FunctionCallItem(BodyModel):
    """A call of a tool in an earlier answer; also one whose input is plain text."""

    type: Literal["function_call", "custom_tool_call", "mcp_call"]
    name: str
    call_id: str = ""
    id: str | None = None
    arguments: str | None = None
    input: str | None = None
    output: str | None = None  # an `mcp_call` has its result with it

    @property
    def call(self) -> ClientCall:
        arguments = self.arguments or "{}"
        if self.type == "custom_tool_call":
            arguments = json.dumps({"input": self.input or ""})
        return ClientCall(self.call_id or self.id or "", self.name, arguments)


class OutputItem(BodyModel):
    """The result of a tool that the client ran."""

    type: Literal["function_call_output", "custom_tool_call_output"]
    call_id: Annotated[str, Field(min_length=1)]
    output: Content


class ApprovalItem(BodyModel):
    """A person's decision on a call of a tool of the server."""

    type: Literal["mcp_approval_response"]
    approval_request_id: Annotated[str, Field(min_length=1)]
    approve: bool
    reason: str | None = None


class ReferenceItem(BodyModel):
    """An item of an earlier response, by its id."""

    type: Literal["item_reference"] = "item_reference"
    id: Annotated[str, Field(min_length=1)]


class OtherItem(BodyModel):
    """An item that does not change the question: reasoning, and calls of other servers' tools."""

    type: str


#: The kinds of items by type, in a form that no error takes for the name of a field.
KINDS: dict[str, str] = {
    "message": "<message>",
    "function_call": "<call>",
    "custom_tool_call": "<call>",
    "mcp_call": "<call>",
    "function_call_output": "<output>",
    "custom_tool_call_output": "<output>",
    "mcp_approval_response": "<approval>",
    "item_reference": "<reference>",
}

#: Items that are passed over without a word, because an agent has no use for them.
SILENT = frozenset({"reasoning", "mcp_list_tools", "mcp_approval_request", "compaction"})

#: The types of items that the server knows what to do with.
KNOWN = SILENT | KINDS.keys()


def _kind(value: Any) -> str:
    if not isinstance(value, dict):
        return "<message>"
    named = value.get("type")
    if named is None:  # clients leave out the type of messages, and of references
        return "<reference>" if set(value) == {"id"} else "<message>"
    return KINDS.get(str(named), "<other>")


Item = Annotated[
    Annotated[MessageItem, Tag("<message>")]
    | Annotated[FunctionCallItem, Tag("<call>")]
    | Annotated[OutputItem, Tag("<output>")]
    | Annotated[ApprovalItem, Tag("<approval>")]
    | Annotated[ReferenceItem, Tag("<reference>")]
    | Annotated[OtherItem, Tag("<other>")],
    Discriminator(_kind),
]

_items: TypeAdapter[list[Item]] = TypeAdapter(list[Item], config=ConfigDict(defer_build=True))


def read_items(raw: list[dict[str, Any]]) -> list[Item]:
    """Return stored items as items; raises `InvalidField`."""
    try:
        return _items.validate_python(raw, strict=True)
    except ValidationError as error:
        raise invalid(error, raw) from None


def messages_of(items: Iterable[Item]) -> list[PastMessage]:
    """Return items as the messages of a history: calls belong to the assistant's message before
    them."""
    found: list[PastMessage] = []
    names: dict[str, str] = {}
    for item in items:
        if isinstance(item, MessageItem):
            _add_message(found, item)
        elif isinstance(item, FunctionCallItem):
            names[item.call.id] = item.name
            _add_call(found, item.call)
            if item.type == "mcp_call":
                found.append(_result(item.call.id, item.output or "", item.name))
        elif isinstance(item, OutputItem):
            if pictures(item.output) or attachments(item.output):
                raise InvalidField(
                    f"{item.type}: the result of a tool is text here; send its media in a message"
                )
            found.append(_result(item.call_id, text_of(item.output), names.get(item.call_id)))
    return found


def _add_message(found: list[PastMessage], item: MessageItem) -> None:
    role = "system" if item.role == "developer" else item.role
    text = text_of(item.content)
    last = found[-1] if found else None
    if role == "assistant" and last is not None and last.role == role and last.calls:
        # Results must follow their calls at once, so the text goes with the calls.
        found[-1] = PastMessage(role, last.content + text, calls=last.calls)
        return
    found.append(
        PastMessage(
            role, text, images=pictures(item.content), attachments=attachments(item.content)
        )
    )


def _add_call(found: list[PastMessage], call: ClientCall) -> None:
    last = found[-1] if found else None
    if last is None or last.role != "assistant":
        last = PastMessage("assistant", "")
        found.append(last)
    found[-1] = PastMessage("assistant", last.content, calls=(*last.calls, call))


def _result(call_id: str, text: str, tool: str | None) -> PastMessage:
    return PastMessage("tool", text, call_id=call_id, tool=tool)
