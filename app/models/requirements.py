"""What a paused run waits for, and what a person decides."""

from typing import Any, Literal

import msgspec

RequirementKind = Literal[
    "approval", "input", "feedback", "external", "choice", "step_review", "step_error"
]


class RequiredTool(msgspec.Struct, frozen=True, omit_defaults=True):
    """The tool call that waits: its id, the tool's name, and its arguments so far."""

    id: str
    name: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict)


class InputField(msgspec.Struct, frozen=True, omit_defaults=True):
    """A value that a person has to give. `value` is what is known already; `allowed` are the
    values to choose from, if there are only some."""

    name: str
    type: str = "str"
    description: str | None = None
    required: bool = True
    value: Any = None
    allowed: list[Any] | None = None


class Option(msgspec.Struct, frozen=True, omit_defaults=True):
    """One of the answers to a question."""

    label: str
    description: str | None = None


class AskedQuestion(msgspec.Struct, frozen=True, omit_defaults=True):
    """A question to a person with its possible answers; with `multiple`, several may be chosen."""

    question: str
    options: list[Option]
    header: str | None = None
    multiple: bool = False


class Requirement(msgspec.Struct, frozen=True, omit_defaults=True):
    """One thing that a paused run waits for.

    `approval`: may the tool run, or the step? `input`: the values of `fields`. `feedback`: answers
    to `questions`. `external`: the result of a tool that is not run here. `choice`: which of the
    branches of a workflow. `step_review`: is `output` good? `step_error`: may the failed step be
    tried again? `member` and `step` are the names of who waits; `note` is a sentence for people.
    """

    id: str
    kind: RequirementKind
    tool: RequiredTool | None = None
    fields: list[InputField] | None = None
    questions: list[AskedQuestion] | None = None
    member: str | None = None
    step: str | None = None
    note: str | None = None
    output: str | None = None


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """A person's answer to the requirement `id`.

    `confirmed` is a yes or a no, with a `note` for the model. `values` are those of
    `fields`; `answers` the chosen labels by question; `result` that of a tool that ran elsewhere,
    or the text that replaces a reviewed output.
    """

    id: str
    confirmed: bool | None = None
    note: str | None = None
    values: dict[str, Any] | None = None
    answers: dict[str, list[str]] | None = None
    result: str | None = None
