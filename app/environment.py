"""Reads the settings from flags, the environment and `.env`; errors name the setting."""

from typing import Any

from pydantic import ValidationError

from .core.errors import ConfigurationError
from .settings import Settings


def load_settings(**flags: Any) -> Settings:
    """Read the settings: `flags` that are not None override the environment, which overrides
    `.env`.

    Raises `ConfigurationError`, which names each setting with a wrong value.
    """
    try:
        return Settings(**{name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        wrong = "; ".join(
            f"{str(problem['loc'][0]).upper()}: {problem['msg'].lower()}"
            for problem in error.errors(include_input=False)
        )
        raise ConfigurationError(wrong) from None
    except UnicodeDecodeError:
        raise ConfigurationError(".env: is not UTF-8 text; save it in UTF-8") from None
