"""What a paused run waits for as items, and the client's items as decisions on it.

A question that a person answers with yes or no is an `mcp_approval_request`. The call of a tool
that runs elsewhere is a `function_call`. What needs values is a sentence, with the address for
them.
"""

from collections.abc import Sequence

from msgspec.structs import replace

from ....core.errors import InvalidField, NotPaused, UnknownRun
from ....core.pauses import YES_OR_NO, check
from ....core.runs.pauses.inbox import Waiting
from ....models.chat import Decision, Requirement, StreamingChunk
from ...context import Context
from ...media_links import MediaLinks
from .input import ApprovalItem, Item, MessageItem, OutputItem
from .parts import text_of
from .requests import ResponseRequest
from .resource import run_id_of

#: The beginning of the id of an approval request; the ids of its run and its requirement follow.
PREFIX = "mcpr"


def approval_id(run_id: str, requirement: Requirement) -> str:
    return f"{PREFIX}_{run_id}_{requirement.id}"


def readable(chunk: StreamingChunk, links: MediaLinks | None) -> StreamingChunk:
    """A chunk with its media as text, and so what the protocol has no item for; its
    `requirements` are those to approve."""
    waits = chunk.requirements
    if links is None or not (chunk.media or waits):
        return chunk
    others = [item for item in waits or [] if item.kind not in YES_OR_NO]
    shown = links.as_text(replace(chunk, requirements=others or None))
    approvals = [item for item in waits or [] if item.kind in YES_OR_NO]
    return replace(shown, requirements=approvals or None)


async def decided(
    server: Context, principal: str, body: ResponseRequest
) -> tuple[Waiting, list[Decision]] | None:
    """The paused run that a request decides on, and the decisions; None if it asks a question.

    Raises `UnknownRun`, `NotPaused`, `InvalidDecision`, and `InvalidField` for an unknown id.
    """
    approvals = _pending(body.input)
    results = [item for item in body.input if isinstance(item, OutputItem)]
    if approvals:
        run_id, _ = _parts(approvals[0])
        waiting = await server.inbox.find(run_id, principal)
    elif results and body.previous_response_id is not None:
        try:
            waiting = await server.inbox.find(run_id_of(body.previous_response_id), principal)
        except (UnknownRun, NotPaused):  # the client's own tools: their results are messages
            return None
    else:
        return None
    decisions = [
        Decision(id=_parts(item)[1], confirmed=item.approve, note=item.reason) for item in approvals
    ]
    decisions += _results(waiting.requirements, results)
    check(waiting.requirements, decisions)
    return waiting, decisions


def _results(waits: Sequence[Requirement], results: list[OutputItem]) -> list[Decision]:
    """The decisions on calls of tools that ran elsewhere, among the results of all calls."""
    calls = {item.tool.id: item.id for item in waits if item.kind == "external" and item.tool}
    return [
        Decision(id=calls[item.call_id], result=text_of(item.output))
        for item in results
        if item.call_id in calls
    ]


def _pending(items: list[Item]) -> list[ApprovalItem]:
    """The approvals for the run that paused last: a client with a history sends older ones, too."""
    messages = [n for n, item in enumerate(items) if isinstance(item, MessageItem)]
    found = [
        item for item in items[max(messages, default=-1) + 1 :] if isinstance(item, ApprovalItem)
    ]
    if not found:
        return []
    last = _parts(found[-1])[0]
    return [item for item in found if _parts(item)[0] == last]


def _parts(item: ApprovalItem) -> tuple[str, str]:
    """The ids of the run and of the requirement of an approval; raises `InvalidField`."""
    prefix, _, rest = item.approval_request_id.partition("_")
    run_id, _, requirement = rest.partition("_")
    if prefix != PREFIX or not requirement:
        raise InvalidField(f"input: there is no approval request {item.approval_request_id!r}")
    return run_id, requirement
