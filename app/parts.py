"""The parts of the server that take several settings, each made from them."""

import logging
from collections.abc import Sequence
from urllib.parse import urlsplit

from .api.guard import Access
from .api.outside import Outside, PrincipalOf
from .api.tickets import Tickets
from .core.access.keys import Keys, read_keys
from .core.access.rates import Rates, read_limits
from .core.access.secret import load_secret
from .core.access.slots import Slots
from .core.addresses import passwords
from .core.log.hub import Hub
from .core.log.journals import open_journal
from .core.openai_service import AgentService
from .core.providers import ModelCatalog, Providers, open_models
from .core.runs.report import Observer
from .core.runs.service import Runs
from .logs import RunLines, protect
from .private import warn_of_readers
from .settings import Settings
from .web import TRUSTED

logger = logging.getLogger(__name__)

MIN_KEY_LENGTH = 16  # characters; a shorter key is warned of


def protect_secrets(settings: Settings) -> None:
    """Redact the passwords and keys of the settings from the logs."""
    secrets = (settings.openai_api_key, settings.secret_key, settings.pause_webhook_secret)
    protect(secret.get_secret_value() for secret in secrets if secret)
    protect(passwords(settings.database_url) | passwords(settings.journal_url))


def make_models(settings: Settings) -> ModelCatalog:
    """Return the models that requests may name."""
    key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else None
    return open_models(
        Providers(key, settings.openai_base_url, settings.ollama_host),
        default=settings.model,
        further=settings.models,
        fallback=settings.fallback_model,
        embeddings=settings.embeddings,
    )


def make_hub(settings: Settings) -> Hub:
    """Return the logs of runs, with the journal that keeps them."""
    keep = settings.retention
    journal = open_journal(
        settings.journal_url,
        retention=keep,
        pause_retention=settings.pause_retention,
        data_dir=settings.data_dir,
    )
    one, total = settings.hub_run_bytes, settings.hub_bytes
    return Hub(journal, run_bytes=one, total_bytes=total, retention=keep)


def make_runs(
    settings: Settings, hub: Hub, service: AgentService, observers: Sequence[Observer]
) -> Runs:
    """Return the runs, with their bounds; each is reported to `observers` and in the log."""
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
        replan=service.recovery if settings.on_crash == "continue" else None,
        ended=service.ended,
        attempts=settings.recovery_attempts,
    )


def make_access(settings: Settings, principal: PrincipalOf | None = None) -> Access:
    """Return what decides on access: keys, tickets, allowed origins; redact the keys from the
    logs. `principal` finds users of the application around the server."""
    listed = settings.api_keys.get_secret_value() if settings.api_keys else None
    listed_keys = read_keys(listed, settings.api_keys_file)
    if settings.api_keys_file is not None:
        warn_of_readers(settings.api_keys_file, "API_KEYS_FILE")
    protect(key.key for key in listed_keys if key.key)
    for key in listed_keys:
        if key.key and len(key.key) < MIN_KEY_LENGTH:
            logger.warning("API_KEYS: a key of %s is short enough to be guessed", key.principal)
    keys = Keys(listed_keys)
    outside = Outside(principal, settings.principal_header, TRUSTED)
    named = bool(keys or outside)
    given = settings.secret_key.get_secret_value() if settings.secret_key else None
    if named and not given and urlsplit(settings.journal_url or "").scheme in ("redis", "rediss"):
        logger.warning(
            "SECRET_KEY: not set, so other hosts reject the stream addresses signed here"
        )
    secret = load_secret(given, settings.data_dir) if named else ""
    protect([secret] if secret else [])
    return Access(
        keys,
        Tickets(secret, settings.ticket_lifetime, on=named),
        anonymous=settings.allow_anonymous,
        hosts=settings.allowed_hosts,
        origins=settings.cors_origins,
        outside=outside,
    )
