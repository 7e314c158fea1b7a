"""The page in the languages of its readers."""

import re
from typing import Any

from playwright.sync_api import Browser, Page, expect

from tests.page.axe import Axe
from tests.page.visit import Visit
from tests.page.wording import LANGUAGES, language, phrases
from tests.provider import Provider
from tests.provider_replies import Reply, refusal
from tests.server import Server

#: The text and the labels of the page, without what a model or a person has written, and names.
SHOWN = """() => {
  const others = '.prose, .asked p, .detail, .thoughts, pre, code, [translate=no], #list a,'
    + ' noscript, #model, #agent, #set-language, script, svg, .events, #title, #announcer,'
    + ' .ideas, .facts'
  const found = []
  const walker = document.createTreeWalker(document.body)
  while (walker.nextNode()) {
    const node = walker.currentNode
    if ((node.parentElement ?? node).closest(others)) continue
    if (node.nodeType === Node.TEXT_NODE) found.push(node.data.trim())
    else if (node.nodeType === Node.ELEMENT_NODE) {
      for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
        if (node.hasAttribute(name)) found.push(node.getAttribute(name))
      }
    }
  }
  return found
}"""

#: What is wider than its place: the page itself, or a part of it.
TOO_WIDE = """() => {
  const parts = ':root, .side-foot, dialog[open], .top, #composer .row, .figures div, .drawer-head'
  return [...document.querySelectorAll(parts)]
    .filter(part => part.scrollWidth > part.clientWidth + 1)
    .map(part => part.className || part.id || part.tagName)
}"""


#: Rows of buttons, and words in them, that take more than one line.
WRAPPED = """() => {
  const line = part => part.getBoundingClientRect()
  const rows = [...document.querySelectorAll('.side-foot, dialog[open] .buttons')]
  return rows
    .filter(row => row.offsetParent || row.closest('dialog[open]'))
    .filter(row => {
      const parts = [...row.children].filter(part => part.offsetHeight)
      const middles = parts.map(part => line(part).top + line(part).height / 2)
      const tall = parts.some(part => line(part).height > 48)
      return tall || Math.max(...middles) - Math.min(...middles) > 8
    })
    .map(row => row.innerText)
}"""


def choose(page: Page, code: str) -> None:
    """Choose a language in the settings, as a person does who cannot read the page."""
    page.locator("#settings-open").click()
    page.select_option("#set-language", code)
    page.locator("#settings button.primary").click()
    expect(page.locator("html")).to_have_attribute("lang", code)


def left_in_english(found: dict[str, Any], shown: list[str]) -> set[str]:
    """What a page in this language shows in English."""
    translated = {text for text in phrases()[0] if found["phrases"][text] != text}
    patterns = [
        re.sub(r"\\{\w+\\}", ".+", re.escape(text).replace(r"\{count\}", r"[\d.,]+"))
        for text in translated
    ]
    pattern = re.compile("|".join(patterns))
    return {text for text in shown if pattern.fullmatch(text)}


def test_page_in_each_language(
    browser: Browser, server: Server, provider: Provider, axe: Axe
) -> None:
    """In each language nothing is left in English, axe-core finds no violation, and the words fit:
    on a desktop with the inspector, on a phone with 320 pixels, in the list and in dialogs."""
    provider.script(
        Reply("# Title\n\n|a|\n|-|\n|1|\n\n```py\nx\n```", reasoning="Hm."),
        refusal(400, "Bad.", "bad"),
    )
    context = browser.new_context(bypass_csp=True)  # for axe-core
    page = context.new_page()
    visit = Visit(page, server.url).open().ask("A question").ended().ask("Another").ended()
    page.get_by_role("button", name="Stream inspector").click()
    assert [] == visit.run(WRAPPED)
    for code in LANGUAGES:
        page.set_viewport_size({"width": 1280, "height": 800})
        choose(page, code)
        assert set() == left_in_english(language(code), visit.run(SHOWN))
        assert [] == visit.run(TOO_WIDE)
        page.locator("#settings-open").click()
        assert [] == visit.run(WRAPPED)
        page.keyboard.press("Escape")
        axe.check(visit)
        page.keyboard.press("d")
        page.set_viewport_size({"width": 320, "height": 700})
        for show in ("#settings-open", "#side-open", "#keys"):
            page.locator(show).click()
            page.wait_for_timeout(250)  # the list slides in
            assert [] == visit.run(TOO_WIDE)
            if show == "#settings-open" and code == "de":  # whose words are longest
                axe.check(visit)
            if show != "#side-open":
                page.keyboard.press("Escape")
        page.locator("#side-close").click()
        page.locator("#drawer-open").click()
    context.close()


def test_language_changes_while_an_answer_runs(visit: Visit, provider: Provider) -> None:
    """Another language changes the words of the page; the answer goes on in its place, the question
    that is being written stays, and so does the language after a reload."""
    provider.script(Reply("word " * 60, rate=40))
    visit.ask("Say much.").wait_for_text(20)
    visit.page.fill("#question", "And then")
    visit.run("() => { document.querySelector('.answer').mark = true }")
    choose(visit.page, "de")
    expect(visit.page.get_by_role("group", name="Eine Antwort läuft")).to_be_visible()
    expect(visit.page.get_by_label("Ihre Frage")).to_have_value("And then")
    visit.ended()
    assert visit.run("() => document.querySelector('.answer').mark")
    assert "word " * 60 == visit.copied()
    assert 1 == provider.opened
    expect(visit.answer.locator(".facts")).to_have_text(re.compile(r"60 Tokens · \d+,\d s$"))
    visit.page.reload()
    expect(visit.answer.get_by_role("button", name="Neu beantworten")).to_be_visible()
    expect(visit.answer.locator(".facts")).to_have_text(re.compile(r"60 Tokens · \d+,\d s$"))
    choose(visit.page, "en")
    expect(visit.answer.get_by_role("button", name="Answer again")).to_be_visible()


def test_language_of_the_browser(browser: Browser, server: Server) -> None:
    """The page has the language that the address names, or else that of the browser, or English."""
    title = "What would you like to know?"
    for locale, parameter, code in (
        ("de-AT", "", "de"),
        ("zh-SG", "", "zh-CN"),
        ("zh-TW", "", "en"),  # another script
        ("fr", "?lang=es", "es"),
        ("fr", "?lang=tlh", "fr"),
    ):
        context = browser.new_context(locale=locale)
        page = context.new_page()
        page.goto(f"{server.url}/{parameter}")
        expect(page.locator("html")).to_have_attribute("lang", code)
        words = language(code)["phrases"] if code != "en" else {}
        expect(page.get_by_role("heading", name=words.get(title, title))).to_be_visible()
        context.close()


def test_language_that_fails_to_load(visit: Visit) -> None:
    """A language that cannot be loaded says so, the page stays as it is, and the next attempt
    loads it."""
    page = visit.page
    page.route("**/languages/*", lambda route: route.abort())
    page.locator("#settings-open").click()
    page.select_option("#set-language", "fr")
    page.locator("#settings button.primary").click()
    expect(page.locator("#banner")).to_contain_text("The language was not loaded.")
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.unroute("**/languages/*")
    choose(page, "fr")
    expect(page.get_by_role("heading", name="Que souhaitez-vous savoir ?")).to_be_visible()
