"""The OpenAPI description of a read of a stream."""

from typing import Any

from fastapi import Response

from .. import route_docs

_HEADERS = {
    name: {"description": text, "schema": {"type": "string"}}
    for name, text in {
        "Stream-Next-Offset": "The offset of the next request.",
        "Stream-Up-To-Date": "`true` if there was no more.",
        "Stream-Closed": "`true` if there will be no more.",
        "Stream-Cursor": "The cursor of the next long poll.",
    }.items()
} | route_docs.RUN_HEADERS

_CHUNKS = {"type": "array", "items": {"$ref": "#/components/schemas/StreamingChunk"}}

DESCRIPTION: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        **route_docs.RUN_STATE["responses"],
        200: {
            "description": "The chunks after the offset; with `live=sse` events `data`, each with "
            "an array of chunks, and `control`, with the position.",
            "headers": _HEADERS,
            "content": {
                "application/json": {"schema": _CHUNKS},
                "text/event-stream": {"schema": {"type": "string"}},
            },
        },
        204: {
            "description": "Nothing new came during a long poll, or nothing will.",
            "headers": _HEADERS,
        },
        304: {"description": "The client has this page: its `ETag` is in `If-None-Match`."},
        410: route_docs.RUN_EVENTS["responses"][410],
    },
}
