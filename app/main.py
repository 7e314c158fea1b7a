"""Builds the server: `create_app` makes the parts from the settings and connects them.

See docs/decisions/032-objects-of-the-start-are-frozen.md.
See docs/decisions/033-the-app-is-made-on-first-use.md.
"""

import gc
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI

from . import __version__
from .allocator import return_large_blocks
from .api import catalog, conversations, durable, errors, health, media, openapi, page, runs
from .api.addresses import split_public_url
from .api.bodies import BodyBounds
from .api.context import Context
from .api.doors import agui, ai_sdk, anthropic, mcp, native, ollama, openai, responses
from .api.heads import HeadAsGet
from .api.outside import PrincipalOf
from .api.shortcut import endpoints_of
from .api.spool import Allowance
from .api.tracking import Tracked
from .core.agents import Agents
from .core.agents.storage.branches.service import Branches
from .core.errors import ConfigurationError
from .core.kept_media import Room
from .core.media import MediaStore
from .core.openai_service import AgentService
from .core.providers import Upstreams
from .core.providers.upstream import MAX_WAIT
from .core.runs.clock import Timeouts
from .core.runs.pauses.inbox import Inbox
from .core.runs.pauses.webhook import open_webhook
from .core.runs.removal.conversations import Removal
from .core.runs.removal.media import sweeping
from .core.telemetry import Telemetry
from .environment import load_settings, warn_of_unknown_names
from .middleware import surround
from .mounting import Opened
from .parts import make_access, make_hub, make_models, make_runs, protect_secrets
from .private import make_private
from .settings import Settings
from .signals import graceful_shutdown
from .startup import report
from .web import ConnectionBounds, Connections

logger = logging.getLogger(__name__)

#: Each is a package in `api/doors/`. Anthropic's comes before OpenAI's: it takes those requests for
#: `/v1/models` that have its header.
DOORS = (
    *(native.DOOR, ollama.DOOR, anthropic.DOOR, openai.DOOR, responses.DOOR),
    *(agui.DOOR, ai_sdk.DOOR, mcp.DOOR),
)

#: Makes the response to an error, in the format of the path's door.
REFUSE = errors.by_door(DOORS, native.DOOR.refuse)


def create_app(
    settings: Settings | None = None,
    *,
    agents: Iterable[Any] | None = None,
    principal: PrincipalOf | None = None,
) -> FastAPI:
    """Build the server from its settings and return it as an ASGI app, which can be mounted in
    another one: see `lifespan`.

    `settings` are those of the environment by default, and `agents`, if not None, replace theirs.
    `principal(request)`, which may be a coroutine function, returns the name of the user who sends
    a request, or None for nobody, who is refused with 401. Raises `ConfigurationError` for settings
    that cannot work.
    """
    settings = settings or load_settings()
    if principal is not None and settings.max_concurrent_runs_per_principal is None:
        half = max(1, settings.max_concurrent_runs // 2)  # as with keys: one user cannot take all
        settings = settings.model_copy(update={"max_concurrent_runs_per_principal": half})
    origin, path = split_public_url(settings.public_url)
    protect_secrets(settings)
    make_private(settings.data_dir)
    if settings.media_dir is not None:
        make_private(settings.media_dir, "MEDIA_DIR")
    access = make_access(settings, principal)
    models = make_models(settings)
    upstreams = Upstreams(
        retries=settings.upstream_retries,
        failures=settings.circuit_failures,
        seconds=settings.circuit_seconds,
        max_wait=min(MAX_WAIT, settings.heartbeat),  # then a heartbeat commits the status
    )
    hub = make_hub(settings)
    served = Agents(
        models,
        upstreams,
        database_url=settings.database_url,
        data_dir=settings.data_dir,
        reference=settings.agents,
        instructions=settings.instructions,
        max_rounds=settings.max_rounds,
        agents=agents,
        outbox=hub.journal.outbox,
    )
    telemetry = Telemetry(
        agents=served.catalog.entries,
        models=served.catalog.model_ids,
        collector=settings.otel_exporter_otlp_endpoint,
    )
    upstreams.watch, upstreams.tracing = telemetry.metrics, telemetry.tracing
    media_bytes = settings.max_stored_media_bytes
    store = MediaStore(
        settings.media_dir or settings.data_dir / "media",
        item_bytes=settings.max_media_bytes,
        room=Room(media_bytes, media_bytes // (2 if settings.several_principals else 1)),
    )
    service = AgentService(served.catalog, served.conversations, served.connections, store)
    secret = settings.pause_webhook_secret
    webhook = open_webhook(
        settings.pause_webhook, secret.get_secret_value() if secret else None, f"{origin}{path}"
    )
    active = make_runs(settings, hub, service, [*telemetry.observers, *webhook])
    opened = Opened()
    connections = Connections(
        ConnectionBounds(
            connections=settings.max_connections,
            head_bytes=settings.max_head_bytes,
            head_seconds=settings.head_timeout,
        ),
        REFUSE,
    )
    sample = partial(telemetry.metrics.sample, active, hub, upstreams, served.conversations)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        return_large_blocks()
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(telemetry.sampling(sample))
            await stack.enter_async_context(served.opened())
            for hook in webhook:
                await stack.enter_async_context(hook.sending())
            await stack.enter_async_context(active)
            await stack.enter_async_context(served.conversations.opened())
            await stack.enter_async_context(sweeping(store, active, settings.retention))
            report(models, settings, served.catalog.entries)
            # The modules stay loaded: without this the garbage collector would walk through their
            # objects every few thousand tokens.
            gc.collect()
            gc.freeze()
            stack.enter_context(graceful_shutdown(active, settings.shutdown_grace, connections))
            with opened:
                yield

    app = FastAPI(
        title="agno-stream",
        version=__version__,
        description="Agno agents over HTTP: each answer is a run, whose events can be streamed, "
        "resumed and replayed.",
        lifespan=lifespan,
        docs_url=None,  # FastAPI's pages are made of files from another server
        redoc_url=None,
    )
    app.state.context = Context(
        service=service,
        runs=active,
        inbox=Inbox(hub, settings.approvers),
        agents=served.catalog,
        models=models,
        conversations=served.conversations,
        branches=Branches(served.conversations, store),
        removal=Removal(active, hub),
        connections=served.connections,
        upstreams=upstreams,
        metrics=telemetry.metrics,
        sample=sample,
        timeouts=Timeouts(
            first_token=settings.first_token_timeout,
            idle=settings.idle_timeout,
            total=settings.total_timeout,
        ),
        grace=settings.disconnect_grace,
        heartbeat=settings.heartbeat,
        retention=settings.retention,
        body=BodyBounds(
            settings.max_body_bytes,
            settings.body_timeout,
            Allowance(settings.max_bodies_bytes, store.uploads),
        ),
        tickets=access.tickets,
        media=store,
    )
    app.add_middleware(HeadAsGet)
    app.add_middleware(Tracked, tracing=telemetry.tracing)
    resources = (
        *(runs.router, durable.router, media.router),
        *(catalog.router, conversations.router, health.router),
    )
    for router in (*(door.router for door in DOORS), *resources):
        app.include_router(router)
    page.install(app, settings.embed_origins)
    errors.install(app, REFUSE)
    openapi.install(app, users=bool(access.outside))
    endpoints = endpoints_of(door.router for door in DOORS)
    surround(app, settings, access, connections, opened, REFUSE, endpoints, telemetry.tracing)
    return app


def __getattr__(name: str) -> FastAPI:
    """Make `app`, for uvicorn and `fastapi run`, on first use."""
    if name != "app":
        raise AttributeError(name)
    warn_of_unknown_names()
    try:
        app: FastAPI = globals().setdefault("app", create_app(load_settings()))
    except ConfigurationError as error:
        raise SystemExit(f"agno-stream: {error.message}") from None
    return app


def __dir__() -> list[str]:
    return [*globals(), "app"]
