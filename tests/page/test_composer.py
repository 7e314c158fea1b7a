"""What is sent: files with a question, questions while an answer runs, settings."""

import base64
import struct
import zlib
from typing import Any

import pytest
from agno.agent import Agent
from playwright.sync_api import Browser, Page, expect

from tests.applications.tools import shout
from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.showcase import Site, newsroom, press, studio

WORDS = "".join(f"word{n} " for n in range(400))


def picture(size: int = 40) -> bytes:
    """A red square as a PNG."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    rows = (b"\0" + b"\xd0\x30\x30" * size) * size
    head = struct.pack(">IIBBBBB", size, size, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )


PUT = """([way, name, type, base64]) => {
  const bytes = Uint8Array.from(atob(base64), character => character.charCodeAt(0))
  const data = new DataTransfer()
  data.items.add(new File([bytes], name, { type }))
  const more = { bubbles: true, cancelable: true }
  const target = document.getElementById('question')
  if (way === 'paste') {
    target.dispatchEvent(new ClipboardEvent('paste', { ...more, clipboardData: data }))
  } else {
    target.dispatchEvent(new DragEvent('dragover', { ...more, dataTransfer: data }))
    target.dispatchEvent(new DragEvent('drop', { ...more, dataTransfer: data }))
  }
}"""


def attach(visit: Visit, way: str, name: str, mime: str, content: bytes) -> None:
    if way == "choose":
        file: Any = {"name": name, "mimeType": mime, "buffer": content}
        visit.page.set_input_files("#attach-files", file)
    else:
        visit.run(PUT, [way, name, mime, base64.b64encode(content).decode()])


@pytest.mark.parametrize("way", ["choose", "paste", "drop"])
def test_picture_is_sent_with_question(visit: Visit, provider: Provider, way: str) -> None:
    """A picture that is chosen, pasted or dropped is shown, can be removed, goes to the model with
    the question, and is shown after a reload, too."""
    red = picture()
    attach(visit, way, "red.png", "image/png", red)
    attach(visit, way, "other.png", "image/png", picture(8))
    names = visit.page.locator("#attachments span")
    expect(names).to_have_text(["red.png", "other.png"])
    visit.page.get_by_role("button", name="Remove other.png").click()
    expect(names).to_have_text(["red.png"])
    visit.ask("What is this?").ended()
    expect(visit.page.locator("#attachments")).to_be_hidden()
    image = visit.page.locator(".question img")
    expect(image).to_have_attribute("alt", "red.png")
    width = "() => document.querySelector('.question img').naturalWidth"
    visit.page.wait_for_function(f"{width} === 40")
    visit.page.reload()
    expect(image).to_have_attribute("alt", "red.png")
    visit.page.wait_for_function(f"{width} === 40")
    content = provider.requests[0].body["messages"][-1]["content"]
    assert "What is this?" == content[0]["text"]
    assert content[1]["image_url"]["url"].endswith(base64.b64encode(red).decode())


def test_question_of_files_alone(visit: Visit, provider: Provider) -> None:
    """A question may be a picture without a text, can be answered again, and is shown later."""
    provider.script(Reply("One."), Reply("Two."))
    attach(visit, "choose", "red.png", "image/png", picture())
    visit.page.get_by_role("button", name="Send").click()
    visit.ended().answer.get_by_role("button", name="Answer again").click()
    expect(visit.answer.locator(".versions")).to_contain_text("2/2")
    expect(visit.page.locator(".turn")).to_have_count(1)
    for request in provider.requests:
        assert "image_url" == request.body["messages"][-1]["content"][-1]["type"]
    visit.page.reload()
    expect(visit.answer.locator(".versions")).to_contain_text("2/2")
    expect(visit.page.locator(".question img")).to_have_count(1)


@pytest.mark.parametrize(
    ("count", "size", "note"),
    [(17, 10, "may have 16 files"), (2, 16_000_000, "too large"), (1, 0, "is empty")],
)
def test_bounds_of_files(visit: Visit, count: int, size: int, note: str) -> None:
    """Files that exceed a bound are left out, with a sentence that says why."""
    visit.run(
        """([count, size]) => {
          const data = new DataTransfer()
          for (let n = 0; n < count; n++) {
            data.items.add(new File([new Uint8Array(size)], `${n}.bin`))
          }
          const more = { bubbles: true, cancelable: true, dataTransfer: data }
          document.body.dispatchEvent(new DragEvent('drop', more))
        }""",
        [count, size],
    )
    expect(visit.page.locator("#attachments-note")).to_contain_text(note)
    expect(visit.page.locator("#attachments li")).to_have_count(count - 1)


def test_question_waits_for_answer(visit: Visit, provider: Provider) -> None:
    """A question that is sent while an answer runs is answered after it."""
    provider.script(Reply(WORDS, rate=200), Reply("Second."))
    visit.ask("First?").wait_for_text(20)
    choice = visit.page.get_by_role("group", name="An answer is running")
    expect(choice).to_be_hidden()
    visit.page.fill("#question", "Second?")
    choice.get_by_role("button", name="Send after it").click()
    expect(choice).to_be_hidden()
    expect(visit.page.locator(".turn")).to_have_count(2)
    visit.ended()
    assert WORDS.split() == visit.page.locator(".prose").first.inner_text().split()
    assert "Second." == visit.text
    sent = [message["content"] for message in provider.requests[1].body["messages"]]
    assert ["First?", WORDS, "Second?"] == sent[-3:]


def test_question_interrupts_answer(visit: Visit, provider: Provider) -> None:
    """A question can stop the answer that runs, and is answered at once."""
    provider.script(Reply(WORDS, stall_after=5), Reply("Second."))
    visit.ask("First?").wait_for_text(10)
    visit.page.fill("#question", "Second?")
    visit.page.get_by_role("button", name="Stop it and send").click()
    visit.ended()
    assert "Second." == visit.text
    provider.wait_for(lambda: provider.aborted == 1)
    expect(visit.page.locator(".turn").first.locator(".notice")).to_contain_text("stopped")


def test_stop_leaves_waiting_question(visit: Visit, provider: Provider) -> None:
    """Stop ends the answer that runs; the question that waits is answered then."""
    provider.script(Reply(WORDS, stall_after=5), Reply("Second."))
    visit.ask("First?").wait_for_text(10)
    visit.ask("Second?")
    visit.page.get_by_role("button", name="Stop the answer").click()
    visit.ended()
    assert "Second." == visit.text


def test_settings_are_sent_and_kept(visit: Visit, provider: Provider) -> None:
    """Temperature and maximum length go with each question, until they are reset."""
    open_settings = visit.page.get_by_role("button", name="Settings")
    open_settings.click()
    visit.page.get_by_label("Temperature").fill("0.3")
    visit.page.get_by_label("Maximum length").fill("50")
    visit.page.get_by_role("button", name="Save", exact=True).click()
    visit.ask("One?").ended()
    visit.open().ask("Two?").ended()
    for request in provider.requests:
        limit = request.body.get("max_tokens") or request.body.get("max_completion_tokens")
        assert (0.3, 50) == (request.body["temperature"], limit)
    open_settings.click()
    expect(visit.page.get_by_label("Temperature")).to_have_value("0.3")
    visit.page.get_by_role("button", name="Reset").click()
    visit.page.get_by_role("button", name="Save", exact=True).click()
    visit.ask("Three?").ended()
    assert "temperature" not in provider.requests[-1].body


def test_system_prompt_where_the_agent_allows_it(
    serve: Serve, provider: Provider, page: Page
) -> None:
    """Instructions of a person go with each question to an agent that allows them, and to no other,
    whose settings say so."""
    agents = [
        Agent(id="open", name="Open", metadata={"system_prompt": True}),
        Agent(id="closed", name="Closed"),
    ]
    visit = Visit(page, serve(agents=agents).url).open()
    field = page.get_by_label("System prompt")
    page.get_by_role("button", name="Settings").click()
    field.fill("Answer in verse.")
    page.get_by_role("button", name="Save", exact=True).click()
    visit.ask("One?").ended()
    page.get_by_role("button", name="Answer again").click()
    visit.ended()
    page.select_option("#agent", "closed")
    page.get_by_role("button", name="Settings (changed)").click()
    expect(field).to_be_disabled()
    expect(page.locator("#set-system-note")).to_contain_text("takes no system prompt")
    page.keyboard.press("Escape")
    visit.ask("Two?").ended()
    sent = [str(request.body["messages"]) for request in provider.requests]
    assert [True, True, False] == ["Answer in verse." in messages for messages in sent]


def test_new_conversation_describes_agent(serve: Serve, provider: Provider, visit: Visit) -> None:
    """A new conversation says what the chosen agent is, its tools, members or steps, and changes
    with the choice."""
    site = Site(provider)
    agents = [studio(site), newsroom(site), press(site), Agent(id="plain", name="Plain")]
    visit = Visit(visit.page, serve(agents=agents).url).open()
    welcome = visit.page.locator(".welcome")
    expect(welcome.get_by_role("heading")).to_have_text("Studio")
    expect(welcome).to_contain_text("Draws pictures, and says how far it is.")
    for agent, names in {
        "studio": ["sketch", "draw", "weather"],
        "newsroom": ["Scout", "Poet"],
        "press": ["Draft", "Rounds: Polish", "Sides: Left, Right", "Final"],
        "plain": [],
    }.items():
        visit.page.select_option("#agent", agent)
        expect(welcome.locator(".about li")).to_have_text(names)
    expect(welcome).not_to_contain_text("Draws pictures")


def test_suggestion_of_agent_is_sent(serve: Serve, provider: Provider, page: Page) -> None:
    """The suggestions of an agent are buttons that send them."""
    agent = Agent(id="plain", metadata={"suggestions": ["What is new?"]})
    visit = Visit(page, serve(agents=[agent]).url).open()
    page.get_by_role("button", name="What is new?").click()
    visit.ended()
    assert "What is new?" == provider.requests[0].body["messages"][-1]["content"]


def test_clock_is_suggested_to_an_agent_with_tools(serve: Serve, page: Page) -> None:
    """The tool of the demonstration is suggested only where an agent has no tools of its own."""
    agents = [Agent(id="plain", description="Talks."), Agent(id="armed", tools=[shout])]
    visit = Visit(page, serve(model="demo", agents=agents).url).open()
    for agent, times in (("armed", 0), ("plain", 1)):
        visit.page.select_option("#agent", agent)
        expect(page.get_by_role("button", name="count to 20")).to_be_visible()
        expect(page.get_by_role("button", name="What time is it in Paris?")).to_have_count(times)
    page.get_by_role("button", name="What time is it in Paris?").click()
    assert "(Europe/Paris)" in visit.ended().text


def test_phone(browser: Browser, server_url: str, provider: Provider) -> None:
    """On a small phone no field has a text so small that the phone zooms in on it, nothing is wider
    than the screen, the inspector is reached whole, and nothing moves for who wants no motion."""
    phone = browser.new_context(
        viewport={"width": 320, "height": 568}, has_touch=True, reduced_motion="reduce"
    )
    provider.script(Reply("word " * 200 + "\n\n```\n" + "code " * 60 + "\n```"))
    visit = Visit(phone.new_page(), server_url).open().ask("x" * 200).ended()
    page = visit.page
    small = visit.run(
        """() => [...document.querySelectorAll('input, textarea, select')]
          .filter(field => !['file', 'checkbox'].includes(field.type))
          .filter(field => parseFloat(getComputedStyle(field).fontSize) < 16).map(({ id }) => id)"""
    )
    assert [] == small
    page.locator("#drawer-open").click()
    for place in ("#drawer h2", "#drawer .events", "#drawer .curl"):
        page.locator(place).scroll_into_view_if_needed()
        box = page.locator(place).bounding_box()
        assert box is not None
        assert 0 <= box["x"] <= box["x"] + box["width"] <= 320
        assert 0 <= box["y"] < 568
    assert 0 >= visit.run("() => document.querySelector('#drawer').scrollWidth - innerWidth")
    page.get_by_role("button", name="Close the inspector").click()
    page.locator("#side-open").click()
    side = page.locator("#side").bounding_box()
    assert side is not None
    assert 0 == side["x"]  # at once
    assert 0 >= visit.run("() => document.documentElement.scrollWidth - innerWidth")
    phone.close()
