"""What a paused run waits for as forms (MCP's elicitation), and what a person has entered as
decisions."""

from typing import Any

from ....core.pauses import YES_OR_NO
from ....models.chat import Decision, Requirement
from ...pause_text import sentence

#: Types of forms for types of fields; every other type is a text.
TYPES = {
    "int": "integer",
    "integer": "integer",
    "float": "number",
    "number": "number",
    "bool": "boolean",
    "boolean": "boolean",
}


def form(item: Requirement) -> tuple[str, dict[str, Any]]:
    """The message and the schema of a form; its properties are texts, numbers and choices."""
    if item.kind in YES_OR_NO:
        properties: dict[str, Any] = {
            "approve": {"type": "boolean", "title": "Approve", "default": False},
            "note": {"type": "string", "title": "Reason", "description": "For the model."},
        }
        if item.output is not None:
            properties["result"] = {
                "type": "string",
                "title": "Output",
                "description": "A text in the place of the output, to edit it.",
            }
        required = ["approve"]
    elif item.kind == "input":
        fields = item.fields or []
        properties = {field.name: _property(field) for field in fields}
        required = [field.name for field in fields if field.required and field.value is None]
    elif item.kind == "external":
        properties = {"result": {"type": "string", "title": "Result"}}
        required = ["result"]
    else:
        questions = item.questions or []
        properties = {f"q{n}": _choice(question) for n, question in enumerate(questions, start=1)}
        required = list(properties)
    schema = {"type": "object", "properties": properties, "required": required}
    return sentence(item), schema


def decision(item: Requirement, action: str, entered: dict[str, Any]) -> Decision | None:
    """What a person has entered as a decision; None if the form was left without one."""
    if action == "decline":
        return Decision(id=item.id, confirmed=False)
    if action != "accept":
        return None
    if item.kind in YES_OR_NO:
        note, result = (_text(entered.get(name)) for name in ("note", "result"))
        return Decision(item.id, confirmed=entered.get("approve") is True, note=note, result=result)
    if item.kind == "input":
        return Decision(item.id, values=dict(entered))
    if item.kind == "external":
        return Decision(item.id, result=str(entered.get("result", "")))
    answers = {}
    for number, question in enumerate(item.questions or [], start=1):
        value = entered.get(f"q{number}")
        if value is not None:
            answers[question.question] = [*map(str, value if isinstance(value, list) else [value])]
    return Decision(item.id, answers=answers)


def _property(field: Any) -> dict[str, Any]:
    found: dict[str, Any] = {"type": TYPES.get(field.type, "string"), "title": field.name}
    if field.description:
        found["description"] = field.description
    if field.allowed and all(isinstance(value, str) for value in field.allowed):
        found["enum"] = field.allowed
    if isinstance(field.value, str | int | float | bool):
        found["default"] = field.value
    return found


def _choice(question: Any) -> dict[str, Any]:
    labels = {"type": "string", "enum": [option.label for option in question.options]}
    title = {"title": question.header or question.question, "description": question.question}
    if question.multiple:
        return {"type": "array", "items": labels, "minItems": 1, **title}
    return {**labels, **title}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
