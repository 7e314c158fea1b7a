"""Versions of a turn on the page: answered again, edited, selected, in all tabs."""

import pytest
from agno.agent import Agent
from agno.exceptions import CheckTrigger, InputCheckError
from agno.run.agent import RunInput
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.pauses.kinds import refund
from tests.provider import Provider
from tests.provider_replies import Reply


def script(provider: Provider, *texts: str) -> None:
    provider.script(*(Reply(text) for text in texts))


def talk(page: Page) -> list[str]:
    """The questions and answers that are shown, with the version of an answer that has several."""
    found = []
    for turn in page.locator(".turn").all():
        versions = turn.locator(".versions > span")
        count = versions.inner_text() if versions.is_visible() else ""
        found.append(turn.locator(".question p").inner_text())
        found.append(f"{turn.locator('.parts').inner_text()} {count}".strip())
    return found


def sent(provider: Provider) -> list[str]:
    messages = provider.requests[-1].body["messages"]
    return [m["content"] for m in messages if m["role"] in ("user", "assistant")]


def step(visit: Visit, name: str) -> None:
    """Click the last button of that name, and wait until the page shows another version."""
    button = visit.page.get_by_role("button", name=name).last
    before = visit.page.locator(".turn").last.element_handle()
    button.click()
    visit.page.wait_for_function("turn => !turn.isConnected", arg=before)
    visit.ended()


def edit(visit: Visit, turn: int, text: str) -> None:
    question = visit.page.locator(".question").nth(turn)
    question.hover()
    question.get_by_role("button", name="Edit the question").click()
    field = visit.page.get_by_role("textbox", name="Edit the question")
    field.fill(text)
    field.press("Enter")


def test_versions_of_an_answer(
    visit: Visit, provider: Provider, server_url: str, browser: Browser
) -> None:
    """A second answer stands in the place of the first one; the arrows go back and forth, and what
    is chosen holds after a reload, on another device, and for the next question."""
    script(provider, "zero", "first", "second", "below")
    visit.ask("Warm up.").ended()
    visit.ask("Question?").ended()
    visit.answer.get_by_role("button", name="Answer again").click()
    expect(visit.answer.locator(".versions")).to_contain_text("2/2")
    assert ["Warm up.", "zero", "Question?", "second 2/2"] == talk(visit.page)
    step(visit, "Previous version")
    assert ["Warm up.", "zero", "Question?", "first 1/2"] == talk(visit.page)
    group = visit.page.get_by_role("group", name="Version 1 of 2")
    expect(group.get_by_role("button", name="Previous version")).to_be_disabled()
    expect(group.get_by_role("button", name="Next version")).to_be_focused()
    visit.page.reload()
    visit.ended()
    assert ["Warm up.", "zero", "Question?", "first 1/2"] == talk(visit.page)
    other = browser.new_context()
    device = Visit(other.new_page(), server_url).open(visit.conversation).ended()
    assert talk(visit.page) == talk(device.page)
    step(device, "Next version")
    assert ["Warm up.", "zero", "Question?", "second 2/2"] == talk(device.page)
    step(device, "Previous version")
    device.ask("And now?")
    expect(device.page.locator(".turn")).to_have_count(3)
    device.ended()
    assert ["Warm up.", "zero", "Question?", "first", "And now?"] == sent(provider)
    other.close()


def test_editing_a_question(visit: Visit, provider: Provider) -> None:
    """An edited question stands in the place of the old one, with a continuation of its own; Escape
    leaves the question as it was. Both are there by keys alone."""
    script(provider, "a1", "a2", "e1", "e2")
    visit.ask("q1").ended()
    visit.ask("q2").ended()
    visit.page.locator("#talk").focus()
    visit.page.keyboard.press("e")
    field = visit.page.get_by_role("textbox", name="Edit the question")
    expect(field).to_have_value("q2")
    field.press("Escape")
    expect(field).to_have_count(0)
    expect(visit.page.get_by_role("button", name="Edit the question").last).to_be_focused()
    edit(visit, 0, "e?")
    expect(visit.answer.locator(".versions")).to_contain_text("2/2")
    assert ["e?", "e1 2/2"] == talk(visit.page)
    assert ["e?"] == sent(provider)
    visit.ask("f?")
    expect(visit.page.locator(".turn")).to_have_count(2)
    visit.ended()
    visit.page.locator("#talk").focus()
    visit.page.keyboard.press("[")
    expect(visit.page.locator(".question p")).to_have_text(["q1", "q2"])
    assert ["q1", "a1 1/2", "q2", "a2"] == talk(visit.page)
    visit.page.keyboard.press("]")
    expect(visit.page.locator(".question p")).to_have_text(["e?", "f?"])
    visit.page.reload()
    visit.ended()
    assert ["e?", "e1 2/2", "f?", "e2"] == talk(visit.page)


def test_another_tab(visit: Visit, provider: Provider, context: BrowserContext) -> None:
    """Another tab shows the second answer in the place of the first one while it arrives, and the
    version that was chosen here."""
    provider.script(Reply("first"), Reply("one two three four", stall_after=2))
    visit.ask("Question?").ended()
    tab = Visit(context.new_page(), visit.url).open(visit.conversation).ended()
    visit.answer.get_by_role("button", name="Answer again").click()
    expect(tab.page.locator(".answer.live .prose")).to_have_text("one two")
    expect(tab.page.locator(".turn")).to_have_count(1)
    for page in (tab.page, visit.page):
        expect(page.get_by_role("button", name="Edit the question")).to_be_hidden()
    provider.go_on()
    expect(tab.answer.locator(".versions")).to_contain_text("2/2")
    step(visit.ended(), "Previous version")
    expect(tab.answer.locator(".versions")).to_contain_text("1/2")
    assert ["Question?", "first 1/2"] == talk(tab.page) == talk(visit.page)
    tab.page.close()


def test_an_answer_that_breaks_off_is_a_version(visit: Visit, provider: Provider) -> None:
    """A second answer that fails can be tried again in its place, and the first one is there."""
    provider.script(Reply("first"), Reply("one two", cut_after=1), Reply("third"))
    visit.ask("Question?").ended()
    visit.answer.get_by_role("button", name="Answer again").click()
    visit.notice("broke off").get_by_role("button", name="Try again").click()
    expect(visit.answer.locator(".versions")).to_contain_text("3/3")
    assert ["Question?", "third 3/3"] == talk(visit.page)
    step(visit, "Previous version")
    visit.notice("broke off")
    step(visit, "Previous version")
    assert ["Question?", "first 1/3"] == talk(visit.page)


def test_going_on_in_a_copy(visit: Visit, provider: Provider) -> None:
    """A conversation can be continued from any of its answers in a copy; the original stays."""
    script(provider, "a1", "a2", "b2")
    visit.ask("q1").ended()
    visit.ask("q2").ended()
    original = visit.conversation
    name = "Continue from here in a new conversation"
    visit.page.get_by_role("button", name=name).first.click()
    expect(visit.page.locator(".turn")).to_have_count(1)
    assert visit.ended().conversation != original
    visit.ask("r2")
    expect(visit.page.locator(".turn")).to_have_count(2)
    visit.ended()
    assert ["q1", "a1", "r2"] == sent(provider)
    expect(visit.page.locator("#list a")).to_have_count(2)
    visit.open(original).ended()
    assert ["q1", "a1", "q2", "a2"] == talk(visit.page)


def guard(run_input: RunInput) -> None:
    """Refuse a question once."""
    if not REFUSED:
        REFUSED.append("once")
        raise InputCheckError("Not that.", check_trigger=CheckTrigger.INPUT_NOT_ALLOWED)


REFUSED: list[str] = []


@pytest.mark.parametrize("edited", [False, True], ids=["again", "edited"])
def test_a_turn_that_was_not_stored(
    page: Page, serve: Serve, provider: Provider, edited: bool
) -> None:
    """A question that a guardrail has refused is in no conversation: it is asked anew below."""
    REFUSED.clear()
    visit = Visit(page, serve(agents=[Agent(id="a", pre_hooks=[guard])]).url).open()
    visit.ask("Question?")
    visit.notice("Not that|refused")
    if edited:
        edit(visit, 0, "Other?")
    else:
        visit.answer.get_by_role("button", name="Answer again").click()
    expect(page.locator(".turn")).to_have_count(2)
    assert "Hello from the provider." == visit.ended().text
    assert ["Other?" if edited else "Question?"] == sent(provider)


def test_versions_of_an_answer_that_waits(page: Page, serve: Serve, provider: Provider) -> None:
    """An answer that waits for a person has its versions, too, and its card comes back."""
    agent = Agent(id="a", tools=[refund], add_history_to_context=True)
    visit = Visit(page, serve(agents=[agent]).url).open()
    call = Reply(tool_calls=[("refund", '{"city": "Oslo"}')])
    provider.script(Reply("first"), call, Reply("It is done."))
    visit.ask("Question?").ended()
    visit.answer.get_by_role("button", name="Answer again").click()
    expect(page.get_by_role("button", name="Approve")).to_be_visible()
    step(visit, "Previous version")
    assert ["Question?", "first 1/2"] == talk(page)
    page.get_by_role("button", name="Next version").click()
    page.get_by_role("button", name="Approve").click()
    expect(visit.answer.locator(".prose")).to_have_text("It is done.")
    expect(visit.answer.locator(".versions")).to_contain_text("2/2")
