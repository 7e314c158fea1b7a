"""Whatever happens to the connection, the tab or the server: no part of an answer is lost."""

import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.command import Command
from tests.page.proxy import CuttingProxy
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server
from tests.services import free_port

CUTS = 20
WORDS = "".join(f"word{n} " if n % 20 else f"\n\n- **word{n}** " for n in range(600))


def test_reload_during_answer(visit: Visit, provider: Provider) -> None:
    """After a reload during an answer, question and answer are complete."""
    provider.script(Reply(WORDS, rate=120))
    visit.ask("Say words.").wait_for_text(300)
    visit.page.reload()
    visit.wait_for_text(400)
    expect(visit.page.locator(".question p")).to_have_text(["Say words."])
    expect(visit.page.get_by_role("button", name="Stop the answer")).to_be_visible()
    assert WORDS == visit.ended().copied()
    assert 1 == provider.opened


def test_twenty_lost_connections(page: Page, server: Server, provider: Provider) -> None:
    """Twenty lost connections lose no text, repeat none, and start no second run."""
    provider.script(Reply(WORDS, rate=60))
    with CuttingProxy(server.port) as proxy:
        visit = Visit(page, proxy.url).open().ask("Say words.")
        seen = 0
        for _ in range(CUTS):
            seen = len(visit.wait_for_text(seen + 10))
            proxy.cut()
        assert provider.requests[0].state == "open"
        assert WORDS == visit.ended().copied()
    assert 1 == provider.opened


def test_inspector_disconnects_and_resumes(visit: Visit, provider: Provider) -> None:
    """The inspector's button cuts the connection, and the answer continues after the last event."""
    provider.script(Reply(WORDS, rate=150))
    visit.page.get_by_role("button", name="Stream inspector").click()
    visit.ask("Say words.").wait_for_text(100)
    visit.page.get_by_role("button", name="Cut the connection").click()
    expect(visit.page.locator(".connection")).to_have_text("cut")
    expect(visit.page.locator(".waiting")).to_contain_text("The connection was cut")
    expect(visit.page.locator(".connection")).to_have_text("connected")
    assert WORDS == visit.ended().copied()
    assert 1 == provider.opened


def test_second_tab_follows_answer(
    visit: Visit, context: BrowserContext, provider: Provider
) -> None:
    """A second tab shows the same answer live, and another open tab is notified of it."""
    provider.script(Reply("Hello."), Reply(WORDS, rate=120))
    visit.ask("Hello?").ended()
    early = Visit(context.new_page(), visit.url).open(visit.conversation)
    expect(early.page.locator(".turn")).to_have_count(1)
    visit.ask("Say words.").wait_for_text(100)
    late = Visit(context.new_page(), visit.url).open(visit.conversation)
    for tab in (early, late):
        tab.wait_for_text(150)
        expect(tab.page.locator(".question p")).to_have_text(["Hello?", "Say words."])
        expect(tab.page.get_by_role("button", name="Stop the answer")).to_be_visible()
    assert [WORDS] * 3 == [tab.ended().copied() for tab in (visit, early, late)]
    assert 2 == provider.opened


def test_other_browser_follows_and_stops_answer(
    visit: Visit, browser: Browser, provider: Provider
) -> None:
    """Another device with the link shows question and answer, and can stop the run."""
    provider.script(Reply(WORDS, rate=60))
    visit.ask("Say words.").wait_for_text(100)
    context = browser.new_context()
    other = Visit(context.new_page(), visit.url).open(visit.conversation)
    other.wait_for_text(100)
    expect(other.page.locator(".question p")).to_have_text("Say words.")
    other.page.keyboard.press("Escape")
    visit.notice("You stopped this answer")
    context.close()


def test_answer_completes_while_other_conversation_is_open(
    visit: Visit, provider: Provider
) -> None:
    """An answer completes while another conversation is open."""
    provider.script(Reply(WORDS, rate=300))
    visit.ask("Say words.").wait_for_text(100)
    visit.page.get_by_role("link", name="New conversation").click()
    expect(visit.page.locator(".answer")).to_have_count(0)
    expect(visit.page.locator("#list .busy")).to_have_count(1)
    visit.page.locator("#list a").click()
    visit.wait_for_text(200)
    assert WORDS == visit.ended().copied()
    assert 1 == provider.opened


def test_offline_question_is_kept(
    visit: Visit, context: BrowserContext, provider: Provider
) -> None:
    """A question that is sent offline is kept, and sent again on request."""
    provider.script(Reply("First."), Reply("Here I am."))
    visit.ask("One").ended()
    context.set_offline(True)
    visit.ask("Anybody there?")
    notice = visit.notice("You are offline")
    context.set_offline(False)
    notice.get_by_role("button", name="Try again").click()
    assert "Here I am." == visit.ended().text
    assert 2 == provider.opened


def test_first_question_offline_stays_in_its_field(
    visit: Visit, context: BrowserContext, provider: Provider
) -> None:
    """A first question that is sent offline stays in its field, and is sent from there."""
    provider.script(Reply("Here I am."))
    visit.page.wait_for_load_state("networkidle")
    context.set_offline(True)
    visit.ask("Anybody there?")
    expect(visit.page.locator("#banner [data-kind=failed]")).to_contain_text("you are offline")
    expect(visit.page.locator("#question")).to_have_value("Anybody there?")
    context.set_offline(False)
    visit.page.press("#question", "Enter")
    assert "Here I am." == visit.ended().text
    assert 1 == provider.opened


def test_lost_acknowledgement_is_not_asked_twice(
    page: Page, server: Server, provider: Provider
) -> None:
    """A question that arrived, but whose response was lost, starts no second run."""
    provider.script(Reply(WORDS, rate=100))
    visit = Visit(page, server.url).open()
    page.route("**/api/v1/chat", lambda route: (route.fetch(), route.abort()))
    visit.ask("Say words.")
    notice = visit.notice("could not be reached")
    page.unroute("**/api/v1/chat")
    notice.get_by_role("button", name="Try again").click()
    assert WORDS == visit.ended().copied()
    assert 1 == provider.opened


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL], ids=["stopped", "killed"])
def test_server_restart_during_answer(
    page: Page, provider: Provider, tmp_path: Path, number: int
) -> None:
    """When the server restarts during an answer, the page keeps the text, reports that it is not
    complete, and continues with the new server."""
    provider.script(Reply(WORDS, rate=60), Reply("Back again."))
    serve = ("-m", "app", "serve", "--port", str(free_port()))
    settings = {
        "MODEL": "openai:test-model",
        "OPENAI_BASE_URL": provider.url,
        "OPENAI_API_KEY": "sk-test-of-the-suite-0123456789",
    }
    with Command(tmp_path, serve, **settings) as first:
        visit = Visit(page, first.url).open().ask("Say words.")
        seen = visit.wait_for_text(300)
        first.stop(number)
    if number == signal.SIGKILL:
        expect(page.locator(".waiting")).to_contain_text("it may be restarting")
    with Command(tmp_path, serve, **settings):
        visit.notice("The server stopped in the middle|The server has no such run")
        assert visit.text.startswith(seen.rstrip())
        assert WORDS.startswith(visit.copied())
        visit.ask("Still there?").ended()
        assert "Back again." == visit.text
        page.reload()
        expect(page.locator(".question p")).to_have_text(["Say words.", "Still there?"])
        visit.notice("The server stopped in the middle|The server has no such run")
