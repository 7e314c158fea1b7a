"""What a provider wants back with a tool call, in a block that clients return as it is.

Anthropic's protocol has such a block, `redacted_thinking`: clients neither read nor change it.
"""

import base64
from typing import Any

import msgspec

from ....core.errors import InvalidField
from ....models.chat import ToolCall
from ...json_objects import parse_object

#: What the data of this server begin with; others are from other servers, and passed over.
PREFIX = "agno-stream."


def redacted(tool: ToolCall) -> str | None:
    """The data of a block before a call, None if its provider wants nothing back."""
    if not tool.provider_data:
        return None
    found = msgspec.json.encode({"id": tool.id, **tool.provider_data})
    return PREFIX + base64.b64encode(found).decode()


def returned(data: str) -> dict[str, Any]:
    """The `id` of a call, and what belongs to the `call` and its `message`; empty for the data of
    another server. Raises `InvalidField` or `BadRequest` for data that were changed."""
    if not data.startswith(PREFIX):
        return {}
    try:
        found = parse_object(base64.b64decode(data.removeprefix(PREFIX), validate=True))
    except ValueError:
        found = {}
    if not isinstance(found.get("id"), str):
        raise InvalidField("messages: the data of a redacted_thinking block were changed")
    return found


def fields_of(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The fields for the `call` or the `message`; empty if there are none."""
    fields = found.get(name)
    return fields if isinstance(fields, dict) else {}
