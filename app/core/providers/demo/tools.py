"""The tools that the demonstration calls: which one a message needs, with which arguments."""

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from agno.models.message import Message

from .clock import current_time
from .samples import arguments

#: Words in the names of tools that say nothing about what a tool is for.
EMPTY = frozenset(
    """a an and add at by call check create current delete do find for from get has in is it list
    look make my of on or run search send set show the their this time to tool up update use user
    with you your what which who how when where""".split()  # noqa: SIM905  # as words are read
)

#: Agno's tool that gives a task to a member of a team.
DELEGATE = "delegate_task_to_member"

#: Tools of Agno's that fit any question which nothing else fits.
GENERAL = (DELEGATE, "delegate_task_to_members", "search_knowledge_base")

#: A member in the instructions that Agno gives to the leader of a team.
MEMBER = re.compile(r'<member id="([^"]+)" name="([^"]*)"')

#: Words that a question and the description of a tool have in common, at least.
COMMON = 2


@dataclass(frozen=True, slots=True)
class Choice:
    """A tool to call, with its arguments."""

    name: str
    arguments: dict[str, Any]

    def call(self) -> dict[str, Any]:
        """The call as OpenAI's protocol has it."""
        function = {"name": self.name, "arguments": json.dumps(self.arguments)}
        return {"id": f"call_{uuid4().hex}", "type": "function", "function": function}


def results(messages: list[Message]) -> list[Message]:
    """The results of the tools that were called last, if nothing has been answered to them.

    Agno may put a message of the user behind them, with the media that tools have made.
    """
    found: list[Message] = []
    for message in reversed(messages):
        if message.role == "assistant":
            break
        if message.role == "tool":
            found.insert(0, message)
    return found


def choose(question: str, tools: list[dict[str, Any]], messages: list[Message]) -> Choice | None:
    """The tool for a message that asks for one: the one that it names, else the first of the
    agent's own; None if there is none."""
    if not tools:
        return None
    words = re.findall(r"\w+", question.lower())
    named = [tool for tool in tools if tool["name"].lower() in words]
    own = [tool for tool in tools if tool["name"] != current_time.__name__]
    return _choice((named or own or tools)[0], question, messages)


def fitting(
    question: str, tools: list[dict[str, Any]], messages: list[Message], *, named: bool = False
) -> Choice | None:
    """The tool that fits a message; None if none does.

    With `named` the message must have a word of the tool's name; without, several words of its
    description are enough, or the tool fits any question.
    """
    words = _words(question)
    own = [tool for tool in tools if tool["name"] not in (current_time.__name__, *GENERAL)]
    if named:
        scores = [(len(words & _words(tool["name"])), tool) for tool in own]
        enough = 1
    else:
        scores = [(len(words & _words(tool.get("description") or "")), tool) for tool in own]
        enough = COMMON
    best = max(scores, key=lambda scored: scored[0], default=(0, {}))
    if best[0] >= enough:
        return _choice(best[1], question, messages)
    general = [tool for tool in tools if tool["name"] in GENERAL]
    return _choice(general[0], question, messages) if general and words and not named else None


def _choice(tool: dict[str, Any], question: str, messages: list[Message]) -> Choice:
    name = tool["name"]
    written = re.search(r"\{.*\}", question, re.DOTALL)
    if written:
        try:
            return Choice(name, dict(json.loads(written[0])))
        except (ValueError, TypeError):
            pass  # braces that are no arguments
    about = re.sub(rf"^\W*(use |call )?(the )?tool\b\W*({re.escape(name)}\b)?\W*", "", question)
    found = arguments(tool.get("parameters") or {}, about)
    if name == DELEGATE and (member := _member(question, messages)):
        found |= {"member_id": member, "task": about}
    return Choice(name, found)


def _member(question: str, messages: list[Message]) -> str | None:
    """The member of a team for a task: one whose name the task has, else the first."""
    instructions = " ".join(str(m.content) for m in messages if m.role in ("system", "developer"))
    members = MEMBER.findall(instructions)
    words = _words(question)
    fit = [key for key, name in members if words & _words(f"{key} {name}")]
    return next(iter([*fit, *(key for key, _ in members)]), None)


def _words(text: str) -> set[str]:
    """The words of a text or of a name that say something, without a plural `s`."""
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+", text)
    return {part.lower().rstrip("s") for part in parts if len(part) > 2} - EMPTY
