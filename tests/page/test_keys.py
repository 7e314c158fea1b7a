"""The page of a server that requires keys."""

import re
from itertools import pairwise

import pytest
from playwright.sync_api import BrowserContext, Locator, Page, Request, expect

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

KEY = "key-of-ada-0123456789"
OTHER = "key-of-ben-0123456789"
WORDS = "".join(f"word{n} " for n in range(500))


@pytest.fixture
def server(serve: Serve) -> Server:
    return serve(models=["demo"], api_keys=f"ada:{KEY},ben:{OTHER}")


@pytest.fixture
def visit(page: Page, server: Server) -> Visit:
    """The page of a visitor without a key."""
    page.goto(server.url)
    return Visit(page, server.url)


def dialog(page: Page) -> Locator:
    return page.get_by_role("dialog", name="This server requires a key")


def give(visit: Visit, key: str, *, remember: bool = False) -> Visit:
    """Give a key to the dialog, which must be open."""
    expect(dialog(visit.page)).to_be_visible()
    visit.page.get_by_label("Key", exact=True).fill(key)
    visit.page.get_by_label("Remember it").set_checked(remember)
    visit.page.get_by_role("button", name="Use it").click()
    return visit


def opened(visit: Visit) -> Visit:
    expect(dialog(visit.page)).to_be_hidden()
    expect(visit.page.locator("#model option").first).to_be_attached()
    return visit


def assert_no_key(seen: list[str]) -> None:
    """Assert that no key is in these texts, of which there must be some."""
    assert seen
    assert [] == [text for text in seen if KEY in text or OTHER in text]


def test_wrong_key_then_right_key(visit: Visit, provider: Provider) -> None:
    """The first visit opens the dialog, a wrong key is reported, and the right one works; no URL,
    inspector or command shows it."""
    provider.script(Reply("Hello, Ada."))
    addresses: list[str] = [visit.page.url]
    visit.page.on("request", lambda request: addresses.append(request.url))
    give(visit, "nonsense")
    remark = visit.page.get_by_role("alert").filter(has_text="does not know this key")
    expect(remark).to_be_visible()
    give(visit, "schlüssel mit ümlaut")
    expect(remark).to_be_visible()
    opened(give(visit, KEY))
    visit.page.get_by_role("button", name="Stream inspector").click()
    assert "Hello, Ada." == visit.ask("Hello?").ended().text
    expect(visit.page.locator(".curl")).to_contain_text(
        'Authorization: Bearer $AGNO_STREAM_API_KEY"'
    )
    assert "token=" not in visit.page.locator("#drawer").inner_text()
    assert_no_key([*addresses, visit.page.content()])
    assert any("token=" in address for address in addresses)
    assert visit.run("() => localStorage.getItem('key')") is None


def test_reload_during_answer_keeps_key(visit: Visit, provider: Provider) -> None:
    """A reload during an answer needs no key again, and the answer continues."""
    provider.script(Reply(WORDS, rate=80))
    opened(give(visit, KEY)).ask("Say words.").wait_for_text(200)
    visit.page.reload()
    visit.wait_for_text(400)
    expect(dialog(visit.page)).to_be_hidden()
    assert WORDS == visit.ended().copied()
    assert 1 == provider.opened


def test_expired_stream_url_is_renewed(page: Page, serve: Serve, provider: Provider) -> None:
    """A connection that is lost after its stream URL has expired resumes with a new URL, without a
    prompt."""
    provider.script(Reply(WORDS, rate=60))
    server = serve(api_keys=f"ada:{KEY}", ticket_lifetime=1)
    streams: list[Request] = []
    page.on("request", lambda one: streams.append(one) if "/events?" in one.url else None)
    page.goto(server.url)
    visit = opened(give(Visit(page, server.url), KEY)).ask("Say words.")
    page.get_by_role("button", name="Stream inspector").click()
    visit.wait_for_text(50)
    page.wait_for_timeout(2500)
    page.get_by_role("button", name="Cut the connection").click()
    expect(page.locator(".connection")).to_have_text("cut")
    expect(page.locator(".connection")).to_have_text("connected")
    assert WORDS == visit.ended().copied()
    expect(page.locator("#drawer .events")).not_to_contain_text("read from the state")
    places = [int(re.findall(r"after=(\d+)", one.url)[0]) for one in streams]
    assert 3 == len(places)  # at first, refused, and again
    assert 0 == places[0] < places[1] == places[2]
    assert 1 == provider.opened
    assert all(before.url != after.url for before, after in pairwise(streams))


def test_key_of_tab_and_remembered_key(
    visit: Visit, context: BrowserContext, provider: Provider
) -> None:
    """Other tabs have a key only if it is remembered; once it is forgotten, the dialog opens again,
    and nothing that the key showed is left."""
    opened(give(visit, KEY))
    other = Visit(context.new_page(), visit.url)
    other.page.goto(visit.url)
    opened(give(other, KEY, remember=True)).ask("A secret question").ended()
    third = Visit(context.new_page(), visit.url).open(other.conversation)
    expect(third.page.locator(".question p")).to_have_text("A secret question")
    third.page.get_by_role("button", name="Change or forget the key").click()
    third.page.get_by_role("button", name="Forget the key", exact=True).click()
    expect(dialog(third.page)).to_be_visible()
    expect(third.page.locator(".question, #list a")).to_have_count(0)
    kept = third.run("() => JSON.stringify({ ...localStorage, ...sessionStorage })")
    assert KEY not in kept
    assert "secret question" not in kept


def test_changed_key_shows_its_conversations(visit: Visit, provider: Provider) -> None:
    """After a change of the key, the conversations of the new key are shown."""
    opened(give(visit, KEY)).ask("Of Ada").ended()
    expect(visit.page.locator("#list a")).to_have_text(["Of Ada"])
    visit.page.get_by_role("button", name="Change or forget the key").click()
    give(visit, OTHER)
    expect(visit.page.get_by_role("alert")).to_contain_text("no such conversation")
    expect(visit.page.locator("#list a")).to_have_count(0)
    assert_no_key([visit.page.url])


def test_replaced_key_is_requested_again(visit: Visit, serve: Serve, provider: Provider) -> None:
    """A replaced key is reported as unknown, and the question is sent with the new key."""
    opened(give(visit, KEY))
    visit.run("() => sessionStorage.setItem('key', 'replaced')")
    visit.ask("Still there?")
    expect(dialog(visit.page)).to_contain_text("It may have been replaced.")
    opened(give(visit, KEY)).ended()
    expect(visit.page.locator(".question p")).to_have_text("Still there?")
    assert 1 == provider.opened


def test_key_dialog_by_keyboard(visit: Visit, provider: Provider) -> None:
    """The dialog takes and keeps the focus, can be closed and reopened, and announces errors to
    screen readers; all without a mouse."""
    page, keyboard = visit.page, visit.page.keyboard
    field = page.get_by_label("Key", exact=True)
    expect(field).to_be_focused()
    expect(field).to_have_attribute("type", "password")
    keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_have_text("Enter a key.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    inside = "() => !document.activeElement || document.activeElement === document.body ||"
    for _ in range(8):
        keyboard.press("Tab")
        assert visit.run(f"{inside} document.activeElement.closest('#key') !== null")
    keyboard.press("Escape")
    expect(dialog(page)).to_be_hidden()
    expect(page.locator("#banner")).to_contain_text("This server requires a key.")
    page.wait_for_timeout(3500)  # nothing asks by itself again
    expect(dialog(page)).to_be_hidden()
    page.locator("#question").focus()
    keyboard.type("Hello?")
    keyboard.press("Enter")
    expect(field).to_be_focused()
    keyboard.type(KEY)
    keyboard.press("Tab")
    keyboard.press("Space")
    expect(page.get_by_label("Remember it")).to_be_checked()
    keyboard.press("Enter")
    opened(visit).ended()
    expect(page.locator("#banner")).not_to_contain_text("requires a key")
    expect(page.locator("#question")).to_be_focused()
    assert 1 == provider.opened


def test_no_key_dialog_without_keys(page: Page, serve: Serve) -> None:
    """A server without keys shows no dialog for keys."""
    opened(Visit(page, serve(model="demo").url).open()).ask("count to 3").ended()
    expect(page.get_by_role("button", name="Change or forget the key")).to_have_count(0)
