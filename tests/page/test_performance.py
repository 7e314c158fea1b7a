"""Long answers do not freeze the page."""

from typing import Any

import httpx
import pytest
from playwright.sync_api import Page

from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply, Text, numbered
from tests.server import Server

TOKENS = 50_000
CODE = ["```python\n", *(f"line_{n} = {n}\n" for n in range(TOKENS // 4)), "```\n"]
MIXED = [
    piece
    for n in range(TOKENS // 25)
    for piece in (
        f"## Part {n}\n\n",
        *("Some ", "**bold** ", "and ", "`code` ", "words ", "in ", "a ", "row. ") * 2,
        "\n\n",
        *("- one ", "thing\n", "- another\n", "\n"),
        *("```js\n", f"f({n})\n", "```\n\n"),
    )
]


class Tasks:
    """How long the main thread of a page was at work without a pause, from now until `stop`.

    In processor time: the provider, the server and the browser share the machine, so that by the
    clock a frame is late for reasons that are not the page's.
    """

    def __init__(self, page: Page) -> None:
        self._page = page
        self._session = page.context.new_cdp_session(page)
        self._events: list[dict[str, Any]] = []
        self._complete = False
        self._session.on("Tracing.dataCollected", lambda data: self._events.extend(data["value"]))
        self._session.on("Tracing.tracingComplete", self._end)
        config = {"includedCategories": ["toplevel"], "excludedCategories": ["*"]}
        self._session.send("Tracing.start", {"traceConfig": config})

    def _end(self, _: Any) -> None:
        self._complete = True

    def stop(self) -> list[int]:
        """Milliseconds of each task, the longest first."""
        self._session.send("Tracing.end")
        while not self._complete:
            self._page.wait_for_timeout(20)
        threads = {
            (event["pid"], event["tid"])
            for event in self._events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        return sorted(
            (
                event["tdur"] // 1000
                for event in self._events
                if event["name"] == "ThreadControllerImpl::RunTask"
                and (event["pid"], event["tid"]) in threads
                and "tdur" in event
            ),
            reverse=True,
        )


@pytest.mark.parametrize(
    "text",
    [numbered(TOKENS), MIXED, CODE],
    ids=["one paragraph", "mixed", "code"],
)
def test_long_answer_keeps_page_responsive(visit: Visit, provider: Provider, text: Text) -> None:
    """An answer of 50,000 tokens at full speed is shown whole, and what the page does leaves a
    frame each 100 ms of the processor; a single one, of a machine under load, may take longer."""
    provider.script(Reply(text))
    tasks = Tasks(visit.page)
    visit.ask("Say much.").ended(90)
    longest = tasks.stop()[:5]
    print(f"the longest tasks: {longest} ms")
    assert "".join(text) == visit.copied()
    assert 0 < longest[1] < 100
    assert longest[0] < 400


def test_long_conversation_keeps_page_responsive(
    server: Server, page: Page, provider: Provider
) -> None:
    """A conversation of 500 messages is opened whole, and leaves a frame each 100 ms."""
    provider.default = Reply("# Title\n\nSome **bold** `code`.\n\n- one\n- two\n\n" + "word " * 60)
    with httpx.Client(base_url=server.url, timeout=30) as http:
        for number in range(250):
            body = {"message": f"{number}?", "conversation_id": "long-one", "stream": False}
            assert 200 == http.post("/api/v1/chat", json=body).status_code
    visit = Visit(page, server.url).open()
    tasks = Tasks(page)
    page.locator("#list a").first.click()
    page.wait_for_function(
        "() => document.querySelectorAll('.turn').length === 250"
        " && !document.querySelector('.answer[aria-busy]')",
        polling=100,
    )
    longest = tasks.stop()[:5]
    print(f"the longest tasks: {longest} ms")
    assert "long-one" == visit.conversation
    assert 0 < longest[1] < 100
