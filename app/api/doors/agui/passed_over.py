"""What a request has that the server does not use: passed over, and named in a header."""

from collections.abc import Iterator
from typing import Any

from ...ignored import HEADER, PLAIN, SHOWN, ignored_fields
from .content import media_of
from .interrupts import ids_of
from .messages import SILENT, GivenMessage, OtherMessage, ToolMessage
from .requests import RunAgentInput


def passed_over(body: RunAgentInput, fields: dict[str, Any]) -> dict[str, str]:
    """Return the header that names unknown fields, and values that are no use; empty if there are
    none."""
    header = ignored_fields(RunAgentInput, fields, native=False)
    names = [header[HEADER]] if header else []
    names += list(_parts(body))[: SHOWN - 1]
    return {HEADER: ", ".join(names)} if names else {}


def _parts(body: RunAgentInput) -> Iterator[str]:
    for name, value in (("state", body.state), ("forwardedProps", body.forwarded_props)):
        if value is not None and not isinstance(value, dict):
            yield f"{name} (not an object)"
    for number, entry in enumerate(body.resume or []):
        if ids_of(entry.interrupt_id) is None:
            yield f"resume.{number}"
    for number, message in enumerate(body.messages):
        if isinstance(message, OtherMessage):
            if message.role not in SILENT and PLAIN.fullmatch(message.role):
                yield f"messages.{number} ({message.role})"
        elif isinstance(message, GivenMessage | ToolMessage):
            for place in media_of(message.content).unused:
                yield f"messages.{number}.content.{place}"
