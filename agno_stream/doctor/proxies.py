"""The known proxies: how to recognise each by its headers, and the configuration that mends it.

See docs/decisions/048-the-tests-buffer-with-two-nginx.md.
"""

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
    """A kind of proxy: the header that identifies it, and a line of configuration against each
    fault.

    `pattern` is searched in the value of `header`, ignoring case.
    """

    name: str
    header: str
    pattern: str
    mends: Mapping[Fault, str] = field(default_factory=dict)

    def mend(self, fault: Fault) -> str:
        """Return the line of configuration against a fault, or general advice if no line is
        known."""
        line = self.mends.get(fault)
        return f"{self.name}: {line}" if line else ANY[fault]


#: Advice for any other proxy.
ANY: Mapping[Fault, str] = {
    "authorization": "Let the proxy forward the header Authorization, or check the key.",
    "buffering": "Switch buffering of responses off in every proxy on the way; in nginx "
    "`proxy_buffering off;`, in Caddy `flush_interval -1`.",
    "cancel": "Let the proxy pass POST to /api/v1/runs/.",
    "compression": "Exclude text/event-stream from compression in every proxy on the way.",
    "connections": "Raise the limit of connections of one address in the proxy.",
    "framing": "Let the proxy use HTTP/1.1 or newer, with chunked transfer.",
    "idle": "Raise the idle timeout of every proxy on the way above the server's HEARTBEAT, or "
    "lower HEARTBEAT.",
    "last_event_id": "Let the proxy forward the header Last-Event-ID.",
    "upstream": "Check that the server runs, and that the upstream of the proxy is its address.",
}

#: The outermost proxies come first, because a header of theirs hides those behind them.
PROXIES = (
    Proxy(
        "Cloudflare",
        "cf-ray",
        "",
        {
            "buffering": "it forwards text/event-stream at once; check the proxy behind it, "
            "and Workers and rules that read complete bodies.",
            "compression": "a Compression Rule for text/event-stream with the choice "
            "`Disable compression`.",
            "idle": "it waits 100 s for bytes; keep HEARTBEAT below; check the proxy behind it.",
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
            "buffering": "it buffers for Lambda targets only; check the proxy behind it.",
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
            "idle": "`proxy_read_timeout 60s;`, or any time above the server's HEARTBEAT.",
            "last_event_id": "`proxy_set_header Last-Event-ID $http_last_event_id;`",
            "upstream": "`proxy_pass` must lead to the server; its error log has the reason.",
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

#: No proxy is recognised: either there is none, or it is of an unknown kind.
UNKNOWN = Proxy("a proxy", "", "")


def recognise(headers: Mapping[str, str]) -> tuple[Proxy, str]:
    """Return the outermost proxy that a response's headers identify, and its name with its version.

    If no proxy is identified, the result is `UNKNOWN` and the name of the server.
    """
    for proxy in PROXIES:
        value = headers.get(proxy.header)
        if value is not None and re.search(proxy.pattern, value, re.IGNORECASE):
            has_version = proxy.header == "server" and re.search(r"\d", value)
            return proxy, value if has_version else proxy.name
    return UNKNOWN, headers.get("server", "")
