"""A page's answers on the calls of its last message, and the paused run that they decide on."""

from collections.abc import Sequence
from contextlib import suppress
from typing import Any, NamedTuple

import msgspec

from ....core.errors import InvalidField, NotPaused, UnknownRun
from ....core.pauses import YES_OR_NO, check
from ....core.runs.pauses.inbox import Waiting
from ....models.chat import Decision, Requirement
from ...context import Context
from .answered import Answer
from .calls import call_id_of
from .history import text_of
from .parts import ToolPart, UIMessage


class Decided(NamedTuple):
    """The paused run that a message answers on, the decisions, and the answers as they came."""

    waiting: Waiting
    decisions: list[Decision]
    answers: list[Answer]


async def decided(
    server: Context, principal: str, conversation_id: str, message: UIMessage
) -> Decided | None:
    """What a message decides on; None if no run waits for its answers.

    Raises `UnknownRun`, `NotPaused`, `InvalidDecision`, and `InvalidField` for an unknown id.
    """
    approvals = [part for part in message.tools if part.state == "approval-responded"]
    waiting = None
    if approvals:
        waiting = await server.inbox.find(_run_of(approvals[-1]), principal)
    elif outputs := [part for part in message.tools if part.answered]:
        waiting = await _waiting_for(server, principal, conversation_id, message, outputs)
    if waiting is None:
        return None
    run_id = waiting.record.run_id
    mine = [part for part in approvals if _run_of(part) == run_id]
    known = {call_id_of(item): item for item in waiting.requirements}
    outputs = [part for part in message.tools if part.answered and part.toolCallId in known]
    decisions = [_approval(part) for part in mine]
    decisions += [
        _result(part, known[part.toolCallId])
        for part in outputs
        if known[part.toolCallId].kind not in YES_OR_NO
    ]
    check(waiting.requirements, decisions)
    return Decided(waiting, decisions, [*map(answer_of, mine), *map(answer_of, outputs)])


def answer_of(part: ToolPart) -> Answer:
    """The answer on a call, as it is stored."""
    if part.state == "approval-responded":
        return Answer(part.toolCallId, approved=bool(part.approval and part.approval.approved))
    if part.state == "output-error":
        return Answer(part.toolCallId, error=part.errorText or "The tool failed.")
    return Answer(part.toolCallId, output=part.output)


def run_named(message: UIMessage) -> str | None:
    """The run that a message of this server ends with, by its metadata or its id."""
    found = message.metadata.get("runId") if isinstance(message.metadata, dict) else None
    if isinstance(found, str):
        return found
    prefix, _, run_id = message.id.partition("_")
    return run_id if prefix == "msg" else None


async def _waiting_for(
    server: Context,
    principal: str,
    conversation_id: str,
    message: UIMessage,
    outputs: Sequence[ToolPart],
) -> Waiting | None:
    """The paused run that waits for one of the outputs: the one that the message names, or the
    last one of the conversation."""
    given = {part.toolCallId for part in outputs}
    found: list[Waiting] = []
    if (run_id := run_named(message)) is not None:
        with suppress(UnknownRun, NotPaused):  # the page's own tools: their results are messages
            found.append(await server.inbox.find(run_id, principal))
    if not found:
        found = (await server.inbox.waiting(principal, conversation_id))[::-1]
    for waiting in found:
        if given & {call_id_of(item) for item in waiting.requirements}:
            return waiting
    return None


def _run_of(part: ToolPart) -> str:
    """The run of an approval; raises `InvalidField`."""
    given = part.approval.id if part.approval else ""
    run_id, mark, _ = given.partition("_")
    if not mark:
        raise InvalidField(f"messages: there is no approval request {given!r}")
    return run_id


def _approval(part: ToolPart) -> Decision:
    approval = part.approval
    assert approval is not None
    name = approval.id.partition("_")[2]
    return Decision(id=name, confirmed=bool(approval.approved), note=approval.reason)


def _result(part: ToolPart, item: Requirement) -> Decision:
    """The result of a call as a decision: values, chosen labels, or the result itself."""
    if part.state == "output-error":
        return Decision(id=item.id, confirmed=False, note=part.errorText)
    if item.kind == "external":
        return Decision(id=item.id, result=text_of(part.output))
    given = _object(part.output)
    if item.kind == "input":
        return Decision(id=item.id, values=given if isinstance(given, dict) else {})
    if isinstance(given, str) and item.questions:  # the label alone
        given = {item.questions[0].question: given}
    answers = given if isinstance(given, dict) else {}
    return Decision(id=item.id, answers={name: _labels(value) for name, value in answers.items()})


def _object(output: Any) -> Any:
    """An output, parsed if it is the text of an object."""
    if isinstance(output, str) and output.lstrip().startswith("{"):
        try:
            return msgspec.json.decode(output)
        except msgspec.DecodeError:
            pass
    return output


def _labels(value: Any) -> list[str]:
    return [text_of(label) for label in value] if isinstance(value, list) else [text_of(value)]
