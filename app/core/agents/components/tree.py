"""What an agent, a team or a workflow is made of."""

from collections.abc import Iterator
from typing import Any

from agno.agent import Agent
from agno.agent.followup import FollowupConfig
from agno.models.base import Model
from agno.models.utils import get_model

from .late import Team, Workflow

#: Models of an agent beside the one that answers.
OTHER_MODELS = ("output_model", "parser_model", "reasoning_model", "followup_model")

#: Those of them whose text is the answer.
ANSWERING = ("output_model", "parser_model")

#: Where Agno keeps the models that answer if another one fails.
FALLBACKS = ("on_error", "on_rate_limit", "on_context_overflow")

#: Where Agno keeps the steps of a step.
STEPS = ("steps", "else_steps", "choices")


def walk(component: Any) -> Iterator[Any]:
    """A component and all agents, teams and workflows in it, the component first.

    Members and steps that a function makes for each run are not among them.
    """
    yield component
    for part in parts_of(component):
        yield from walk(part)


def models_in(component: Any) -> list[Model]:
    """The models that agents and teams in a component have, each once."""
    found = [
        getattr(part, name, None) for part in walk(component) for name in ("model", *OTHER_MODELS)
    ]
    found += [m for part in walk(component) for _, models in fallbacks_of(part) for m in models]
    found += [c.model for part in walk(component) if (c := followups_of(part)) is not None]
    return list({id(model): model for model in found if isinstance(model, Model)}.values())


def followups_of(component: Any) -> FollowupConfig | None:
    """The configuration of an agent's or team's follow-ups; None if it has no such object."""
    config = getattr(component, "followups", None)
    return config if isinstance(config, FollowupConfig) else None


def fallbacks_of(component: Any) -> Iterator[tuple[str, list[Model]]]:
    """Agno's own fallback models of an agent or team, by the field of their configuration."""
    config = getattr(component, "fallback_config", None)
    for name in FALLBACKS if config is not None else ():
        models = [get_model(model) for model in getattr(config, name) or []]
        if models:
            yield name, [model for model in models if model is not None]


def parts_of(component: Any) -> Iterator[Any]:
    """The agents, teams and workflows right inside a component, in their order."""
    if isinstance(component, Team):
        yield from component.members if isinstance(component.members, list) else ()
    elif isinstance(component, Workflow):
        yield from _executors(component.steps)
        if component.agent is not None:
            yield component.agent
    reasoning = getattr(component, "reasoning_agent", None)
    if reasoning is not None:
        yield reasoning


def _executors(steps: Any) -> Iterator[Any]:
    """The agents, teams and workflows that run steps, in their order."""
    if isinstance(steps, Agent | Team | Workflow):
        yield steps
    elif isinstance(steps, list | tuple):
        for step in steps:
            yield from _executors(step)
    elif steps is not None and not callable(steps):
        for name in ("agent", "team", "workflow"):
            if getattr(steps, name, None) is not None:
                yield getattr(steps, name)
        for name in STEPS:
            inside = getattr(steps, name, None)
            if isinstance(inside, list | tuple | Agent | Team | Workflow):
                yield from _executors(inside)
