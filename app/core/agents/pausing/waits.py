"""What a paused run of Agno waits for, as requirements of ours, each with its way to be decided."""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from agno.run.requirement import RunRequirement
from agno.run.workflow import WorkflowRunOutput

from ....models.chat import Decision, Requirement
from ....models.requirements import AskedQuestion, InputField, Option, RequiredTool
from ...text import replace_lone_surrogates
from ..events.values import fits, plain, shortened, text_of

if TYPE_CHECKING:
    from agno.workflow.types import StepRequirement

#: The note of a refusal that has none, for the model.
REFUSED = "The user refused."


class Wait(NamedTuple):
    """A requirement, and what applies a decision on it to Agno's object. `tool` is the tool's
    state in Agno, if a tool waits."""

    shown: Requirement
    apply: Callable[[Decision], None]
    tool: Any = None


def waits_of(run: Any) -> list[Wait]:
    """What a paused run of an agent, a team or a workflow waits for."""
    if isinstance(run, WorkflowRunOutput):
        return _of_workflow(run)
    return of_tools(getattr(run, "requirements", None) or [])


def of_tools(requirements: Iterable[RunRequirement], step: str | None = None) -> list[Wait]:
    """What the calls of tools wait for, without those that are decided already."""
    return [
        Wait(_shown(requirement, step), partial(_decide, requirement), requirement.tool_execution)
        for requirement in requirements
        if not requirement.is_resolved()
    ]


def shown(waits: Sequence[Wait]) -> list[Requirement]:
    """The requirements of waits, small enough for a chunk."""
    found = [wait.shown for wait in waits]
    if fits(found):
        return found
    return [_smaller(requirement) for requirement in found]


def _smaller(requirement: Requirement) -> Requirement:
    """A requirement without long values; the note names what is left out."""
    tool = requirement.tool
    note = f"{requirement.note or ''} (Long values are left out here.)".strip()
    return Requirement(
        id=requirement.id,
        kind=requirement.kind,
        tool=None if tool is None else RequiredTool(tool.id, tool.name),
        fields=[
            InputField(field.name, field.type, required=field.required)
            for field in requirement.fields or []
        ]
        or None,
        questions=requirement.questions if fits(requirement.questions) else None,
        member=requirement.member,
        step=requirement.step,
        note=note[:2000],
    )


# ---- calls of tools ----


def _shown(requirement: RunRequirement, step: str | None) -> Requirement:
    tool = requirement.tool_execution
    assert tool is not None  # else it would be resolved
    arguments = plain(tool.tool_args) or {}
    kind = {
        "user_feedback": "feedback",
        "external_execution": "external",
        "user_input": "input",
    }.get(requirement.pause_type, "approval")
    return Requirement(
        id=requirement.id,
        kind=kind,  # type: ignore[arg-type]  # one of the four
        tool=RequiredTool(
            id=replace_lone_surrogates(tool.tool_call_id or ""),
            name=replace_lone_surrogates(tool.tool_name or ""),
            arguments=arguments if fits(arguments) else {},
        ),
        fields=_fields(requirement.user_input_schema) if kind == "input" else None,
        questions=_questions(requirement.user_feedback_schema) if kind == "feedback" else None,
        member=requirement.member_agent_name or requirement.member_agent_id,
        step=step,
    )


def _fields(schema: Iterable[Any] | None) -> list[InputField]:
    found = []
    for field in schema or []:
        kind = field.field_type
        found.append(
            InputField(
                name=field.name,
                type=str(getattr(kind, "__name__", kind)),
                description=field.description,
                required=getattr(field, "required", True),
                value=plain(field.value),
                allowed=plain(getattr(field, "allowed_values", None)) or None,
            )
        )
    return found


def _questions(schema: Iterable[Any] | None) -> list[AskedQuestion]:
    return [
        AskedQuestion(
            question=question.question,
            options=[Option(option.label, option.description) for option in question.options or []],
            header=question.header,
            multiple=bool(question.multi_select),
        )
        for question in schema or []
    ]


def _decide(requirement: RunRequirement, decision: Decision) -> None:
    """Write a person's decision into the tool call of Agno's requirement: yes or no, or values."""
    tool: Any = requirement.tool_execution
    kind = requirement.pause_type
    if kind == "confirmation":
        if decision.confirmed:
            requirement.confirm()  # type: ignore[no-untyped-call]  # Agno leaves it without types
        else:
            requirement.reject(decision.note or REFUSED)
    elif decision.confirmed is False and kind == "external_execution":
        requirement.set_external_execution_result(decision.note or REFUSED)
    elif decision.confirmed is False:
        # Agno cannot refuse to give values; as a refused approval the tool is not run.
        tool.requires_user_input, tool.answered = False, True
        tool.requires_confirmation, tool.confirmed = True, False
        tool.confirmation_note = decision.note or REFUSED
        requirement.confirmation, requirement.confirmation_note = False, tool.confirmation_note
    elif kind == "external_execution":
        requirement.set_external_execution_result(decision.result or "")
    elif kind == "user_feedback":
        requirement.provide_user_feedback(decision.answers or {})
    else:
        requirement.provide_user_input(decision.values or {})
        tool.answered = True  # also if a value is optional, and not given


# ---- steps of workflows ----


def _of_workflow(run: WorkflowRunOutput) -> list[Wait]:
    """What the steps of a workflow wait for: only the latest of its requirements is open."""
    waits = []
    for error in run.active_error_requirements:
        note = f"The step failed: {error.error_message}"
        found = Requirement(
            id=error.step_id, kind="step_error", step=error.step_name, note=shortened(note)
        )
        waits.append(Wait(found, partial(_decide_error, error)))
    for step in (run.step_requirements or [])[-1:]:
        waits += _of_step(step)
    return waits


def _of_step(step: "StepRequirement") -> list[Wait]:
    if step.requires_executor_input:
        inner = [
            RunRequirement.from_dict(found) if isinstance(found, dict) else found
            for found in step.executor_requirements or []
        ]
        step.executor_requirements = inner
        return of_tools(inner, step.step_name)
    waits: list[Wait] = []

    def add(apply: "Callable[[StepRequirement, Decision], None]", kind: Any, **fields: Any) -> None:
        number = f":{len(waits)}" if waits else ""
        found = Requirement(f"{step.step_id}{number}", kind, step=step.step_name, **fields)
        waits.append(Wait(found, partial(apply, step)))

    if step.needs_output_review:
        output = text_of(getattr(step.step_output, "content", None))
        note = step.output_review_message
        add(_review, "step_review", note=note, output=shortened(output))
    elif step.needs_confirmation:
        add(_confirm, "approval", note=step.confirmation_message)
    if step.needs_route_selection:
        text = step.user_input_message or "Which branch?"
        options = [Option(choice) for choice in step.available_choices or []]
        multiple = step.allow_multiple_selections
        add(_route, "choice", questions=[AskedQuestion(text, options, multiple=multiple)])
    elif step.needs_user_input:
        fields = _fields(step.user_input_schema)
        add(_input, "input", note=step.user_input_message, fields=fields)
    return waits


def _confirm(step: "StepRequirement", decision: Decision) -> None:
    if decision.confirmed:
        step.confirm()
    else:
        step.reject(decision.note)


def _review(step: "StepRequirement", decision: Decision) -> None:
    if decision.confirmed and decision.result is not None:
        step.edit(decision.result)
    else:
        _confirm(step, decision)


def _route(step: "StepRequirement", decision: Decision) -> None:
    step.select(*next(iter((decision.answers or {}).values())))


def _input(step: "StepRequirement", decision: Decision) -> None:
    known = {field.name: field.value for field in step.user_input_schema or []}
    given = {name: value for name, value in known.items() if value is not None}
    step.set_user_input(**{**given, **(decision.values or {})})


def _decide_error(error: Any, decision: Decision) -> None:
    if decision.confirmed:
        error.retry()
    else:
        error.skip()
