"""Which tool calls of a run are for the client."""

from typing import TypeGuard

from ..models.chat import ToolCall


def is_for_client(tool: ToolCall | None) -> TypeGuard[ToolCall]:
    """Return True if the client must execute this tool call; the server executes an agent's own
    tools."""
    return tool is not None and tool.status == "paused" and tool.arguments_text is not None
