"""Builds the server: `create_app` makes the parts from the settings and connects them.

See docs/decisions/032-objects-of-the-start-are-frozen.md.
See docs/decisions/033-the-app-is-made-on-first-use.md.
"""

import gc
import logging
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from . import __version__
from .api import catalog, conversations, errors, health, media, openapi, page, runs
from .api.bodies import Allowance, BodyBounds
from .api.context import Context
from .api.doors import native, ollama, openai, responses
from .api.guard import CORS, Access, Guard, Secured
from .api.heads import HeadAsGet
from .api.tickets import Tickets
from .api.tracking import Tracked
from .core.access.keys import Keys, read_keys
from .core.access.rates import Rates, read_limits
from .core.access.secret import load_secret
from .core.addresses import passwords
from .core.agents import Agents
from .core.errors import ConfigurationError
from .core.log.hub import Hub
from .core.log.journals import open_journal
from .core.media import MediaStore
from .core.openai_service import AgentService
from .core.providers import ModelCatalog, Providers, Upstreams, open_models
from .core.providers.upstream import MAX_WAIT
from .core.runs.clock import Timeouts
from .core.runs.media import sweeping
from .core.runs.pauses.inbox import Inbox
from .core.runs.pauses.webhook import open_webhook
from .core.runs.removal import Removal
from .core.runs.report import Observer
from .core.runs.service import Runs
from .core.runs.slots import Slots
from .core.telemetry import Telemetry
from .logs import RunLines, protect
from .private import make_private, warn_of_readers
from .settings import Settings, load_settings
from .signals import graceful_shutdown
from .web import ConnectionBounds, Connections, provide_descriptors

logger = logging.getLogger(__name__)

DOORS = (native.DOOR, ollama.DOOR, openai.DOOR, responses.DOOR)  # each is a package in `api/doors/`

MIN_KEY_LENGTH = 16  # characters; a shorter key is warned of


def create_app(settings: Settings, *, agents: Iterable[Any] | None = None) -> FastAPI:
    """Build the server from its settings and return it as an ASGI app; `agents`, if not None,
    replace those of the settings. Raises `ConfigurationError` for settings that cannot work."""
    _protect_secrets(settings)
    make_private(settings.data_dir)
    access = _access(settings)
    models = _models(settings)
    upstreams = Upstreams(
        retries=settings.upstream_retries,
        failures=settings.circuit_failures,
        seconds=settings.circuit_seconds,
        max_wait=min(MAX_WAIT, settings.heartbeat),  # then a heartbeat commits the status
    )
    hub = _hub(settings)
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
    store = MediaStore(
        settings.media_dir or settings.data_dir / "media", item_bytes=settings.max_media_bytes
    )
    service = AgentService(served.catalog, served.conversations, served.connections, store)
    secret = settings.pause_webhook_secret
    webhook = open_webhook(settings.pause_webhook, secret.get_secret_value() if secret else None)
    active = _runs(settings, hub, service, [*telemetry.observers, *webhook])
    sample = partial(telemetry.metrics.sample, active, hub, upstreams, served.conversations)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(telemetry.sampling(sample))
            await stack.enter_async_context(served.opened())
            for hook in webhook:
                await stack.enter_async_context(hook.sending())
            await stack.enter_async_context(active)
            await stack.enter_async_context(served.conversations.opened())
            await stack.enter_async_context(sweeping(store, active, settings.retention))
            logger.info("model: %s; agents: %s", _shown(models), ", ".join(served.catalog.entries))
            # The modules stay loaded: without this the garbage collector would walk through their
            # objects every few thousand tokens.
            gc.collect()
            gc.freeze()
            stack.enter_context(graceful_shutdown(active, settings.shutdown_grace))
            yield

    app = FastAPI(
        title="agno-stream",
        version=__version__,
        description="Agno agents over HTTP: each answer is a run, whose events can be streamed, "
        "resumed and replayed.",
        lifespan=lifespan,
    )
    app.state.context = Context(
        service=service,
        runs=active,
        inbox=Inbox(hub, settings.approvers),
        agents=served.catalog,
        models=models,
        conversations=served.conversations,
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
        body=BodyBounds(
            settings.max_body_bytes, settings.body_timeout, Allowance(settings.max_bodies_bytes)
        ),
        tickets=access.tickets,
        media=store,
    )
    _install(app, settings, access, telemetry)
    return app


def _install(app: FastAPI, settings: Settings, access: Access, telemetry: Telemetry) -> None:
    """Add the routes, the error handlers and the middleware to the app."""
    app.add_middleware(HeadAsGet)
    app.add_middleware(Tracked, tracing=telemetry.tracing)
    resources = (runs.router, media.router, catalog.router, conversations.router, health.router)
    for router in (*(door.router for door in DOORS), *resources):
        app.include_router(router)
    page.install(app)
    refuse = errors.by_door(DOORS, native.DOOR.refuse)
    errors.install(app, refuse)
    openapi.install(app)
    build = app.build_middleware_stack

    def guarded() -> ASGIApp:
        """Return the middleware stack with ours outermost, for the error responses of Starlette,
        too."""
        stack: ASGIApp = Guard(build(), access, refuse)
        if settings.cors_origins:
            stack = CORSMiddleware(stack, settings.cors_origins, **CORS)
        connections = Connections(
            ConnectionBounds(
                connections=provide_descriptors(settings.max_connections),
                head_bytes=settings.max_head_bytes,
                head_seconds=settings.head_timeout,
            ),
            refuse,
        )
        return connections.shared_with(Secured(stack, settings.write_timeout))

    app.build_middleware_stack = guarded  # type: ignore[method-assign]  # called once, lazily


def _protect_secrets(settings: Settings) -> None:
    """Redact the passwords and keys of the settings from the logs."""
    secrets = (settings.openai_api_key, settings.secret_key, settings.pause_webhook_secret)
    protect(secret.get_secret_value() for secret in secrets if secret)
    protect(passwords(settings.database_url) | passwords(settings.journal_url))


def _models(settings: Settings) -> ModelCatalog:
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    return open_models(
        Providers(key, settings.openai_base_url, settings.ollama_host),
        default=settings.model,
        further=settings.models,
        fallback=settings.fallback_model,
        embeddings=settings.embeddings,
    )


def _hub(settings: Settings) -> Hub:
    keep = settings.retention
    journal = open_journal(
        settings.journal_url,
        retention=keep,
        pause_retention=settings.pause_retention,
        data_dir=settings.data_dir,
    )
    one, total = settings.hub_run_bytes, settings.hub_bytes
    return Hub(journal, run_bytes=one, total_bytes=total, retention=keep)


def _runs(
    settings: Settings, hub: Hub, service: AgentService, observers: Sequence[Observer]
) -> Runs:
    lines = RunLines(json=settings.log_format == "json", messages=settings.log_messages)
    return Runs(
        hub,
        service.remember,
        observers=[*observers, lines],
        slots=Slots(
            settings.max_concurrent_runs,
            settings.runs_per_principal,
            queue=settings.run_queue,
            queue_timeout=settings.run_queue_timeout,
        ),
        per_conversation=settings.max_runs_per_conversation,
        rates=Rates(read_limits(settings.rate_limit), settings.journal_url),
    )


def _access(settings: Settings) -> Access:
    """Return what decides on access: keys, tickets, allowed origins; redact the keys from the
    logs."""
    listed = settings.api_keys.get_secret_value() if settings.api_keys else None
    named = read_keys(listed, settings.api_keys_file)
    if settings.api_keys_file is not None:
        warn_of_readers(settings.api_keys_file, "API_KEYS_FILE")
    protect(key.key for key in named if key.key)
    for key in named:
        if key.key and len(key.key) < MIN_KEY_LENGTH:
            logger.warning("API_KEYS: a key of %s is short enough to be guessed", key.principal)
    keys = Keys(named)
    given = settings.secret_key.get_secret_value() if settings.secret_key else None
    if keys and not given and urlsplit(settings.journal_url or "").scheme in ("redis", "rediss"):
        logger.warning(
            "SECRET_KEY: not set, so other hosts reject the stream addresses signed here"
        )
    secret = load_secret(given, settings.data_dir) if keys else ""
    protect([secret] if secret else [])
    return Access(
        keys,
        Tickets(secret, settings.ticket_lifetime, on=bool(keys)),
        anonymous=settings.allow_anonymous,
        hosts=settings.allowed_hosts,
        origins=settings.cors_origins,
    )


def _shown(models: ModelCatalog) -> str:
    """Return the default model's name, or a hint for the demonstration, for the log line at
    start."""
    if models.default.spec == "demo":
        return "demo (a demonstration; set OPENAI_API_KEY, OLLAMA_HOST or MODEL for a real one)"
    return models.default.spec


def __getattr__(name: str) -> FastAPI:
    """Make `app`, for uvicorn and `fastapi run`, on first use."""
    if name != "app":
        raise AttributeError(name)
    try:
        app: FastAPI = globals().setdefault("app", create_app(load_settings()))
    except ConfigurationError as error:
        raise SystemExit(f"agno-stream: {error.message}") from None
    return app


def __dir__() -> list[str]:
    return [*globals(), "app"]
