"""Decisions on what a paused run waits for, checked before a run continues it."""

from collections.abc import Sequence
from typing import Any

from ..models.requirements import Decision, InputField, Requirement
from .errors import InvalidDecision

#: Kinds that a yes or a no answers.
YES_OR_NO = frozenset({"approval", "step_review", "step_error"})

#: The types of input fields that JSON values are checked against; any other type is text for us.
TYPES: dict[str, type | tuple[type, ...]] = {
    "str": str,
    "string": str,
    "int": int,
    "integer": int,
    "float": (int, float),
    "number": (int, float),
    "bool": bool,
    "boolean": bool,
    "list": list,
    "array": list,
    "dict": dict,
    "object": dict,
}


def check(requirements: Sequence[Requirement], decisions: Sequence[Decision]) -> None:
    """Check that each requirement has one decision that fits it.

    Raises `InvalidDecision`, which names every decision that is missing, unknown or wrong.
    """
    problems: dict[str, str] = {}
    given: dict[str, Decision] = {}
    known = {requirement.id: requirement for requirement in requirements}
    for decision in decisions:
        if decision.id not in known:
            problems[decision.id] = "the run does not wait for it"
        elif decision.id in given:
            problems[decision.id] = "is decided twice"
        given[decision.id] = decision
    for requirement in requirements:
        found = given.get(requirement.id)
        problem = "is missing" if found is None else _problem(requirement, found)
        if problem is not None:
            problems.setdefault(requirement.id, problem)
    if problems:
        named = "; ".join(f"{name}: {problem}" for name, problem in problems.items())
        raise InvalidDecision(f"decisions: {named}", decisions=problems)


def _problem(requirement: Requirement, decision: Decision) -> str | None:
    """What is wrong with a decision, in words that follow its id; None if it fits."""
    if requirement.kind in YES_OR_NO:
        return "needs confirmed, true or false" if decision.confirmed is None else None
    if decision.confirmed is False:
        if requirement.tool is None:  # a step waits
            return "cannot be refused"
        return None
    if requirement.kind == "input":
        return _values_problem(requirement.fields or [], decision.values or {})
    if requirement.kind == "external":
        return "needs a result" if decision.result is None else None
    return _answers_problem(requirement, decision.answers or {})


def _values_problem(fields: Sequence[InputField], values: dict[str, Any]) -> str | None:
    if unknown := values.keys() - {field.name for field in fields}:
        return f"has no field {min(unknown)!r}"
    for field in fields:
        value = values.get(field.name, field.value)
        if value is None:
            if field.required:
                return f"needs a value for {field.name!r}"
            continue
        expected = TYPES.get(field.type)
        wrong = expected is not None and not isinstance(value, expected)
        if wrong or (isinstance(value, bool) and expected not in (bool, None)):
            return f"needs a value of type {field.type} for {field.name!r}"
        if field.allowed and value not in field.allowed:
            return f"has {value!r} for {field.name!r}, which is not one of {field.allowed!r}"
    return None


def _answers_problem(requirement: Requirement, answers: dict[str, list[str]]) -> str | None:
    questions = {question.question: question for question in requirement.questions or []}
    if unknown := answers.keys() - questions.keys():
        return f"has no question {min(unknown)!r}"
    for text, question in questions.items():
        chosen = answers.get(text)
        if not chosen:
            return f"needs an answer to {text!r}"
        if len(chosen) > 1 and not question.multiple:
            return f"takes one answer to {text!r}"
        labels = [option.label for option in question.options]
        if requirement.kind == "choice" and (wrong := set(chosen) - set(labels)):
            return f"has no choice {min(wrong)!r}"
    return None
