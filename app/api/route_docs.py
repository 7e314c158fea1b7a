"""OpenAPI descriptions of routes that FastAPI cannot read off a signature: streams, errors."""

from typing import Any

from fastapi import Response

from ..core.error_codes import REGISTRY
from .upload_docs import UPLOADS


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def json_of(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


def errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return OpenAPI responses by status, each of which describes the registry's errors of that
    status."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _errors_of(status), "content": json_of("Error")}
        for status in statuses
    }
    for status in {429, 503} & found.keys():
        found[status]["headers"] = {"Retry-After": RETRY_AFTER}
    return found


def _errors_of(status: int) -> str:
    rows = [row for row in REGISTRY.values() if row.status == status]
    return "\n\n".join(f"`{row.code}`: {row.summary} {row.advice}" for row in rows)


RETRY_AFTER = {"description": "Seconds to wait before retrying.", "schema": {"type": "integer"}}

#: The errors that every route but those of health may return: see `guard`.
GUARDED = errors(400, 401, 403)


RUN_HEADERS = {
    name: {"description": description, "schema": {"type": "string"}}
    for name, description in {
        "X-Run-Id": "The run's id.",
        "X-Conversation-Id": "The conversation's id; the next request sends it to continue.",
    }.items()
}

# OpenAPI 3.2 describes a stream by its items; a `schema` would describe the list of all items.
STREAM = {
    "text/event-stream": {
        "itemSchema": {
            "description": "An event: one `StreamingChunk`, with `id: <run_id>:<n>`.",
            "type": "object",
            "required": ["data"],
            "properties": {
                "id": {"type": "string"},
                "data": {
                    "type": "string",
                    "contentMediaType": "application/json",
                    "contentSchema": _ref("StreamingChunk"),
                },
            },
        },
    },
    "application/x-ndjson": {"itemSchema": _ref("StreamingChunk")},
    "text/plain": {"schema": text("The answer's text, without any framing.")},
}

_BODY = {"requestBody": {"required": True, "content": json_of("ChatRequest")}}
_CONTINUE_BODY = {"requestBody": {"required": True, "content": json_of("ContinueRequest")}}


_BODY_OR_FORM = {
    "requestBody": {
        "required": True,
        "content": {**json_of("ChatRequest"), "multipart/form-data": {"schema": UPLOADS}},
    }
}
_ANSWER = {
    "description": 'The answer: a stream, or one object if the request has `"stream": false`.',
    "headers": RUN_HEADERS,
    "content": {**STREAM, **json_of("ChatResponse")},
}
_FAILURES = GUARDED | errors(404, 408, 409, 413, 422, 429, 499, 500, 502, 503, 504)

CHAT: dict[str, Any] = {
    "openapi_extra": _BODY,
    "responses": {
        200: _ANSWER,
        202: {
            "description": "The run was started in the background; `Location` is its stream.",
            "headers": RUN_HEADERS,
            "content": json_of("RunStarted"),
        },
        **_FAILURES,
        **errors(410),
    },
}
REGENERATE: dict[str, Any] = {
    **CHAT,
    "openapi_extra": {"requestBody": {"required": True, "content": json_of("RegenerateRequest")}},
}
EDIT: dict[str, Any] = {
    **CHAT,
    "openapi_extra": {"requestBody": {"required": True, "content": json_of("EditRequest")}},
}
CONTINUE: dict[str, Any] = {**CHAT, "openapi_extra": _CONTINUE_BODY}
NO_CONTENT = {204: {"description": "The client already has the run's last event."}}
EVENT_SOURCE: dict[str, Any] = {
    "response_class": Response,  # by default FastAPI would add JSON to the formats of the stream
    "responses": {
        200: {**_ANSWER, "content": STREAM},
        **NO_CONTENT,
        **_FAILURES,
        **errors(410),
    },
}
RUN_EVENTS: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {**_ANSWER, "content": STREAM},
        **NO_CONTENT,
        **_FAILURES,  # of the run, to a reader of plain text
        **errors(410),
    },
}
LIVE_RUNS: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The principal's runs that are active or paused, oldest first.",
            "content": json_of("LiveRuns"),
        },
        **GUARDED,
        **errors(422, 503),
    }
}
RUN_STATE: dict[str, Any] = {
    "responses": {
        200: {"description": "The run's current state.", "content": json_of("RunState")},
        **GUARDED,
        **errors(404, 422, 503),
    }
}
TICKET: dict[str, Any] = {
    "responses": {
        200: {"description": "The signed address.", "content": json_of("StreamTicket")},
        **GUARDED,
        **errors(404, 422, 503),
    }
}
CHAT_WITH_UPLOADS: dict[str, Any] = {**CHAT, "openapi_extra": _BODY_OR_FORM}
MEDIA: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {"description": "The bytes.", "content": {"*/*": {}}},
        206: {"description": "The part that `Range` names.", "content": {"*/*": {}}},
        **GUARDED,
        **errors(404, 422),
    },
}
CATALOG: dict[str, Any] = {"responses": {**GUARDED}}
METRICS: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {
            "description": "The metrics, in Prometheus's text format.",
            "content": {"text/plain": {}},
        },
        **GUARDED,
    },
}
NOT_READY: dict[str, Any] = {
    "responses": {503: {"description": "The server is not ready; `checks` names the cause."}}
}
