"""API keys: the principal of a key. Only hashes of keys are kept and compared."""

import hashlib
import hmac
import re
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from ..errors import ConfigurationError

#: The principal of requests without a key.
ANONYMOUS = "anonymous"

#: Names of principals are plain, because ids of stored conversations and log lines contain them.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")

#: Keys are visible ASCII, the only characters that every HTTP header can carry.
KEY = re.compile(r"[!-~]+")

#: The prefix of a key that is configured as its hash.
HASHED = "sha256:"


class NamedKey(NamedTuple):
    """A principal with one of its API keys: the key's SHA-256, and the key itself.

    `key` is None if only the hash was configured.
    """

    principal: str
    digest: bytes
    key: str | None


class Keys:
    """The API keys of all principals; a principal may have several keys, so that a key can be
    rotated."""

    def __init__(self, keys: Iterable[NamedKey] = ()) -> None:
        self._digests = [(key.principal, key.digest) for key in keys]
        self.principals = frozenset(principal for principal, _ in self._digests)

    def __bool__(self) -> bool:
        return bool(self._digests)

    def principal(self, key: str) -> str | None:
        """Return the principal of a key, None if the key is unknown; the time does not depend on
        the key."""
        digest = hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
        found = None
        for principal, known in self._digests:
            if hmac.compare_digest(digest, known):
                found = principal
        return found


def read_keys(listed: str | None, file: Path | None) -> list[NamedKey]:
    """Return the keys in the setting `API_KEYS` (`name:key, ...`) and in a file with a key on each
    line.

    A key may be `sha256:` and the 64 hexadecimal digits of its hash. Lines that begin with `#` are
    comments. Raises `ConfigurationError`, whose message never contains a key.
    """
    found = [_read("API_KEYS", n, part) for n, part in _parts((listed or "").split(","))]
    if file is not None:
        try:
            lines = file.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"API_KEYS_FILE: {file} cannot be read: {type(error).__name__}"
            ) from None
        found += [_read("API_KEYS_FILE", n, line) for n, line in _parts(lines) if line[0] != "#"]
    if (listed or file) and not found:
        raise ConfigurationError("API_KEYS: no key was found; use 'name:key'")
    owners: dict[bytes, str] = {}
    for key in found:
        if owners.setdefault(key.digest, key.principal) != key.principal:
            raise ConfigurationError(
                f"API_KEYS: {owners[key.digest]!r} and {key.principal!r} have the same key"
            )
    return found


def _parts(texts: Iterable[str]) -> list[tuple[int, str]]:
    return [(n, text.strip()) for n, text in enumerate(texts, start=1) if text.strip()]


def _read(setting: str, number: int, text: str) -> NamedKey:
    name, _, key = text.partition(":")
    if not KEY.fullmatch(key):
        raise ConfigurationError(f"{setting}: entry {number} is not 'name:key'")
    if not NAME.fullmatch(name):
        raise ConfigurationError(
            f"{setting}: the name of entry {number} must be letters, digits and . _ @ -, at most 64"
        )
    if not key.startswith(HASHED):
        return NamedKey(name, hashlib.sha256(key.encode()).digest(), key)
    if not re.fullmatch("[0-9a-fA-F]{64}", key.removeprefix(HASHED)):
        raise ConfigurationError(f"{setting}: entry {number} has no hash of 64 digits")
    return NamedKey(name, bytes.fromhex(key.removeprefix(HASHED)), None)
