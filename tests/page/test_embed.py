"""The chat in pages of other sites and of the application around it: `embed.js`."""

from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
from agno.agent import Agent
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from PIL import Image
from playwright.sync_api import Page, expect

from app import create_app, lifespan
from tests.server import Bare, Served, Server

KEY = "a-key-of-the-suite-0123456789"

#: A site that allows the script and the frame, and no styles.
POLICY = "default-src 'none'; script-src {0}; frame-src {0}"


def weather(city: str) -> str:
    """The weather of a city."""
    return f"Sunny in {city}."


def agents() -> list[Agent]:
    return [
        Agent(id="general", name="General"),
        Agent(id="weather", name="Weather Desk", description="Knows the sky.", tools=[weather]),
    ]


class Site:
    """Another site, `http://localhost:…`, whose pages are set by a test."""

    def __init__(self) -> None:
        self.app = FastAPI()
        self.html, self.policy = "", ""

        @self.app.get("/")
        async def page() -> HTMLResponse:
            return HTMLResponse(self.html, headers={"Content-Security-Policy": self.policy})

        self.served = Served(self.app)

    @property
    def origin(self) -> str:
        return f"http://localhost:{self.served.port}"

    def show(self, url: str, attributes: str = "") -> None:
        script = f'<script src="{url}/embed.js" {attributes} defer></script>'
        self.html = (
            f"<!doctype html><html lang=en><title>A shop</title><h1>Shop</h1>{script}</html>"
        )
        self.policy = POLICY.format(url.replace("/ai", ""))


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    found = Site()
    with found.served:
        yield found


@pytest.fixture(scope="module")
def mounted(tmp_path_factory: pytest.TempPathFactory, site: Site) -> Iterator[Served]:
    """An application with the chat at `/ai`, which the other site may show, and at `/users` for its
    users, who are named by a cookie. Its own page `/` shows that to them."""
    folder = tmp_path_factory.mktemp("embedded")
    settings = Bare(data_dir=folder / "all", model="demo", embed_origins=[site.origin])
    server = create_app(settings, agents=agents())
    for_users = create_app(
        Bare(data_dir=folder / "users", model="demo"),
        agents=agents(),
        principal=lambda request: request.cookies.get("user"),
    )
    app = FastAPI(lifespan=lifespan(server, lifespan(for_users)))
    app.mount("/ai", server)
    app.mount("/users", for_users)

    @app.get("/")
    async def page() -> HTMLResponse:
        script = "<script src=/users/embed.js data-open defer></script>"
        return HTMLResponse(f"<!doctype html><html lang=en><title>A shop</title>{script}</html>")

    with Served(app) as served:
        yield served


def test_a_button_opens_the_chat_with_an_agent(page: Page, site: Site, mounted: Served) -> None:
    """A visitor opens the chat, asks the agent that the page names, closes it, and finds the
    conversation again after a reload; the page's address stays as it is."""
    site.show(f"{mounted.url}/ai", 'data-agent="weather" data-label="Ask us"')
    page.goto(site.origin)
    button = page.get_by_role("button", name="Ask us")
    expect(button).to_have_attribute("aria-expanded", "false")
    assert 0 == page.locator("iframe").count()
    button.click()
    chat = page.frame_locator("iframe")
    expect(chat.get_by_text("Knows the sky.")).to_be_visible()
    expect(chat.locator("#side")).to_be_hidden()
    expect(button).to_be_hidden()
    expect(chat.get_by_role("heading", name="New conversation")).to_be_hidden()
    expect(chat.locator("#banner p, .ideas")).to_have_count(0)  # what the demonstration offers
    header = Image.open(BytesIO(chat.locator(".top").screenshot())).convert("RGB")
    line = [header.getpixel((x, header.height - 1)) for x in range(header.width)]
    assert 1 == len(set(line))
    chat.locator("#question").fill("What is the weather in Oslo?")
    chat.locator("#question").press("Enter")
    expect(chat.locator(".answer").last).to_contain_text("Sunny in Oslo.", timeout=20_000)
    chat.get_by_role("button", name="Close the chat").click()
    expect(page.locator("iframe")).to_be_hidden()
    expect(button).to_be_focused()
    assert f"{site.origin}/" == page.url
    page.reload()
    page.get_by_role("button", name="Ask us").click()
    expect(chat.locator(".answer").last).to_contain_text("Sunny in Oslo.")
    chat.locator("#new").click()
    expect(chat.get_by_text("Knows the sky.")).to_be_visible()


def test_a_phone_shows_the_chat_alone(page: Page, site: Site, mounted: Served) -> None:
    """On a narrow screen the chat fills the window, and its own button, in the language that the
    page names, closes it."""
    page.set_viewport_size({"width": 390, "height": 800})
    site.show(f"{mounted.url}/ai", "data-open data-side=left data-lang=de")
    page.goto(site.origin)
    frame = page.locator("iframe")
    expect(frame).to_be_visible()
    assert {"x": 0, "y": 0, "width": 390, "height": 800} == frame.bounding_box()
    page.frame_locator("iframe").get_by_role("button", name="Chat schließen").click()
    expect(frame).to_be_hidden()


def test_a_page_gives_its_visitors_a_key(page: Page, site: Site, tmp_path: Path) -> None:
    """A key of the page's script reaches the chat, and the chat needs no dialog for it."""
    settings = {"api_keys": f"shop:{KEY}", "embed_origins": [site.origin]}
    with Server(tmp_path, agents=agents(), **settings) as server:
        site.show(server.url, f'data-key="{KEY}" data-open')
        page.goto(site.origin)
        chat = page.frame_locator("iframe")
        chat.locator("#question").fill("echo I am let in")
        chat.locator("#question").press("Enter")
        expect(chat.locator(".answer").last).to_contain_text("I am let in", timeout=20_000)
        assert KEY not in page.url
        assert KEY not in str(page.locator("iframe").get_attribute("src"))


def test_users_of_the_application_follow_each_other(page: Page, mounted: Served) -> None:
    """Who is not signed in is told so, without a word on keys, and can go on after that; the next
    user of the tab begins a new conversation, and sees no error of one that was another's."""
    signed_out = "You are not signed in. Sign in to the site, then try again."
    page.goto(mounted.url)
    chat = page.frame_locator("iframe")
    banner = chat.locator("#banner [data-kind=disconnected]")
    expect(banner).to_contain_text(signed_out)
    chat.locator("#question").fill("echo I am Ada")
    chat.locator("#question").press("Enter")
    expect(chat.locator(".notice")).to_contain_text(signed_out)
    expect(chat.locator("dialog[open]")).to_have_count(0)
    page.context.add_cookies([{"name": "user", "value": "ada", "url": mounted.url}])
    banner.get_by_role("button", name="Try again").click()
    expect(banner).to_have_count(0)
    chat.locator(".notice").get_by_role("button", name="Try again").click()
    expect(chat.locator(".answer .prose").last).to_contain_text("I am Ada")
    kept = "() => Object.entries(sessionStorage).find(([name]) => name.includes('embed'))[1]"
    conversation = page.evaluate(kept)
    page.context.add_cookies([{"name": "user", "value": "ben", "url": mounted.url}])
    page.reload()
    expect(chat.get_by_role("heading", name="What would you like to know?")).to_be_visible()
    expect(chat.get_by_role("alert")).to_have_count(0)
    assert "" == page.evaluate(kept)
    page.goto(f"{mounted.url}/users/embed?c={conversation}")
    expect(page.get_by_role("alert")).to_contain_text("no such conversation")


def test_other_sites_may_not_show_the_chat(page: Page, site: Site, tmp_path: Path) -> None:
    """Without EMBED_ORIGINS the browser refuses the frame, and the page itself is for no frame."""
    with Server(tmp_path, agents=agents()) as server:
        site.show(server.url, "data-open")
        page.goto(site.origin)
        for address in ("embed", ""):
            page.locator("iframe").evaluate(
                "(frame, url) => new Promise(done => { frame.onload = done; frame.src = url })",
                f"{server.url}/{address}",
            )
            assert 0 == page.frame_locator("iframe").locator("#question").count()


def test_the_page_below_a_path(page: Page, mounted: Served) -> None:
    """The chat page works below a path: files, questions, media, a reload, the documentation."""
    page.goto(f"{mounted.url}/ai")
    expect(page.locator("#banner code")).to_contain_text(
        "OPENAI_API_KEY=… MODEL=openai:gpt-4o-mini"
    )
    page.locator("#agent").select_option("weather")
    page.fill("#question", "What is the weather in Rome?")
    page.press("#question", "Enter")
    expect(page.locator(".answer").last).to_contain_text("Sunny in Rome.", timeout=20_000)
    assert f"{mounted.url}/ai/?c=" in page.url
    page.reload()
    expect(page.locator(".answer").last).to_contain_text("Sunny in Rome.")
    expect(page.locator("#list")).to_contain_text("What is the weather in Rome?")
