"""The list of conversations: search, rename, export."""

import json
from pathlib import Path

from playwright.sync_api import expect

from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply


def test_conversation_is_renamed(visit: Visit, provider: Provider) -> None:
    """A conversation gets another title, in the list, above it, and after a reload."""
    visit.ask("What is a whale?").ended()
    visit.choose("What is a whale?", "Rename")
    visit.page.get_by_label("Title").fill("Whales")
    visit.page.keyboard.press("Enter")
    rows = visit.page.locator("#list a")
    expect(rows).to_have_text(["Whales"])
    expect(visit.page.locator("#title")).to_have_text("Whales")
    visit.choose("Whales", "Rename")
    visit.page.get_by_label("Title").fill("Fish")
    visit.page.get_by_role("button", name="Keep the title").click()
    visit.page.reload()
    expect(rows).to_have_text(["Whales"])
    expect(visit.page.locator("#title")).to_have_text("Whales")


def test_conversations_are_searched(visit: Visit, provider: Provider) -> None:
    """The list shows the conversations with the words of the search, and all without any."""
    for question in ("A question on whales", "A question on birds"):
        visit.open().ask(question).ended()
    rows = visit.page.locator("#list a")
    expect(rows).to_have_count(2)
    search = visit.page.get_by_label("Search the conversations")
    search.fill("whale")
    expect(rows).to_have_text(["A question on whales"])
    search.fill("cow")
    expect(visit.page.locator("#list")).to_contain_text("No conversation has these words.")
    search.fill("")
    expect(rows).to_have_count(2)


def test_conversation_is_pinned(visit: Visit, provider: Provider) -> None:
    """A pinned conversation is before all others, also in a search and after a reload, until it is
    unpinned."""
    for question in ("A question on whales", "A question on birds"):
        visit.open().ask(question).ended()
    visit.choose("A question on whales", "Pin")
    rows = visit.page.locator("#list a")
    titles = ["A question on whales", "A question on birds"]
    expect(visit.page.locator("#list h2")).to_have_text(["Pinned", "Today"])
    expect(rows).to_have_text(titles)
    visit.page.reload()
    expect(rows).to_have_text(titles)
    visit.page.get_by_label("Search the conversations").fill("question")
    expect(rows).to_have_text(titles)
    visit.choose("A question on whales", "Unpin")
    expect(visit.page.locator("#list h2")).to_have_text(["Today"])
    expect(rows).to_have_text(titles[::-1])


def test_conversation_is_exported(visit: Visit, provider: Provider) -> None:
    """A conversation is saved as Markdown and as JSON, in a file that has its title."""
    provider.script(Reply("An animal."))
    visit.ask("What is a whale?").ended()
    with visit.page.expect_download() as saved:
        visit.choose("What is a whale?", "Export as Markdown")
    assert "What is a whale.md" == saved.value.suggested_filename
    text = Path(saved.value.path()).read_text()
    assert "What is a whale?" in text
    assert "An animal." in text
    with visit.page.expect_download() as saved:
        visit.choose("What is a whale?", "Export as JSON")
    messages = json.loads(Path(saved.value.path()).read_text())["messages"]
    assert ["What is a whale?", "An animal."] == [message["content"] for message in messages]
