"""Which tool calls of a run are for the client."""

from typing import TypeGuard

from ..models.chat import ToolCall


def is_for_client(tool: ToolCall | None) -> TypeGuard[ToolCall]:
    """Whether the client is to make this call; the server runs the tools of the agent itself."""
    return tool is not None and tool.status == "paused" and tool.arguments_text is not None
