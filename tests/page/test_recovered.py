"""The page shows one answer, although the server that had begun it was killed."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.command import Command
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.services import free_port

WORDS = "".join(f"word{n} " for n in range(200))
OTHER = "A quite different beginning. "


def test_void_text_is_removed(page: Page, provider: Provider, tmp_path: Path) -> None:
    """What a killed server had sent is removed when another one goes on, which a note says; also in
    a tab that was opened meanwhile, and after a reload."""
    provider.script(Reply(OTHER + WORDS, rate=60), Reply(WORDS, rate=60))
    serve = ("-m", "app", "serve", "--port", str(free_port()))
    settings = {
        "MODEL": "openai:test-model",
        "OPENAI_BASE_URL": provider.url,
        "OPENAI_API_KEY": "sk-test-of-the-suite-0123456789",
        "ON_CRASH": "continue",
    }
    with Command(tmp_path, serve, **settings) as first:
        visit = Visit(page, first.url).open().ask("Say words.")
        assert visit.wait_for_text(100).startswith(OTHER.strip())
        first.kill()
    with Command(tmp_path, serve, **settings):
        expect(visit.answer).to_contain_text("another one goes on", timeout=20_000)
        late = Visit(page.context.new_page(), visit.url).open(visit.conversation)
        for tab in (visit, late):
            assert WORDS == tab.ended().copied()
            expect(tab.page.locator(".question p")).to_have_text(["Say words."])
            expect(tab.page.locator(".notice")).to_have_count(0)
        page.reload()
        expect(page.locator(".answer")).to_contain_text(re.compile("word199"))
        assert "beginning" not in visit.text
    assert 2 == provider.opened
