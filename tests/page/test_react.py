"""The example in React: `useChat` of the AI SDK, in a real browser, against the real server."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from playwright.sync_api import Page, expect

from tests.command import ROOT, Command
from tests.javascript import JS, install
from tests.server import Served

EXAMPLE = ROOT / "examples" / "react"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The example as its own command builds it, at an address of its own."""
    install()
    folder = tmp_path_factory.mktemp("react")
    for name in ("index.html", "page.jsx"):
        shutil.copy(EXAMPLE / name, folder)
    (folder / "node_modules").symlink_to(JS / "node_modules")
    start = json.loads((EXAMPLE / "package.json").read_text())["scripts"]["start"]
    words = [word for word in start.split()[1:] if "serve" not in word]
    program = JS / "node_modules" / ".bin" / "esbuild"
    subprocess.run([str(program), *words], cwd=folder, check=True, capture_output=True)
    app = FastAPI()
    app.mount("/", StaticFiles(directory=folder, html=True))
    with Served(app) as served:
        yield served.url


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, site: str) -> Iterator[str]:
    """The server as the head of the example starts it."""
    arguments = ["-m", "agno_stream", "serve", "--port", "0"]
    arguments += ["--agents", "one_agent:assistant,approval:clerk"]
    path = f"{ROOT}:{ROOT / 'examples'}"
    folder = tmp_path_factory.mktemp("served")
    with Command(folder, arguments, PYTHONPATH=path, CORS_ORIGINS=site) as command:
        yield command.url


def ask(page: Page, question: str) -> None:
    page.get_by_label("Your question").fill(question)
    page.get_by_role("button", name="Send").click()


def test_a_question_in_react(page: Page, site: str, server: str) -> None:
    """The page streams an answer and shows the tool that was called."""
    page.goto(f"{site}/?server={server}")
    ask(page, "What is the weather in Oslo?")
    expect(page.locator(".assistant .tool")).to_contain_text('weather {"city":"Oslo"}')
    expect(page.locator(".assistant")).to_contain_text("Sunny in Oslo for 1 day", timeout=20_000)
    ask(page, "count to 5")
    expect(page.locator(".assistant").last).to_contain_text("1, 2, 3, 4, 5", timeout=20_000)


def test_an_approval_in_react(page: Page, site: str, server: str) -> None:
    """The refund waits for the button of the page, and the same message goes on after it."""
    page.goto(f"{site}/?server={server}&agent=refund-clerk")
    ask(page, "Please refund order 4711")
    page.get_by_role("button", name="Approve").click(timeout=20_000)
    expect(page.locator(".assistant")).to_contain_text("have been paid back", timeout=20_000)
    assert 1 == page.locator(".assistant").count()


def test_the_packages_are_those_of_the_tests() -> None:
    """The example names the versions that are tried here."""
    ours = json.loads((JS / "package.json").read_text())["dependencies"]
    theirs = json.loads((EXAMPLE / "package.json").read_text())
    named = theirs["dependencies"] | theirs["devDependencies"]
    assert named == {name: ours[name] for name in named}
    assert Path(EXAMPLE / "page.jsx").read_text().startswith("// A page in React")
