"""Addresses of stores, as they may be shown, and what in them must not be."""

import re
from contextlib import suppress
from urllib.parse import parse_qs, unquote, urlsplit


def shown(url: str) -> str:
    """Scheme, hosts and path of an address: no user, no password, no options.

    Also where a password has signs in it that should have been escaped.
    """
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{re.split('[?#]', rest.rpartition('@')[2])[0]}"


def passwords(url: str | None) -> set[str]:
    """The password of an address as it stands there, and unescaped; none, if there is none."""
    found = re.findall(r"://[^:@/]*:(.+)@", url or "")
    with suppress(ValueError):  # not an address: who opens it will say so
        found += parse_qs(urlsplit(url or "").query).get("password", [])
    return {form for password in found for form in (password, unquote(password))}
