"""What a paused run waits for as interrupts, and the answers to them as decisions.

A call of a tool that runs elsewhere is no interrupt: it is a call that the client leaves open or
answers by a tool message, as one of its own tools.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import msgspec

from ....core.errors import InvalidField
from ....core.pauses import YES_OR_NO
from ....models.chat import Decision, Requirement
from ....models.requirements import AskedQuestion, InputField
from ...pause_text import sentence
from . import events as ev

#: The beginning of the id of an interrupt; the ids of its run and its requirement follow.
PREFIX = "int"

#: The fields of an answer that say yes or no, in the words of different clients.
APPROVALS = ("approved", "confirmed", "approve", "accepted")

#: The fields of an answer with a reason, for the model.
NOTES = ("note", "reason", "message", "feedback")

#: JSON Schema's types of input fields; a field of any other type may have any value.
TYPES = {
    **dict.fromkeys(("str", "string"), "string"),
    **dict.fromkeys(("int", "integer"), "integer"),
    **dict.fromkeys(("float", "number"), "number"),
    **dict.fromkeys(("bool", "boolean"), "boolean"),
    **dict.fromkeys(("list", "array"), "array"),
    **dict.fromkeys(("dict", "object"), "object"),
}


class Answer(NamedTuple):
    """A client's answer to one interrupt: `payload` is any JSON value."""

    interrupt_id: str
    abandoned: bool
    payload: Any


def interrupt_id(run_id: str, requirement: Requirement) -> str:
    return f"{PREFIX}_{run_id}_{requirement.id}"


def ids_of(name: str) -> tuple[str, str] | None:
    """The ids of the run and the requirement of an interrupt; None for one of another server."""
    prefix, _, rest = name.partition("_")
    run_id, _, requirement = rest.partition("_")
    return (run_id, requirement) if prefix == PREFIX and requirement else None


def interrupt(
    run_id: str, requirement: Requirement, call: str | None, owner: str | None
) -> ev.Interrupt:
    """Return a requirement as an interrupt; `call` is the id of the tool call that it is about."""
    if requirement.kind in ("input", "feedback", "choice"):
        reason = "input_required"
    else:
        reason = "confirmation" if call is None else "tool_call"
    return ev.Interrupt(
        id=interrupt_id(run_id, requirement),
        reason=reason,
        message=sentence(requirement),
        tool_call_id=call,
        response_schema=_schema(requirement),
        subagent_run_id=owner,
        metadata={"agno-stream": msgspec.to_builtins(requirement)},
    )


def can_be_abandoned(requirements: Sequence[Requirement]) -> bool:
    """Whether a run can go on without what it waits for: only values for a step are a must."""
    return all(item.tool is not None or item.kind in YES_OR_NO for item in requirements)


def decisions(
    requirements: Sequence[Requirement],
    answers: Sequence[Answer],
    results: Mapping[str, str],
    instead: str | None = None,
) -> list[Decision]:
    """Return the decisions on requirements: the answers, and `results` of calls by their ids.

    `instead` is the user's message in place of an answer; the model gets it with the refusal.
    Raises `InvalidField` for an answer that cannot be followed.
    """
    known = {requirement.id: requirement for requirement in requirements}
    found = []
    for answer in answers:
        ids = ids_of(answer.interrupt_id)
        requirement = known.get(ids[1]) if ids is not None else None
        if requirement is None:
            raise InvalidField(f"resume: there is no interrupt {answer.interrupt_id!r}")
        if answer.abandoned:
            found.append(Decision(id=requirement.id, confirmed=False, note=instead))
        else:
            found.append(_decision(requirement, answer.payload))
    decided = {decision.id for decision in found}
    for requirement in requirements:
        call = requirement.tool.id if requirement.tool is not None else None
        external = requirement.kind == "external" and requirement.id not in decided
        if external and call is not None and call in results:
            found.append(Decision(id=requirement.id, result=results[call]))
    return found


def _decision(requirement: Requirement, payload: Any) -> Decision:
    if isinstance(payload, dict):
        _check_arguments(requirement, payload)
        payload = _without(payload, "editedArgs")
    if requirement.kind in YES_OR_NO or _refuses(requirement, payload):
        yes, note = _yes_or_no(payload)
        output = payload.get("output") if isinstance(payload, dict) else None
        return Decision(
            id=requirement.id,
            confirmed=yes,
            note=note,
            result=output if isinstance(output, str) else None,
        )
    if requirement.kind == "input":
        return Decision(id=requirement.id, values=_fields(payload, "values"))
    if requirement.kind == "external":
        return Decision(id=requirement.id, result=_text(payload))
    return Decision(id=requirement.id, answers=_chosen(requirement, payload))


def _yes_or_no(payload: Any) -> tuple[bool | None, str | None]:
    """The yes or no of an answer, None if it has none, and its reason."""
    if not isinstance(payload, dict):
        return (payload if isinstance(payload, bool) else None), None
    given = [payload[name] for name in APPROVALS if isinstance(payload.get(name), bool)]
    notes = [payload[name] for name in NOTES if isinstance(payload.get(name), str)]
    return (given[0] if given else None), (notes[0] if notes else None)


def _refuses(requirement: Requirement, payload: Any) -> bool:
    """Whether an answer is a no to what asks for more than a yes."""
    fields = {field.name for field in requirement.fields or []}
    if fields & {*APPROVALS}:
        return False
    return _yes_or_no(payload)[0] is False


def _check_arguments(requirement: Requirement, payload: dict[str, Any]) -> None:
    """Raise `InvalidField` for edited arguments: the tool would run with those of the model."""
    edited = payload.get("editedArgs")
    tool = requirement.tool
    if edited is not None and (tool is None or edited != tool.arguments):
        raise InvalidField(
            "resume: editedArgs are not taken here; refuse the call, and say in a note what to do"
        )


def _fields(payload: Any, name: str) -> dict[str, Any]:
    """The values of an answer, which may stand in a field of their own."""
    if not isinstance(payload, dict):
        return {}
    inner = payload.get(name)
    found = inner if isinstance(inner, dict) else payload
    return _without(found, *(key for key in APPROVALS if found.get(key) is True))


def _without(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in names}


def _chosen(requirement: Requirement, payload: Any) -> dict[str, list[str]]:
    """The labels that an answer chooses, by question; a single question needs no name."""
    questions = requirement.questions or []
    if not isinstance(payload, dict):
        return {question.question: _labels(payload) for question in questions[:1]}
    return {name: _labels(value) for name, value in _fields(payload, "answers").items()}


def _labels(value: Any) -> list[str]:
    found = value if isinstance(value, list) else [value]
    return [text for text in found if isinstance(text, str)]


def _text(payload: Any) -> str | None:
    """The result of a tool as text; a field `result` that stands alone is the result."""
    if isinstance(payload, dict) and payload.keys() == {"result"}:
        payload = payload["result"]
    if payload is None or isinstance(payload, str):
        return payload
    return msgspec.json.encode(payload).decode()


def _schema(requirement: Requirement) -> dict[str, Any]:
    """The JSON Schema of an answer."""
    if requirement.kind == "external":
        return {"type": "string"}
    if requirement.kind == "input":
        found = requirement.fields or []
        properties = {field.name: _of_field(field) for field in found}
        required = [field.name for field in found if field.required and field.value is None]
    elif requirement.kind in YES_OR_NO:
        properties = {"approved": {"type": "boolean"}, "note": {"type": "string"}}
        if requirement.kind == "step_review":
            properties["output"] = {"type": "string", "description": "A better output."}
        required = ["approved"]
    else:
        questions = requirement.questions or []
        properties = {question.question: _of_question(question) for question in questions}
        required = [*properties]
    return {"type": "object", "properties": properties, "required": required}


def _of_field(field: InputField) -> dict[str, Any]:
    found: dict[str, Any] = {"type": TYPES[field.type]} if field.type in TYPES else {}
    if field.description:
        found["description"] = field.description
    if field.value is not None:
        found["default"] = field.value
    if field.allowed:
        found["enum"] = field.allowed
    return found


def _of_question(question: AskedQuestion) -> dict[str, Any]:
    options = [option.label for option in question.options]
    one: dict[str, Any] = {"type": "string", **({"enum": options} if options else {})}
    return {"type": "array", "items": one} if question.multiple else one
