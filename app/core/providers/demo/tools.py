"""The tools that the demonstration calls: which one a message needs, with which arguments."""

import json
import re
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from agno.models.message import Message

from .clock import current_time
from .samples import arguments
from .zones import place_in

#: Words that say nothing about what a tool is for.
EMPTY = frozenset(
    """a an and at by current do for from has in is it me my of on or that the their this time to
    tool up use user with you your what which who how when where""".split()  # noqa: SIM905
)

#: Verbs that many tools begin with: they decide only between tools for the same things.
VERBS = frozenset(
    "add call check create find get list look make run search set show".split()  # noqa: SIM905
)

#: Verbs of tools that should not run by mistake: a message has to have the verb itself.
RISKY = frozenset(
    """archive ban block buy cancel charge close delete deploy destroy disable drop edit erase kill
    move overwrite pay publish purchase purge refund remove rename reset restart revoke send
    shutdown stop terminate transfer truncate uninstall update wipe withdraw write""".split()  # noqa: SIM905
)

#: Agno's tool that gives a task to a member of a team.
DELEGATE = "delegate_task_to_member"

#: Tools of Agno's that fit any question which nothing else fits.
GENERAL = (DELEGATE, "delegate_task_to_members", "search_knowledge_base")

#: A member in the instructions that Agno gives to the leader of a team.
MEMBER = re.compile(r'<member id="([^"]+)" name="([^"]*)"')

#: A message that asks for any tool.
PLAIN = re.compile(r"\W*(please )?((use|call|run|try) )?((the|a|your) )?tool\b", re.IGNORECASE)

#: The words in a name, however it joins them, or in a text.
PARTS = re.compile(r"[A-Z]?[a-z]+|[A-Z]+|[^\W\d_]+")

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


@dataclass(frozen=True, slots=True)
class Unclear:
    """Names of tools of which none is called, because the message does not say which."""

    names: list[str]


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


def choose(
    question: str, tools: list[dict[str, Any]], messages: list[Message]
) -> Choice | Unclear | None:
    """The tool for a message that asks for one: the one that it names, else the built-in clock,
    else the agent's only one if it is harmless; None if there is none."""
    if not tools:
        return None
    named = [tool for tool in tools if _has(question, tool["name"])]
    clock = [tool for tool in tools if tool["name"] == current_time.__name__]
    general = [tool for tool in tools if tool["name"] in GENERAL]
    own = [tool for tool in tools if tool not in general]
    found = named or clock or own or general[:1]
    sure = named or clock or (PLAIN.match(question) and not any(map(_risks, own)))
    if len(found) == 1 and sure:
        return _choice(found[0], question, messages)
    return Unclear([tool["name"] for tool in found])


def fitting(
    question: str, tools: list[dict[str, Any]], messages: list[Message], *, named: bool = False
) -> Choice | Unclear | None:
    """The tool that fits a message; None if none does.

    With `named` the message must have a word of the tool's name; without, several words of its
    description are enough, or the tool fits any question. Of tools for the same things the verbs in
    their names decide. A risky tool fits only a message that has its verb or its name.
    """
    words = _words(question)
    own = [
        tool
        for tool in tools
        if tool["name"] not in (current_time.__name__, *GENERAL)
        and (_has(question, tool["name"]) or all(_has(question, verb) for verb in _risks(tool)))
    ]
    scores = [(_score(words, tool, named=named), tool) for tool in own]
    fit = [score for score, _ in scores if score[0] >= (1 if named else COMMON)]
    if fit:
        best = [tool for score, tool in scores if score == max(fit)]
        if len(best) > 1:
            return Unclear([tool["name"] for tool in best])
        return _choice(best[0], question, messages)
    general = [tool for tool in tools if tool["name"] in GENERAL]
    return _choice(general[0], question, messages) if general and words and not named else None


def _score(words: set[str], tool: dict[str, Any], *, named: bool) -> tuple[int, int, int]:
    """How well a tool fits: words in common, then verbs, then words of its name that are missing.

    A verb of the name that the message lacks speaks against the tool.
    """
    name = _words(tool["name"])
    first = {part.lower() for part in PARTS.findall(tool["name"])[:1]}
    things = name - VERBS - (RISKY & first) or name
    verbs = name - things
    said = things if named else _words(tool.get("description") or "") - VERBS - RISKY
    return len(words & said), len(verbs & words) - len(verbs - words), -len(things - words)


def _risks(tool: dict[str, Any]) -> set[str]:
    """The risky verbs in the name of a tool."""
    return {part.lower() for part in PARTS.findall(tool["name"])} & RISKY


def _has(question: str, word: str) -> bool:
    return bool(re.search(rf"(?<!\w){re.escape(word)}(?!\w)", question, re.IGNORECASE))


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
    if name == current_time.__name__ and not found and (place := place_in(about)):
        found = {"timezone": place}  # the clock says that it does not know it
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
    parts = PARTS.findall(text)
    return {part.lower().rstrip("s") for part in parts if len(part) > 2} - EMPTY
