"""The OpenAPI document: FastAPI's own, with the schemas of streams and errors added."""

from typing import Any

import msgspec
from fastapi import FastAPI
from pydantic.json_schema import models_json_schema

from ..core.error_codes import REGISTRY
from ..models.chat import (
    ChatResponse,
    Conversation,
    ConversationInfo,
    ConversationPage,
    LiveRuns,
    RunStarted,
    RunState,
    StreamingChunk,
)
from .conversations import Fork, SelectBranch
from .doors.native.branching import EditRequest, RegenerateRequest
from .doors.native.continuing import ContinueRequest
from .doors.native.requests import ChatRequest
from .tickets import StreamTicket

#: The bodies of requests that routes parse themselves, and their parts.
BODIES = (ChatRequest, ContinueRequest, RegenerateRequest, EditRequest, SelectBranch, Fork)

REF = "#/components/schemas/{name}"


#: What `Authorization` holds: in general, and if others authenticate users (`Outside`).
KEY = "A key from API_KEYS. A server without keys needs none."
KEY_OR_USER = (
    "A key from API_KEYS, if there are some, or a token of a user of the application around the "
    "server, if that reads one here. Users whom it or the proxy knows in another way, as by a "
    "cookie, need neither."
)


def install(app: FastAPI, *, users: bool = False) -> None:
    """Add the schemas of streams and errors to the app's OpenAPI document; with `users`, others
    than this server authenticate them."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components["securitySchemes"] = {
            "key": {
                "type": "http",
                "scheme": "bearer",
                "description": KEY_OR_USER if users else KEY,
            }
        }
        document["security"] = [{"key": []}, {}]  # none is needed without keys, or with a user
        schemas = components.setdefault("schemas", {})
        if "StreamingChunk" not in schemas:
            _, ours = msgspec.json.schema_components(
                [
                    StreamingChunk,
                    ChatResponse,
                    RunStarted,
                    LiveRuns,
                    RunState,
                    StreamTicket,
                    Conversation,
                    ConversationInfo,
                    ConversationPage,
                ],
                ref_template=REF,
            )
            _, requests = models_json_schema(
                [(model, "validation") for model in BODIES],
                ref_template=REF.replace("{name}", "{model}"),
            )
            schemas |= ours | requests["$defs"]
            schemas["Error"] = {
                "type": "object",
                "required": ["error"],
                "properties": {
                    "error": {
                        "type": "object",
                        "required": ["code", "message"],
                        "properties": {
                            "code": {
                                "type": "string",
                                "description": "The kind of error, stable across releases.",
                                "examples": sorted(REGISTRY),
                            },
                            "message": {
                                "type": "string",
                                "description": "What happened, in a sentence for people.",
                            },
                        },
                    }
                },
            }
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way
