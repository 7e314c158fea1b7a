"""The journals, chosen by the scheme of `JOURNAL_URL`."""

from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from ...errors import ConfigurationError
from ..journal import Log


def open_journal(url: str | None, *, retention: float, data_dir: Path) -> Log:
    """Return the journal for a `JOURNAL_URL`; it keeps runs for `retention` seconds after their
    end.

    If the URL is None, the journal is a SQLite file in `data_dir`. `?run_bytes=N&total_bytes=N`
    bounds the bytes of one run and of all runs. Raises `ConfigurationError`.
    """
    parts = urlsplit("")
    try:
        parts = urlsplit(url or "sqlite:///")
        bounds = (
            {name: int(value) for name, value in parse_qsl(parts.query, strict_parsing=True)}
            if parts.query
            else {}
        )
        if unknown := bounds.keys() - {"run_bytes", "total_bytes"}:
            raise ConfigurationError(f"JOURNAL_URL: there is no bound {min(unknown)!r}")
        # Each scheme imports what it needs, so redis is no requirement of sqlite.
        if parts.scheme == "memory":
            from .memory import MemoryJournal

            return MemoryJournal(retention=retention, **bounds)
        if parts.scheme == "sqlite":
            from .sqlite import SqliteJournal

            # As in SQLAlchemy: three slashes are a relative path, four an absolute one.
            file = Path(parts.path[1:]) if parts.path[1:] else data_dir / "runs.db"
            return SqliteJournal(file, retention=retention, **bounds)
        if parts.scheme in ("redis", "rediss", "unix"):
            from .redis import RedisJournal

            address = parts._replace(query="").geturl()
            return RedisJournal(address, retention=retention, **bounds)
    except ValueError as error:
        raise ConfigurationError(f"JOURNAL_URL: {error}") from error
    except ImportError as error:
        raise ConfigurationError(
            f"JOURNAL_URL: {parts.scheme}:// needs a package that is not installed: {error.name}; "
            f"pip install 'agno-stream[redis]'"
        ) from error
    raise ConfigurationError(
        f"JOURNAL_URL: no journal for {parts.scheme!r}; known: sqlite:///, redis://, memory://"
    )
