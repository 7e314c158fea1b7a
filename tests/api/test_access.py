"""The real command: where it listens, and that keys stay where they belong."""

import re
import socket
import stat
from pathlib import Path

import httpx
import pytest

from tests.command import SERVE, Command, run

KEY = "a-key-of-the-suite-0123456789"
KEYS = {"API_KEYS": f"alice:{KEY}"}
BEARER = {"Authorization": f"Bearer {KEY}"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1"])
@pytest.mark.parametrize("more", [[], ["--workers", "2"]], ids=["one", "workers"])
def test_a_public_address_without_keys_is_refused(
    tmp_path: Path, host: str, more: list[str]
) -> None:
    """The server does not start, and says what to do."""
    done = run(tmp_path, "-m", "app", "serve", "--port", "0", "--host", host, *more)
    assert 2 == done.returncode
    assert re.fullmatch(
        rf"agno-stream: HOST: {re.escape(host)} can be reached.*API_KEYS.*ALLOW_ANONYMOUS=1.*\n",
        done.stderr,
    )
    assert [] == list(tmp_path.glob("data/*"))


@pytest.mark.parametrize(
    ("settings", "status"), [(KEYS, 401), ({"ALLOW_ANONYMOUS": "1"}, 200)], ids=["keys", "open"]
)
def test_a_public_address_with_keys_is_served(
    tmp_path: Path, settings: dict[str, str], status: int
) -> None:
    """With keys, or where everybody may, it listens where it is configured to."""
    with Command(tmp_path, (*SERVE, "--host", "0.0.0.0"), **settings) as command:
        url = command.url.replace("0.0.0.0", "127.0.0.1")
        assert status == httpx.get(f"{url}/v1/models").status_code


def own_address() -> str:
    """An address of this machine that is not the loopback one; no packet is sent for it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            return ""
        return str(probe.getsockname()[0])


def test_uvicorn_on_all_addresses_serves_loopback_only(tmp_path: Path) -> None:
    """Started by uvicorn itself on all addresses, it still answers on the loopback one alone."""
    arguments = ("-m", "uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "0")
    with Command(tmp_path, arguments) as command:
        port = command.url.rpartition(":")[2]
        assert 200 == httpx.get(f"http://127.0.0.1:{port}/v1/models").status_code
        if address := own_address():
            refused = httpx.get(f"http://{address}:{port}/v1/models")
            assert 403 == refused.status_code
            assert "ALLOW_ANONYMOUS=1" in refused.json()["error"]["message"]


def test_a_malformed_key_is_not_shown(tmp_path: Path) -> None:
    """The message says which entry, and does not show it."""
    done = run(tmp_path, *SERVE, API_KEYS=KEY)
    assert (2, "agno-stream: API_KEYS: entry 1 is not 'name:key'\n") == (
        done.returncode,
        done.stderr,
    )


def test_workers_accept_each_others_tickets(tmp_path: Path) -> None:
    """A stream address that one worker signed is taken by all of them; keys, secret and tickets
    are in no log."""
    arguments = (*SERVE, "--workers", "2")
    with Command(tmp_path, arguments, **KEYS) as command:
        command.wait_for("Application startup complete.", 2)
        payload = {"message": "x", "background": True}
        urls = []
        for _ in range(8):
            started = httpx.post(f"{command.url}/api/v1/chat", json=payload, headers=BEARER)
            urls.append(started.json()["stream_url"])
        assert {200} == {httpx.get(command.url + url, timeout=30).status_code for url in urls * 2}
        httpx.get(f"{command.url}/{KEY}?token={KEY}", headers=BEARER)
        output = command.output
    file = tmp_path / "data" / "secret.key"
    assert 0o600 == stat.S_IMODE(file.stat().st_mode)
    for secret in (KEY, file.read_text(encoding="ascii"), urls[0].partition("=")[2]):
        assert secret not in output


def test_uvicorns_access_log_redacts_tickets(tmp_path: Path) -> None:
    """Who switches it on reads addresses, but neither tickets nor keys that somebody put there."""
    arguments = ("-m", "uvicorn", "app.main:app", "--port", "0")
    with Command(tmp_path, arguments, **KEYS) as command:
        httpx.get(f"{command.url}/api/v1/runs/x/events?after=1&token=a-ticket-of-mine")
        httpx.get(f"{command.url}/v1/models?key={KEY}")
        output = command.output
    assert "/api/v1/runs/x/events?after=1&token=[redacted]" in output
    assert "a-ticket-of-mine" not in output
    assert KEY not in output
