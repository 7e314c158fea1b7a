"""What can be asked for, and the conversations that were had."""

from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Response
from pydantic import BaseModel

from app.api import openapi
from app.api.context import Principal, Server

router = APIRouter(prefix="/api/v1")


class ModelInfo(BaseModel):
    """A model that a request may name, by `id` or by `spec`."""

    id: str
    provider: str
    spec: str
    default: bool


class AgentInfo(BaseModel):
    """An agent that a request may name. `model` answers where the request names none."""

    id: str
    name: str
    description: str
    model: str
    default: bool


class ModelList(BaseModel):
    models: list[ModelInfo]


class AgentList(BaseModel):
    agents: list[AgentInfo]


@router.get("/models", tags=["catalog"], **openapi.CATALOG)
async def models(server: Server) -> ModelList:
    """The models that a request may name."""
    default = server.models.default
    return ModelList(
        models=[
            ModelInfo(id=m.id, provider=m.provider, spec=m.spec, default=m is default)
            for m in server.models.entries
        ]
    )


@router.get("/agents", tags=["catalog"], **openapi.CATALOG)
async def agents(server: Server) -> AgentList:
    """The agents that a request may name."""
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


@router.get("/conversations", tags=["conversations"], response_model=None, **openapi.CONVERSATIONS)
async def conversations(
    server: Server,
    principal: Principal,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
) -> Response:
    """The conversations, the one spoken in last first."""
    page = await server.conversations.list(principal, limit=limit, offset=offset)
    return Response(msgspec.json.encode(page), media_type="application/json")


@router.get(
    "/conversations/{conversation_id}",
    tags=["conversations"],
    response_model=None,
    **openapi.CONVERSATION,
)
async def conversation(conversation_id: str, server: Server, principal: Principal) -> Response:
    """A conversation with its messages, in the order they were said."""
    found = await server.conversations.get(conversation_id, principal)
    return Response(msgspec.json.encode(found), media_type="application/json")


@router.delete(
    "/conversations/{conversation_id}", tags=["conversations"], status_code=204, **openapi.DELETE
)
async def delete(conversation_id: str, server: Server, principal: Principal) -> None:
    """Forget a conversation."""
    await server.conversations.delete(conversation_id, principal)
