"""Kinds of pauses as rows: what pauses, the decision on it, and what must come of it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from agno.agent import Agent
from agno.approval import approval
from agno.models.base import Model
from agno.models.openai import OpenAIChat
from agno.team import Team
from agno.tools import tool
from agno.tools.user_control_flow import UserControlFlowTools
from agno.tools.user_feedback import UserFeedbackTools
from agno.workflow import Router, Step, Workflow
from agno.workflow.types import HumanReview, StepOutput

from tests.provider import Provider
from tests.provider_replies import Reply

DONE = Reply("It is done.")
Build = Callable[[Callable[[], Model]], Any]
Decide = Callable[[dict[str, Any]], dict[str, Any]]


def calls(name: str, arguments: dict[str, Any] | None = None, text: str = "") -> Reply:
    return Reply(text, tool_calls=[(name, json.dumps(arguments or {"city": "Oslo"}))])


@dataclass(frozen=True, slots=True)
class PauseKind:
    """One kind of pause: `requirement` has the fields that it must have, beside its id; `seen` is
    what the model, or the answer, must contain after the decision."""

    name: str
    build: Build
    before: Sequence[Reply]
    requirement: dict[str, Any]
    decide: Decide
    after: Sequence[Reply] = (DONE,)
    answer: str = "It is done."
    seen: str = ""
    text: str = ""  # before the pause
    denial: str = "Not today."  # what the model is told; empty where nothing can be refused
    again: Sequence[Reply] = field(default=(DONE,))  # the replies after a refusal

    def component(self, provider: Provider) -> Any:
        """The agent, team or workflow, anew for each server."""
        made = self.build(
            lambda: OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789")
        )
        made.id = self.name
        return made


RAN: list[str] = []  # the tools that ran, by their arguments


@tool(requires_confirmation=True)
def refund(city: str) -> str:
    """Refund a ticket."""
    RAN.append(city)
    return f"refunded {city}"


@approval(type="required")
@tool(requires_confirmation=True)
def transfer(city: str) -> str:
    """Transfer money."""
    return f"transferred to {city}"


@tool(requires_user_input=True, user_input_fields=["city"])
def send(body: str, city: str = "") -> str:
    """Send a letter."""
    return f"sent {body} to {city}"


@tool(external_execution=True)
def shell(city: str) -> str:
    """Run something elsewhere."""
    return ""


def _step(name: str) -> Step:
    return Step(name=name, executor=lambda given: StepOutput(content=f"{name} was here"))


BURNING: list[bool] = []  # whether the printer burns


def _printer() -> Callable[[Any], StepOutput]:
    """A step that fails until a person has decided to try again."""
    BURNING.append(True)

    def work(given: Any) -> StepOutput:
        if BURNING:
            raise RuntimeError("the printer burns")
        return StepOutput(content="It is done.")

    return work


def _extinguish(requirement: dict[str, Any]) -> dict[str, Any]:
    BURNING.clear()
    return {"confirmed": True}


def _yes(requirement: dict[str, Any]) -> dict[str, Any]:
    return {"confirmed": True}


QUESTIONS = {
    "questions": [
        {
            "question": "Which city?",
            "header": "City",
            "options": [
                {"label": "Oslo", "description": "n"},
                {"label": "Rome", "description": "s"},
            ],
            "multi_select": False,
        }
    ]
}
FIELDS = {
    "user_input_fields": [
        {"field_name": "city", "field_type": "str", "field_description": "the city"}
    ]
}
CALL = {"name": "refund", "arguments": {"city": "Oslo"}}

KINDS = [
    PauseKind(
        "approval",
        lambda model: Agent(model=model(), tools=[refund]),
        [calls("refund", text="Let me see. ")],
        {"kind": "approval", "tool": CALL},
        _yes,
        seen="refunded Oslo",
        text="Let me see. ",
    ),
    PauseKind(
        "approval-record",
        lambda model: Agent(model=model(), tools=[transfer]),
        [calls("transfer")],
        {"kind": "approval", "tool": {"name": "transfer", "arguments": {"city": "Oslo"}}},
        _yes,
        seen="transferred to Oslo",
    ),
    PauseKind(
        "input",
        lambda model: Agent(model=model(), tools=[send]),
        [calls("send", {"body": "hello"})],
        {"kind": "input", "tool": {"name": "send", "arguments": {"body": "hello"}}},
        lambda _: {"values": {"city": "Bergen"}},
        seen="sent hello to Bergen",
    ),
    PauseKind(
        "input-of-agent",
        lambda model: Agent(model=model(), tools=[UserControlFlowTools()]),
        [calls("get_user_input", FIELDS)],
        {"kind": "input"},
        lambda _: {"values": {"city": "Bergen"}},
        seen="Bergen",
    ),
    PauseKind(
        "feedback",
        lambda model: Agent(model=model(), tools=[UserFeedbackTools()]),
        [calls("ask_user", QUESTIONS)],
        {"kind": "feedback"},
        lambda _: {"answers": {"Which city?": "Rome"}},
        seen="User feedback received",
    ),
    PauseKind(
        "external",
        lambda model: Agent(model=model(), tools=[shell]),
        [calls("shell")],
        {"kind": "external", "tool": {"name": "shell", "arguments": {"city": "Oslo"}}},
        lambda _: {"result": "it ran elsewhere"},
        seen="it ran elsewhere",
    ),
    PauseKind(
        "member",
        lambda model: Team(
            model=model(),
            members=[Agent(id="clerk", name="Clerk", model=model(), tools=[refund])],
        ),
        [
            calls("delegate_task_to_member", {"member_id": "clerk", "task": "refund"}),
            calls("refund"),
        ],
        {"kind": "approval", "tool": CALL, "member": "Clerk"},
        _yes,
        after=[Reply("I refunded it."), DONE],
        again=[Reply("I did not."), DONE],
        seen="I refunded it.",
        denial="I did not.",
    ),
    PauseKind(
        "leader",
        lambda model: Team(
            model=model(), tools=[refund], members=[Agent(id="clerk", name="Clerk", model=model())]
        ),
        [calls("refund")],
        {"kind": "approval", "tool": CALL},
        _yes,
        seen="refunded Oslo",
    ),
    PauseKind(
        "step",
        lambda model: Workflow(
            steps=[
                _step("first"),
                Step(
                    name="second",
                    agent=Agent(id="w", model=model()),
                    human_review=HumanReview(
                        requires_confirmation=True, confirmation_message="Shall I go on?"
                    ),
                ),
            ]
        ),
        [],
        {"kind": "approval", "step": "second", "note": "Shall I go on?"},
        _yes,
        seen="first was here",
        denial="",
    ),
    PauseKind(
        "step-input",
        lambda model: Workflow(
            steps=[
                Step(
                    name="only",
                    agent=Agent(id="w", model=model()),
                    human_review=HumanReview(
                        requires_user_input=True,
                        user_input_message="Which tone?",
                        user_input_schema=[
                            {"name": "tone", "field_type": "str", "description": "t"}
                        ],
                    ),
                )
            ]
        ),
        [],
        {"kind": "input", "step": "only", "note": "Which tone?"},
        lambda _: {"values": {"tone": "kind"}},
        seen="tone: kind",
        denial="",
    ),
    PauseKind(
        "step-review",
        lambda model: Workflow(
            steps=[
                Step(
                    name="draft",
                    agent=Agent(id="w", model=model()),
                    human_review=HumanReview(
                        requires_output_review=True, output_review_message="Is it good?"
                    ),
                ),
                Step(name="last", agent=Agent(id="v", model=model())),
            ]
        ),
        [Reply("A draft.")],
        {"kind": "step_review", "step": "draft", "note": "Is it good?", "output": "A draft."},
        lambda _: {"confirmed": True, "result": "An edited draft."},
        seen="An edited draft.",
        denial="",
    ),
    PauseKind(
        "step-tool",
        lambda model: Workflow(
            steps=[Step(name="only", agent=Agent(id="w", model=model(), tools=[refund]))]
        ),
        [calls("refund")],
        {"kind": "approval", "tool": CALL, "step": "only"},
        _yes,
        seen="refunded Oslo",
    ),
    PauseKind(
        "router",
        lambda model: Workflow(
            steps=[
                Router(
                    name="r",
                    choices=[_step("left"), _step("right")],
                    human_review=HumanReview(
                        requires_user_input=True, user_input_message="Where to?"
                    ),
                )
            ]
        ),
        [],
        {"kind": "choice", "step": "r"},
        lambda _: {"answers": {"Where to?": ["right"]}},
        after=[],
        answer="right was here",
        denial="",
    ),
    PauseKind(
        "step-error",
        lambda model: Workflow(
            steps=[
                Step(
                    name="print",
                    executor=_printer(),
                    human_review=HumanReview(on_error="pause"),
                )
            ]
        ),
        [],
        {"kind": "step_error", "step": "print"},
        _extinguish,
        after=[],
        denial="",
    ),
]
