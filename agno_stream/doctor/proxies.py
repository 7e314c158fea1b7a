"""What stands before the server, as its headers tell, and the configuration that mends it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Fault = Literal[
    "authorization",
    "buffering",
    "cancel",
    "compression",
    "connections",
    "framing",
    "idle",
    "last_event_id",
    "upstream",
]


@dataclass(frozen=True, slots=True)
class Proxy:
    """A kind of proxy: the header that gives it away, and a line for each fault that it can have.

    `pattern` is looked for in the values of `header`, whatever the case.
    """

    name: str
    header: str
    pattern: str
    mends: Mapping[Fault, str] = field(default_factory=dict)

    def mend(self, fault: Fault) -> str:
        """What to write into its configuration; in general words where we know no line."""
        line = self.mends.get(fault)
        return f"{self.name}: {line}" if line else ANY[fault]


#: For a proxy that does not say what it is.
ANY: Mapping[Fault, str] = {
    "authorization": "Let the proxy hand the header Authorization on, or check the key.",
    "buffering": "Switch buffering of responses off in every proxy on the way; in nginx "
    "`proxy_buffering off;`, in Caddy `flush_interval -1`.",
    "cancel": "Let the proxy pass POST to /api/v1/runs/.",
    "compression": "Exclude text/event-stream from compression in every proxy on the way.",
    "connections": "Raise the limit of connections of one address in the proxy.",
    "framing": "Let the proxy speak HTTP/1.1 or newer, with chunked transfer.",
    "idle": "Raise the idle timeout of every proxy on the way above the server's HEARTBEAT, or "
    "lower HEARTBEAT.",
    "last_event_id": "Let the proxy hand the header Last-Event-ID on.",
    "upstream": "See that the server runs, and that the proxy leads to its address.",
}

#: The order matters: what stands farther out comes first, since it is what adds the header.
PROXIES = (
    Proxy(
        "Cloudflare",
        "cf-ray",
        "",
        {
            "buffering": "it passes text/event-stream on at once; look at the proxy behind it, "
            "and at Workers and rules that read whole bodies.",
            "compression": "a Compression Rule for text/event-stream with the choice "
            "`Disable compression`.",
            "idle": "it waits 100 s for bytes; keep HEARTBEAT below, and look at the proxy behind.",
        },
    ),
    Proxy(
        "CloudFront",
        "via",
        "cloudfront",
        {
            "compression": "`Compress: false` in the cache behaviour.",
            "idle": "`OriginReadTimeout: 60` in the origin's settings.",
            "last_event_id": "the origin request policy `AllViewer` for the path.",
            "authorization": "the origin request policy `AllViewer` for the path.",
            "cancel": "allow all methods in the cache behaviour.",
        },
    ),
    Proxy(
        "AWS load balancer",
        "set-cookie",
        r"\bAWSALB",
        {
            "idle": "`idle_timeout.timeout_seconds=120` in its attributes.",
            "buffering": "it buffers for Lambda targets only; look behind it.",
        },
    ),
    Proxy("AWS load balancer", "server", "awselb", {}),
    Proxy(
        "Caddy",
        "server",
        "caddy",
        {
            "buffering": "`flush_interval -1` in `reverse_proxy`.",
            "compression": "`encode { match { not header Content-Type text/event-stream* } }`.",
            "idle": "`transport http { read_timeout 0 }` in `reverse_proxy`.",
            "last_event_id": "remove `header_up -Last-Event-ID`.",
            "authorization": "remove `header_up -Authorization`.",
        },
    ),
    Proxy("Caddy", "via", "caddy", {"buffering": "`flush_interval -1` in `reverse_proxy`."}),
    Proxy(
        "nginx",
        "server",
        r"\b(nginx|openresty|tengine)\b",
        {
            "authorization": "`proxy_set_header Authorization $http_authorization;`",
            "buffering": "`proxy_buffering off;` in the location, and no "
            "`proxy_ignore_headers X-Accel-Buffering;`",
            "cancel": "no `limit_except`, and nothing else that refuses POST below /api/v1/runs/.",
            "compression": "`gzip off;` in the location, or `gzip_types` without "
            "text/event-stream.",
            "connections": "a higher `limit_conn`, and `worker_connections 4096;`",
            "framing": "`proxy_http_version 1.1;`, `proxy_set_header Connection \"\";` and no "
            "`chunked_transfer_encoding off;`",
            "idle": "`proxy_read_timeout 60s;`, or whatever is more than the server's HEARTBEAT.",
            "last_event_id": "`proxy_set_header Last-Event-ID $http_last_event_id;`",
            "upstream": "`proxy_pass` must lead to the server; its error log says what it met.",
        },
    ),
    Proxy(
        "Apache",
        "server",
        r"\bapache\b",
        {
            "buffering": "`ProxyPass / http://server:8000/ flushpackets=on`.",
            "compression": '`SetEnvIf Accept "text/event-stream" no-gzip=1`.',
            "idle": "`ProxyTimeout 60`.",
        },
    ),
    Proxy(
        "Envoy",
        "server",
        r"\b(envoy|istio-envoy)\b",
        {
            "buffering": "remove the filter `envoy.filters.http.buffer` from the route.",
            "idle": "`timeout: 0s` and `idle_timeout: 60s` in the route.",
        },
    ),
    Proxy("Google load balancer", "via", r"\bgoogle\b", {"idle": "`timeoutSec: 3600` in the "
          "backend service, which bounds a whole stream."}),
    Proxy("Varnish", "via", "varnish", {"buffering": "`set beresp.do_stream = true;`, or "
          "`return (pipe);` for the path."}),
    Proxy("Fly.io", "fly-request-id", ""),
    Proxy("Vercel", "x-vercel-id", ""),
    Proxy("Microsoft IIS", "server", "microsoft-iis", {"buffering": "`responseBufferLimit=\"0\"` "
          "of the handler of Application Request Routing."}),
)  # fmt: skip

#: A proxy that nothing tells of; if there is none, its words mend nothing, but nothing is broken.
UNKNOWN = Proxy("a proxy", "", "")


def recognise(headers: Mapping[str, str]) -> tuple[Proxy, str]:
    """The outermost proxy that headers tell of, and its name as it gives it itself.

    `UNKNOWN` and the name of the server where they tell of none.
    """
    for proxy in PROXIES:
        value = headers.get(proxy.header)
        if value is not None and re.search(proxy.pattern, value, re.IGNORECASE):
            named = proxy.header == "server" and re.search(r"\d", value)
            return proxy, value if named else proxy.name
    return UNKNOWN, headers.get("server", "")
