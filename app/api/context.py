"""The parts of the server that routes use, put together once by `create_app`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, cast

from fastapi import Depends, Request

from ..core.access.keys import ANONYMOUS

if TYPE_CHECKING:  # the doors call these, and load neither Agno nor a store for it
    from ..core.agents.catalog import AgentCatalog
    from ..core.agents.conversations import Conversations
    from ..core.media import MediaStore
    from ..core.openai_service import AgentService
    from ..core.providers.catalog import ModelCatalog
    from ..core.providers.upstream import Upstreams
    from ..core.runs.clock import Timeouts
    from ..core.runs.service import Runs
    from ..core.telemetry.metrics import Metrics
    from .requests import BodyBounds
    from .tickets import Tickets


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
    sample: Callable[[], None]  # brings the metrics up to date
    timeouts: Timeouts
    grace: float
    heartbeat: float
    body: BodyBounds
    tickets: Tickets
    media: MediaStore
    since: datetime = field(default_factory=lambda: datetime.now(UTC))


async def _context(request: Request) -> Context:
    return cast(Context, request.app.state.context)


async def _principal(request: Request) -> str:
    """Whom `guard` has found to ask."""
    return cast(str, request.scope.get("principal", ANONYMOUS))


Server = Annotated[Context, Depends(_context)]
Principal = Annotated[str, Depends(_principal)]
