"""The OpenAPI description of a question as a form, with files."""

from typing import Any


def _text(description: str) -> dict[str, str]:
    return {"type": "string", "description": description}


def _files(of: str) -> dict[str, Any]:
    file = {"type": "string", "contentMediaType": "application/octet-stream"}
    return {"type": "array", "items": file, "maxItems": 16, "description": of}


UPLOADS = {
    "type": "object",
    "properties": {
        "request": {
            **_text("The fields of the question, as a JSON object."),
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/ChatRequest"},
        },
        **{
            name: _text("The field of this name, instead of one in `request`.")
            for name in ("message", "agent", "model", "conversation_id")
        },
        **{
            name: {"type": "string", "enum": ["true", "false"]} for name in ("stream", "background")
        },
        "images": _files("Pictures for the model."),
        "files": _files("Documents for the model."),
        "audio": _files("Sounds for the model."),
        "videos": _files("Videos for the model."),
    },
}
