"""The catalog of the native API: the agents and models that a request can name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import APIRouter
from pydantic import BaseModel

from . import route_docs
from .context import Server

if TYPE_CHECKING:  # for types only, because the api imports no Agno
    from ..core.agents.components.entries import AgentEntry
    from ..core.agents.components.outline import Outline

router = APIRouter(prefix="/api/v1")


class ModelInfo(BaseModel):
    """A model that a request can name, by its `id` or its `spec` (`<provider>:<id>`)."""

    id: str
    provider: str
    spec: str
    default: bool


class ToolInfo(BaseModel):
    """A tool that an agent may call."""

    name: str
    description: str


class PartInfo(BaseModel):
    """A member of a team, or a step of a workflow; `id` is None for steps.

    `kind` is that of an agent, or `step`, `steps`, `loop`, `parallel`, `condition`, `router`.
    """

    id: str | None = None
    name: str
    kind: str
    description: str
    tools: list[ToolInfo]
    members: list[PartInfo] | None = None
    steps: list[PartInfo] | None = None


class AgentInfo(BaseModel):
    """An agent, team or workflow that a request can name; `model` is used if it names no model.

    `kind` is `agent`, `team`, `workflow`, `external` or `factory`. Only teams have `members`, only
    workflows have `steps`. `suggestions` are questions to begin with. `takes_system` says whether a
    request may have a `system` prompt.
    """

    id: str
    name: str
    kind: str
    description: str
    model: str
    default: bool
    tools: list[ToolInfo]
    members: list[PartInfo] | None = None
    steps: list[PartInfo] | None = None
    suggestions: list[str]
    takes_system: bool


class ModelList(BaseModel):
    """The models that a request can name, in the order of the settings."""

    models: list[ModelInfo]


class AgentList(BaseModel):
    """The agents that a request can name; the first one is the default."""

    agents: list[AgentInfo]


@router.get("/models", summary="List models", tags=["catalog"], **route_docs.CATALOG)
async def models(server: Server) -> ModelList:
    """List the models that a request can name."""
    default = server.models.default
    return ModelList(
        models=[
            ModelInfo(id=m.id, provider=m.provider, spec=m.spec, default=m is default)
            for m in server.models.entries
        ]
    )


@router.get(
    "/agents",
    summary="List agents",
    tags=["catalog"],
    response_model_exclude_none=True,
    **route_docs.CATALOG,
)
async def agents(server: Server) -> AgentList:
    """List the agents that a request can name, each with what it consists of."""
    default = server.agents.find(None)
    return AgentList(
        agents=[
            _agent(entry, server, default=entry is default)
            for entry in server.agents.entries.values()
        ]
    )


def _agent(entry: AgentEntry, server: Server, *, default: bool) -> AgentInfo:
    found = entry.outline
    return AgentInfo(
        id=entry.id,
        name=entry.name,
        kind=entry.kind,
        description=entry.description,
        model=entry.model or server.models.default.id,
        default=default,
        tools=_tools(found),
        members=_parts(found.members),
        steps=_parts(found.steps),
        suggestions=found.suggestions,
        takes_system=server.agents.takes_system(entry),
    )


def _parts(outlines: list[Outline] | None) -> list[PartInfo] | None:
    if outlines is None:
        return None
    return [
        PartInfo(
            id=one.id if one.kind in ("agent", "team", "workflow") else None,
            name=one.name,
            kind=one.kind,
            description=one.description,
            tools=_tools(one),
            members=_parts(one.members),
            steps=_parts(one.steps),
        )
        for one in outlines
    ]


def _tools(outline: Outline) -> list[ToolInfo]:
    return [ToolInfo(name=tool.name, description=tool.description) for tool in outline.tools]
