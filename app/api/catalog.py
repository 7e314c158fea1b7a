"""The catalog of the native API: the agents and models that a request can name."""

from fastapi import APIRouter
from pydantic import BaseModel

from . import route_docs
from .context import Server

router = APIRouter(prefix="/api/v1")


class ModelInfo(BaseModel):
    """A model that a request can name, by its `id` or its `spec` (`<provider>:<id>`)."""

    id: str
    provider: str
    spec: str
    default: bool


class AgentInfo(BaseModel):
    """An agent that a request can name; `model` is used if the request names no model."""

    id: str
    name: str
    description: str
    model: str
    default: bool


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


@router.get("/agents", summary="List agents", tags=["catalog"], **route_docs.CATALOG)
async def agents(server: Server) -> AgentList:
    """List the agents that a request can name."""
    default = server.agents.find(None)
    return AgentList(
        agents=[
            AgentInfo(
                id=entry.id,
                name=entry.name,
                description=entry.description,
                model=entry.model or server.models.default.id,
                default=entry is default,
            )
            for entry in server.agents.entries.values()
        ]
    )
