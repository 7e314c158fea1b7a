"""The database of conversations, from `DATABASE_URL`."""

from pathlib import Path
from urllib.parse import urlsplit

from agno.db.base import AsyncBaseDb
from agno.db.sqlite import AsyncSqliteDb

from app.core.errors import ConfigurationError

FILE = "conversations.db"


def open_database(url: str | None, data_dir: Path) -> AsyncBaseDb:
    """Agno's store at `url`, by default a SQLite file in `data_dir`.

    Raises `ConfigurationError` where the folder cannot be written or the scheme is not known.
    """
    try:
        parts = urlsplit(url or "sqlite:///")
    except ValueError as error:
        raise ConfigurationError(f"DATABASE_URL: {error}") from error
    if parts.scheme != "sqlite":
        raise ConfigurationError(f"DATABASE_URL: no store for {parts.scheme!r}; known: sqlite:///")
    # As in SQLAlchemy: three slashes are a relative path, four an absolute one.
    file = Path(parts.path[1:]) if parts.path[1:] else data_dir / FILE
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.open("ab").close()
    except OSError as error:
        name = "DATABASE_URL" if url else "DATA_DIR"
        raise ConfigurationError(f"{name}: {file} cannot be written: {error.strerror}") from error
    return AsyncSqliteDb(db_file=str(file))
