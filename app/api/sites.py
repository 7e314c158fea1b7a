"""The site that a request comes from: the server's own pages, other pages, or no browser.

See docs/decisions/060-pages-of-other-sites-show-in-four-headers.md.
"""

import ipaddress
import socket
from collections.abc import Sequence
from functools import cache, lru_cache
from urllib.parse import urlsplit

from starlette.datastructures import Headers

from ..core.errors import CrossSite

#: The values of `Sec-Fetch-Site` for a page of the server, and of a person who opens an address.
OWN_SITES = ("same-origin", "none")

#: The header fields by which browsers announce a request that no person has made.
PREFETCH = ("sec-purpose", "purpose", "x-moz")

PORTS = {"http": 80, "https": 443}

#: What helps where a proxy writes another `Host` than the browser did.
BEHIND_PROXY = "If the page is the server's own, its proxy has to pass on Host with the port."

ADVICE = f"Set API_KEYS, or add the page's origin to CORS_ORIGINS. {BEHIND_PROXY}"

#: Why pages of other sites are refused that send requests with a user's cookies.
COOKIES = (
    "Requests of a user who is logged in are accepted from this server's own pages only. Add the "
    f"page's origin to CORS_ORIGINS. {BEHIND_PROXY}"
)

#: The same of requests that are anonymous, while others have a key or a user.
NAMELESS = (
    "Requests that name no user are accepted from this server's own pages only. Add the page's "
    f"origin to CORS_ORIGINS. {BEHIND_PROXY}"
)


def check_page(method: str, headers: Headers, origins: Sequence[str], why: str = "") -> None:
    """Raise `CrossSite` if a page of another site sends the request, which needs no key.

    `origins` are those whose pages may; `why` is the reason, if it is not that there are no keys. A
    request of a program that is no browser has none of the header fields that are looked at, and is
    accepted.
    """
    origin = headers.get("origin")
    if origin is not None:
        if not (origin in origins or "*" in origins or _is_own(origin, headers)):
            raise CrossSite(
                why
                or f"This server has no keys, so it accepts no requests of pages "
                f"of other origins. {ADVICE}"
            )
        return
    site = headers.get("sec-fetch-site")
    strange = _looks_strange(method, headers) if site is None else site not in OWN_SITES
    if strange or any("prefetch" in headers.get(name, "") for name in PREFETCH):
        raise CrossSite(
            why
            or "This server has no keys, so it accepts no requests of pages of other sites, "
            f"and none that a browser makes on its own. {ADVICE}"
        )


def _is_own(origin: str, headers: Headers) -> bool:
    """Whether an origin is that of the server, as far as the browser knows its name."""
    if headers.get("sec-fetch-site") == "same-origin":
        return True
    parts = urlsplit(origin)
    port = PORTS.get(parts.scheme)
    if port is None or not parts.netloc:
        return False
    return parts.netloc.lower().removesuffix(f":{port}") == headers.get(
        "host", ""
    ).lower().removesuffix(f":{port}")


def _looks_strange(method: str, headers: Headers) -> bool:
    """Whether a page of another site seems to send a request without `Sec-Fetch-Site`.

    Browsers send that field to local and to encrypted addresses only.
    """
    referer = headers.get("referer")
    if referer is not None:
        return not _is_own(referer, headers)
    accept = headers.get("accept", "")
    return method == "GET" and "image/" in accept and "text/" not in accept


@lru_cache(1024)
def is_ip(host: str) -> bool:
    """Return True if a host name is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(1024)
def is_of_loopback(address: str) -> bool:
    """Whether the address of a server is one that this machine alone reaches: also the path of a
    socket, which is no IP address."""
    return not is_ip(address) or ipaddress.ip_address(address).is_loopback


def is_of_machine(host: str) -> bool:
    """Whether a name in `Host` is one of this machine's own, which no other site can have.

    An address is, because a page of another site has a name (DNS rebinding).
    """
    return is_ip(host) or host in _own_names() or host.endswith(".localhost")


@cache
def _own_names() -> frozenset[str]:
    """The names of this machine without a domain, and no name for clients that send none."""
    own = socket.gethostname().lower()
    return frozenset({"", "localhost", "ip6-localhost", own, own.partition(".")[0]})
