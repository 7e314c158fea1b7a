"""OpenAPI descriptions of the routes of conversations."""

from typing import Any

from fastapi import Response

from .route_docs import GUARDED, errors, json_of, text

CONVERSATIONS: dict[str, Any] = {
    "responses": {
        200: {
            "description": "One page of the principal's conversations, the latest first.",
            "content": json_of("ConversationPage"),
        },
        **GUARDED,
        **errors(422, 503),
    }
}
CONVERSATION: dict[str, Any] = {
    "responses": {
        200: {
            "description": "The conversation with its messages, oldest first.",
            "content": json_of("Conversation"),
        },
        **GUARDED,
        **errors(404, 422, 503),
    }
}
EXPORT: dict[str, Any] = {
    "response_class": Response,
    "responses": {
        200: {
            "description": "The conversation as a file.",
            "content": {
                "text/markdown": {"schema": text("Everything that its reader saw.")},
                **json_of("Conversation"),
            },
        },
        **GUARDED,
        **errors(404, 422, 503),
    },
}
CHANGE: dict[str, Any] = {
    "openapi_extra": {
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {
                    "schema": {
                        "type": "object",
                        "minProperties": 1,
                        "properties": {
                            "title": {"type": "string", "minLength": 1, "maxLength": 200},
                            "pinned": {"type": "boolean"},
                        },
                    }
                }
            },
        }
    },
    "responses": {
        200: {
            "description": "The conversation, without its messages.",
            "content": json_of("ConversationInfo"),
        },
        **GUARDED,
        **errors(404, 408, 413, 422, 503),
    },
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
DELETE: dict[str, Any] = {
    "responses": {
        204: {"description": "The conversation was deleted."},
        **GUARDED,
        **errors(404, 422, 503),
    }
}
