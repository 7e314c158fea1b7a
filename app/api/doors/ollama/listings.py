"""Agents and models in the form in which Ollama lists and describes its models."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ....core.errors import UnknownModel
from ...context import Context
from ...names import Target, resolve

#: The version of Ollama whose API this is; clients check that it is recent enough for them.
VERSION = "0.33.0"
#: The expiry of a model that stays loaded; Ollama's command line shows 20 years and more as
#: "forever".
FOREVER = timedelta(days=36500)

#: Only the provider knows whether a model accepts images, so clients must be able to send them.
#: `thinking` is absent, because the command line would request it each time, and many models
#: reject it.
CAPABILITIES = ["completion", "tools", "vision"]


@dataclass(frozen=True, slots=True)
class Listing:
    """An agent, or a model of the default agent, as Ollama's clients see it: a model with a tag."""

    name: str
    family: str
    description: str = ""


def with_tag(name: str) -> str:
    """Return the full name of a model: `general` becomes `general:latest`, as in Ollama."""
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def list_all(server: Context) -> list[Listing]:
    """Return a listing of every agent and every model; an agent hides a model of the same name."""
    found: dict[str, Listing] = {}
    for listing in _iterate(server):
        found.setdefault(listing.name, listing)
    return list(found.values())


def find_target(server: Context, name: str) -> Target:
    """Return the agent or model that a name, with or without a tag, stands for; raises
    `UnknownModel`."""
    try:
        return resolve(server, name, (name.removesuffix(":latest"), with_tag(name)))
    except UnknownModel:
        raise UnknownModel(f"model '{name}' not found") from None


def find_listing(server: Context, name: str) -> Listing:
    """Return the listing of the agent or model with a name; raises `UnknownModel`."""
    target = find_target(server, name)
    if target.agent is not None:
        return Listing(
            with_tag(target.agent), "agent", server.agents.find(target.agent).description
        )
    model = target.model or ""
    for entry in server.models.entries:
        if model in (entry.id, entry.spec):
            return Listing(with_tag(entry.id), entry.provider)
    return Listing(with_tag(model), "agent")  # the default agent's own


def _iterate(server: Context) -> Iterator[Listing]:
    for agent in server.agents.entries.values():
        yield Listing(with_tag(agent.id), "agent", agent.description)
    for model in server.models.entries:
        yield Listing(with_tag(model.id), model.provider)


def tags_entry(listing: Listing, since: datetime) -> dict[str, Any]:
    """Return the JSON object that describes an agent or model in `/api/tags`.

    The size is 0, because there are no weights. The digest is the hash of the name; Ollama's
    command line requires at least 12 characters.
    """
    return {
        "name": listing.name,
        "model": listing.name,
        "modified_at": since,
        "size": 0,
        "digest": hashlib.sha256(listing.name.encode()).hexdigest(),
        "details": _details(listing),
    }


def ps_entry(listing: Listing, since: datetime) -> dict[str, Any]:
    """Return the JSON object of an agent or model in `/api/ps`, as a loaded model that never
    expires."""
    entry = tags_entry(listing, since)
    del entry["modified_at"]
    return {**entry, "expires_at": since + FOREVER, "size_vram": 0}


def show_response(listing: Listing, since: datetime) -> dict[str, Any]:
    """Return the body of `/api/show`, which describes an agent or model.

    Ollama's command line requires the field `general.architecture`.
    """
    about = " ".join(listing.description.split())
    return {
        "license": "",
        "modelfile": f"# {about}\nFROM {listing.name}\n" if about else f"FROM {listing.name}\n",
        "parameters": "",
        "template": "{{ .Prompt }}",
        "details": _details(listing),
        "model_info": {
            "general.architecture": listing.family,
            "general.basename": listing.name,
        },
        "capabilities": CAPABILITIES,
        "modified_at": since,
    }


def _details(listing: Listing) -> dict[str, Any]:
    return {
        "parent_model": "",
        "format": "",
        "family": listing.family,
        "families": [listing.family],
        "parameter_size": "",
        "quantization_level": "",
    }
