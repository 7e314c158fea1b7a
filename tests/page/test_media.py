"""Pictures, sounds and files that tools make, with keys and without."""

from pathlib import Path

import pytest
from agno.agent import Agent
from agno.media import Image
from agno.tools.function import ToolResult
from playwright.sync_api import Page, expect

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.showcase import Site, call, studio

KEY = "key-of-ada-0123456789"
LOADED = "() => document.querySelector('.answer .media img')?.naturalWidth === 1"


@pytest.mark.parametrize("keys", ["", f"ada:{KEY}"], ids=["no keys", "keys"])
def test_media_are_shown_and_saved(serve: Serve, provider: Provider, page: Page, keys: str) -> None:
    """A picture is shown, a sound has controls, a file can be saved: also on a server with keys,
    to which a picture cannot send one; and the key is in no address."""
    url = serve(agents=[studio(Site(provider))], api_keys=keys).url
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    visit = Visit(page, url)
    page.goto(url)
    if keys:
        page.get_by_label("Key", exact=True).fill(KEY)
        page.keyboard.press("Enter")
    expect(page.locator("#model option").first).to_be_attached()
    visit.ask("Draw a cat.").ended()
    page.wait_for_function(LOADED)
    sound = visit.answer.locator("audio[controls]")
    expect(sound).to_have_count(1)
    with page.expect_download() as saved:
        visit.answer.get_by_role("button", name="Save table.csv").click()
    assert "table.csv" == saved.value.suggested_filename
    assert b"a,b\n1,2\n" == Path(saved.value.path()).read_bytes()
    page.reload()
    page.wait_for_function(LOADED)
    assert [] == [address for address in addresses if KEY in address]


def test_picture_of_another_server_is_a_link(serve: Serve, provider: Provider, page: Page) -> None:
    """A picture at another server is a link, since loading it would reveal the reader."""

    def find() -> ToolResult:
        """Find a picture."""
        picture = Image(url="https://example.org/cat.png", mime_type="image/png")
        return ToolResult(content="found", images=[picture])

    model = Site(provider).model("finder", call("find"), Reply("There."))
    server = serve(agents=[Agent(tools=[find], model=model, send_media_to_model=False)])
    visit = Visit(page, server.url).open()
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url))
    visit.ask("Find a cat.").ended()
    link = visit.answer.locator(".media a")
    expect(link).to_have_attribute("href", "https://example.org/cat.png")
    expect(link).to_have_attribute("rel", "noopener noreferrer nofollow")
    assert all(address.startswith((visit.url, "blob:")) for address in addresses)
