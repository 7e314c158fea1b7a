"""Reads the settings from flags, the environment and `.env`; errors name the setting."""

import difflib
import logging
import os
from pathlib import Path
from typing import Any

from dotenv import dotenv_values
from pydantic import ValidationError

from .core.errors import ConfigurationError
from .settings import Settings

logger = logging.getLogger(__name__)

#: How alike an unknown name and a setting must be for a warning, from 0 to 1.
ALIKE = 0.8

#: Prefixes that people give to the names of settings.
PREFIXES = ("AGNO_STREAM_", "AGNOSTREAM_", "AGNO_")

#: Names of the client's, of Agno's and of providers that look like settings of the server.
OTHERS = frozenset(
    {
        *("AGNO_STREAM_URL", "AGNO_STREAM_API_KEY", "AGNO_API_KEY", "AGNO_STREAM_DEBUG"),
        *("OPENROUTER_API_KEY", "OPENAI_API_BASE", "OPENAI_ORG_ID", "OPENAI_MODEL"),
        *("OLLAMA_API_KEY", "OLLAMA_MODELS", "OLLAMA_MODEL", "API_KEY", "XAI_API_KEY"),
        *("AZURE_OPENAI_API_KEY", "JWT_SECRET_KEY", "PGPORT"),
    }
)


def load_settings(**flags: Any) -> Settings:
    """Read the settings: `flags` that are not None override the environment, which overrides
    `.env`.

    Raises `ConfigurationError`, which names each setting with a wrong value.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(
            f"{str(problem['loc'][0]).upper()}: {_sentence(problem['msg'])}"
            for problem in error.errors(include_input=False)
        )
        raise ConfigurationError(wrong) from None
    except UnicodeDecodeError:
        raise ConfigurationError(".env: is not UTF-8 text; save it in UTF-8") from None


def warn_of_unknown_names() -> None:
    """Log a warning for each name in `.env`, and each variable with a prefix of ours, that is no
    setting but nearly one. Other names are those of other programs."""
    known = {name.upper() for name in Settings.model_fields}
    file = Path(".env")
    in_file = set(dotenv_values(file, encoding="utf-8")) if file.is_file() else set()
    for name in sorted(in_file):
        if nearest := nearest_setting(name, known):
            logger.warning(".env: %s is no setting; did you mean %s?", name, nearest)
    for name in sorted(set(os.environ) - in_file):
        if name.startswith(PREFIXES) and (nearest := nearest_setting(name, known)):
            logger.warning("%s is no setting; did you mean %s?", name, nearest)


def nearest_setting(name: str, known: set[str]) -> str | None:
    """Return the setting that an unknown name was meant to be; None if it is a setting, or is
    unlike all of them."""
    upper = name.upper()
    if upper in known or upper in OTHERS:
        return None
    bare = next((upper.removeprefix(p) for p in PREFIXES if upper.startswith(p)), upper)
    if bare in known:
        return bare
    return next(iter(difflib.get_close_matches(bare, sorted(known), 1, ALIKE)), None)


def _sentence(message: str) -> str:
    """The message of a failed validation without what pydantic puts before it."""
    if message.startswith("Value error, "):
        return message.removeprefix("Value error, ")
    return message[:1].lower() + message[1:]
