"""Heads of requests, learned from those that the SDK itself makes.

So an SDK's headers, its user's and its environment's are there, whatever they are made of.
"""

from contextlib import suppress
from typing import Any, NamedTuple
from urllib.request import getproxies, proxy_bypass

import httpx2
import openai

#: Headers that are another thing in each request, or are written anew.
_OWN = frozenset({b"content-length", b"host", b"transfer-encoding"})


class Target(NamedTuple):
    """The origin of a request, and what its first line names."""

    scheme: str
    host: str
    port: int
    netloc: str
    path: str


class Heads:
    """The heads of a client's requests, which differ in nothing but their length."""

    def __init__(self, target: Target, fields: dict[bytes, bytes]) -> None:
        self.target = target
        self._fields = fields

    def head(self, further: dict[bytes, bytes], length: int) -> bytes:
        """The head of a request with a body of so many bytes, whose `further` headers win."""
        fields = self._fields | further if further else self._fields
        lines = [name + b": " + value for name, value in fields.items()]
        first = f"POST {self.target.path} HTTP/1.1\r\nhost: {self.target.netloc}\r\n"
        last = f"\r\ncontent-length: {length}\r\n\r\n"
        return first.encode("ascii") + b"\r\n".join(lines) + last.encode("ascii")


async def learn(client: openai.AsyncOpenAI) -> Heads | None:
    """The heads of the requests of a client; None if two of them are not alike, as those of a
    client that signs requests, or if only the SDK knows the way, as by a proxy. Nothing is sent."""
    first, second = await _request(client), await _request(client)
    if first is None or second is None:
        return None
    target, fields = _target(first.url), _fields(first.headers.raw)
    if target is None or _is_behind_proxy(target):
        return None
    if fields is None or _fields(second.headers.raw) != fields:
        return None
    return Heads(target, fields)


def _is_behind_proxy(target: Target) -> bool:
    proxies = getproxies()
    used = target.scheme in proxies or "all" in proxies
    return used and not proxy_bypass(target.host)


class _Nowhere(httpx2.AsyncBaseTransport):
    """Keeps a request instead of sending it."""

    def __init__(self) -> None:
        self.request: httpx2.Request | None = None

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.request = request
        return httpx2.Response(400, request=request)


async def _request(client: openai.AsyncOpenAI) -> httpx2.Request | None:
    nowhere = _Nowhere()
    async with httpx2.AsyncClient(transport=nowhere) as http_client:
        sdk = client.with_options(http_client=http_client, max_retries=0)
        with suppress(openai.OpenAIError):  # of the status
            await sdk.chat.completions.create(model="", messages=[], stream=True)
    return nowhere.request


def _target(url: Any) -> Target | None:
    """Where a URL leads; None if it has what only an SDK's client knows how to use."""
    if url.scheme not in ("http", "https") or url.userinfo or not url.host:
        return None
    if not url.path.endswith("/chat/completions"):  # a base URL with a query
        return None
    port = url.port or (443 if url.scheme == "https" else 80)
    path = url.raw_path.decode("ascii")
    return Target(url.scheme, url.raw_host.decode("ascii"), port, url.netloc.decode("ascii"), path)


def _fields(raw: Any) -> dict[bytes, bytes] | None:
    """Headers by their names; None if one is there twice, or has what no header may have."""
    fields: dict[bytes, bytes] = {}
    for name, value in raw:
        name = name.lower()
        if name in fields or any(sign in name + value for sign in b"\r\n\0"):
            return None
        if name not in _OWN:
            fields[name] = value
    return fields | {b"accept-encoding": b"identity"}  # the reader reads bytes as they are
