"""Answers that wait for a person: the card, its decisions, and how the answer goes on."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from agno.agent import Agent
from playwright.sync_api import Browser, Locator, Page, expect

from tests.conftest import Serve
from tests.page.axe import Axe
from tests.page.visit import Visit
from tests.pauses.kinds import KINDS, PauseKind, calls, refund, send, shell
from tests.pauses.parts import decisions, go_on
from tests.provider import Provider
from tests.provider_replies import Reply, numbered
from tests.server import Server

BY_NAME = {kind.name: kind for kind in KINDS}
Start = Callable[..., tuple[Visit, Locator]]


def told(provider: Provider) -> str:
    """What the model was sent last."""
    return str(provider.requests[-1].body)


def card(page: Page) -> Locator:
    found = page.get_by_role("group", name="This answer waits for your decision")
    expect(found).to_be_visible(timeout=20_000)
    return found


def submit(form: Locator) -> None:
    form.get_by_role("button", name="Send").click()


@pytest.fixture
def start(serve: Serve, provider: Provider, page: Page) -> Start:
    """Open the page of a server with one kind of pause, ask, and return the card."""

    def begin(kind: PauseKind, **settings: Any) -> tuple[Visit, Locator]:
        server = serve(agents=[kind.component(provider)], **settings)
        provider.script(*kind.before, *kind.after)
        visit = Visit(page, server.url).open().ask("Please.")
        return visit, card(page)

    return begin


def many(*tools: Any) -> Callable[[Any], Any]:
    return lambda model: Agent(model=model(), tools=list(tools))


# What a person does at the card of each kind.


def click(form: Locator, name: str) -> None:
    form.get_by_role("button", name=name, exact=True).click()


def approve(form: Locator) -> None:
    click(form, "Approve")


def fill_city(form: Locator) -> None:
    form.get_by_label("city").fill("Bergen")
    submit(form)


def choose_rome(form: Locator) -> None:
    form.get_by_label("Rome").check()
    submit(form)


def give_result(form: Locator) -> None:
    form.get_by_label("Result").fill("it ran elsewhere")
    submit(form)


def give_tone(form: Locator) -> None:
    form.get_by_label("tone").fill("kind")
    submit(form)


def edit_output(form: Locator) -> None:
    form.get_by_label("Output, which may be edited").fill("An edited draft.")
    click(form, "Accept")


def go_right(form: Locator) -> None:
    form.get_by_label("right").check()
    submit(form)


def try_again(form: Locator) -> None:
    BY_NAME["step-error"].decide({})  # puts the fire out
    click(form, "Try again")


#: Kinds, what a person reads on the card, and does there.
CARDS: dict[str, tuple[str, Callable[[Locator], None]]] = {
    "approval": ("May refund run? city Oslo", approve),
    "input": ("send needs values from you Give an answer Refuse body city", fill_city),
    "input-of-agent": ("Values are needed from you", fill_city),
    "feedback": ("A question for you", choose_rome),
    "external": ("What is the result of shell? It does not run here. city Oslo", give_result),
    "member": ("May refund run? For Clerk city Oslo", approve),
    "step": ("Shall I go on?", approve),
    "step-input": ("Which tone?", give_tone),
    "step-review": ("Is it good?", edit_output),
    "router": ("Which way does the step “r” go?", go_right),
    "step-error": ("The step “print” failed. Shall it be tried again?", try_again),
}


@pytest.mark.parametrize("name", CARDS)
def test_card_shows_what_waits_and_the_answer_goes_on(
    name: str, start: Start, provider: Provider
) -> None:
    """The card of each kind says what is to be decided, and the decision reaches the run."""
    kind = BY_NAME[name]
    says, decide = CARDS[name]
    visit, form = start(kind)
    shown = " ".join(form.locator(".requirement").inner_text().split())
    assert shown.startswith(says)
    decide(form)
    visit.ended()
    expect(visit.answer).to_contain_text(kind.answer)
    expect(visit.page.locator(".decided")).to_be_visible()
    expect(visit.page.locator("form.pause")).to_have_count(0)
    if kind.after:
        assert kind.seen in told(provider)
    facts = visit.facts
    visit.page.reload()
    expect(visit.answer).to_contain_text(kind.answer)
    expect(visit.page.locator(".turn")).to_have_count(1)
    assert facts == visit.facts


def test_denial_with_a_reason(start: Start, provider: Provider) -> None:
    """A reason can be given only with a denial, which can be taken back until it is sent; the
    model gets the reason."""
    visit, form = start(BY_NAME["approval"])
    reason = form.get_by_label("Reason")
    expect(reason).to_be_hidden()
    click(form, "Deny")
    expect(reason).to_be_focused()
    expect(form.get_by_role("button", name="Approve")).to_have_count(0)
    click(form, "Back")
    expect(reason).to_be_hidden()
    expect(form.get_by_role("button", name="Deny")).to_be_focused()
    assert 1 == len(provider.requests)
    click(form, "Deny")
    reason.fill("Not in December.")
    click(form, "Deny")
    visit.ended()
    expect(visit.page.locator(".decided")).to_have_text("Denied: refund (Not in December.)")
    assert "Not in December." in told(provider)


def test_nothing_is_sent_before_all_is_decided(
    serve: Serve, provider: Provider, page: Page
) -> None:
    """Of several requirements each has a group, and all are sent at once."""
    kind = PauseKind("two", many(refund, shell), [], {}, lambda _: {})
    server = serve(agents=[kind.component(provider)])
    both = Reply("", tool_calls=[*calls("refund").tool_calls, *calls("shell").tool_calls])
    provider.script(both, Reply("It is done."))
    visit = Visit(page, server.url).open().ask("Please.")
    form = card(page)
    expect(form.locator(".requirement")).to_have_count(2)
    give_result(form)
    expect(form).to_be_visible()
    assert 1 == len(provider.requests)
    assert visit.run("document.activeElement.type") == "radio"
    form.get_by_label("Approve").check()
    submit(form)
    visit.ended()
    assert "refunded Oslo" in told(provider)
    assert "it ran elsewhere" in told(provider)


def test_agent_that_is_gone(provider: Provider, page: Page, axe: Axe, tmp_path: Path) -> None:
    """The card of a run whose agent the server does not have any more says so, and takes no
    decision."""
    kind = BY_NAME["approval"]
    provider.script(*kind.before)
    with Server(tmp_path, agents=[kind.component(provider)]) as server:
        visit = Visit(page, server.url).open().ask("Please.")
        card(page)
        conversation = visit.conversation
    with Server(tmp_path, agents=[Agent(id="another")]) as server:
        visit = Visit(page, server.url).open(conversation)
        form = card(page)
        expect(form).to_contain_text("This server has no agent “approval” any more.")
        expect(form).to_contain_text("May refund run?")
        expect(form.get_by_role("button")).to_have_text(["Reload the conversation"])
        axe.check(visit)
        click(form, "Reload the conversation")
        card(page)


def test_decision_elsewhere(start: Start, provider: Provider) -> None:
    """A card whose run was decided elsewhere becomes a note, and a reload shows the answer."""
    visit, form = start(BY_NAME["approval"])
    url = visit.url
    [run] = visit.run("fetch('api/v1/runs?status=paused').then(r => r.json())")["runs"]
    made = decisions(BY_NAME["approval"], run["requirements"])
    assert 200 == go_on(url, run["run_id"], made).status_code
    approve(form)
    note = visit.notice("decided elsewhere")
    assert "BUTTON" == visit.run("document.activeElement.tagName")
    note.get_by_role("button", name="Reload the conversation").click()
    expect(visit.answer).to_contain_text("It is done.")
    expect(visit.page.locator("form.pause")).to_have_count(0)


def test_refused_decision_is_named_at_its_group(
    serve: Serve, provider: Provider, page: Page
) -> None:
    """What the server does not accept stands at the group that it is about; then it can be
    mended."""
    kind = PauseKind("two", many(refund, send), [], {}, lambda _: {})
    server = serve(agents=[kind.component(provider)])
    letter = calls("send", {"body": "hello"}).tool_calls
    both = Reply("", tool_calls=[*calls("refund").tool_calls, *letter])
    provider.script(both, Reply("It is done."))
    visit = Visit(page, server.url).open().ask("Please.")
    form = card(page)
    form.get_by_label("Approve").check()
    city = form.get_by_label("city", exact=True)
    city.fill(" ")  # for the browser it is filled
    submit(form)
    wrong = form.locator(".requirement", has_text="send needs").locator(".wrong")
    expect(wrong).to_contain_text("needs a value for 'city'")
    expect(form.locator(".wrong:not(:empty)")).to_have_count(1)
    city.fill("Bergen")
    submit(form)
    visit.ended()
    assert "sent hello to Bergen" in told(provider)


def test_card_after_a_reload_and_on_another_device(start: Start, browser: Browser) -> None:
    """The card is there again after a reload and on another device; the list says that it waits."""
    visit, _ = start(BY_NAME["approval"])
    waits = visit.page.locator("#list .waits")
    expect(waits).to_have_text("waits for you")
    visit.page.reload()
    card(visit.page)
    assert "Let me see." == visit.text.strip()
    elsewhere = browser.new_context(viewport={"width": 390, "height": 844})
    other = Visit(elsewhere.new_page(), visit.url).open(visit.conversation)
    form = card(other.page)
    approve(form)
    other.ended()
    expect(other.answer).to_contain_text("It is done.")
    elsewhere.close()
    visit.page.reload()
    visit.ended()
    expect(visit.answer).to_contain_text("It is done.")
    expect(waits).to_have_count(0)


def test_other_tab_sees_the_decision(start: Start) -> None:
    """A tab with the same card follows the answer once the decision is sent in another tab."""
    visit, form = start(BY_NAME["approval"])
    other = Visit(visit.page.context.new_page(), visit.url).open(visit.conversation)
    card(other.page)
    approve(form)
    visit.ended()
    expect(other.answer).to_contain_text("It is done.")
    expect(other.page.locator("form.pause")).to_have_count(0)
    expect(other.page.locator(".turn")).to_have_count(1)


def test_reload_while_the_answer_goes_on(start: Start) -> None:
    """After a reload the run that continues a paused one is followed, in the same turn."""
    kind = BY_NAME["approval"]
    long = PauseKind(
        "long", kind.build, kind.before, {}, kind.decide, [Reply(numbered(400), rate=60)]
    )
    visit, form = start(long)
    approve(form)
    expect(visit.answer).to_contain_text("0 1 2 3")
    visit.page.reload()
    expect(visit.page.get_by_role("button", name="Stop")).to_be_visible()
    expect(visit.page.locator(".turn")).to_have_count(1)
    visit.ended()
    expect(visit.answer).to_contain_text("398 399")


#: The pixels between what is shown of a conversation and its end.
REST = "() => (e => e.scrollHeight - e.scrollTop - e.clientHeight)(document.getElementById('talk'))"

#: Swaps what is at the end for more, in one frame; done once the page has drawn what follows.
SHRINK_AND_GROW = """async () => {
  const [turns, frame] = ['turns', 'talk'].map(id => document.getElementById(id))
  const drawn = () => new Promise(done => requestAnimationFrame(() => setTimeout(done)))
  const box = height => {
    const made = document.createElement('div')
    made.style.height = `${height}px`
    turns.append(made)
    return made
  }
  const old = box(300)
  await drawn()
  old.remove()
  frame.getBoundingClientRect() // lays out, so that the browser scrolls up
  box(200)
  await drawn()
  await drawn()
}"""


def test_decision_keeps_the_end_in_view(start: Start, page: Page) -> None:
    """In a long conversation the answer after a decision is in view, though the card shrinks, and
    so is what is changed by anything but a person's scrolling; that alone stops the page."""
    page.set_viewport_size({"width": 1200, "height": 800})
    kind = BY_NAME["approval"]
    before = [calls("refund", text="Line.\n\n" * 60)]
    slow = Reply("".join(f"Row {n}.\n\n" for n in range(12)), rate=60)
    visit, form = start(PauseKind("tall", kind.build, before, {}, kind.decide, [slow]))
    page.wait_for_function(f"() => ({REST})() < 2")
    approve(form)
    visit.ended()
    page.wait_for_function(f"() => ({REST})() < 2")
    expect(page.locator("#latest")).to_be_hidden()
    # The content shrinks, which is laid out, and grows by more: at once, as a card does.
    visit.run(SHRINK_AND_GROW)
    page.wait_for_function(f"() => ({REST})() < 2")
    expect(page.locator("#latest")).to_be_hidden()
    page.locator("#talk").hover()
    page.mouse.wheel(0, -300)
    expect(page.locator("#latest")).to_be_visible()


def test_second_pause_of_one_answer(start: Start, provider: Provider) -> None:
    """An answer that pauses again shows a new card, which is there after a reload, too."""
    kind = BY_NAME["approval"]
    again = PauseKind("again", kind.build, [*kind.before], {}, kind.decide, [calls("refund")])
    visit, form = start(again)
    approve(form)
    expect(visit.page.locator(".decided")).to_have_count(1)
    card(visit.page)
    visit.page.reload()
    form = card(visit.page)
    provider.script(Reply("It is done."))
    approve(form)
    visit.ended()
    expect(visit.answer).to_contain_text("It is done.")


def test_card_by_keyboard(start: Start) -> None:
    """A decision needs no mouse, and the focus stays where the person is."""
    visit, form = start(BY_NAME["approval"])
    keyboard = visit.page.keyboard
    form.get_by_role("button", name="Approve").focus()
    keyboard.press("Tab")
    keyboard.press("Enter")
    keyboard.type("No.")
    keyboard.press("Tab")
    keyboard.press("Enter")
    visit.ended()
    expect(visit.page.locator(".decided")).to_be_focused()
    expect(visit.page.locator(".decided")).to_have_text("Denied: refund (No.)")
