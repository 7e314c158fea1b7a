"""OpenAPI descriptions of the routes for the branches of a conversation."""

from typing import Any

from .route_docs import CHAT, GUARDED, errors, json_of

REGENERATE: dict[str, Any] = {
    **CHAT,
    "openapi_extra": {"requestBody": {"required": True, "content": json_of("RegenerateRequest")}},
}
EDIT: dict[str, Any] = {
    **CHAT,
    "openapi_extra": {"requestBody": {"required": True, "content": json_of("EditRequest")}},
}
SELECT: dict[str, Any] = {
    "openapi_extra": {"requestBody": {"required": True, "content": json_of("SelectBranch")}},
    "responses": {
        200: {
            "description": "The conversation with the messages of that branch, oldest first.",
            "content": json_of("Conversation"),
        },
        **GUARDED,
        **errors(404, 408, 409, 413, 422, 503),
    },
}
FORK: dict[str, Any] = {
    "openapi_extra": {"requestBody": {"required": True, "content": json_of("Fork")}},
    "responses": {
        201: {
            "description": "The new conversation, without its messages; `Location` is its address.",
            "content": json_of("ConversationInfo"),
        },
        **GUARDED,
        **errors(404, 408, 413, 422, 503),
    },
}
