"""What the page loads at first is little, and no question is lost to a part that loads later."""

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.page.proxy import CuttingProxy
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

MAX_REQUESTS = 40
MAX_BYTES = 300_000


@pytest.mark.parametrize(
    ("locale", "heading"),
    [("en-US", "What would you like to know?"), ("de-DE", "Was möchten Sie wissen?")],
)
def test_empty_page_is_within_its_budget(
    browser: Browser, server: Server, locale: str, heading: str
) -> None:
    """Until the network is idle, a new conversation takes at most 40 requests and 300 KB, in
    whichever language."""
    context = browser.new_context(locale=locale)
    page = context.new_page()
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    sizes: list[int] = []
    session.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    urls: list[str] = []
    page.on("request", lambda request: urls.append(request.url))
    page.goto(f"{server.url}/", wait_until="networkidle")
    expect(page.get_by_role("heading", name=heading)).to_be_visible()
    context.close()
    print(f"{len(urls)} requests, {sum(sizes)} bytes")
    assert len(urls) <= MAX_REQUESTS, "\n".join(urls)
    assert len(sizes) <= MAX_REQUESTS
    assert sum(sizes) <= MAX_BYTES
    assert not [url for url in urls if "/vendor/" in url]


def test_first_question_while_the_server_is_away(
    page: Page, server: Server, provider: Provider
) -> None:
    """A first question that nothing can draw yet stays in its field, a banner says so, and it is
    sent by the next attempt."""
    provider.script(Reply("Here it is."))
    with CuttingProxy(server.port) as proxy:
        visit = Visit(page, proxy.url).open()
        page.wait_for_load_state("networkidle")
        proxy.closed = True
        proxy.cut()
        visit.ask("Where is it?")
        banner = page.locator("#banner [data-kind=failed]")
        expect(banner).to_contain_text("The question was not sent")
        expect(page.locator("#question")).to_have_value("Where is it?")
        assert 0 == provider.opened
        proxy.closed = False
        page.press("#question", "Enter")
        visit.ended()
    expect(banner).to_have_count(0)
    assert "Here it is." == visit.text
    assert 1 == provider.opened


@pytest.mark.parametrize("part", ["purify.es.mjs", "prose.css"])
def test_question_after_a_part_failed(
    page: Page, server: Server, provider: Provider, part: str
) -> None:
    """Whichever part has failed to load, at any depth, the next attempt sends the question."""
    provider.script(Reply("Here it is."))
    visit = Visit(page, server.url).open()
    page.route(f"**/{part}*", lambda route: route.abort())
    visit.ask("Where is it?")
    expect(page.locator("#banner [data-kind=failed]")).to_be_visible()
    page.unroute(f"**/{part}*")
    page.press("#question", "Enter")
    visit.ended()
    assert "Here it is." == visit.text


def test_conversation_opens_after_the_server_was_away(
    page: Page, server: Server, provider: Provider
) -> None:
    """A conversation whose turns nothing can draw says so, and is shown by the next attempt."""
    provider.script(Reply("Here it is."))
    visit = Visit(page, server.url).open().ask("Where is it?").ended()
    page.route("**/turn.js*", lambda route: route.abort())
    page.reload()
    expect(page.get_by_role("alert")).to_be_visible()
    page.unroute("**/turn.js*")
    page.get_by_role("button", name="Try again").click()
    visit.ended()
    assert "Here it is." == visit.text


def test_menu_opens_after_it_failed_to_load(page: Page, server: Server, provider: Provider) -> None:
    """A menu that cannot be loaded says so, and opens at the next attempt."""
    provider.script(Reply("Here it is."))
    visit = Visit(page, server.url).open().ask("Where is it?").ended()
    page.route("**/menu.js", lambda route: route.abort())
    more = page.get_by_role("button", name="Rename, pin, export or delete")
    more.click()
    expect(page.locator("#banner")).to_contain_text("The menu was not loaded")
    more.click()
    expect(page.get_by_role("menuitem", name="Rename")).to_be_focused()
    assert "Here it is." == visit.text
