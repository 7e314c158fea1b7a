"""What the text of a setting may be, and what it becomes."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import BeforeValidator, PositiveFloat, PositiveInt
from pydantic_settings import NoDecode

#: Bytes in the units of sizes: those with an i, and single letters as web servers have them, are
#: powers of 1024.
SIZES = {
    **{unit: 1000**n for n, unit in enumerate(("b", "kb", "mb", "gb", "tb"))},
    **{unit: 1024**n for n, unit in enumerate(("kib", "mib", "gib", "tib"), start=1)},
    **{unit: 1024**n for n, unit in enumerate(("k", "m", "g", "t"), start=1)},
}

#: Seconds in the units of durations.
DURATIONS = {"ms": 0.001, "s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400, "w": 7 * 86400}

_PART = re.compile(r"(\d+(?:\.\d+)?)\s*([a-z]+)\s*")


def split_names(value: Any) -> Any:
    """Split a comma-separated text into a list of its parts; return any other value unchanged."""
    if isinstance(value, str):
        return [part.strip() for part in value.split(",") if part.strip()]
    return value


def no_blank(value: Any) -> Any:
    """Return None for a blank text, as of `OPENAI_API_KEY=` in `.env`, and any other value
    unchanged."""
    return None if isinstance(value, str) and not value.strip() else value


def read_size(value: Any) -> Any:
    """Return the bytes of a text as `8MB`, `8 MiB` or `8m`; a number is unchanged.

    Raises `ValueError` for another text.
    """
    if not isinstance(value, str) or _is_number(value):
        return value
    found = _PART.fullmatch(value.strip().lower())
    if found is None or found[2] not in SIZES:
        raise ValueError(f"{value!r} is not a size; write bytes as 8388608, or 8MB, 8MiB")
    return round(float(found[1]) * SIZES[found[2]])


def read_duration(value: Any) -> Any:
    """Return the seconds of a text as `90s`, `1.5m`, `2h` or `1h30m`; a number is unchanged.

    Raises `ValueError` for another text.
    """
    if not isinstance(value, str) or _is_number(value):
        return value
    text = value.strip().lower()
    parts = _PART.findall(text)
    if not parts or _PART.sub("", text) or any(unit not in DURATIONS for _, unit in parts):
        raise ValueError(f"{value!r} is not a duration; write seconds as 90, or 90s, 5m, 2h")
    return round(sum(float(number) * DURATIONS[unit] for number, unit in parts), 3)


def read_address(value: Any) -> Any:
    """Return the address of another server as it is; raise `ValueError` if it has no scheme, no
    host or no valid port, or is that of a route instead of the base of routes."""
    value = no_blank(value)
    if not isinstance(value, str):
        return value
    value = value.strip()
    shown = repr(value) if "@" not in value else "it"  # there may be a password in it
    try:
        parts = urlsplit(value)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError(f"{shown} is not an address: {error}") from None
    if parts.scheme not in ("http", "https") or not host:
        guess = f"; write http://{value}" if re.fullmatch(r"[\w.-]+(:\d+)?(/.*)?", value) else ""
        raise ValueError(f"{shown} is not an address with http:// or https://{guess}")
    for route in ("/chat/completions", "/responses", "/completions"):
        if parts.path.rstrip("/").endswith(route):
            raise ValueError(f"{shown} is the address of a route; leave {route} away")
    return value


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


Names = Annotated[list[str], NoDecode, BeforeValidator(split_names)]
Text = Annotated[str | None, BeforeValidator(no_blank)]
Address = Annotated[str | None, BeforeValidator(read_address)]
Size = Annotated[PositiveInt, BeforeValidator(read_size)]
Seconds = Annotated[PositiveFloat, BeforeValidator(read_duration)]
WholeSeconds = Annotated[PositiveInt, BeforeValidator(read_duration)]
AnySeconds = Annotated[float, BeforeValidator(read_duration)]  # zero, too, if a bound allows it
