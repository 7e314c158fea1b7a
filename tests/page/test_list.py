"""The list of conversations: rename, export."""

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
