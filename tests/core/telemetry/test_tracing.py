"""Traces and request ids: one request from the client to the model's provider."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command import Command, environment
from tests.conftest import Serve
from tests.otlp import Collector
from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, SERVER_ERROR, Reply
from tests.streaming.reader import CHAT, answer

TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
OK, FAILED = 0, 2  # the status codes of OTLP


def attributes(span: Any) -> dict[str, Any]:
    """The attributes of a span, as plain values."""
    return {
        one.key: getattr(one.value, str(one.value.WhichOneof("value"))) for one in span.attributes
    }


async def test_spans_join_the_clients_trace(serve: Serve, provider: Provider) -> None:
    """The spans of request, run and upstream request are nested in the client's trace, and the
    provider receives its `traceparent`."""
    with Collector() as collector:
        server = serve(otel_exporter_otlp_endpoint=collector.url)
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": "vendor=1"}
            reply = await http.post(CHAT, json={"message": "x"}, headers=headers)
        server.__exit__()
        spans = {span.name: span for span in collector.spans}
    request, run, upstream = (
        spans[f"POST {CHAT}"],
        spans["invoke_agent general"],
        spans["chat test-model"],
    )
    assert {TRACE} == {span.trace_id.hex() for span in (request, run, upstream)}
    assert PARENT == request.parent_span_id.hex()
    assert request.span_id == run.parent_span_id
    assert run.span_id == upstream.parent_span_id
    sent = provider.requests[0].headers
    assert f"00-{TRACE}-{upstream.span_id.hex()}-01" == sent["traceparent"]
    assert "vendor=1" == sent["tracestate"]
    assert (CHAT, 200) == (
        attributes(request)["http.route"],
        attributes(request)["http.response.status_code"],
    )
    assert reply.headers["x-run-id"] == attributes(run)["agno_stream.run.id"]
    assert 4 == attributes(run)["gen_ai.usage.output_tokens"]
    assert "openai" == attributes(upstream)["gen_ai.provider.name"]
    assert [OK] * 3 == [span.status.code for span in (request, run, upstream)]
    assert {"agno-stream"} == collector.services


async def test_failed_spans_have_error_type(serve: Serve, provider: Provider) -> None:
    """Failed spans have an error type, a successful retry has none, requests without a trace start
    one, and routes, not paths, name the spans of requests."""
    provider.script(INVALID_KEY, SERVER_ERROR, Reply("fine"))
    with Collector() as collector:
        server = serve(otel_exporter_otlp_endpoint=collector.url)
        async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
            failed = (await answer(http))[0]["run_id"]
            well = (await answer(http))[0]["run_id"]
            await http.get(f"/api/v1/runs/{failed}")
        server.__exit__()
        runs = {
            attributes(span)["agno_stream.run.id"]: span
            for span in collector.spans
            if span.name.startswith("invoke_agent")
        }
        names = {span.name for span in collector.spans}
        upstream = {
            span.parent_span_id: span for span in collector.spans if span.name.startswith("chat ")
        }
    assert FAILED == runs[failed].status.code
    assert "model_auth_failed" == attributes(runs[failed])["error.type"]
    assert FAILED == upstream[runs[failed].span_id].status.code
    assert OK == runs[well].status.code == upstream[runs[well].span_id].status.code
    assert runs[failed].trace_id != runs[well].trace_id
    assert "GET /api/v1/runs/{run_id}" in names


async def test_no_traceparent_without_collector(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """Without a collector the provider receives no `traceparent`."""
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    await http.post(CHAT, json={"message": "x"}, headers=headers)
    assert "traceparent" not in provider.requests[0].headers


def test_opentelemetry_sdk_is_not_imported_without_collector(tmp_path: Path) -> None:
    """Without a collector the SDK of OpenTelemetry is not imported."""
    code = (
        "import sys; from app.main import create_app; from app.environment import load_settings; "
        "create_app(load_settings()); "
        "print([m for m in sys.modules if m.startswith('opentelemetry.') and "
        "('.sdk' in m or '.exporter' in m)])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=True,
    )
    assert "[]\n" == done.stdout


def test_unreachable_collector_blocks_nothing(tmp_path: Path) -> None:
    """With an unreachable collector the server answers, and shuts down in time."""
    with Command(tmp_path, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9") as command:
        reply = httpx.post(f"{command.url}/chat", json={"message": "count to 3"}, timeout=30)
        assert 0 == command.stop(within=30)
    assert "1, 2, 3" == reply.text


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("abc-123", True),
        ("1-67891233-abcdef012345678912345678:/=+@._", True),
        ("x" * 128, True),
        ("x" * 129, False),
        ("with space", False),
        ("", False),
        (None, False),
        ('quote"', False),
        ("\u00e9", False),
    ],
)
async def test_request_id_is_kept_or_replaced(
    http: httpx.AsyncClient, sent: str | None, kept: bool
) -> None:
    """A valid `X-Request-Id` is kept, an invalid one replaced; it is in every response, be it a
    stream, an error or an unknown path."""
    headers = [] if sent is None else [(b"X-Request-Id", sent.encode())]
    replies = [
        await http.post(CHAT, json={"message": "x"}, headers=headers),
        await http.post(CHAT, json={"message": "x", "stream": False}, headers=headers),
        await http.post(CHAT, json={}, headers=headers),
        await http.get("/nowhere", headers=headers),
        await http.get("/healthz", headers=headers),
    ]
    ids = [reply.headers["x-request-id"] for reply in replies]
    if kept:
        assert [sent] * len(replies) == ids
    else:
        assert len(replies) == len(set(ids))
        assert all(re.fullmatch("[0-9a-f]{32}", one) for one in ids)
