"""The tools of a request, and which of them the model must or may call."""

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from ....core.errors import InvalidField
from ....core.question import ClientTool
from ...body_model import BodyModel

Name = Annotated[str, Field(min_length=1)]


class FunctionTool(BodyModel):
    """A tool that the client runs."""

    type: Literal["function"]
    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class CustomTool(BodyModel):
    """A tool that the client runs, whose input is plain text; the model sees a function."""

    type: Literal["custom"]
    name: Name
    description: str | None = None


class HostedTool(BodyModel):
    """A tool that OpenAI runs, such as `web_search`: the agent has tools of its own instead."""

    type: str


def _kind(value: Any) -> str:
    named = value.get("type") if isinstance(value, dict) else None
    return f"<{named}>" if named in ("function", "custom") else "<hosted>"


Tool = Annotated[
    Annotated[FunctionTool, Tag("<function>")]
    | Annotated[CustomTool, Tag("<custom>")]
    | Annotated[HostedTool, Tag("<hosted>")],
    Discriminator(_kind),
]

#: The parameters of a function in the place of a custom tool.
TEXT_INPUT = {
    "type": "object",
    "properties": {"input": {"type": "string"}},
    "required": ["input"],
    "additionalProperties": False,
}


def client_tool(tool: FunctionTool | CustomTool) -> ClientTool:
    """Return a tool of the client as a function for the model."""
    if isinstance(tool, CustomTool):
        return ClientTool(tool.name, tool.description or "", TEXT_INPUT)
    return ClientTool(tool.name, tool.description or "", tool.parameters or {}, tool.strict)


def shown(tool: FunctionTool | CustomTool) -> dict[str, Any]:
    """Return a tool as the response repeats it, with all fields that its clients require."""
    if isinstance(tool, CustomTool):
        return tool.model_dump(exclude_none=True)
    return tool.model_dump()


def chosen(
    choice: str | dict[str, Any] | None, tools: list[FunctionTool | CustomTool]
) -> tuple[str | dict[str, Any] | None, list[FunctionTool | CustomTool]]:
    """Return a `tool_choice` in the form of chat completions, and the tools that the model may
    call.

    Raises `InvalidField` for a tool that the server cannot be made to call.
    """
    if choice is None or choice == "auto":
        return None, tools
    if choice in ("none", "required"):
        return choice, tools
    if not isinstance(choice, dict):
        raise _refused(f"must be auto, none, required or an object, not {choice!r}")
    kind, name = choice.get("type"), choice.get("name")
    if kind in ("function", "custom"):
        if name not in [tool.name for tool in tools]:
            raise _refused(f"there is no tool {name!r} among the tools of the request")
        return {"type": "function", "function": {"name": name}}, tools
    if kind == "allowed_tools":
        allowed = [tool.get("name") for tool in choice.get("tools") or [] if isinstance(tool, dict)]
        mode = choice.get("mode")
        return (
            "required" if mode == "required" else None,
            [tool for tool in tools if tool.name in allowed],
        )
    raise _refused(f"this server has no tool of the type {kind!r}")


def _refused(problem: str) -> InvalidField:
    return InvalidField(
        f"tool_choice: {problem}", fields=[{"field": "tool_choice", "problem": problem}]
    )
