"""What an answer has at its end: sources, suggested questions, an object, a state."""

import json
import re

from playwright.sync_api import Page, expect

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.showcase import SOURCES, Site, guide, library, registry


def test_sources_are_numbered_links(serve: Serve, provider: Provider, page: Page) -> None:
    """The sources of an answer are numbered links that reveal nothing of the reader."""
    visit = Visit(page, serve(agents=[library(Site(provider))]).url).open()
    visit.ask("What are whales?").ended()
    visit.page.reload()
    links = visit.answer.locator(".sources ol a")
    expect(links).to_have_text([title for _, title in SOURCES])
    for link, (url, _) in zip(links.all(), SOURCES, strict=True):
        expect(link).to_have_attribute("href", url)
        expect(link).to_have_attribute("rel", re.compile("noreferrer"))


def test_suggested_question_is_sent(serve: Serve, provider: Provider, page: Page) -> None:
    """A suggested question is a button below the last answer, which sends it."""
    visit = Visit(page, serve(agents=[guide(Site(provider))]).url).open()
    visit.ask("How is Oslo?").ended()
    suggested = visit.page.locator(".followups button:visible")
    expect(suggested).to_have_text(["And then?", "Why?"])
    suggested.nth(1).click()
    expect(visit.page.locator(".turn")).to_have_count(2)
    visit.ended()
    assert "Because." == visit.text
    expect(visit.page.locator(".question p")).to_have_text(["How is Oslo?", "Why?"])
    expect(suggested).to_have_text(["Really?"])
    visit.page.reload()
    expect(suggested).to_have_text(["Really?"])


def test_session_state_is_in_inspector(serve: Serve, provider: Provider, page: Page) -> None:
    """The state that the application keeps is shown in the inspector."""
    visit = Visit(page, serve(agents=[guide(Site(provider))]).url).open()
    visit.page.get_by_role("button", name="Stream inspector").click()
    visit.ask("How is Oslo?").ended()
    state = visit.page.get_by_role("region", name="Session state")
    assert ["Oslo"] == json.loads(state.inner_text())["places"]


def test_object_is_shown_as_json(serve: Serve, provider: Provider, page: Page) -> None:
    """An answer that is an object is shown as JSON in lines, once, and copied as it came."""
    visit = Visit(page, serve(agents=[registry(Site(provider))]).url).open()
    visit.ask("Oslo").ended()
    shown = visit.answer.locator(".output pre")
    assert {"name": "Oslo", "people": 700_000} == json.loads(shown.inner_text())
    assert 4 == len(shown.inner_text().splitlines())
    expect(visit.answer.locator(".prose")).to_have_count(0)
    assert {"name": "Oslo", "people": 700_000} == json.loads(visit.copied())
    visit.page.reload()
    expect(shown).to_contain_text('"people": 700000')
    expect(visit.answer.locator(".prose")).to_have_count(0)
