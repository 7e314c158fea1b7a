"""The doctor finds each fault of a real nginx before the server."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.command import ROOT, environment
from tests.nginx import HEALTHY, Nginx, configuration
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.server import Server
from tests.services import free_port

COMMAND = "import sys; from agno_stream.cli import main; sys.exit(main())"

CLOSED = HEALTHY + "chunked_transfer_encoding off;"
BUFFERING = (
    "proxy_set_header Host $http_host; proxy_ignore_headers X-Accel-Buffering; "
    "proxy_http_version 1.1;"
)
GZIP = "gzip on; gzip_min_length 0; gzip_types text/event-stream;"
KEY = "right"
GUARD = HEALTHY + (
    'if ($http_x_proxy_token != "open") { return 403; } '
    f'if ($http_authorization != "Bearer {KEY}") {{ return 401; }}'
)
GUARDED = ["--api-key", KEY, "--header", "X-Proxy-Token: open"]

#: Each is a row of proxies, the one next to the server first.
FAULTS: dict[str, list[str]] = {
    "buffering": [CLOSED, BUFFERING],
    "compression": [HEALTHY + GZIP],
    "compression that holds back": [BUFFERING + GZIP],
    "idle": [HEALTHY + "proxy_read_timeout 3s;"],
    "last_event_id": [HEALTHY + 'proxy_set_header Last-Event-ID "";'],
    "cancel": [HEALTHY + "if ($request_uri ~ cancel$) { return 405; }"],
    "framing": [CLOSED],
    "connections": [HEALTHY + "limit_conn streams 3;"],
    "doors": [HEALTHY + "if ($request_uri ~ ^/v1) { return 404; }"],
    "authorization": [GUARD, HEALTHY + 'proxy_set_header Authorization "";'],
    "the right key": [GUARD],
}

Report = dict[str, Any]


def examine(url: str, *words: str) -> tuple[int, str]:
    """The exit code of the real command, and what it printed."""
    ended = subprocess.run(
        [sys.executable, "-c", COMMAND, "doctor", url, "--timeout", "20", *words],
        env=environment(),
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert "" == ended.stderr
    return ended.returncode, ended.stdout


def report(url: str, *words: str) -> Report:
    """The findings by their names, and the exit code under `exit_code`."""
    code, output = examine(url, "--json", *words)
    data = json.loads(output)
    assert (code, url) == (data["exit_code"], data["url"])
    return {"exit_code": code, **{check["name"]: check for check in data["checks"]}}


def levels(found: Report, level: str) -> set[str]:
    checks = (check for name, check in found.items() if name != "exit_code")
    return {check["name"] for check in checks if check["level"] == level}


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("demo"), heartbeat=4.0) as running:
        yield running


@pytest.fixture(scope="module")
def found(
    demo: Server, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Iterator[Callable[[str], Report]]:
    """Reports by fault. Those that this session's tests need are made three at a time: each takes
    ten seconds, nearly all of it waiting."""
    wanted = {
        item.callspec.params["fault"]
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.module is request.module
        if hasattr(item, "callspec")
        if "fault" in item.callspec.params
    }
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(3))
        made: dict[str, Future[Report]] = {}
        for fault in FAULTS.keys() & wanted:
            port, url = demo.port, demo.url
            for location in FAULTS[fault]:
                zone = "limit_conn_zone $server_port zone=streams:1m;"
                text = configuration(location, http=zone)
                nginx = stack.enter_context(Nginx(tmp_path_factory.mktemp("nginx"), text, port))
                port, url = nginx.port, nginx.url
            words = GUARDED if GUARD in FAULTS[fault] else []
            made[fault] = pool.submit(report, url, *words)
        yield lambda fault: made[fault].result()


@pytest.mark.parametrize(
    ("fault", "check", "level", "mend"),
    [
        ("buffering", "tokens", "failed", "`proxy_buffering off;`"),
        ("buffering", "idle", "failed", "`proxy_buffering off;`"),
        ("compression", "compression", "warning", "`gzip off;`"),
        ("compression that holds back", "compression", "failed", "`gzip off;`"),
        ("idle", "idle", "failed", "`proxy_read_timeout 60s;`"),
        ("last_event_id", "resume", "failed", "`proxy_set_header Last-Event-ID"),
        ("cancel", "cancel", "failed", "POST"),
        ("framing", "framing", "warning", "`chunked_transfer_encoding off;`"),
        ("connections", "connections", "failed", "`limit_conn`"),
        ("doors", "doors", "warning", "/v1/"),
        ("authorization", "auth", "failed", "`proxy_set_header Authorization"),
    ],
)
def test_doctor_finds_the_fault(
    found: Callable[[str], Report], fault: str, check: str, level: str, mend: str
) -> None:
    """Each fault is reported, with the line of nginx's configuration that mends it."""
    checks = found(fault)
    assert level == checks[check]["level"], checks[check]
    assert mend in checks[check]["mend"]
    assert (1 if levels(checks, "failed") else 0) == checks["exit_code"]
    assert "nginx" in checks["server"]["said"]


@pytest.mark.parametrize(
    ("fault", "sick"),
    [
        ("buffering", {"tokens", "idle", "heartbeats"}),
        ("compression", {"compression"}),
        ("idle", {"idle"}),
        ("last_event_id", {"resume"}),
        ("cancel", {"cancel"}),
        ("framing", {"framing"}),
        ("the right key", set()),
    ],
)
def test_doctor_blames_nothing_else(
    found: Callable[[str], Report], fault: str, sick: set[str]
) -> None:
    """A fault fails its own check, and no other."""
    checks = found(fault)
    assert sick == levels(checks, "failed") | levels(checks, "warning")


@pytest.mark.parametrize("fault", ["idle"])
def test_report_has_the_facts(found: Callable[[str], Report], fault: str) -> None:
    """The figures behind a verdict are in the JSON."""
    checks = found(fault)
    assert 2 <= checks["idle"]["facts"]["cut_after"] <= 4
    assert 152 == checks["tokens"]["facts"]["events"]
    assert checks["tokens"]["facts"]["held_back"] < 0.5


def documented() -> str:
    """The configuration for nginx in docs/operations.md."""
    page = (ROOT / "docs" / "operations.md").read_text()
    return page.split("```nginx\n")[1].split("```")[0]


def test_documented_nginx_passes(demo: Server, tmp_path: Path) -> None:
    """All checks pass with the configuration in the documentation."""
    with Nginx(tmp_path, documented(), demo.port) as nginx:
        checks = report(nginx.url)
    assert set() == levels(checks, "failed") | levels(checks, "warning") | levels(checks, "skipped")
    assert (0, 17) == (checks["exit_code"], len(checks) - 1)  # one entry is the exit code


def test_server_without_proxy_passes(demo: Server) -> None:
    """All checks pass without a proxy, and the output says so."""
    code, output = examine(demo.url)
    assert 0 == code, output
    assert "✓ tokens       Tokens arrive without delay: 152 events" in output
    assert output.endswith("No problems found in 17 checks.\n")
    assert "\x1b" not in output


def test_proxy_without_upstream(tmp_path: Path) -> None:
    """A proxy without a server behind it is reported as such."""
    with Nginx(tmp_path, configuration(), free_port()) as nginx:
        code, output = examine(nginx.url)
    assert 2 == code
    assert "✗ reachable    nginx answers 502" in output
    assert "→ nginx: `proxy_pass` must lead to the server" in output
    assert "1 failed, 0 warnings, of 1 checks." in output


def test_foreign_server_is_reported(provider: Provider) -> None:
    """A server of another kind is reported as such."""
    code, output = examine(provider.origin)
    assert 2 == code
    assert "is of no agno-stream server" in output


def test_unreachable_server_is_the_only_finding() -> None:
    """Without a server the report has one finding, and the exit code is 2."""
    checks = report(f"http://127.0.0.1:{free_port()}")
    assert (2, {"exit_code", "reachable"}) == (checks["exit_code"], set(checks))


@pytest.mark.parametrize("url", ["ftp://127.0.0.1", "127.0.0.1"])
def test_invalid_url(url: str) -> None:
    """An invalid URL is reported as such."""
    code, output = examine(url)
    assert (2, True) == (code, "is not the URL of a server" in output)


def test_missing_api_key(demo: Server, tmp_path: Path) -> None:
    """Without the token that a proxy wants, or the key that the server needs, the doctor says so,
    and sends no question."""
    with Nginx(tmp_path, configuration(GUARD), demo.port) as nginx:
        for arguments, missing in ([], "--header"), (GUARDED[2:], "--api-key"):
            checks = report(nginx.url, *arguments)
            assert 1 == checks["exit_code"]
            assert missing in checks["auth"]["mend"]
            assert "model" not in checks


def test_model_that_pauses_is_not_blamed(provider: Provider, tmp_path: Path) -> None:
    """Without a demo model the default model is used: its pauses are no fault, and no run stays
    active after the doctor."""
    provider.default = Reply(numbered(90), rate=60, stall_after=45, stall_seconds=1.5)
    with Server(
        tmp_path, model="openai:m", openai_base_url=provider.url, openai_api_key="sk-test-0123456"
    ) as server:
        checks = report(server.url)
        assert 0 == server.app.state.context.runs.live
    assert set() == levels(checks, "failed") | levels(checks, "warning")
    assert "m answers" in checks["model"]["said"]
    assert "until the model's answer ended" in checks["idle"]["said"]


def test_failing_model_is_reported(provider: Provider, tmp_path: Path) -> None:
    """A model that fails is reported as such, not as a fault of the proxy."""
    provider.default = Reply(status=401)
    with Server(
        tmp_path, model="openai:m", openai_base_url=provider.url, openai_api_key="sk-test-0123456"
    ) as server:
        checks = report(server.url)
    assert "failed" == checks["tokens"]["level"]
    assert checks["tokens"]["said"].startswith("The answer failed: ")


def test_doctor_leaves_nothing_in_conversations(tmp_path: Path) -> None:
    """What the doctor asked is in nobody's list afterwards, nor does a run of it go on."""
    with Server(tmp_path) as server:
        report(server.url)
        assert [] == httpx.get(f"{server.url}/api/v1/conversations").json()["conversations"]
        assert [] == httpx.get(f"{server.url}/api/v1/runs").json()["runs"]
