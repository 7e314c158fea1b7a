"""The app as people see it: in Chromium, served by `streamlit run`, in front of a real server."""

import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import Serve
from tests.pauses.kinds import KINDS
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.server import Server
from tests.streamlit.page import APP

CHROMIUM = shutil.which("chromium")
PATIENCE = 30_000  # milliseconds


@contextmanager
def streamlit(folder: Path, server: str) -> Iterator[str]:
    """The app at its address, with a home of its own and none of our settings."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    options = ["--server.headless", "true", "--server.port", str(port)]
    ours = {k: v for k, v in os.environ.items() if not k.startswith(("AGNO_STREAM", "STREAMLIT"))}
    with (folder / "streamlit.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "streamlit", "run", str(APP), *options],
            cwd=folder,
            env=ours | {"HOME": str(folder), "AGNO_STREAM_URL": server},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            with suppress(OSError), urllib.request.urlopen(f"{url}/_stcore/health", timeout=5):
                break
            time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.fixture
def page() -> Iterator[Page]:
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        yield page
        browser.close()


def ask(page: Page, question: str) -> None:
    box = page.get_by_placeholder("Your question")
    expect(box).to_be_enabled()
    box.fill(question)
    box.press("Enter")


@pytest.mark.timeout(120)
def test_answer_on_phone(page: Page, server: Server, tmp_path: Path) -> None:
    """On a phone the answer is in view; a switch shows the figures in its place. Nothing is asked
    for elsewhere, and nobody else can connect."""
    page.set_viewport_size({"width": 390, "height": 844})
    requested: list[str] = []
    page.on("request", lambda request: requested.append(request.url))
    with streamlit(tmp_path, server.url) as url:
        # It listens on one address only, so the port of another loopback address is free.
        socket.create_server(("127.0.0.2", int(url.rpartition(":")[2]))).close()
        page.goto(url)
        ask(page, "Hello?")
        answer = page.get_by_test_id("stChatMessage").last
        expect(answer).to_contain_text("Hello from the provider.")
        expect(answer).to_be_in_viewport(ratio=0.9)
        figures = page.get_by_text("First token")
        expect(figures).to_be_hidden()
        page.locator(".st-key-figures label").click()
        expect(figures).to_be_in_viewport()
        expect(answer).to_be_hidden()
    assert [] == [address for address in requested if not address.startswith(url)]


@pytest.mark.timeout(300)  # a browser on a busy machine
def test_visit_in_chromium(page: Page, server: Server, provider: Provider, tmp_path: Path) -> None:
    """A person sends, sees the answer stream, stops one, reloads during another and sees
    it continue, looks at its events, and goes from one conversation to the other."""
    answer = page.get_by_test_id("stChatMessage").last
    stop = page.locator(".st-key-stop button")
    with streamlit(tmp_path, server.url) as url:
        page.goto(url)

        provider.script(Reply(numbered(2000), rate=20))
        ask(page, "A long one?")
        expect(answer).to_contain_text("0 1 2 3")
        seen = len(answer.inner_text())
        expect(answer).to_contain_text(re.compile(f".{{{seen + 10}}}", re.DOTALL))  # it grows
        stop.click()
        expect(answer).to_contain_text("Stopped.")
        provider.wait_for(lambda: provider.requests[0].aborted)

        provider.script(Reply(numbered(300), rate=20))
        ask(page, "Another?")
        expect(answer).to_contain_text("0 1 2 3")
        expect(page).to_have_url(re.compile("run="))
        page.reload()
        expect(stop).to_be_visible()
        assert "run=" in page.url
        expect(answer).to_contain_text("0 1 2 3")
        expect(stop).to_be_hidden()
        words = answer.inner_text().split()
        assert [str(number) for number in range(300)] == [w for w in words if w.isdigit()]
        assert 2 == provider.opened
        expect(page).not_to_have_url(re.compile("run="))

        side = page.locator(".st-key-inspector")
        expect(side).to_contain_text("Raw events (302)")
        expect(side.get_by_test_id("stVegaLiteChart")).to_be_visible()
        rows = side.get_by_test_id("stDataFrame").locator("tbody tr")  # for screen readers
        expect(rows.first).to_contain_text('"agent": "general"')
        side.get_by_text("/events?after=0").click()
        expect(side).to_contain_text("x-run-id: ")

        page.get_by_role("button", name="New conversation").click()
        expect(page.get_by_text("Ask something below.")).to_be_visible()
        ask(page, "Hello?")
        expect(answer).to_contain_text("Hello from the provider.")
        listed = page.locator(".st-key-conversations").get_by_role("button", name="A long one?")
        expect(listed).to_have_count(1)  # Streamlit draws a new list beside the old one
        listed.click()
        expect(page.get_by_text("Another?")).to_be_visible()
        expect(page.get_by_test_id("stException")).to_have_count(0)


@pytest.mark.timeout(120)
def test_decision_in_chromium(page: Page, serve: Serve, provider: Provider, tmp_path: Path) -> None:
    """A person approves in the app, and reads the rest of the answer without a reload."""
    kind = KINDS[0]
    provider.script(*kind.before, *kind.after)
    with streamlit(tmp_path, serve(agents=[kind.component(provider)]).url) as url:
        page.goto(url)
        ask(page, "Please.")
        approve = page.get_by_role("button", name="Approve", exact=True)
        approve.click()
        answer = page.get_by_test_id("stChatMessage").last
        expect(answer).to_contain_text("It is done.")
        expect(approve).to_have_count(0)
        expect(page.get_by_test_id("stChatMessage")).to_have_count(2)
