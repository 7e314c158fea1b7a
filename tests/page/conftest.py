"""Fixtures: a real browser, a tab, and a visit to the page."""

import os
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.conftest import Serve
from tests.page import axe as axe_core
from tests.page.visit import Visit
from tests.server import Server

expect.set_options(timeout=10_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, closed after each module, because its event loop would disturb other tests."""
    path = shutil.which("chromium") or shutil.which("google-chrome")
    if path is None:
        pytest.skip("there is no chromium (Debian: apt-get install chromium)")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=path, args=arguments)
        yield running
        running.close()


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A fresh browser context, without cookies or storage."""
    fresh = browser.new_context(viewport={"width": 1280, "height": 800})
    fresh.grant_permissions(["clipboard-read", "clipboard-write"])
    yield fresh
    fresh.close()


@pytest.fixture
def page(context: BrowserContext) -> Iterator[Page]:
    """A tab. An error in its scripts fails the test."""
    tab = context.new_page()
    errors: list[str] = []
    tab.on("pageerror", lambda error: errors.append(str(error)))
    yield tab
    assert [] == errors


@pytest.fixture
def server(serve: Serve) -> Server:
    """A server whose default is a provider's model; the demonstration can be chosen, too."""
    return serve(models=["demo"])


@pytest.fixture
def visit(page: Page, server: Server) -> Visit:
    """The page of `server`, opened."""
    return Visit(page, server.url).open()


@pytest.fixture
def server_url(server: Server) -> str:
    return server.url


@pytest.fixture(scope="module")
def axe() -> axe_core.Axe:
    """axe-core, which npm fetches once."""
    return axe_core.load()
