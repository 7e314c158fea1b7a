"""What the routes need, put together once by `create_app`."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Annotated, cast

from fastapi import Depends, Request

from app.api.requests import BodyBounds
from app.api.tickets import Tickets
from app.core.agents import AgentCatalog
from app.core.clock import Timeouts
from app.core.conversations import Conversations
from app.core.keys import ANONYMOUS
from app.core.metrics import Metrics
from app.core.models import ModelCatalog
from app.core.openai_service import AgentService
from app.core.runs import Runs
from app.core.upstream import Upstreams


@dataclass(frozen=True, slots=True)
class Context:
    """The parts of one server, and the bounds that its routes keep."""

    service: AgentService
    runs: Runs
    agents: AgentCatalog
    models: ModelCatalog
    conversations: Conversations
    upstreams: Upstreams
    metrics: Metrics
    look: Callable[[], None]  # brings the metrics up to date
    timeouts: Timeouts
    grace: float
    heartbeat: float
    body: BodyBounds
    tickets: Tickets
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


async def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


async def _principal(request: Request) -> str:
    """Whom `guard` has found to ask."""
    return cast(str, request.scope.get("principal", ANONYMOUS))


Server = Annotated[Context, Depends(_context)]
Principal = Annotated[str, Depends(_principal)]
