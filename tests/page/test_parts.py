"""The parts of an answer: in their order, live and after a reload."""

from typing import Any

import pytest
from playwright.sync_api import Page

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.showcase import Site, newsroom, press, studio

FOLD = """async ([chunks, stored]) => {
  const { Parts } = await import('/static/parts.js')
  const parts = new Parts()
  for (const chunk of chunks) parts.addChunk(chunk)
  for (const part of stored) parts.addStored(part)
  parts.end(chunks.at(-1)?.output)
  const line = part => {
    const depth = part.within ? line(part.within).search(/\\S/) + 2 : 0
    const { type, tool, speaker, step, events, media, citations, value } = part
    const says = [part.content, part.reasoning, tool && `${tool.name} ${tool.status}`,
      speaker?.name, step && `${step.name} ${step.iteration ?? ''} ${step.status}`,
      events?.map(event => event.data?.n), media?.map(({ id }) => id),
      citations?.map(({ url }) => url), value && JSON.stringify(value)]
    return `${' '.repeat(depth)}${type}: ${says.find(text => text !== undefined)}`
  }
  return [parts.list.map(line), parts.text]
}"""

ADA = {"id": "ada", "name": "Ada", "kind": "member", "run_id": "1"}
BOB = {"id": "bob", "name": "Bob", "kind": "member", "run_id": "2"}
EVE = {"id": "eve", "name": "Eve", "kind": "member", "run_id": "3", "depth": 2}
STEP = {"id": "s", "name": "Draft", "kind": "step"}


def tool(status: str, name: str = "t", **more: Any) -> dict[str, Any]:
    return {"tool": {"id": name, "name": name, "status": status, **more}}


def said(speaker: dict[str, Any], **what: Any) -> dict[str, Any]:
    return {"speaker": speaker, "said": what}


def step(status: str, iteration: int | None = None) -> dict[str, Any]:
    return {"step": {**STEP, "status": status, **({"iteration": iteration} if iteration else {})}}


#: Chunks, and the parts that they are, one a line.
FOLDED: dict[str, tuple[list[dict[str, Any]], str]] = {
    "text is joined": ([{"content": "a"}, {"content": "b"}], "content: ab"),
    "a tool splits text": (
        [{"content": "a"}, tool("started"), tool("completed"), {"content": "b"}],
        "content: a | tool: t completed | content: b",
    ),
    "a tool that is called again": (
        [tool("started"), tool("failed"), tool("started")],
        "tool: t failed | tool: t started",
    ),
    "reasoning comes before the text of its chunk": (
        [{"content": "b", "reasoning": "a"}, {"reasoning": "c"}],
        "reasoning: a | content: b | reasoning: c",
    ),
    "members who speak at once": (
        [said(ADA, content="a"), said(BOB, content="b"), said(ADA, content="c")],
        "speaker: Ada |   content: ac | speaker: Bob |   content: b",
    ),
    "a member of a member": (
        [said(ADA, content="a"), said(EVE, reasoning="e"), said(ADA, **tool("started"))],
        "speaker: Ada |   content: a |   speaker: Eve |     reasoning: e |   tool: t started",
    ),
    "one call id of two members": (
        [said(ADA, **tool("started")), said(BOB, **tool("started")), said(ADA, **tool("failed"))],
        "speaker: Ada |   tool: t failed | speaker: Bob |   tool: t started",
    ),
    "what a step says": (
        [step("started"), said({**STEP, "run_id": "9"}, content="a"), step("completed")],
        "step: Draft  completed |   content: a",
    ),
    "a step that runs again": (
        [
            step("started"),
            said({**STEP, "run_id": "1"}, content="a"),
            step("completed"),
            step("started"),
            said({**STEP, "run_id": "2"}, content="b"),
        ],
        "step: Draft  completed |   content: a | step: Draft  started |   content: b",
    ),
    "a failed step stays failed": (
        [step("started"), step("failed"), step("completed")],
        "step: Draft  failed",
    ),
    "iterations": (
        [step("started", 1), step("completed", 1), step("started", 2)],
        "step: Draft 1 completed | step: Draft 2 started",
    ),
    "progress of one kind": (
        [
            {"event": {"name": "P", "data": {"n": 1}}},
            {"event": {"name": "P", "data": {"n": 2}}},
            {"event": {"name": "Q", "data": {"n": 3}}},
            {"event": {"name": "Q", "data": {"n": 4}}, "speaker": ADA},
        ],
        "event: 1,2 | event: 3 | speaker: Ada |   event: 4",
    ),
    "media that are sent twice": (
        [{"media": [{"id": "m"}]}, {"media": [{"id": "m"}, {"id": "n"}]}],
        "media: m | media: n",
    ),
    "sources": (
        [{"content": "a", "citations": [{"url": "u"}]}, {"citations": [{"url": "v"}]}],
        "content: a | citations: u,v",
    ),
    "a final text": (
        [{"content": "a"}, tool("completed"), {"content": "b"}, {"final": "c"}, {"final": "d"}],
        "tool: t completed | content: cd",
    ),
    "an answer that is an object": (
        [{"content": '{"a":'}, {"content": " 1}"}, {"done": True, "output": {"a": 1}}],
        'output: {"a":1}',
    ),
    "an object beside a text": (
        [{"content": "a"}, {"done": True, "output": {"a": 1}}],
        'content: a | output: {"a":1}',
    ),
    "a field that nobody knows": ([{"hologram": {"a": 1}}], 'hologram: {"a":1}'),
}


@pytest.mark.parametrize("name", FOLDED)
def test_parts_of_chunks(visit: Visit, name: str) -> None:
    """Chunks are folded into parts in the order in which they came."""
    chunks, expected = FOLDED[name]
    assert expected.split(" | ") == visit.run(FOLD, [chunks, []])[0]


def test_stored_parts_of_unknown_type(visit: Visit) -> None:
    """A stored part of an unknown type is kept, whole."""
    stored = [{"type": "content", "content": "a"}, {"type": "hologram", "beams": 2}]
    lines, text = visit.run(FOLD, [[], stored])
    assert ["content: a", 'hologram: {"type":"hologram","beams":2}'] == lines
    assert "a" == text


@pytest.fixture
def applications(serve: Serve, provider: Provider, page: Page) -> Visit:
    """The page of a server with a team, a workflow, and an agent with tools."""
    site = Site(provider)
    server = serve(agents=[newsroom(site), press(site), studio(site)])
    return Visit(page, server.url).open()


def shown(visit: Visit) -> list[str]:
    """The lines of the last answer, as they are shown."""
    text: str = visit.answer.locator("> .parts").inner_text()
    return [line.strip() for line in text.splitlines() if line.strip()]


#: What is shown of each application, in order.
ORDER = {
    "newsroom": [
        *("I ask the scout.", "delegate_task_to_member", "scout, How is the weather in Oslo?"),
        *("done", "Scout", "member", "Let me look.", "weather", "Oslo", "done"),
        *("It is sunny in Oslo.", "Now the poet.", "delegate_task_to_member"),
        *("poet, Write a verse on sun", "done", "Poet", "member", "Thought"),
        *("Sun on the fjord, light.", "Oslo is sunny, and there is a verse for it."),
    ],
    "press": [
        *("Draft", "done", "A draft on whales.", "Rounds", "loop", "done", "Round 1", "done"),
        *("Polish", "done", "Polished once.", "Round 2", "done", "Polish", "done"),
        *("Polished twice.", "Sides", "parallel", "done", "Left", "done", "Left says so."),
        *("Right", "done", "Right says so.", "Final", "done", "Whales", "The final text."),
    ],
    "studio": [
        *("Thought", "First a sketch.", "sketch", "a cat", "done"),
        *("Progress", "Sketching a cat: 60 %", "draw", "a cat", "done", "table.csv", "8 bytes"),
        *("Then the weather.", "weather", "Atlantis", "failed"),
        "Here is the cat; the city is lost.",
    ],
}


@pytest.mark.parametrize("agent", ORDER)
def test_answer_in_order_live_and_later(applications: Visit, agent: str) -> None:
    """Text, reasoning, tools, members, steps, progress and media are shown in the order in which
    they came, live and after a reload; so are model and tokens."""
    visit = applications
    visit.page.select_option("#agent", agent)
    visit.ask("What is new?").ended()
    live = shown(visit)
    assert sorted(ORDER[agent]) == sorted(live)
    if agent != "press":  # its two steps are beside each other
        assert ORDER[agent] == live
    facts = visit.facts
    assert "token" in facts
    visit.page.reload()
    visit.ended()
    assert live == shown(visit)
    assert facts == visit.facts
