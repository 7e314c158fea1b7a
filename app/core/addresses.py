"""URLs of stores: how to show one without its password, and which passwords to redact."""

import re
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit


def shown(url: str) -> str:
    """Return scheme, hosts and path of a URL, without user, password and options, to show it in
    logs.

    The password is removed even if it contains characters that should have been escaped.
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def passwords(url: str | None) -> set[str]:
    """Return the passwords in a URL, as written and unescaped, to redact them; empty if it has
    none."""
    found = re.findall(r"://[^:@/]*:(.+)@", url or "")
    with suppress(ValueError):  # not a URL: an error is raised when the store is opened
        found += parse_qs(urlsplit(url or "").query).get("password", [])
    return {form for password in found for form in (password, unquote(password))}
