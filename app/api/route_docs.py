"""OpenAPI descriptions of routes that FastAPI cannot read off a signature: streams, errors."""

from typing import Any

from fastapi import Response

from ..core.error_codes import REGISTRY


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


def _errors(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The responses of these statuses, each with the errors of the registry that have it."""
    found: dict[int | str, dict[str, Any]] = {
        status: {"description": _errors_of(status), "content": _json("Error")}
        for status in statuses
    }
    for status in {429, 503} & found.keys():
        found[status]["headers"] = {"Retry-After": RETRY_AFTER}
    return found


def _errors_of(status: int) -> str:
    rows = [row for row in REGISTRY.values() if row.status == status]
    return "\n\n".join(f"`{row.code}`: {row.summary} {row.advice}" for row in rows)


RETRY_AFTER = {"description": "Seconds to wait before retrying.", "schema": {"type": "integer"}}

#: What stands before every route but those of health: see `guard`.
_GUARDED = _errors(400, 401, 403)


RUN_HEADERS = {
    name: {"description": description, "schema": {"type": "string"}}
    for name, description in {
        "X-Run-Id": "The run's id.",
        "X-Conversation-Id": "Send it back to go on with the conversation.",
    }.items()
}

# Streams as OpenAPI 3.2 sees them: of items. A `schema` beside would be that of the list of all.
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
    "text/plain": {"schema": _text("The text alone.")},
}

_BODY = {"requestBody": {"required": True, "content": _json("ChatRequest")}}
_ANSWER = {
    "description": "The answer, as it comes or in one piece.",
    "headers": RUN_HEADERS,
    "content": {**STREAM, **_json("ChatResponse")},
}
_FAILURES = _GUARDED | _errors(404, 408, 409, 413, 422, 429, 499, 500, 502, 503, 504)

CHAT: dict[str, Any] = {
    "openapi_extra": _BODY,
    "responses": {
        200: _ANSWER,
        202: {
            "description": "Started in the background; `Location` is its stream.",
            "headers": RUN_HEADERS,
            "content": _json("RunStarted"),
        },
        **_FAILURES,
        **_errors(410),
    },
}
NO_CONTENT = {204: {"description": "That was the run's last event; there is nothing more."}}
EVENT_SOURCE: dict[str, Any] = {
    "response_class": Response,  # else FastAPI adds JSON to what is a stream
    "responses": {
        200: {**_ANSWER, "content": STREAM},
        **NO_CONTENT,
        **_FAILURES,
        **_errors(410),
    },
}
RUN_EVENTS: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {**_ANSWER, "content": STREAM},
        **NO_CONTENT,
        **_FAILURES,  # of the run, to a reader of plain text
        **_errors(410),
    },
}
LIVE_RUNS: dict[str, Any] = {
    "responses": {
        200: {"description": "They.", "content": _json("LiveRuns")},
        **_GUARDED,
        **_errors(422, 503),
    }
}
RUN_STATE: dict[str, Any] = {
    "responses": {
        200: {"description": "The run so far.", "content": _json("RunState")},
        **_GUARDED,
        **_errors(404, 422, 503),
    }
}
TICKET: dict[str, Any] = {
    "responses": {
        200: {"description": "Where to read.", "content": _json("StreamTicket")},
        **_GUARDED,
        **_errors(404, 422, 503),
    }
}
MEDIA: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {"description": "The bytes.", "content": {"*/*": {}}},
        206: {"description": "The part that `Range` names.", "content": {"*/*": {}}},
        **_GUARDED,
        **_errors(404, 422),
    },
}
CONVERSATIONS: dict[str, Any] = {
    "responses": {
        200: {"description": "A page of them.", "content": _json("ConversationPage")},
        **_GUARDED,
        **_errors(422),
    }
}
CONVERSATION: dict[str, Any] = {
    "responses": {
        200: {"description": "Its messages.", "content": _json("Conversation")},
        **_GUARDED,
        **_errors(404, 422, 503),
    }
}
CATALOG: dict[str, Any] = {"responses": {**_GUARDED}}
DELETE: dict[str, Any] = {
    "responses": {204: {"description": "Deleted."}, **_GUARDED, **_errors(404, 422)}
}
METRICS: dict[str, Any] = {
    "response_class": Response,
    "responses": {200: {"description": "Metrics.", "content": {"text/plain": {}}}, **_GUARDED},
}
NOT_READY: dict[str, Any] = {"responses": {503: {"description": "Not ready; says what is not."}}}
