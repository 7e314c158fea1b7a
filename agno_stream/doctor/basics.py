"""The checks that need no stream: which server answers, its health, and its access control."""

import asyncio
import email.utils
import ssl
from urllib.parse import urlsplit

import httpx2

from agno_stream.doctor.errors import UnexpectedStatus
from agno_stream.doctor.findings import REACHABLE, Finding
from agno_stream.doctor.proxies import UNKNOWN, recognise
from agno_stream.doctor.wire import Reply, Wire

ALLOWED_SKEW = 5.0  # seconds between two clocks; the header Date has no fractions
MODELS_PATH = "/api/v1/models"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def reachable(wire: Wire) -> Finding:
    """Check that an agno-stream server answers at the address."""
    try:
        reply = await wire.send("GET", "/healthz")
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        message = f"{wire.plan.url!r} is not the URL of a server."
        return Finding(REACHABLE, "failed", message, "Give a URL like https://chat.example.org.")
    except httpx2.TimeoutException:
        message = f"No server answers within {wire.plan.patience:g} s."
        return Finding(REACHABLE, "failed", message, wire.proxy.mend("upstream"))
    except httpx2.HTTPError as error:
        cause = str(error) or type(error).__name__
        mend = "Start the server, and check that name, port and firewall lead to it."
        if isinstance(error.__cause__, ssl.SSLError) or "SSL" in cause:
            mend = "Mend the certificate, or use the name that it was issued for."
        return Finding(REACHABLE, "failed", f"No connection: {cause}", mend)
    wire.proxy, _ = recognise(reply.headers)
    facts = {"seconds": round(reply.seconds, 4), "status": reply.status}
    if reply.status in (502, 503, 504) and reply.json() is None:
        who = "A proxy" if wire.proxy is UNKNOWN else wire.proxy.name
        message = f"{who} answers {reply.status}: it reaches no server."
        return Finding(REACHABLE, "failed", message, wire.proxy.mend("upstream"), facts)
    if not _is_agno_stream(reply):
        models = await wire.send("GET", MODELS_PATH)
        if not _is_agno_stream(models) and models.status not in (401, 403):
            message = f"The address is of no agno-stream server (GET /healthz: {reply.status})."
            mend = "Check the address with its path, and the upstream of the proxy."
            return Finding(REACHABLE, "failed", message, mend, facts)
    return Finding(
        REACHABLE, "ok", f"The server answers in {reply.seconds * 1e3:.0f} ms.", facts=facts
    )


def _is_agno_stream(reply: Reply) -> bool:
    """Return True if a response to `GET /healthz` or `GET /api/v1/models` is one of an agno-stream
    server."""
    data = reply.json()
    return reply.status == 200 and isinstance(data, dict) and ("status" in data or "models" in data)


async def server(wire: Wire) -> Finding:
    """Report which server, or which proxy in front of it, answers."""
    reply = await wire.send("GET", "/healthz")
    wire.proxy, name = recognise(reply.headers)
    if wire.proxy is UNKNOWN:
        message = f"The headers show no proxy; the server is {name or 'unnamed'}."
    else:
        message = f"The proxy before the server is {name}."
    return Finding("server", "ok", message, facts={"proxy": wire.proxy.name, "server": name})


async def health(wire: Wire) -> Finding:
    """Check that `/readyz` reports the server as ready."""
    reply = await wire.send("GET", "/readyz")
    state = reply.json()
    if not isinstance(state, dict) or "status" not in state:
        message = f"GET /readyz is answered {reply.status}, but not by the server."
        mend = "Let the proxy pass /readyz, at least for the monitoring."
        return Finding("health", "warning", message, mend)
    checks = state.get("checks", {})
    faults = "; ".join(f"{name}: {result}" for name, result in checks.items() if result != "ok")
    facts = {"status": reply.status, "checks": checks}
    if reply.status != 200:
        return Finding("health", "failed", f"Not ready: {faults}.", "See the server's log.", facts)
    if state["status"] != "ready":
        message = f"{state['status']}: {faults}."
        return Finding("health", "warning", message, "See the server's log.", facts)
    return Finding("health", "ok", "The server is ready.", facts=facts)


async def auth(wire: Wire) -> Finding:
    """Check that requests need an API key, and that the server accepts the given key."""
    without = await wire.send("GET", MODELS_PATH, key=False)
    key = wire.plan.api_key
    if without.status not in (401, 403):
        if without.status != 200:
            message = f"GET {MODELS_PATH} is answered {without.status}."
            return Finding(
                "auth", "failed", message, "Let the proxy pass everything below /api/v1/."
            )
        if urlsplit(wire.base).hostname in LOOPBACK:
            return Finding("auth", "ok", "No key is needed, at a loopback address.")
        return Finding(
            "auth",
            "warning",
            "Anyone can use the server: no key is needed.",
            "Set API_KEYS on the server.",
        )
    if without.status == 403 and key is None:
        message = f"{UnexpectedStatus(403, without.body, f'GET {MODELS_PATH}')}."
        mend = "If a proxy refuses it, pass what it wants: --header 'Name: value'."
        return Finding("auth", "failed", message, mend)
    if key is None:
        message = "The server needs a key, and none was given; the other checks need it."
        return Finding("auth", "failed", message, "Pass --api-key, or set AGNO_STREAM_API_KEY.")
    reply = await wire.send("GET", MODELS_PATH)
    if reply.status == 200:
        return Finding("auth", "ok", "The server needs a key, and accepts this one.")
    if reply.body == without.body:
        message = f"With the key as without one the status is {reply.status}: a proxy may drop it."
        return Finding("auth", "failed", message, wire.proxy.mend("authorization"))
    message = f"The key is refused ({reply.status})."
    return Finding("auth", "failed", message, "Check it against API_KEYS on the server.")


async def models(wire: Wire) -> Finding:
    """Choose the model for the questions of the other checks, and report it.

    It is `demo`, whose speed is known, if the server has it, else the server's default.
    """
    listed = (await wire.send("GET", MODELS_PATH)).json()
    try:
        known = {model["id"]: bool(model["default"]) for model in listed["models"]}
    except (LookupError, TypeError):
        message = f"The response to GET {MODELS_PATH} is not the server's."
        return Finding("model", "failed", message, "Let the proxy pass everything below /api/v1/.")
    if "demo" in known:
        wire.model = "demo"
        return Finding("model", "ok", "The built-in demo model answers.", facts={"model": "demo"})
    default = next((name for name, chosen in known.items() if chosen), "")
    message = (
        f"{default} answers, at its own pace. With `demo` in MODELS the checks cost no tokens."
    )
    return Finding("model", "ok", message, facts={"model": default})


async def clock(wire: Wire) -> Finding:
    """Check that the clock of the server agrees with that of this machine."""
    reply = await wire.send("GET", "/healthz")
    try:
        server_time = email.utils.parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError):
        mend = "Let the proxy pass the header Date."
        return Finding("clock", "warning", "The response has no readable Date.", mend)
    skew = server_time + 0.5 - reply.at  # Date is cut to seconds
    facts = {"skew": round(skew, 1)}
    if abs(skew) > ALLOWED_SKEW + reply.seconds:
        way = "ahead of" if skew > 0 else "behind"
        message = f"The server's clock is {abs(skew):.0f} s {way} that of this machine."
        mend = "Synchronise both by NTP: signed stream URLs expire by the server's clock."
        return Finding("clock", "warning", message, mend, facts)
    return Finding("clock", "ok", "The clocks agree.", facts=facts)


async def doors(wire: Wire) -> Finding:
    """Check that the routes of Ollama's and OpenAI's protocols are reachable."""
    closed = []
    for name, path, field in (("Ollama", "/api/tags", "models"), ("OpenAI", "/v1/models", "data")):
        reply = await wire.send("GET", path)
        data = reply.json()
        if reply.status != 200 or not isinstance(data, dict) or field not in data:
            closed.append(f"{name}'s (GET {path}: {reply.status})")
    if closed:
        message = f"Unreachable: {' and '.join(closed)}. Clients of that kind cannot be used."
        return Finding("doors", "warning", message, "Let the proxy pass /api/ and /v1/ as well.")
    return Finding("doors", "ok", "The Ollama and OpenAI doors are reachable.")


async def http_version(wire: Wire) -> Finding:
    """Check that HTTP/2 is available, where browsers can use it."""
    reply = await wire.send("GET", "/healthz")
    url = urlsplit(wire.base)
    if url.scheme != "https":
        message = (
            "HTTP/1.1 without TLS: a browser opens six connections at most, one for each stream."
        )
        return Finding("http", "ok", message, facts={"version": "1.1"})
    if await _supports_http2(url.hostname or "", url.port or 443, wire.plan.patience):
        return Finding(
            "http",
            "ok",
            "HTTP/2: a browser's streams share a connection.",
            facts={"version": "2", "seconds": round(reply.seconds, 4)},
        )
    message = "HTTP/1.1 only: a browser opens six connections, and so six streams in all tabs."
    mend = "Switch HTTP/2 on in the proxy; in nginx `listen 443 ssl http2;`."
    return Finding("http", "warning", message, mend, {"version": "1.1"})


async def _supports_http2(host: str, port: int, patience: float) -> bool:
    """Return True if a TLS handshake with the host agrees on HTTP/2; `patience` is in seconds."""
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    try:
        async with asyncio.timeout(patience):
            _, writer = await asyncio.open_connection(host, port, ssl=context)
    except (OSError, TimeoutError):
        return False
    chosen: str | None = writer.get_extra_info("ssl_object").selected_alpn_protocol()
    writer.close()
    return chosen == "h2"
