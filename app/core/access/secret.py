"""The secret that signs stream URLs: from the settings, or created once for each data folder."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from ..errors import ConfigurationError

FILE = "secret.key"


def load_secret(given: str | None, data_dir: Path) -> str:
    """Return the secret that signs stream addresses: `given`, or else the content of `secret.key`.

    The first process creates the file in `data_dir`, which only its owner can read; processes that
    start at the same time get the same secret. Raises `ConfigurationError` if the file cannot be
    read or created, or is too short.
    """
    if given:
        return given
    file = data_dir / FILE
    try:
        if not file.exists():
            _create(file)
        secret = file.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"DATA_DIR: {file} cannot be used: {error}") from None
    if len(secret) < 32:
        raise ConfigurationError(
            f"DATA_DIR: {file} holds no secret; remove the file, and a new one is created"
        )
    return secret


def _create(file: Path) -> None:
    """Create the file with a random secret, unless another process has created it.

    The file appears complete: it is a link to a draft that was written before.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
            out.write(secrets.token_urlsafe(32))
        with suppress(FileExistsError):  # another process was first
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)
