"""Accessibility of the page: keyboard, screen reader, and the rules of axe-core."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, expect

from tests.applications.kind import PIXEL
from tests.conftest import Serve
from tests.page.axe import Axe
from tests.page.visit import Visit
from tests.pauses.kinds import KINDS
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.showcase import Site, guide, library, newsroom, press, registry, studio

#: What an answer shows with libraries: code with colours, formulas, a diagram, a footnote.
ENRICHED = """```py
# A remark
print("text", 1)
```

Inside $x^2$ a line[^1].

$$\\sum_{n=1}^9 n$$

```mermaid
graph LR; A-->B
```

[^1]: A note."""

Colours = Literal["light", "dark"]

#: Opens a tab with colours and a width in pixels, 1280 by default.
OpenTab = Callable[..., Page]


@pytest.fixture
def open_tab(browser: Browser) -> Iterator[OpenTab]:
    """Opens a tab with these colours and this width; all are closed at the end."""
    opened: list[BrowserContext] = []

    def open_one(colours: Colours, width: int = 1280) -> Page:
        # The policy would keep axe out as well as any other foreign script.
        context = browser.new_context(
            color_scheme=colours, viewport={"width": width, "height": 800}, bypass_csp=True
        )
        opened.append(context)
        return context.new_page()

    yield open_one
    for context in opened:
        context.close()


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_on_chat(
    open_tab: OpenTab,
    axe: Axe,
    server_url: str,
    provider: Provider,
    colours: Colours,
    width: int,
) -> None:
    """axe-core finds no violation: on an empty page, with all kinds of answers, with all opened."""
    provider.script(
        Reply("# Title\n\nText `code`\n\n```py\nx\n```\n\n|a|\n|-|\n|1|", reasoning="Hm."),
        Reply("First."),
        Reply(ENRICHED),
        Reply("cut here", cut_after=1),
    )
    visit = Visit(open_tab(colours, width), server_url)
    visit.open()
    axe.check(visit)
    visit.ask("A question").ended()
    visit.page.locator(".reasoning summary").click()
    visit.ask("Versions").ended()
    visit.answer.get_by_role("button", name="Answer again").click()
    expect(visit.answer.locator(".versions")).to_contain_text("2/2")
    expect(visit.ended().answer.locator(".diagram:not(.unready)")).to_be_visible()
    expect(visit.answer.locator("math").first).to_be_visible()
    visit.ask("Another").ended()
    axe.check(visit)
    visit.page.get_by_role("button", name="Stream inspector").click()
    visit.page.wait_for_timeout(300)
    axe.check(visit)
    visit.page.get_by_role("button", name="Close the inspector").click()
    if width < 800:
        visit.page.get_by_role("button", name="Conversations").click()
        visit.page.wait_for_timeout(400)
    visit.page.get_by_role("button", name="Shortcuts").click()
    axe.check(visit)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_on_parts(
    open_tab: OpenTab,
    axe: Axe,
    serve: Serve,
    provider: Provider,
    colours: Colours,
    width: int,
) -> None:
    """axe-core finds no violation: on the parts of answers, folded and unfolded, on a question with
    files while an answer runs, on the settings and on the menu of a conversation."""
    site = Site(provider)
    agents: list[Any] = [
        studio(site),
        newsroom(site),
        press(site),
        library(site),
        guide(site),
        registry(site),
    ]
    visit = Visit(open_tab(colours, width), serve(agents=agents).url).open()
    page = visit.page

    axe.check(visit)
    for agent in agents:
        page.select_option("#agent", agent.id)
        visit.ask("What is new?").ended()
    visit.run("() => document.querySelectorAll('details').forEach(one => { one.open = true })")
    page.wait_for_timeout(300)
    axe.check(visit)
    provider.default = Reply("word " * 50, stall_after=5)
    page.select_option("#agent", "studio")
    visit.ask("And then?").wait_for_text(5)
    picture: FilePayload = {"name": "dot.png", "mimeType": "image/png", "buffer": PIXEL}
    page.set_input_files("#attach-files", picture)
    expect(page.get_by_role("group", name="An answer is running")).to_be_visible()
    axe.check(visit)
    page.get_by_role("button", name="Settings").click()
    axe.check(visit)
    page.keyboard.press("Escape")
    if width < 800:
        page.get_by_role("button", name="Conversations").click()
        page.wait_for_timeout(400)
    page.get_by_role("button", name="Rename, pin, export or delete").first.click()
    axe.check(visit)
    page.get_by_role("menuitem", name="Rename").click()
    axe.check(visit)


@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_on_decisions(
    open_tab: OpenTab,
    axe: Axe,
    serve: Serve,
    provider: Provider,
    colours: Colours,
    width: int,
) -> None:
    """axe-core finds no violation in the cards of all kinds of pauses, and of a decided one."""
    server = serve(agents=[kind.component(provider) for kind in KINDS])
    visit = Visit(open_tab(colours, width), server.url).open()
    page = visit.page
    card = page.locator("form.pause")

    for number, kind in enumerate(KINDS, 1):
        provider.script(*kind.before)
        page.select_option("#agent", kind.name)
        visit.ask("Please.")
        expect(card).to_have_count(number)
    axe.check(visit)
    for refusal in page.get_by_role("button", name="Deny").all():
        refusal.click()
    axe.check(visit)
    provider.script(Reply("It is done."))
    card.first.get_by_role("button", name="Deny").click()
    expect(card).to_have_count(len(KINDS) - 1)
    axe.check(visit)


@pytest.mark.parametrize("colours", ["light", "dark"])
def test_axe_on_key_dialog(open_tab: OpenTab, axe: Axe, serve: Serve, colours: Colours) -> None:
    """axe-core finds no violation in the dialog for a key, with and without an error."""
    visit = Visit(open_tab(colours), serve(api_keys="ada:key-of-ada-0123456789").url)
    visit.page.goto(visit.url)
    visit.page.get_by_label("Key", exact=True).fill("wrong")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#key-remark")).not_to_be_empty()
    axe.check(visit)


def test_chat_by_keyboard_only(visit: Visit, provider: Provider) -> None:
    """Send, stop, regenerate, choose and delete work without a mouse."""
    provider.script(Reply("word " * 400, rate=50), Reply("Second."))
    keyboard = visit.page.keyboard
    expect(visit.page.locator("#question")).to_be_focused()
    keyboard.type("First line")
    keyboard.press("Shift+Enter")
    keyboard.type("second line")
    keyboard.press("Enter")
    visit.wait_for_text(20)
    keyboard.press("Escape")
    visit.notice("You stopped this answer")
    keyboard.press("ArrowUp")
    expect(visit.page.locator("#question")).to_have_value("First line\nsecond line")
    keyboard.press("Enter")
    visit.ended()
    assert "First line\nsecond line" == provider.requests[1].body["messages"][-1]["content"]
    visit.page.locator("#talk").focus()
    keyboard.press("c")
    expect(visit.answer.locator(".copy-answer.done")).to_be_visible()
    keyboard.press("d")
    expect(visit.page.locator("#drawer")).to_be_visible()
    keyboard.press("d")
    expect(visit.page.locator("#drawer")).to_be_hidden()
    keyboard.press("?")
    expect(visit.page.get_by_role("heading", name="Shortcuts")).to_be_visible()
    keyboard.press("Escape")
    visit.page.locator("#talk").focus()
    keyboard.press("n")
    expect(visit.page.locator("#question")).to_be_focused()
    expect(visit.page.locator(".answer")).to_have_count(0)
    for _ in range(20):  # by Tab to the menu, as somebody does who sees where the focus is
        keyboard.press("Shift+Tab")
        if visit.run("() => document.activeElement.title") == "More":
            break
    keyboard.press("Enter")
    expect(visit.page.get_by_role("menuitem", name="Rename")).to_be_focused()
    keyboard.press("ArrowUp")
    keyboard.press("Enter")
    expect(visit.page.locator("#confirm")).to_be_visible()
    keyboard.press("Tab")
    keyboard.press("Enter")
    expect(visit.page.locator("#list a")).to_have_count(0)


def test_screen_reader_announces_whole_sentences(visit: Visit, provider: Provider) -> None:
    """Whole sentences are announced, each once, and then how the answer ended."""
    sentences = [f"This is sentence number {n}, which has some words. " for n in range(12)]
    provider.script(Reply("".join(sentences), finish_reason="length", rate=40))
    visit.run(
        """() => {
          window.announced = []
          new MutationObserver(changes => {
            const nodes = changes.flatMap(change => [...change.addedNodes])
            announced.push(...nodes.map(node => node.textContent))
          }).observe(document.getElementById('announcer'), { childList: true })
        }"""
    )
    visit.ask("x").ended()
    announced = visit.run("() => announced")
    assert 2 < len(announced) < len(sentences)
    assert all(part.endswith((".", "tokens.")) for part in announced)
    assert "".join(sentences) + "The answer reached its limit of tokens." == " ".join(announced)
    assert visit.run("() => document.querySelector('#talk [aria-live], #talk[aria-live]')") is None


def test_input_method_enter_sends_nothing(visit: Visit, provider: Provider) -> None:
    """An Enter that confirms a word of an input method sends nothing."""
    session = visit.page.context.new_cdp_session(visit.page)
    visit.page.focus("#question")
    session.send(
        "Input.imeSetComposition", {"text": "にほん", "selectionStart": 3, "selectionEnd": 3}
    )
    visit.page.keyboard.press("Enter")
    session.send("Input.insertText", {"text": "日本"})
    expect(visit.page.locator("#question")).to_have_value(re.compile("日本"))
    expect(visit.page.locator(".turn")).to_have_count(0)
    assert 0 == provider.opened
