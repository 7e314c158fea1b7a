"""Pages of other sites in a real browser, on the machine of a server without keys."""

from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
from playwright.sync_api import Page

from tests.conftest import Serve
from tests.provider import Provider

TRIES = """
async (server) => {
  const told = {};
  const ask = async (name, run) => {
    try { told[name] = await run(); } catch { told[name] = "no"; }
  };
  const body = JSON.stringify({message: "x", stream: false});
  await ask("simple post", () =>
    fetch(server + "/api/v1/chat", {method: "POST", body, mode: "no-cors"}).then(r => r.type));
  await ask("readable post", () =>
    fetch(server + "/api/v1/chat", {method: "POST", body}).then(r => r.status));
  await ask("get", () => fetch(server + "/api/v1/conversations").then(r => r.status));
  await ask("image", () => new Promise((done) => {
    const image = new Image();
    image.onload = image.onerror = () => done("asked");
    image.src = server + "/api/v1/chat?message=image";
  }));
  await ask("stream", () => new Promise((done) => {
    const source = new EventSource(server + "/api/v1/chat?message=stream");
    source.onerror = () => { source.close(); done("no"); };
    source.onmessage = () => { source.close(); done("read"); };
  }));
  await ask("script", () => new Promise((done) => {
    const script = document.createElement("script");
    script.onload = script.onerror = () => done("asked");
    script.src = server + "/api/v1/chat?message=script";
    document.body.append(script);
  }));
  await ask("frame", () => new Promise((done) => {
    const frame = document.createElement("iframe");
    frame.sandbox = "allow-scripts";
    frame.srcdoc = `<script>fetch("${server}/api/v1/chat", {method: "POST", mode: "no-cors",
      body: '{"message": "x"}'}).catch(() => {})
      .finally(() => parent.postMessage("asked", "*"))</script>`;
    addEventListener("message", () => done("asked"));
    document.body.append(frame);
  }));
  return told;
}
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        """Keep the output of the tests to themselves."""


@pytest.fixture
def strange(tmp_path: Path) -> Iterator[int]:
    """The port of a web server of somebody else."""
    (tmp_path / "index.html").write_text("<!doctype html><title>Strange</title><body>", "utf-8")
    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "strange.localhost"])
def test_a_strange_page_starts_no_run(
    page: Page, serve: Serve, provider: Provider, strange: int, host: str
) -> None:
    """Neither a page of another site nor one of another port asks or reads anything, by whatever
    means a browser gives it."""
    server = serve()
    page.goto(f"http://{host}:{strange}/")
    told = page.evaluate(TRIES, server.url)
    assert 0 == provider.opened
    assert {"no"} == {told[name] for name in ("readable post", "get", "stream")}
    page.goto(f"{server.url}/v1/models")
    assert "general" in (page.text_content("body") or "")


def test_a_named_page_may(page: Page, serve: Serve, provider: Provider, strange: int) -> None:
    """A page whose origin is in CORS_ORIGINS asks and reads, but not by an image."""
    server = serve(cors_origins=[f"http://localhost:{strange}"])
    page.goto(f"http://localhost:{strange}/")
    told = page.evaluate(TRIES, server.url)
    assert (200, 200, "read") == (told["readable post"], told["get"], told["stream"])
