"""The messages of a page as the messages of a history."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from ....core.question import ClientCall, PastMessage
from .parts import Part, ReasoningPart, StepStart, TextPart, ToolPart, UIMessage


def past_messages(messages: Sequence[UIMessage]) -> list[PastMessage]:
    """Return messages as a history; raises `InvalidField` for a file that cannot be read.

    Calls without a result are left out, because providers refuse them: nobody has decided on them.
    """
    return [past for message in messages for past in _past(message)]


def _past(message: UIMessage) -> Iterator[PastMessage]:
    if message.role == "assistant":
        for step in _steps(message.parts):
            yield from _step(step)
        return
    images = [file for file in message.files if file.kind == "image"]
    yield PastMessage(
        role=message.role,
        content=message.text,
        images=tuple(file.picture() for file in images),
        attachments=tuple(file.attachment() for file in message.files if file not in images),
    )


def _steps(parts: Sequence[Part]) -> list[list[Part]]:
    """The parts of an answer, divided where a request to the model began."""
    steps: list[list[Part]] = [[]]
    for part in parts:
        if isinstance(part, StepStart):
            steps.append([])
        else:
            steps[-1].append(part)
    return steps


def _step(parts: Sequence[Part]) -> Iterator[PastMessage]:
    """Return one step of an answer as messages: the assistant's with its tool calls, then their
    results."""
    text = "".join(part.text for part in parts if isinstance(part, TextPart))
    done = [part for part in parts if isinstance(part, ToolPart) and _result(part) is not None]
    if not text and not done:
        return
    thinking = "".join(part.text for part in parts if isinstance(part, ReasoningPart))
    kept: dict[str, Any] = next((found for part in done if (found := _data(part, "message"))), {})
    yield PastMessage(
        role="assistant",
        content=text,
        calls=tuple(map(_call, done)),
        extra=kept or ({"reasoning_content": thinking} if thinking and done else {}),
    )
    for part in done:
        yield PastMessage("tool", _result(part) or "", call_id=part.toolCallId, tool=part.name)


def _call(part: ToolPart) -> ClientCall:
    given = part.input if part.input is not None else part.rawInput
    arguments = given if isinstance(given, str) else text_of({} if given is None else given)
    return ClientCall(part.toolCallId, part.name, arguments, _data(part, "call"))


def _data(part: ToolPart, name: str) -> dict[str, Any]:
    found = part.provider_data.get(name)
    return found if isinstance(found, dict) else {}


def _result(part: ToolPart) -> str | None:
    """The result of a call as text; None if it has none."""
    if part.state == "output-denied":
        reason = part.approval.reason if part.approval else None
        return f"The call was refused. {reason or ''}".strip()
    if not part.answered:
        return None
    if part.state == "output-error":
        return part.errorText or "The tool failed."
    return text_of(part.output)


def text_of(value: Any) -> str:
    """A value of JSON as text: texts as they are, all others as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
