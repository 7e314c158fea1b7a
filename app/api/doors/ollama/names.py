"""Agents and models as Ollama models: what they are called, and what Ollama tells of a model."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ....core.errors import UnknownModel
from ...context import Context

#: Ollama's own version whose API this is: clients look whether it is new enough for them.
VERSION = "0.33.0"
#: Ollama keeps a model "forever" for about as long; its command line says so from 20 years on.
FOREVER = timedelta(days=36500)

#: Whether a model sees pictures, only its provider knows; clients must be let send them.
#: `thinking` is not here: the command line would ask for it each time, and many models refuse it.
CAPABILITIES = ["completion", "tools", "vision"]


@dataclass(frozen=True, slots=True)
class Named:
    """An agent, or a model that the default agent answers with, by its name here."""

    name: str
    family: str
    description: str = ""
    agent: str | None = None
    model: str | None = None


def full(name: str) -> str:
    """A name with its tag: `general` is `general:latest`, as in Ollama."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def everything(server: Context) -> list[Named]:
    """All that can be asked for; where an agent and a model have one name, it is the agent's."""
    found: dict[str, Named] = {}
    for named in _all(server):
        found.setdefault(named.name, named)
    return list(found.values())


def find(server: Context, name: str) -> Named:
    """What a request names; a model's `<provider>:<id>` will do, too. Raises `UnknownModel`."""
    wanted = full(name)
    for named in _all(server):
        if wanted == named.name or name == named.model:
            return named
    raise UnknownModel(f"model '{name}' not found")


def _all(server: Context) -> Iterator[Named]:
    for agent in server.agents.entries.values():
        yield Named(full(agent.id), "agent", agent.description, agent=agent.id)
    for model in server.models.entries:
        yield Named(full(model.id), model.provider, model=model.spec)


def tag(named: Named, since: datetime) -> dict[str, Any]:
    """An entry of `/api/tags`. There are no weights, so their size is 0.

    The digest is of the name; the command line wants at least 12 characters.
    """
    return {
        "name": named.name,
        "model": named.name,
        "modified_at": since,
        "size": 0,
        "digest": hashlib.sha256(named.name.encode()).hexdigest(),
        "details": _details(named),
    }


def loaded(named: Named, since: datetime) -> dict[str, Any]:
    """An entry of `/api/ps`: all are ready at once, and stay so."""
    entry = tag(named, since)
    del entry["modified_at"]
    return {**entry, "expires_at": since + FOREVER, "size_vram": 0}


def shown(named: Named, since: datetime) -> dict[str, Any]:
    """The answer of `/api/show`; `general.architecture` is what the command line insists on."""
    about = " ".join(named.description.split())
    return {
        "license": "",
        "modelfile": f"# {about}\nFROM {named.name}\n" if about else f"FROM {named.name}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _details(named),
        "model_info": {"general.architecture": named.family, "general.basename": named.name},
        "capabilities": CAPABILITIES,
        "modified_at": since,
    }


def _details(named: Named) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": named.family,
        "families": [named.family],
        "parameter_size": "",
        "quantization_level": "",
    }
