"""HTTP clients of httpx2 that send by aiohttp, as OpenAI's SDK brings them, and read ahead less."""

from typing import Any

import aiohttp
import httpx2

from .bounds import READ_AHEAD


def aiohttp_client() -> httpx2.AsyncClient:
    """A client that reads through aiohttp; it is for one event loop, as its sessions are."""
    from openai import DefaultAioHttpClient  # loading it takes a while, and not all need it

    client: Any = DefaultAioHttpClient()
    for transport in (client._transport, *client._mounts.values()):
        if transport is not None:  # there is none for hosts that are reached without a proxy
            transport.client = _Sessions(transport)
    return client  # type: ignore[no-any-return]


class _Sessions:
    """Makes the session of a transport, as the transport does, but for the size of its buffers:
    aiohttp's own let a fast provider be half a megabyte ahead of each run."""

    def __init__(self, transport: Any) -> None:
        self._limits: httpx2.Limits = transport.limits
        self._ssl = transport.ssl_context

    def __call__(self) -> aiohttp.ClientSession:
        most = self._limits.max_connections
        bound: dict[str, Any] = {} if most is None else {"limit": most}
        connector = aiohttp.TCPConnector(
            keepalive_timeout=self._limits.keepalive_expiry,
            ssl=self._ssl,
            **bound,
        )
        return aiohttp.ClientSession(connector=connector, read_bufsize=READ_AHEAD)
