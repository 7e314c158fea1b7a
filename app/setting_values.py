"""What the text of a setting may be, and what it becomes."""

from typing import Annotated, Any

from pydantic import BeforeValidator
from pydantic_settings import NoDecode


def split_names(value: Any) -> Any:
    """Split a comma-separated text into a list of its parts; return any other value unchanged."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def no_blank(value: Any) -> Any:
    """Return None for a blank text, as of `OPENAI_API_KEY=` in `.env`, and any other value
    unchanged."""
    return None if isinstance(value, str) and not value.strip() else value


Names = Annotated[list[str], NoDecode, BeforeValidator(split_names)]
Text = Annotated[str | None, BeforeValidator(no_blank)]
