"""The tools of a request, and which of them the model must or may call."""

from typing import Annotated, Any, Literal

from pydantic import Field

from ....core.errors import InvalidField
from ....core.question import ClientTool
from ...body_model import BodyModel

#: The types of tools that Anthropic's server runs. They are passed over: the agent has its own.
HOSTED = ("web_search_", "web_fetch_", "code_execution_", "tool_search_", "mcp_toolset")


class Tool(BodyModel):
    """A tool that the client runs, or one that Anthropic's server would, which has no schema."""

    name: Annotated[str, Field(min_length=1)] | None = None
    type: str | None = None
    description: str | None = None
    input_schema: dict[str, Any] | None = None
    strict: bool | None = None


class ToolChoice(BodyModel):
    type: Literal["auto", "any", "tool", "none"]
    name: str | None = None
    disable_parallel_tool_use: bool | None = None

    @property
    def parallel(self) -> bool | None:
        return False if self.disable_parallel_tool_use else None


def client_tools(tools: list[Tool]) -> list[ClientTool]:
    """The tools that the client runs; raises `InvalidField` for one that no model accepts.

    Those with a type and no schema, such as `bash_20250124`, are known to Anthropic's models only.
    """
    found = []
    for tool in tools:
        if (tool.type or "").startswith(HOSTED):
            continue
        if tool.name is None or tool.input_schema is None:
            kind = f"the type {tool.type!r}" if tool.type else "a tool without name or input_schema"
            raise InvalidField(f"tools: {kind} is not read here; send name and input_schema")
        found.append(ClientTool(tool.name, tool.description or "", tool.input_schema, tool.strict))
    return found


def chosen(choice: ToolChoice | None, tools: list[ClientTool]) -> str | dict[str, Any] | None:
    """Return a `tool_choice` in the form of chat completions; raises `InvalidField` for a tool
    that is not among those of the request."""
    if choice is None or choice.type == "auto":
        return None
    if choice.type == "none":
        return "none"
    if choice.type == "any":
        return "required"
    if choice.name not in [tool.name for tool in tools]:
        raise InvalidField(f"tool_choice: there is no tool {choice.name!r} in the request")
    return {"type": "function", "function": {"name": choice.name}}
