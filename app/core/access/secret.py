"""The secret that signs stream addresses: from the settings, or made once for a data folder."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import ConfigurationError

FILE = "secret.key"


def load_secret(given: str | None, data_dir: Path) -> str:
    """`given`, or what `secret.key` in the folder holds, which only its owner may read.

    The first process makes it, and those that start at the same time get the same one.
    """
    if given:
        return given
    file = data_dir / FILE
    try:
        if not file.exists():
            _make(file)
        secret = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"DATA_DIR: {file} cannot be used: {error}") from None
    if len(secret) < 32:
        raise ConfigurationError(f"DATA_DIR: {file} holds no secret; remove it")
    return secret


def _make(file: Path) -> None:
    """Write it elsewhere first: under its name it is there whole, or not at all."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):  # another process was first
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
