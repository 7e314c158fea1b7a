"""Results, forms and decisions of the door as the types of MCP's SDK, and back."""

import base64
from collections.abc import Mapping
from typing import Any

from mcp import types

from ....core.errors import InvalidDecision
from ....core.runs.pauses.inbox import Waiting
from ....models.chat import Decision
from .pauses import decision, form
from .results import Block, CallResult


def input_required(run_id: str, requirements: list[Any]) -> types.InputRequiredResult:
    """The forms for what a paused run waits for; its id comes back with what is entered."""
    requests: dict[str, Any] = {}
    for item in requirements:
        message, schema = form(item)
        params = types.ElicitRequestFormParams(message=message, requested_schema=schema)
        requests[item.id] = types.ElicitRequest(params=params)
    return types.InputRequiredResult(input_requests=requests, request_state=run_id)


def decisions_of(waiting: Waiting, responses: Mapping[str, Any]) -> list[Decision]:
    """What was entered as decisions; raises `InvalidDecision` if a form was left."""
    found: list[Decision] = []
    for item in waiting.requirements:
        given = responses.get(item.id)
        fields = given if isinstance(given, dict) else dumped(given) if given is not None else {}
        content = fields.get("content")
        made = decision(
            item, str(fields.get("action", "")), content if isinstance(content, dict) else {}
        )
        if made is None:
            raise InvalidDecision(
                f"decisions: {item.id}: is missing", decisions={item.id: "is missing"}
            )
        found.append(made)
    return found


def result_of(result: CallResult) -> types.CallToolResult:
    return types.CallToolResult(
        content=[_block(block) for block in result.blocks],
        structured_content=result.structured,
        is_error=result.is_error,
    )


def _block(block: Block) -> Any:
    if block.kind == "text":
        return types.TextContent(text=block.text)
    if block.kind == "link":
        return types.ResourceLink(uri=block.text, name=block.name, mime_type=block.mime_type)
    data = base64.b64encode(block.content).decode()
    kind = types.ImageContent if block.kind == "image" else types.AudioContent
    return kind(data=data, mime_type=block.mime_type)


def dumped(value: Any) -> dict[str, Any]:
    found: dict[str, Any] = value.model_dump(mode="json", by_alias=True, exclude_none=True)
    return found
