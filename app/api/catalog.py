"""The catalog of the native door: the agents and the models that a request may name."""

from fastapi import APIRouter
from pydantic import BaseModel

from . import route_docs
from .context import Server

router = APIRouter(prefix="/api/v1")


class ModelInfo(BaseModel):
    """A model that a request may name, by `id` or by `spec`."""

    id: str
    provider: str
    spec: str
    default: bool


class AgentInfo(BaseModel):
    """An agent, team or workflow that a request may name. `model` answers where the request names
    none; it is the agent's id where that is all that is known."""

    id: str
    name: str
    kind: str
    description: str
    model: str
    default: bool


class ModelList(BaseModel):
    models: list[ModelInfo]


class AgentList(BaseModel):
    agents: list[AgentInfo]


@router.get("/models", tags=["catalog"], **route_docs.CATALOG)
async def models(server: Server) -> ModelList:
    """The models that a request may name."""
    default = server.models.default
    return ModelList(
        models=[
            ModelInfo(id=m.id, provider=m.provider, spec=m.spec, default=m is default)
            for m in server.models.entries
        ]
    )


@router.get("/agents", tags=["catalog"], **route_docs.CATALOG)
async def agents(server: Server) -> AgentList:
    """The agents that a request may name."""
    default = server.agents.find(None)
    return AgentList(
        agents=[
            AgentInfo(
                id=entry.id,
                name=entry.name,
                kind=entry.kind,
                description=entry.description,
                model=entry.model or server.models.default.id,
                default=entry is default,
            )
            for entry in server.agents.entries.values()
        ]
    )
