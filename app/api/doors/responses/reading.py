"""The responses that the server has: the whole of one, and the items in it."""

import re
from typing import Any

import msgspec

from ....core.errors import UnknownRun
from ....core.log.journal import RunRecord
from ....core.log.reading import WholeLog
from ...context import Context
from ...media_links import MediaLinks
from .items import PREFIXES
from .narration import Narration
from .pauses import readable
from .resource import PREFIX, Request, Response, run_id_of, stored_request

#: An item's id: its kind, its run, its place in the output, or after an `i` in the input.
ITEM_ID = re.compile(rf"(?:{'|'.join(PREFIXES)})_(.+)_(i?)([0-9]{{1,9}})")

RawItem = dict[str, Any]


async def find(server: Context, principal: str, name: str) -> tuple[RunRecord, WholeLog]:
    """Return the record and the log of a response; raises `UnknownRun` and `JournalUnavailable`.

    A response with `store: false` is not kept for later requests.
    """
    record, log = await server.runs.log_of(run_id_of(name), principal=principal)
    if not stored_request(record).store:
        raise UnknownRun(f"Response {name!r} was not stored (`store: false`).")
    return record, log


def whole_response(
    record: RunRecord, log: WholeLog, request: Request, links: MediaLinks | None = None
) -> Response:
    """Return the response of a run as its log has it so far."""
    narration = Narration(record, request)
    for _, chunk in log.entries:
        narration.feed(readable(chunk, links))
    response = narration.snapshot()
    if log.entries and log.entries[-1][1].done and response.status == "completed":
        response.completed_at = int(record.created_at + log.entries[-1][0])
    return response


def output_items(record: RunRecord, log: WholeLog) -> list[RawItem]:
    """Return the output items of a run in the form in which they are sent."""
    response = whole_response(record, log, stored_request(record))
    items: list[RawItem] = msgspec.to_builtins(response.output)
    return items


def input_items(record: RunRecord) -> list[RawItem]:
    """Return the items of a run's request, as they are listed: with an id, and messages with
    parts."""
    items = raw_input(record)
    return [_listed(item, f"{record.run_id}_i{n}") for n, item in enumerate(items)]


def raw_input(record: RunRecord) -> list[RawItem]:
    """Return the items of a run's request as the client sent them.

    If they are not stored, the question is the only item.
    """
    stored = stored_request(record).input
    if stored is not None:
        return stored
    return [{"role": "user", "content": record.question}] if record.question else []


async def referred(server: Context, principal: str, item_id: str) -> RawItem | None:
    """Return an item of an earlier response by its id, None if there is none."""
    match = ITEM_ID.fullmatch(item_id)
    if match is None:
        return None
    run_id, of_input, _ = match.groups()
    try:
        record, log = await find(server, principal, PREFIX + run_id)
    except UnknownRun:
        return None
    items = input_items(record) if of_input else output_items(record, log)
    return next((item for item in items if item.get("id") == item_id), None)


def _listed(item: RawItem, suffix: str) -> RawItem:
    kind = item.get("type") or "message"
    listed = {"type": kind, "id": f"{KINDS.get(kind, 'msg')}_{suffix}", **item}
    if kind == "message":
        content = item.get("content")
        if isinstance(content, str):
            answer = item.get("role") == "assistant"
            part: RawItem = {"type": "output_text" if answer else "input_text", "text": content}
            listed["content"] = [{**part, "annotations": []} if answer else part]
        listed.setdefault("status", "completed")
    elif kind in ("function_call", "function_call_output"):
        listed.setdefault("status", "completed")
    return listed


#: The beginnings of the ids of input items, by type.
KINDS = {
    "function_call": "fc",
    "function_call_output": "fco",
    "custom_tool_call": "ctc",
    "mcp_call": "mcp",
    "reasoning": "rs",
}
