"""What a name in a request's `model` field means: an agent, or a model of the default agent."""

from collections.abc import Iterable
from dataclasses import dataclass

from ..core.errors import UnknownModel
from .context import Context


@dataclass(frozen=True, slots=True)
class Target:
    """The agent and the model that a name stands for; None is the default of each."""

    agent: str | None = None
    model: str | None = None


def resolve(server: Context, name: str, spellings: Iterable[str] = ()) -> Target:
    """The target of a name: an agent, else a model that the default agent answers with.

    A model is named by its id or its spec; the default agent's own model need not be in the
    settings. `spellings` are other forms of the same name. Raises `UnknownModel`.
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
