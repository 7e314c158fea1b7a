"""Whom HTTP clients trust: nobody, since no test speaks TLS.

Each client that is made reads its authorities; all of the web take 20 ms, `nobody.pem` takes none.
"""

import os
from pathlib import Path

#: The names of the authorities' file, for all clients and as it was before.
NOW, BEFORE = "SSL_CERT_FILE", "SSL_CERT_FILE_BEFORE_TESTS"

os.environ.setdefault(BEFORE, os.environ.get(NOW, ""))  # processes of xdist inherit both
os.environ[NOW] = str(Path(__file__).with_name("nobody.pem"))


def fetching() -> dict[str, str]:
    """The environment of a program that fetches something from the Internet."""
    others = {name: value for name, value in os.environ.items() if name not in (NOW, BEFORE)}
    return {**others, **({NOW: found} if (found := os.environ[BEFORE]) else {})}
