"""What AG-UI's own types and the rules of its validator say of a stream, and what a client has."""

import json
from collections.abc import Iterable
from typing import Any

import httpx
from ag_ui.core import Event as TypedEvent
from ag_ui_validate.pytest_plugin import validate_agui
from httpx_sse import EventSource
from pydantic import BaseModel, TypeAdapter

Event = dict[str, Any]
EVENT: TypeAdapter[Any] = TypeAdapter(TypedEvent)

#: The validator wants arguments to be JSON, but the protocol carries what the model has written.
TOLERATED = {"AGUI204"}


def check(events: list[Event], *, continued: bool = False) -> None:
    """Each event is one of AG-UI's, without a field that it does not know, and all of them are in
    an order that its validator takes. A run that was `continued` has results of earlier calls."""
    for event in events:
        _known(EVENT.validate_json(json.dumps(event)))
    tolerated = {*TOLERATED, *(["AGUI207"] if continued else [])}
    found = validate_agui(list(events)).diagnostics
    assert [] == [d for d in found if d.severity != "info" and d.rule not in tolerated]


def _known(model: BaseModel) -> None:
    """A model, and those in it, have only fields that their class has."""
    assert not model.model_extra, model
    for value in vars(model).values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, BaseModel):
                _known(inner)


def read(response: httpx.Response) -> list[tuple[str, Event]]:
    """The events of a stream with their ids."""
    assert 200 == response.status_code, response.read()
    frames = [*EventSource(response).iter_sse()]
    return [(frame.id, json.loads(frame.data)) for frame in frames]


def body(text: str, **fields: Any) -> dict[str, Any]:
    """A request that asks a question in a thread of its own."""
    return {
        "threadId": "t",
        "runId": "r",
        "protocolVersion": "1.0",
        "state": {},
        "messages": [{"id": "u1", "role": "user", "content": text}],
        "tools": [],
        "context": [],
        "forwardedProps": {},
        **fields,
    }


def run(http: httpx.Client, given: dict[str, Any], path: str = "/agui") -> list[Event]:
    """The events of a run, after a check of each and of their order."""
    with http.stream("POST", path, content=json.dumps(given)) as response:
        events = [event for _, event in read(response)]
    check(events, continued="resume" in given)
    return events


def of_type(events: Iterable[Event], kind: str) -> list[Event]:
    return [event for event in events if event["type"] == kind]


def text_of(events: Iterable[Event], owner: str | None = None) -> str:
    """The text of one owner: of a subagent, or of the run's own agent."""
    found = of_type(events, "TEXT_MESSAGE_CONTENT")
    return "".join(e["delta"] for e in found if e.get("subagentRunId") == owner)


def thoughts_of(events: Iterable[Event]) -> str:
    found = of_type(events, "REASONING_MESSAGE_CONTENT")
    return "".join(e["delta"] for e in found if "subagentRunId" not in e)


def outcome_of(events: list[Event]) -> dict[str, Any]:
    """How a run that did not fail has ended."""
    last = events[-1]
    assert "RUN_FINISHED" == last["type"], last
    outcome: dict[str, Any] = last["outcome"]
    return outcome


def messages_of(events: Iterable[Event]) -> list[dict[str, Any]]:
    """The messages that a client has at the end, as it sends them with its next request."""
    messages: list[dict[str, Any]] = []
    by_id: dict[str, dict[str, Any]] = {}
    calls: dict[str, dict[str, Any]] = {}

    def add(name: str, role: str, event: Event, **fields: Any) -> dict[str, Any]:
        owner = {k: event[k] for k in ("subagentRunId",) if k in event}
        messages.append({"id": name, "role": role, **owner, **fields})
        by_id[name] = messages[-1]
        return messages[-1]

    for event in events:
        kind = event["type"]
        if kind == "TEXT_MESSAGE_START":
            add(event["messageId"], "assistant", event, content="")
        elif kind == "REASONING_MESSAGE_START":
            add(event["messageId"], "reasoning", event, content="")
        elif kind in ("TEXT_MESSAGE_CONTENT", "REASONING_MESSAGE_CONTENT"):
            by_id[event["messageId"]]["content"] += event["delta"]
        elif kind == "TOOL_CALL_START":
            parent = event["parentMessageId"]
            message = by_id.get(parent) or add(parent, "assistant", event)
            function = {"name": event["toolCallName"], "arguments": ""}
            call = {"id": event["toolCallId"], "type": "function", "function": function}
            calls[event["toolCallId"]] = call
            message.setdefault("toolCalls", []).append(call)
        elif kind == "TOOL_CALL_ARGS":
            calls[event["toolCallId"]]["function"]["arguments"] += event["delta"]
        elif kind == "REASONING_ENCRYPTED_VALUE":
            calls[event["entityId"]]["encryptedValue"] = event["encryptedValue"]
        elif kind == "TOOL_CALL_RESULT":
            name, content = event["messageId"], event["content"]
            add(name, "tool", event, content=content, toolCallId=event["toolCallId"])
        elif kind == "MESSAGES_SNAPSHOT":
            messages[:] = event["messages"]
    return messages
