"""What a component consists of, for people who choose one: its tools, members, steps, questions."""

import inspect
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agno.agent import Agent
from agno.remote.base import BaseRemote
from agno.tools import Function, Toolkit

from .external import remote_id
from .late import Condition, Loop, Parallel, Router, Step, Steps, Team, Workflow

#: The keys of an application's `metadata` under which it declares questions to begin with; the
#: second is AgentOS's word.
SUGGESTIONS = ("suggestions", "quick_prompts")

#: Questions of one component, at most, and the characters of each.
MAX_SUGGESTIONS, MAX_CHARS = 20, 500

KINDS: dict[type[Any], str] = {
    Step: "step",
    Steps: "steps",
    Loop: "loop",
    Parallel: "parallel",
    Condition: "condition",
    Router: "router",
    Agent: "agent",
    Team: "team",
    Workflow: "workflow",
}

#: Where Agno keeps the steps inside a step.
INSIDE = ("steps", "else_steps", "choices")


@dataclass(frozen=True, slots=True)
class ToolOutline:
    """A tool that an agent may call."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Outline:
    """A component, or a part of one. `steps` is None for what has none, as `members` is."""

    id: str | None
    name: str
    kind: str
    description: str
    tools: list[ToolOutline]
    members: "list[Outline] | None"
    steps: "list[Outline] | None"
    suggestions: list[str]


def outline_of(component: Any) -> Outline:
    """The outline of an agent, a team, a workflow or a step, as it is now: a toolkit may get its
    tools when it connects."""
    if isinstance(component, BaseRemote):
        kind, own = remote_id(component)
        return Outline(own, own, kind, "", [], None, None, [])
    kind = next((kind for cls, kind in KINDS.items() if isinstance(component, cls)), "")
    if not kind:
        kind = "step" if callable(component) and not hasattr(component, "arun") else "agent"
    runs = next((r for n in ("agent", "team", "workflow") if (r := _own(component, n))), None)
    executor = runs if kind == "step" else None
    return Outline(
        id=_own(component, "id"),
        name=str(_own(component, "name") or _own(component, "__name__") or kind),
        kind=kind,
        description=_description(component) or (_description(executor) if executor else ""),
        tools=list(_tools(_own(executor or component, "tools"))),
        members=_members(executor or component),
        steps=_steps(executor if isinstance(executor, Workflow) else component),
        suggestions=suggestions_of(_own(component, "metadata")),
    )


def _own(component: Any, name: str) -> Any:
    return getattr(component, name, None)


def _description(component: Any) -> str:
    text = _own(component, "description") or _own(component, "role")
    if not text and inspect.isroutine(component):
        text = inspect.getdoc(component)
    return _paragraph(text)


def _members(component: Any) -> list[Outline] | None:
    if not isinstance(component, Team):
        return None
    members = component.members
    return [outline_of(one) for one in members] if isinstance(members, list) else []


def _steps(component: Any) -> list[Outline] | None:
    """The steps inside a workflow or a step; None for what has none."""
    if not isinstance(component, Workflow | Steps | Loop | Parallel | Condition | Router):
        return None
    found: list[Outline] = []
    for name in INSIDE:
        inside = _own(component, name)
        for step in inside if isinstance(inside, list | tuple) else [inside]:
            if isinstance(step, list | tuple):  # a choice of a router may be several steps
                found += map(outline_of, step)
            elif step is not None:
                found.append(outline_of(step))
    return found


def _tools(tools: Any) -> Iterator[ToolOutline]:
    for tool in tools if isinstance(tools, list | tuple) else ():
        if isinstance(tool, Toolkit):
            for function in {**tool.functions, **tool.async_functions}.values():
                yield _function(function)
        elif isinstance(tool, Function):
            yield _function(tool)
        elif isinstance(tool, dict):
            given = tool.get("function") or tool
            name = given.get("name") or tool.get("type") or "tool"
            yield ToolOutline(str(name), _paragraph(given.get("description")))
        elif callable(tool):
            name = getattr(tool, "__name__", type(tool).__name__)
            yield ToolOutline(str(name), _paragraph(inspect.getdoc(tool)))


def _function(function: Function) -> ToolOutline:
    text = function.description or inspect.getdoc(function.entrypoint)
    return ToolOutline(function.name, _paragraph(text))


def suggestions_of(metadata: Any) -> list[str]:
    """The questions that an application declares in its metadata."""
    given = [(metadata or {}).get(name) for name in SUGGESTIONS]
    texts = [text for one in given if isinstance(one, list | tuple) for text in one]
    plain = [text.strip()[:MAX_CHARS] for text in texts if isinstance(text, str) and text.strip()]
    return list(dict.fromkeys(plain))[:MAX_SUGGESTIONS]


def _paragraph(text: Any) -> str:
    """The first paragraph of a text, in one line."""
    return " ".join(inspect.cleandoc(str(text or "")).strip().split("\n\n")[0].split())
