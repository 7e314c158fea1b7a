"""What OpenAI's and Open Responses' own types say of an event or a response."""

import json
from collections.abc import Iterable
from typing import Any, get_args

import openresponses_types as open_responses
from httpx_sse import ServerSentEvent
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import BaseModel

Event = dict[str, Any]

#: The classes of OpenAI's events, by type.
OPENAI: dict[str, type[BaseModel]] = {
    str(get_args(kind.model_fields["type"].annotation)[0]): kind
    for kind in get_args(get_args(ResponseStreamEvent)[0])
}

#: Those of Open Responses, which has none for the tools of one vendor.
OPEN_RESPONSES: dict[str, type[BaseModel]] = {
    next(iter(kind.model_fields["type"].annotation)).value: kind
    for name, kind in vars(open_responses).items()
    if name.endswith("StreamingEvent")
}

#: A code of a failed response that OpenAI sends, but that its types do not know.
UNTYPED = "context_length_exceeded"


def check_event(event: Event, *, hosted: bool = False) -> None:
    """An event is as both specifications have it; `hosted` ones only as OpenAI's has."""
    event = json.loads(json.dumps(event).replace(UNTYPED, "server_error"))
    OPENAI[event["type"]].model_validate(event)
    if not hosted:
        OPEN_RESPONSES[event["type"]].model_validate(event)


def check_response(response: Event, *, hosted: bool = False) -> None:
    """A response object is as both specifications have it."""
    Response.model_validate(response)
    if not hosted:
        open_responses.ResponseResource.model_validate(response)


def events_of(frames: Iterable[ServerSentEvent], *, hosted: bool = False) -> list[Event]:
    """The events of a stream that ends with `[DONE]`, after a check of each."""
    found = list(frames)
    assert "[DONE]" == found.pop().data
    events: list[Event] = []
    for frame in found:
        event = json.loads(frame.data)
        assert frame.event == event["type"]
        check_event(event, hosted=hosted)
        events.append(event)
    return events


def is_complete(events: list[Event], first: int = 0) -> None:
    """The numbers of events have no gap, and each thing that begins also ends."""
    numbers = [event["sequence_number"] for event in events]
    assert numbers == list(range(first, first + len(events)))
    for one, other in (
        ("response.output_item.added", "response.output_item.done"),
        ("response.content_part.added", "response.content_part.done"),
        ("response.reasoning_summary_part.added", "response.reasoning_summary_part.done"),
    ):
        begun = [e["output_index"] for e in events if e["type"] == one]
        assert sorted(begun) == sorted(e["output_index"] for e in events if e["type"] == other)


def text_of(events: list[Event]) -> str:
    """The text of a stream, from its deltas."""
    return "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")


def thoughts_of(events: list[Event]) -> str:
    """The reasoning of a stream, from its deltas."""
    kind = "response.reasoning_summary_text.delta"
    return "".join(e["delta"] for e in events if e["type"] == kind)
