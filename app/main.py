"""Puts the server together; the only place where the parts know each other's names."""

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from agno.agent import Agent
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app import __version__
from app.api import catalog, endpoints, errors, health, openapi, page
from app.api.context import Context
from app.api.guard import Access, Guard, Secured
from app.api.protocols import ollama, openai
from app.api.requests import BodyBounds
from app.api.runs import router as runs_router
from app.api.tickets import Tickets
from app.api.tracking import Tracked
from app.core.addresses import passwords
from app.core.agents import AgentCatalog, general_agent, load_agents
from app.core.clock import Timeouts
from app.core.conversations import Conversations
from app.core.errors import ConfigurationError
from app.core.hub import Hub
from app.core.journals import open_journal
from app.core.keys import Keys, read_keys
from app.core.metrics import Metrics
from app.core.models import ModelCatalog, Providers, choose_default
from app.core.openai_service import AgentService
from app.core.rates import Rates, read_limits
from app.core.report import Observer
from app.core.runs import Runs
from app.core.secret import load_secret
from app.core.slots import Slots
from app.core.stores import open_database, prepare
from app.core.tracing import Tracing
from app.core.upstream import Upstreams
from app.logs import RunLines, protect
from app.settings import Settings, load_settings
from app.signals import heeded

logger = logging.getLogger(__name__)

#: A key of fewer characters gets a warning.
SHORT = 16

#: What pages of `CORS_ORIGINS` may send and read.
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST", "DELETE"],
    "allow_headers": ["*"],
    "expose_headers": [
        *("X-Run-Id", "X-Conversation-Id", "X-Request-Id"),
        *("Location", "Retry-After", "Idempotent-Replayed"),
    ],
    "max_age": 600,
}


def create_app(settings: Settings, *, agents: Iterable[Agent] | None = None) -> FastAPI:
    """The server as an ASGI app; `agents` replace those of the settings.

    Raises `ConfigurationError` for settings that cannot work.
    """
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    secrets = (settings.openai_api_key, settings.secret_key)
    protect(secret.get_secret_value() for secret in secrets if secret)
    protect(passwords(settings.database_url) | passwords(settings.journal_url))
    access = _access(settings)
    providers = Providers(key, settings.openai_base_url, settings.ollama_host)
    default = settings.model or choose_default(providers)
    models = ModelCatalog(default, settings.models, providers, settings.fallback_model)
    models.check()
    db = open_database(settings.database_url, settings.data_dir)
    if agents is None:
        own = settings.agents
        agents = load_agents(own) if own else [general_agent(settings.instructions, db)]
    upstreams = Upstreams(
        retries=settings.upstream_retries,
        failures=settings.circuit_failures,
        seconds=settings.circuit_seconds,
    )
    chosen = AgentCatalog(agents, models, db, upstreams)
    metrics = Metrics(chosen.entries, chosen.model_ids)
    endpoint = settings.otel_exporter_otlp_endpoint
    tracing = Tracing(endpoint) if endpoint else None
    upstreams.watch, upstreams.tracing = metrics, tracing
    lines = RunLines(json=settings.log_format == "json", messages=settings.log_messages)
    conversations = Conversations(chosen.dbs)
    service = AgentService(chosen, conversations)
    journal = open_journal(
        settings.journal_url, retention=settings.retention, data_dir=settings.data_dir
    )
    hub = Hub(journal, run_bytes=settings.hub_run_bytes, total_bytes=settings.hub_bytes)
    slots = Slots(
        settings.max_concurrent_runs,
        settings.max_concurrent_runs_per_principal,
        queue=settings.run_queue,
        patience=settings.run_queue_timeout,
    )
    rates = Rates(read_limits(settings.rate_limit), settings.journal_url)
    observers: list[Observer] = [metrics, lines, *([tracing] if tracing else [])]
    runs = Runs(hub, service.remember, observers=observers, slots=slots, rates=rates)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if db in chosen.dbs:
            await prepare(db, settings.database_url)
        await conversations.check()  # those that users brought, too
        await runs.open()
        logger.info("model: %s; agents: %s", _named(models), ", ".join(chosen.entries))
        # What is loaded now stays: the collector need not look through it again and again, which
        # it would do every few thousand tokens.
        gc.collect()
        gc.freeze()
        looking = asyncio.create_task(metrics.keep_looking(runs, hub, upstreams), name="metrics")
        with heeded(runs, settings.shutdown_grace):
            yield
        await runs.close()
        await chosen.close()
        looking.cancel()
        await asyncio.wait([looking])
        if tracing is not None:
            await asyncio.to_thread(tracing.close)

    app = FastAPI(
        title="agno-stream",
        version=__version__,
        description="An Agno agent over HTTP: one run, every protocol, no token lost.",
        lifespan=lifespan,
    )
    app.state.context = Context(
        service=service,
        runs=runs,
        agents=chosen,
        models=models,
        conversations=conversations,
        upstreams=upstreams,
        metrics=metrics,
        look=partial(metrics.look, runs, hub, upstreams),
        timeouts=Timeouts(
            first_token=settings.first_token_timeout,
            idle=settings.idle_timeout,
            total=settings.total_timeout,
        ),
        grace=settings.disconnect_grace,
        heartbeat=settings.heartbeat,
        body=BodyBounds(settings.max_body_bytes, settings.body_timeout),
        tickets=access.tickets,
    )
    app.add_middleware(Tracked, tracing=tracing)
    native = (endpoints.router, runs_router, catalog.router, health.router)
    for router in (*native, ollama.router, openai.router):
        app.include_router(router)
    page.install(app)
    shapes = {
        "/v1": openai.refusal,
        "/api/v1": errors.error_response,
        "/api": ollama.refusal,
    }
    refuse = errors.by_door(shapes)
    errors.install(app, refuse)
    openapi.install(app)
    build = app.build_middleware_stack

    def guarded() -> ASGIApp:
        """Around all else, so that what fails within has the headers, too."""
        stack: ASGIApp = Guard(build(), access, refuse)
        if settings.cors_origins:
            stack = CORSMiddleware(stack, settings.cors_origins, **CORS)
        return Secured(stack, settings.write_timeout)

    app.build_middleware_stack = guarded  # type: ignore[method-assign]  # called once, lazily
    return app


def _access(settings: Settings) -> Access:
    """Who may ask; their keys are taken out of the logs, should one ever get there."""
    listed = settings.api_keys.get_secret_value() if settings.api_keys else None
    named = read_keys(listed, settings.api_keys_file)
    protect(key.key for key in named if key.key)
    for key in named:
        if key.key and len(key.key) < SHORT:
            logger.warning("API_KEYS: a key of %s is short enough to be guessed", key.principal)
    keys = Keys(named)
    given = settings.secret_key.get_secret_value() if settings.secret_key else None
    if keys and not given and urlsplit(settings.journal_url or "").scheme in ("redis", "rediss"):
        logger.warning("SECRET_KEY: not set; other hosts will not take the addresses signed here")
    secret = load_secret(given, settings.data_dir) if keys else ""
    protect([secret] if secret else [])
    return Access(
        keys,
        Tickets(secret, settings.ticket_lifetime, on=bool(keys)),
        anonymous=settings.allow_anonymous,
        hosts=settings.allowed_hosts,
        origins=settings.cors_origins,
    )


def _named(models: ModelCatalog) -> str:
    """The start-up line's words for the default model."""
    if models.default.spec == "demo":
        return "demo (a demonstration; set OPENAI_API_KEY, OLLAMA_HOST or MODEL for a real one)"
    return models.default.spec


def __getattr__(name: str) -> FastAPI:
    """`app.main:app`, for uvicorn and `fastapi run`, is made when it is asked for: importing
    this module reads no settings."""
    if name != "app":
        raise AttributeError(name)
    try:
        app: FastAPI = globals().setdefault("app", create_app(load_settings()))
    except ConfigurationError as error:
        raise SystemExit(f"agno-stream: {error.message}") from None
    return app


def __dir__() -> list[str]:
    return [*globals(), "app"]
