"""The chat page: send, stop, regenerate, and the list of conversations."""

import re

import httpx
from playwright.sync_api import Browser, Page, expect

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import CONTEXT_TOO_LONG, INVALID_KEY, RATE_LIMITED, Reply

WORDS = "".join(f"word{n} " for n in range(400))
MARKDOWN = """# Title

Some **bold** and `code`, a [link](https://example.org/a).

- one
- two

| a | b |
|---|---|
| 1 | 2 |

```python
print("hello")
```
"""


def test_answer_streams_onto_page(visit: Visit, provider: Provider) -> None:
    """An answer is shown while it streams, and at its end is exactly the provider's text."""
    provider.script(Reply(WORDS, rate=200))
    visit.ask("Say words.")
    early = visit.wait_for_text(20)
    assert len(early) < len(WORDS.strip())
    assert WORDS == visit.ended().copied()
    assert WORDS.split() == visit.text.split()
    assert "Say words." == provider.requests[0].body["messages"][-1]["content"]


def test_markdown_character_by_character(visit: Visit, provider: Provider) -> None:
    """Markdown that arrives character by character is drawn as if it came at once."""
    provider.script(Reply(list(MARKDOWN), rate=400))
    prose = visit.ask("x").ended().answer.locator(".prose")
    expect(prose.locator("h1")).to_have_text("Title")
    expect(prose.locator("strong")).to_have_text("bold")
    expect(prose.locator("li")).to_have_text(["one", "two"])
    expect(prose.locator("td")).to_have_text(["1", "2"])
    expect(prose.locator("pre code.language-python")).to_have_text('print("hello")')
    expect(prose.locator("a")).to_have_attribute("href", "https://example.org/a")
    expect(prose.locator("a")).to_have_attribute("rel", re.compile("noopener"))


def test_copy_button_of_code_block(visit: Visit, provider: Provider) -> None:
    """The button of a code block copies exactly the code."""
    provider.script(Reply(MARKDOWN))
    visit.ask("x").ended().answer.get_by_role("button", name="Copy the code").click()
    expect(visit.answer.locator(".code .done")).to_be_visible()
    assert 'print("hello")\n' == visit.run("navigator.clipboard.readText()")


def test_reasoning_is_folded(visit: Visit, provider: Provider) -> None:
    """Reasoning is folded, can be opened, and is no part of the answer."""
    provider.script(Reply("The answer.", reasoning="Deep thoughts."))
    visit.ask("x").ended()
    thoughts = visit.answer.locator(".reasoning .thoughts")
    expect(thoughts).to_be_hidden()
    visit.answer.locator(".reasoning summary").click()
    expect(thoughts).to_have_text("Deep thoughts.")
    assert "The answer." == visit.copied()


def test_tool_call_is_shown(visit: Visit) -> None:
    """A tool call is shown with its name; its arguments and result can be opened."""
    visit.page.select_option("#model", label="demo")
    visit.ask("tool Europe/Paris").ended()
    tool = visit.answer.locator(".tool")
    expect(tool.locator("summary")).to_contain_text("current_time")
    tool.locator("summary").click()
    expect(tool.locator("pre").first).to_contain_text("Europe/Paris")


def test_stop_button_cancels_run(visit: Visit, provider: Provider) -> None:
    """The send button becomes a stop button: it ends the upstream request and keeps the text."""
    provider.script(Reply(WORDS, rate=50))
    visit.ask("x")
    seen = visit.wait_for_text(20)
    visit.page.get_by_role("button", name="Stop the answer").click()
    visit.notice("You stopped this answer")
    provider.wait_for(lambda: provider.aborted == 1)
    assert visit.text.startswith(seen.rstrip())
    expect(visit.page.get_by_role("button", name="Send")).to_be_visible()
    facts = visit.facts
    assert "tokens" in facts
    visit.page.reload()
    visit.notice("You stopped this answer")
    assert facts == visit.facts


def test_regenerated_answer_ignores_the_first(visit: Visit, provider: Provider) -> None:
    """A regenerated answer stands in the place of the first one, which is not in its history."""
    provider.script(Reply("Zero."), Reply("First."), Reply("Second."))
    visit.ask("Warm up.").ended()
    visit.ask("Question?").ended()
    visit.answer.get_by_role("button", name="Answer again").click()
    expect(visit.answer.locator(".versions")).to_contain_text("2/2")
    expect(visit.page.locator(".turn")).to_have_count(2)
    assert "Second." == visit.ended().text
    sent = [m["content"] for m in provider.requests[2].body["messages"] if m["role"] != "system"]
    assert ["Warm up.", "Zero.", "Question?"] == sent


def test_continue_after_length_limit(visit: Visit, provider: Provider) -> None:
    """An answer that reached its token limit is marked, and can be continued."""
    provider.script(Reply("Half of", finish_reason="length"), Reply(" it."))
    visit.ask("x")
    visit.notice("limit of tokens").get_by_role("button", name="Continue").click()
    expect(visit.page.locator(".turn")).to_have_count(2)
    visit.ended()
    sent = [m["content"] for m in provider.requests[1].body["messages"]]
    assert ["x", "Half of", "continue"] == sent[-3:]


def test_conversation_list_open_and_delete(
    visit: Visit, server_url: str, provider: Provider
) -> None:
    """Conversations are listed by their question, opened by their link, and deleted for good."""
    provider.script(Reply("Answer one."), Reply("Answer two."))
    visit.ask("First question").ended()
    first = visit.conversation
    visit.page.get_by_role("link", name="New conversation").click()
    visit.page.wait_for_timeout(1100)  # the list is in order of seconds
    visit.ask("Second question").ended()
    rows = visit.page.locator("#list a")
    expect(rows).to_have_text(["Second question", "First question"])
    expect(rows.first).to_have_attribute("aria-current", "page")
    rows.nth(1).click()
    expect(visit.answer.locator(".prose")).to_have_text("Answer one.")
    assert first == visit.conversation
    visit.page.go_back()
    expect(visit.answer.locator(".prose")).to_have_text("Answer two.")
    visit.choose("First question", "Delete")
    visit.page.get_by_role("button", name="Keep it").click()
    expect(rows).to_have_count(2)
    visit.choose("First question", "Delete")
    visit.page.get_by_role("button", name="Delete", exact=True).click()
    expect(rows).to_have_text(["Second question"])
    assert 404 == httpx.get(f"{server_url}/api/v1/conversations/{first}").status_code


def test_permalink_opens_conversation(visit: Visit, page: Page, provider: Provider) -> None:
    """The copied link opens the conversation in another tab, with its finish reasons."""
    provider.script(Reply("An answer.", finish_reason="length"), Reply("x", cut_after=1))
    visit.ask("A question").ended()
    visit.ask("Another").ended()
    visit.page.get_by_role("button", name="Copy a link").click()
    expect(page.locator("#permalink.done")).to_be_visible()
    link = visit.run("navigator.clipboard.readText()")
    page.goto("about:blank")
    page.goto(link)
    expect(page.locator(".question p")).to_have_text(["A question", "Another"])
    expect(page.locator(".prose").first).to_have_text("An answer.")
    visit.notice("broke off")
    expect(page).to_have_title(re.compile("A question"))


def test_link_to_deleted_conversation(visit: Visit) -> None:
    """A link to a deleted conversation shows an alert."""
    visit.open("nothing-here")
    expect(visit.page.get_by_role("alert")).to_contain_text("no such conversation")


def test_autoscroll_stops_when_user_scrolls_up(visit: Visit, provider: Provider) -> None:
    """The page follows the answer until the user scrolls up; a button resumes that."""
    provider.script(Reply("".join(f"Line {n}.\n\n" for n in range(300)), rate=150))
    visit.ask("x").wait_for_text(600)
    page = visit.page
    rest = "e => e.scrollHeight - e.scrollTop - e.clientHeight"
    assert page.locator("#talk").evaluate(rest) < 50
    page.locator("#talk").hover()
    page.mouse.wheel(0, -300)
    expect(page.locator("#latest")).to_be_visible()
    visit.wait_for_text(1200)
    assert page.locator("#talk").evaluate(rest) > 150
    page.locator("#latest").click()
    visit.ended()
    page.wait_for_function(f"() => ({rest})(document.getElementById('talk')) < 50")
    expect(page.locator("#latest")).to_be_hidden()


def test_failure_shows_sentence_and_advice(visit: Visit, provider: Provider) -> None:
    """A failure is shown as a sentence with advice, and the page still works."""
    provider.script(INVALID_KEY, CONTEXT_TOO_LONG, Reply("Fine."))
    visit.ask("one")
    visit.notice("refused the server.s key.*OPENAI_API_KEY")
    visit.ask("two")
    visit.notice("too long for this model").get_by_role("button", name="New").click()
    assert "Fine." == visit.ask("three").ended().text


def test_rate_limit_disables_button_until_retry(visit: Visit, provider: Provider) -> None:
    """The button is disabled for the seconds of the provider's `Retry-After`."""
    provider.default = RATE_LIMITED
    visit.ask("x")
    notice = visit.notice("rate limit is exceeded")
    expect(notice.get_by_role("button", name="Try again")).to_be_enabled()
    provider.default = Reply("Now.")
    notice.get_by_role("button", name="Try again").click()
    expect(visit.page.locator(".prose").last).to_have_text("Now.")


def test_too_large_question_is_reported(serve: Serve, page: Page) -> None:
    """A question that exceeds the server's limit is reported as too large."""
    visit = Visit(page, serve(max_body_bytes=2000).url).open()
    visit.ask("x" * 3000)
    visit.notice("larger than the server accepts")


def test_demo_banner_without_model(serve: Serve, page: Page) -> None:
    """Without a model the page explains the demonstration and how to configure a model."""
    visit = Visit(page, serve(model="demo").url).open()
    port = visit.url.rpartition(":")[2]  # a new start without it would be elsewhere
    expect(page.locator("#banner")).to_contain_text(f"PORT={port} OPENAI_API_KEY")
    page.get_by_role("button", name="count to 20").click()
    assert visit.ended().text.endswith("19, 20")


def test_model_choice_is_kept(visit: Visit) -> None:
    """The server's models can be chosen, and the choice is kept."""
    visit.page.select_option("#model", label="demo")
    visit.ask("count to 3").ended()
    assert "1, 2, 3" == visit.text
    visit.open()
    assert "demo" == visit.page.locator("#model").evaluate("e => e.selectedOptions[0].text")


def test_printed_page_is_the_whole_conversation(visit: Visit, provider: Provider) -> None:
    """On paper there is all of the conversation, and nothing to click."""
    provider.script(Reply("Line.\n\n" * 60 + "The end."))
    visit.ask("Say much.").ended()
    visit.page.emulate_media(media="print")
    height = "document.scrollingElement.scrollHeight - innerHeight"
    assert visit.run(height) > 500
    for part in ("#composer", "#side", ".acts .icon", "#permalink"):
        expect(visit.page.locator(part).first).to_be_hidden()
    expect(visit.answer).to_contain_text("The end.")


def test_inspector_on_a_phone_has_the_focus(visit: Visit, page: Page) -> None:
    """Where the inspector covers the page, the focus goes into it, and comes back at its end."""
    page.set_viewport_size({"width": 390, "height": 844})
    opener = page.locator("#drawer-open")
    for close in ("Escape", "Enter"):
        opener.click()
        expect(page.get_by_role("button", name="Close the inspector")).to_be_focused()
        page.keyboard.press(close)
        expect(page.locator("#drawer")).to_be_hidden()
        expect(opener).to_be_focused()


def test_paragraphs_have_the_direction_of_their_text(visit: Visit, provider: Provider) -> None:
    """Text that runs from right to left begins at the right, beside text that does not."""
    provider.script(Reply("مرحبا بالعالم\n\nHello\n\n|a|number|\n|-|-:|\n|x|1|"))
    visit.ask("مرحبا").ended()
    left = """element => {
      const range = document.createRange()
      range.selectNodeContents(element)
      return range.getBoundingClientRect().left - element.getBoundingClientRect().left
    }"""
    arabic, english = visit.answer.locator(".prose p").all()
    assert arabic.evaluate(left) > 100
    assert abs(english.evaluate(left)) < 2
    assert visit.answer.locator("td").last.evaluate(left) > 100  # as its column says


def test_stream_inspector_shows_raw_events(visit: Visit, provider: Provider) -> None:
    """The inspector shows the raw events with ids and times, figures, and a curl that works."""
    provider.script(Reply("one two three", rate=20), Reply("one two three"))
    visit.page.get_by_role("button", name="Stream inspector").click()
    visit.ask("It's $HOME?").ended()
    drawer = visit.page.locator("#drawer")
    rows = drawer.locator(".events li")
    expect(rows).to_have_count(5)  # the beginning, three words, the end
    expect(rows.nth(1)).to_contain_text('{"content":"one "')
    expect(rows.nth(1).locator("b")).to_have_text("2")
    expect(rows.nth(1).locator("time")).to_have_text(re.compile(r"^\d+\.\d{3}$"))
    expect(drawer.locator(".figures dd").first).to_have_text(re.compile(r"^\d.* ms$"))
    expect(drawer.locator(".legend")).to_contain_text("median")
    assert visit.run("() => document.querySelector('#drawer canvas').width") > 100
    expect(drawer.locator(".curl")).to_contain_text("""{"message":"It'\\''s $HOME?",""")


def test_narrow_screen_layout(browser: Browser, server_url: str, provider: Provider) -> None:
    """On a narrow screen the list is behind a button, and nothing scrolls sideways."""
    provider.script(Reply(MARKDOWN + "x" * 500))
    phone = browser.new_context(viewport={"width": 360, "height": 640}, has_touch=True)
    visit = Visit(phone.new_page(), server_url).open().ask("Hello").ended()
    page = visit.page
    assert 360 == visit.run("() => document.documentElement.scrollWidth")
    expect(page.locator("#list a")).to_be_hidden()
    page.get_by_role("button", name="Conversations").tap()
    expect(page.locator("#list a")).to_have_text(["Hello"])
    page.get_by_role("button", name="Close the list").tap()
    expect(page.locator("#list a")).to_be_hidden()
    page.get_by_role("button", name="Stream inspector").tap()
    assert 360 == visit.run("() => document.documentElement.scrollWidth")
    phone.close()
