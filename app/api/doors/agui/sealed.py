"""What a provider wants back with a tool call, as the opaque `encryptedValue` of the call."""

import base64
from typing import Any

import msgspec

from ....core.errors import InvalidField
from ....models.chat import ToolCall
from ...json_objects import parse_object

#: What the values of this server begin with; others are from other servers, and passed over.
PREFIX = "agno-stream."


def seal(call: ToolCall) -> str | None:
    """The value for a call; None if its provider wants nothing back."""
    if not call.provider_data:
        return None
    return PREFIX + base64.b64encode(msgspec.json.encode(call.provider_data)).decode()


def unseal(value: str | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """The fields that belong to a call, and to its message; empty for a value of another server.

    Raises `InvalidField` or `BadRequest` for a value that was changed.
    """
    if value is None or not value.startswith(PREFIX):
        return {}, {}
    try:
        found = parse_object(base64.b64decode(value.removeprefix(PREFIX), validate=True))
    except ValueError:
        raise InvalidField("messages: an encryptedValue was changed") from None
    call, message = found.get("call"), found.get("message")
    return (
        call if isinstance(call, dict) else {},
        message if isinstance(message, dict) else {},
    )
