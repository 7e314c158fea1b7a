"""The checks that need no stream: who answers, whether it is well, and who may ask."""

import asyncio
import email.utils
import ssl
from urllib.parse import urlsplit

import httpx2

from agno_stream.doctor.findings import REACHABLE, Finding
from agno_stream.doctor.proxies import UNKNOWN, recognise
from agno_stream.doctor.wire import Refused, Reply, Wire

SKEW = 5.0  # seconds that clocks may differ; Date has whole ones
MODELS = "/api/v1/models"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


async def reachable(wire: Wire) -> Finding:
    """Somebody answers at the address, and it is this server."""
    try:
        reply = await wire.ask("GET", "/healthz")
    except (httpx2.InvalidURL, httpx2.UnsupportedProtocol):
        said = f"{wire.plan.url!r} is no address of a server."
        return Finding(REACHABLE, "failed", said, "An address is like https://chat.example.org.")
    except httpx2.TimeoutException:
        said = f"Nothing answers within {wire.plan.patience:g} s."
        return Finding(REACHABLE, "failed", said, wire.proxy.mend("upstream"))
    except httpx2.HTTPError as error:
        cause = str(error) or type(error).__name__
        mend = "Start the server, and see that name, port and firewall lead to it."
        if isinstance(error.__cause__, ssl.SSLError) or "SSL" in cause:
            mend = "Mend the certificate, or ask with the name that it was made for."
        return Finding(REACHABLE, "failed", f"No connection: {cause}", mend)
    wire.proxy, _ = recognise(reply.headers)
    facts = {"seconds": round(reply.seconds, 4), "status": reply.status}
    if reply.status in (502, 503, 504) and reply.json() is None:
        who = "A proxy" if wire.proxy is UNKNOWN else wire.proxy.name
        said = f"{who} answers {reply.status}: it finds no server behind it."
        return Finding(REACHABLE, "failed", said, wire.proxy.mend("upstream"), facts)
    if not _ours(reply):
        models = await wire.ask("GET", MODELS)
        if not _ours(models) and models.status not in (401, 403):
            said = f"What answers there (GET /healthz: {reply.status}) is no agno-stream server."
            mend = "Check the address, its path too, and where the proxy leads."
            return Finding(REACHABLE, "failed", said, mend, facts)
    return Finding(REACHABLE, "ok", f"It answers in {reply.seconds * 1e3:.0f} ms.", facts=facts)


def _ours(reply: Reply) -> bool:
    said = reply.json()
    return reply.status == 200 and isinstance(said, dict) and ("status" in said or "models" in said)


async def server(wire: Wire) -> Finding:
    """Which server or proxy answers."""
    reply = await wire.ask("GET", "/healthz")
    wire.proxy, name = recognise(reply.headers)
    if wire.proxy is UNKNOWN:
        said = f"No proxy shows itself; the server is {name or 'not named'}."
    else:
        said = f"{name} stands before the server."
    return Finding("server", "ok", said, facts={"proxy": wire.proxy.name, "server": name})


async def health(wire: Wire) -> Finding:
    """It lives, and takes work."""
    reply = await wire.ask("GET", "/readyz")
    told = reply.json()
    if not isinstance(told, dict) or "status" not in told:
        said = f"GET /readyz is answered {reply.status}, and not by the server."
        mend = "Let the proxy pass /readyz, at least to what watches the server."
        return Finding("health", "warning", said, mend)
    checks = told.get("checks", {})
    ill = "; ".join(f"{name}: {state}" for name, state in checks.items() if state != "ok")
    facts = {"status": reply.status, "checks": checks}
    if reply.status != 200:
        return Finding("health", "failed", f"Not ready: {ill}.", "Its log says why.", facts)
    if told["status"] != "ready":
        return Finding("health", "warning", f"{told['status']}: {ill}.", "Its log says why.", facts)
    return Finding("health", "ok", "It is ready for work.", facts=facts)


async def auth(wire: Wire) -> Finding:
    """Who may ask: with the key, and without one."""
    without = await wire.ask("GET", MODELS, key=False)
    key = wire.plan.api_key
    if without.status not in (401, 403):
        if without.status != 200:
            said = f"GET {MODELS} is answered {without.status}."
            return Finding("auth", "failed", said, "Let the proxy pass everything below /api/v1/.")
        if urlsplit(wire.base).hostname in LOOPBACK:
            return Finding("auth", "ok", "It asks for no key, at an address of this machine.")
        return Finding(
            "auth", "warning", "Anyone may ask: it wants no key.", "Set API_KEYS on the server."
        )
    if without.status == 403 and key is None:
        return Finding("auth", "failed", f"{Refused(403, without.body, f'GET {MODELS}')}.")
    if key is None:
        said = "It wants a key, and none was given; the other checks need it."
        return Finding("auth", "failed", said, "Pass --api-key, or set AGNO_STREAM_API_KEY.")
    reply = await wire.ask("GET", MODELS)
    if reply.status == 200:
        return Finding("auth", "ok", "It wants a key, and takes this one.")
    if reply.body == without.body:
        said = f"The key is answered {reply.status} like no key at all: a proxy may drop it."
        return Finding("auth", "failed", said, wire.proxy.mend("authorization"))
    said = f"The key is refused ({reply.status})."
    return Finding("auth", "failed", said, "Check it against API_KEYS on the server.")


async def models(wire: Wire) -> Finding:
    """Which model is asked: the built-in `demo`, whose pace is known, where there is one."""
    listed = (await wire.ask("GET", MODELS)).json()
    try:
        known = {model["id"]: bool(model["default"]) for model in listed["models"]}
    except (LookupError, TypeError):
        said = f"GET {MODELS} is not answered by the server."
        return Finding("model", "failed", said, "Let the proxy pass everything below /api/v1/.")
    if "demo" in known:
        wire.model = "demo"
        return Finding("model", "ok", "The built-in demo model is asked.", facts={"model": "demo"})
    default = next((name for name, chosen in known.items() if chosen), "")
    said = f"{default} is asked, whose pace is its own. With `demo` in MODELS it costs no tokens."
    return Finding("model", "ok", said, facts={"model": default})


async def clock(wire: Wire) -> Finding:
    """The clock over there shows the time that it is here."""
    reply = await wire.ask("GET", "/healthz")
    try:
        there = email.utils.parsedate_to_datetime(reply.headers["date"]).timestamp()
    except (KeyError, ValueError):
        mend = "Let the proxy pass it."
        return Finding("clock", "warning", "No answer carries a Date that can be read.", mend)
    skew = there + 0.5 - reply.at  # Date is cut to seconds
    facts = {"skew": round(skew, 1)}
    if abs(skew) > SKEW + reply.seconds:
        way = "ahead of" if skew > 0 else "behind"
        said = f"The server's clock is {abs(skew):.0f} s {way} the one here."
        mend = "Let both keep time by NTP: signed addresses of streams end by the server's clock."
        return Finding("clock", "warning", said, mend, facts)
    return Finding("clock", "ok", "The clocks agree.", facts=facts)


async def doors(wire: Wire) -> Finding:
    """The compatible doors are open: Ollama's and OpenAI's."""
    closed = []
    for name, path, field in (("Ollama", "/api/tags", "models"), ("OpenAI", "/v1/models", "data")):
        reply = await wire.ask("GET", path)
        told = reply.json()
        if reply.status != 200 or not isinstance(told, dict) or field not in told:
            closed.append(f"{name}'s (GET {path}: {reply.status})")
    if closed:
        said = f"Closed: {' and '.join(closed)}. Clients of that kind cannot be used."
        return Finding("doors", "warning", said, "Let the proxy pass /api/ and /v1/ as well.")
    return Finding("doors", "ok", "Ollama's and OpenAI's clients find their doors.")


async def http_version(wire: Wire) -> Finding:
    """HTTP/2 is spoken where browsers could use it."""
    reply = await wire.ask("GET", "/healthz")
    at = urlsplit(wire.base)
    if at.scheme != "https":
        said = "HTTP/1.1 without TLS: a browser holds six connections to it, one for each stream."
        return Finding("http", "ok", said, facts={"version": "1.1"})
    if await _speaks_h2(at.hostname or "", at.port or 443, wire.plan.patience):
        return Finding(
            "http",
            "ok",
            "HTTP/2: a browser's streams share a connection.",
            facts={"version": "2", "seconds": round(reply.seconds, 4)},
        )
    said = "HTTP/1.1 only: a browser holds six connections to it, and so six streams in all tabs."
    mend = "Switch HTTP/2 on in the proxy; in nginx `listen 443 ssl http2;`."
    return Finding("http", "warning", said, mend, {"version": "1.1"})


async def _speaks_h2(host: str, port: int, patience: float) -> bool:
    """What a TLS handshake agrees on."""
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
