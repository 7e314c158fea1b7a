"""The parts of the server that routes use, as `create_app` has built them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from ..core.access.keys import ANONYMOUS

if TYPE_CHECKING:  # for types only, so that the doors import neither Agno nor a store
    from ..core.agents.catalog import AgentCatalog
    from ..core.agents.connections import Connections
    from ..core.agents.storage.branches.service import Branches
    from ..core.agents.storage.conversations import Conversations
    from ..core.media import MediaStore
    from ..core.openai_service import AgentService
    from ..core.providers.catalog import ModelCatalog
    from ..core.providers.upstream import Upstreams
    from ..core.runs.clock import Timeouts
    from ..core.runs.pauses.inbox import Inbox
    from ..core.runs.removal.conversations import Removal
    from ..core.runs.service import Runs
    from ..core.telemetry.metrics import Metrics
    from .requests import BodyBounds
    from .tickets import Tickets


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one server, and the limits that its routes apply, in seconds and bytes."""

    service: AgentService
    runs: Runs
    inbox: Inbox
    agents: AgentCatalog
    models: ModelCatalog
    conversations: Conversations
    branches: Branches
    removal: Removal
    connections: Connections
    upstreams: Upstreams
    metrics: Metrics
    sample: Callable[[], None]  # updates the metrics that are measured, not counted
    timeouts: Timeouts
    grace: float
    heartbeat: float
    retention: float
    body: BodyBounds
    tickets: Tickets
    media: MediaStore
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


async def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


async def _principal(request: Request) -> str:
    """Return the principal that `Guard` has put into the scope, or the anonymous one."""
    return cast(str, request.scope.get("principal", ANONYMOUS))


Server = Annotated[Context, Depends(_context)]
Principal = Annotated[str, Depends(_principal)]
