"""Parts of the SDK's messages: what a request says of its client, results, forms, errors."""

import base64
from collections.abc import Mapping
from typing import Any

from mcp import types
from mcp.server import ServerRequestContext
from mcp.shared.exceptions import MCPError
from mcp_types import (
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    MISSING_REQUIRED_CLIENT_CAPABILITY,
)
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from ....core.errors import AgnoStreamError, InvalidDecision, NotPaused, UnknownRun
from ....core.runs.pauses.inbox import Waiting
from ....models.chat import Decision, Requirement
from .calls import Report
from .errors import error_data
from .pauses import decision, form
from .results import Block, CallResult
from .tasks import EXTENSION

Context = ServerRequestContext[Any, Any]


def check_task(ctx: Context, task_id: str) -> None:
    """Raise an error unless the client has declared the extension, and named the task in
    `Mcp-Name`, by which proxies choose where a request goes."""
    if EXTENSION not in extensions_of(ctx):
        raise MCPError(
            MISSING_REQUIRED_CLIENT_CAPABILITY,
            f"Missing required client capability: {EXTENSION}",
            {"requiredCapabilities": {"extensions": {EXTENSION: {}}}},
        )
    if ctx.request is None or ctx.request.headers.get("mcp-name") != task_id:
        raise MCPError(HEADER_MISMATCH, "The header Mcp-Name is not the taskId of the message.")


def reporter(ctx: Context) -> Report | None:
    """What sends the notifications of progress of a call; None if its client wants none."""
    token = (ctx.meta or {}).get("progress_token")
    if token is None:
        return None

    async def report(progress: float, message: str | None) -> None:
        await ctx.session.send_progress_notification(
            token, progress, message=message, related_request_id=str(ctx.request_id)
        )

    return report


def shows_forms(ctx: Context) -> bool:
    """Whether the client shows forms to a person, in the midst of a call."""
    found = ctx.session.client_capabilities
    modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
    return modern and found is not None and found.elicitation is not None


def extensions_of(ctx: Context) -> Mapping[str, Any]:
    found = ctx.session.client_capabilities
    return (found.extensions if found is not None else None) or {}


def input_required(run_id: str, requirements: list[Requirement]) -> types.InputRequiredResult:
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


def tool_result(result: CallResult) -> types.CallToolResult:
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


def protocol_error(error: AgnoStreamError) -> MCPError:
    known = isinstance(error, UnknownRun | NotPaused | InvalidDecision)
    code = INVALID_PARAMS if known else INTERNAL_ERROR
    return MCPError(code, error.message, error_data(error))
