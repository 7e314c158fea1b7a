"""What a name in a request's `model` field means: an agent, or a model of the default agent."""

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass

from ..core.errors import UnknownModel
from ..core.question import Question
from .context import Context


@dataclass(frozen=True, slots=True)
class Target:
    """The agent and the model that a name stands for; None means the default agent or model."""

    agent: str | None = None
    model: str | None = None


def agent_in_model(server: Context, question: Question) -> Question:
    """Return a question whose field `model` names an agent as a question for that agent.

    Clients with a field for a model only name agents there on every door.
    """
    if question.agent is None and question.model in server.agents.entries:
        return dataclasses.replace(question, agent=question.model, model=None)
    return question


def resolve(server: Context, name: str, spellings: Iterable[str] = ()) -> Target:
    """Return what a name in a request stands for: an agent, else a model for the default agent.

    A model is named by its id, or by its spec (`<provider>:<id>`); the default agent's own model
    need not be in the settings. `spellings` are other forms of the same name. Raises
    `UnknownModel`.
    """
    names = (name, *spellings)
    for spelling in names:
        if spelling in server.agents.entries:
            return Target(agent=spelling)
    own_model = server.agents.find(None).model
    for spelling in names:
        if spelling == own_model or _is_listed(server, spelling):
            return Target(model=spelling)
    known = list(dict.fromkeys((*server.agents.entries, *(m.id for m in server.models.entries))))
    raise UnknownModel(f"The model {name!r} does not exist. This server has {', '.join(known)}.")


def _is_listed(server: Context, name: str) -> bool:
    return any(name in (entry.id, entry.spec) for entry in server.models.entries)
