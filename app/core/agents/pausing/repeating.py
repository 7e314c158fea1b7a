"""What a run may do again whose process has died: the tools and steps that declare it.

See docs/decisions/065-a-recovered-run-goes-on-in-its-log.md.
"""

from collections.abc import Iterable, Iterator
from typing import Any

from agno.agent import Agent
from agno.tools.function import Function
from agno.tools.toolkit import Toolkit

from ..components.late import Step, Team, Workflow
from ..components.tree import STEPS, walk

#: The key in the metadata of an agent, a team or a workflow that names its tools that may run
#: again, or `True` for all of them. A workflow names the functions of its steps there, too.
REPEATABLE = "repeatable_tools"

#: Hints of the Model Context Protocol by which a tool may run again.
HINTS = ("readOnlyHint", "idempotentHint")

#: Agno's tools by which the leader of a team has members work: as repeatable as what they do.
DELEGATIONS = frozenset({"delegate_task_to_member", "delegate_task_to_members"})

#: Settings by which Agno gives an agent tools of its own that write.
WRITERS = ("enable_agentic_memory", "update_knowledge", "enable_agentic_culture")

#: What runs a step, by its name there.
EXECUTORS = ("agent", "team", "workflow")


class Repeatable:
    """What a component may do again although its first outcome is not known.

    Tools of members, and those inside steps, may begin before the log has them. So a delegation or
    a step may be done again only if all that can happen inside may.
    """

    def __init__(self, component: Any) -> None:
        self._component = component

    def tool(self, name: str, speaker: str | None = None) -> bool:
        """Whether a tool may run again: the component's own, or that of the member `speaker`."""
        if speaker is None or self._is_declared(self._component, name):
            return self._tool(self._component, name)
        parts = [part for part in walk(self._component) if getattr(part, "id", None) == speaker]
        return bool(parts) and all(self._tool(part, name) for part in parts)

    def step(self, name: str) -> bool:
        """Whether the step of a workflow with this name may be done again."""
        if not isinstance(self._component, Workflow):
            return False
        found = [step for step in _steps_in(self._component.steps) if _name(step) == name]
        return self._all(found or [self._component])

    def _tool(self, part: Any, name: str) -> bool:
        if self._is_declared(part, name):
            return True
        own = [tool for tool in _tools(part) if name in _names(tool)]
        if isinstance(part, Team) and name in DELEGATIONS and not own:
            return self._all(part.members)
        return any(
            function.name == name and _is_marked(function)
            for tool in own
            for function in _functions(tool)
        )

    def _is_declared(self, part: Any, name: str | None = None) -> bool:
        """Whether the metadata of a component, or of the one around it, names a tool, or all."""
        for component in (part, self._component):
            declared = (getattr(component, "metadata", None) or {}).get(REPEATABLE)
            named = declared if isinstance(declared, list | tuple | set) else ()
            if declared is True or (name is not None and name in named):
                return True
        return False

    def _all(self, parts: Any) -> bool:
        """Whether parts may be done again as a whole; False if they are made for each run."""
        if callable(parts) and not hasattr(parts, "arun"):
            return False
        return all(map(self._whole, parts if isinstance(parts, list | tuple) else [parts]))

    def _whole(self, part: Any) -> bool:
        """Whether all that can happen in an agent, a team, a workflow or a step may again."""
        if isinstance(part, list | tuple):  # a choice of a router may be several steps
            return self._all(part)
        if self._is_declared(part):
            return True
        if isinstance(part, Agent):
            return self._all_tools(part)
        if isinstance(part, Team):
            return self._all_tools(part) and self._all(part.members)
        if isinstance(part, Workflow):
            return part.agent is None and self._all(part.steps)
        names = EXECUTORS if isinstance(part, Step) else STEPS
        inside = [found for name in names if (found := getattr(part, name, None)) is not None]
        if inside:
            return all(map(self._all, inside))
        function = getattr(getattr(part, "executor", None), "__name__", "")
        return any(name and self._is_declared(part, name) for name in (_name(part), function))

    def _all_tools(self, part: Any) -> bool:
        if any(getattr(part, setting, False) for setting in WRITERS):
            return False
        tools = part.tools if part.tools is not None else []
        if not isinstance(tools, list):  # made for each run
            return False
        # A dict is a tool of the provider's, which is a part of the request.
        return all(
            isinstance(tool, dict)
            or ((names := _names(tool)) != [] and all(self._tool(part, name) for name in names))
            for tool in tools
        )


def _is_marked(function: Function) -> bool:
    hints = function.annotations or {}
    marked = any(hints.get(hint) is True for hint in HINTS)
    return function.has_side_effects is False or marked


def _tools(part: Any) -> Iterable[Any]:
    tools = getattr(part, "tools", None)
    return tools if isinstance(tools, list) else ()


def _functions(tool: Any) -> list[Function]:
    if isinstance(tool, Toolkit):
        return [*tool.functions.values(), *tool.async_functions.values()]
    return [tool] if isinstance(tool, Function) else []


def _names(tool: Any) -> list[str]:
    """The names of the tools in a function or a toolkit, which may get its tools when it
    connects."""
    if isinstance(tool, Function | Toolkit):
        return [function.name for function in _functions(tool)]
    return [name] if (name := getattr(tool, "__name__", None)) else []


def _steps_in(steps: Any) -> Iterator[Any]:
    """All steps in steps, and in the workflows that run them."""
    if isinstance(steps, list | tuple):
        for step in steps:
            yield from _steps_in(step)
    elif steps is not None:
        yield steps
        workflow = getattr(steps, "workflow", None)
        for holder in (steps, workflow) if workflow is not None else (steps,):
            for name in STEPS:
                inside = getattr(holder, name, None)
                if isinstance(inside, list | tuple):
                    yield from _steps_in(inside)


def _name(step: Any) -> str:
    """The name by which Agno reports a step."""
    return str(getattr(step, "name", None) or getattr(step, "__name__", None) or "")
