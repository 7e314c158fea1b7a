"""The journals, chosen by the scheme of `JOURNAL_URL`."""

from importlib import import_module
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qsl, urlsplit

from ...errors import ConfigurationError
from ..journal import PAUSE_RETENTION, Log


class Scheme(NamedTuple):
    """Where a journal is: its module here, its class, and the extra that it needs, if any."""

    module: str
    name: str
    extra: str | None = None


_REDIS = Scheme("redis", "RedisJournal", "redis")

#: The journals by scheme. A module is imported on use, so that no journal needs another's packages.
SCHEMES = {
    "sqlite": Scheme("sqlite", "SqliteJournal"),
    "redis": _REDIS,
    "rediss": _REDIS,
    "unix": _REDIS,
    "memory": Scheme("memory", "MemoryJournal"),
}


def open_journal(
    url: str | None,
    *,
    retention: float,
    data_dir: Path,
    pause_retention: float = PAUSE_RETENTION,
) -> Log:
    """Return the journal for a `JOURNAL_URL`; it keeps runs for `retention` seconds after their
    end, and paused runs for `pause_retention` seconds.

    If the URL is None, the journal is a SQLite file in `data_dir`. `?run_bytes=N&total_bytes=N`
    bounds the bytes of one run and of all runs. Raises `ConfigurationError`.
    """
    try:
        parts = urlsplit(url or "sqlite:///")
        bounds = _bounds(parts)
    except ValueError as error:
        raise ConfigurationError(f"JOURNAL_URL: {error}") from error
    scheme = SCHEMES.get(parts.scheme)
    if scheme is None:
        raise ConfigurationError(
            f"JOURNAL_URL: no journal for {parts.scheme!r}; known: {', '.join(SCHEMES)}"
        )
    try:
        module = import_module(f"{__name__}.{scheme.module}")
    except ImportError as error:
        raise ConfigurationError(
            f"JOURNAL_URL: {parts.scheme}:// needs a package that is not installed: {error.name}; "
            f"pip install 'agno-stream[{scheme.extra}]'"
        ) from error
    try:
        journal: Log = getattr(module, scheme.name).at(
            parts,
            data_dir=data_dir,
            retention=retention,
            pause_retention=pause_retention,
            **bounds,
        )
    except ValueError as error:
        raise ConfigurationError(f"JOURNAL_URL: {error}") from error
    return journal


def _bounds(parts: SplitResult) -> dict[str, int]:
    """The bounds in bytes that the query of a `JOURNAL_URL` names."""
    if not parts.query:
        return {}
    bounds = {name: int(value) for name, value in parse_qsl(parts.query, strict_parsing=True)}
    if unknown := bounds.keys() - {"run_bytes", "total_bytes"}:
        raise ConfigurationError(f"JOURNAL_URL: there is no bound {min(unknown)!r}")
    return bounds
