"""The proxies that the doctor knows."""

import httpx
import pytest

from agno_stream.doctor.proxies import ANY, PROXIES, UNKNOWN, recognise


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Server": "cloudflare", "CF-RAY": "8f1-FRA"}, "Cloudflare"),
        ({"Server": "nginx/1.27.1"}, "nginx"),
        ({"Server": "openresty"}, "nginx"),
        ({"Server": "Caddy"}, "Caddy"),
        ({"Server": "uvicorn", "Via": "1.1 Caddy"}, "Caddy"),
        ({"Via": "1.1 0a1b.cloudfront.net (CloudFront)"}, "CloudFront"),
        ({"Server": "uvicorn", "Set-Cookie": "AWSALB=x; Path=/"}, "AWS load balancer"),
        ({"Server": "awselb/2.0"}, "AWS load balancer"),
        ({"Server": "Apache/2.4.62 (Debian)"}, "Apache"),
        ({"Server": "istio-envoy"}, "Envoy"),
        ({"Via": "1.1 google"}, "Google load balancer"),
        ({"Server": "uvicorn"}, UNKNOWN.name),
        ({}, UNKNOWN.name),
    ],
)
def test_recognise_proxy_by_headers(headers: dict[str, str], name: str) -> None:
    """Proxies are recognised by their headers, the outermost first."""
    assert name == recognise(httpx.Headers(headers))[0].name


def test_every_fault_has_advice() -> None:
    """Every proxy has advice for every fault."""
    for proxy in [*PROXIES, UNKNOWN]:
        assert all(proxy.mend(fault) for fault in ANY)
