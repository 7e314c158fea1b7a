"""What is drawn again when it is seen (code, formulas, diagrams), and that it is harmless."""

import re

from playwright.sync_api import Dialog, Page, Request, expect

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply

ANSWER = r"""Einstein wrote $E = mc^2$, which costs $5 and not $6.[^1]

\[ \sum_{n=1}^{N} n = \frac{N(N+1)}{2} \]

```python
def double(number: int) -> str:
    return "twice " + str(number * 2)  # a long line LONG
```

```mermaid
graph TD
  A[Begin] --> B[The end]
```

```mermaid
graph TD
  broken ((((
```

[^1]: A *note*.
""".replace("LONG", "long " * 60)

ATTACKS = [
    r"$\href{javascript:alert(1)}{x}$",
    r"$\htmlData{x=1}{\includegraphics[alt=x]{https://evil.example/p.png}}$",
    "$<img src=x onerror=alert(1)>$ and $\\text{<script>alert(1)</script>}$",
    '```mermaid\ngraph TD\n  A["<img src=https://evil.example/p.png onerror=alert(1)>"]\n```',
    '```mermaid\ngraph TD\n  A --> B\n  click A href "javascript:parent.alert(1)"\n```',
    "```html\n<script>alert(1)</script><img src=x onerror=alert(1)>\n```",
    "![x](/api/v1/runs/none/media/none) ![x](//evil.example/api/v1/runs/r/media/m)",
]


def test_what_an_answer_contains_is_not_drawn(visit: Visit, provider: Provider) -> None:
    """Code has colours and can be wrapped, formulas, diagrams and footnotes are drawn, and what
    cannot be drawn stays as it was written."""
    provider.default = Reply([ANSWER[n : n + 7] for n in range(0, len(ANSWER), 7)])
    visit.open().ask("Everything").ended()
    answer = visit.answer

    expect(answer.locator("math")).to_have_count(2)
    assert "which costs $5 and not $6." in answer.inner_text()
    expect(answer.locator(".hljs-keyword").first).to_have_text("def")
    diagram = answer.locator("iframe.diagram:not(.unready)")
    expect(diagram).to_have_count(1, timeout=20_000)
    assert diagram.bounding_box()["height"] > 80  # type: ignore[index]  # it is visible
    expect(diagram.content_frame.get_by_text("The end")).to_be_visible()
    expect(answer.locator("pre", has_text="broken ((((")).to_be_visible()
    expect(answer.locator("iframe")).to_have_count(1)

    answer.get_by_role("button", name="Show the code of the diagram").click()
    expect(answer.locator("pre", has_text="A[Begin]")).to_be_visible()
    wrap = answer.get_by_role("button", name="Wrap long lines")
    wrap.click()
    expect(wrap).to_have_attribute("aria-pressed", "true")
    answer.get_by_role("button", name="Footnote 1").click()
    expect(answer.locator(".footnote.found")).to_have_text(re.compile("A note."))
    assert ANSWER == visit.copied()


def test_stored_answer_is_not_enriched(visit: Visit, provider: Provider) -> None:
    """After a reload the answer looks the same."""
    provider.default = Reply([ANSWER])
    visit.open().ask("Everything").ended()
    conversation = visit.conversation
    visit.open(conversation).ended()
    expect(visit.answer.locator("math")).to_have_count(2)
    expect(visit.answer.locator(".hljs-keyword").first).to_be_visible()


def test_enriched_text_is_active(visit: Visit, provider: Provider) -> None:
    """Formulas, diagrams and code run nothing, and load nothing from another server."""
    asked: list[str] = []
    said: list[str] = []

    def dismiss(dialog: Dialog) -> None:
        said.append(dialog.message)
        dialog.dismiss()

    def failed(request: Request) -> None:
        if "BLOCKED_BY_CSP" not in (request.failure or ""):  # such a one leaves no browser
            asked.append(request.url)

    visit.page.on("dialog", dismiss)
    visit.page.on("requestfinished", lambda request: asked.append(request.url))
    visit.page.on("requestfailed", failed)
    provider.default = Reply(["\n\n".join(ATTACKS)])
    visit.open().ask("Attack").ended()
    expect(visit.answer.locator("iframe.diagram:not(.unready)")).to_have_count(2)
    for frame in visit.page.frames:
        for link in frame.locator("svg a").all():
            link.click(timeout=2000)

    assert [] == said
    assert [] == [url for url in asked if not url.startswith((visit.url, "blob:", "data:"))]
    links = visit.answer.locator("a")
    assert all(
        re.match(r"https?://|/api/", link.get_attribute("href") or "/api/") for link in links.all()
    )


def test_libraries_are_loaded_for_nothing(serve: Serve, page: Page, provider: Provider) -> None:
    """An answer of plain text loads none of the large libraries."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    provider.default = Reply(["Only *text* and `code`, $5 and $6."])
    Visit(page, serve().url).open().ask("Text").ended()
    assert [] == [
        url
        for url in asked
        if re.search("highlight|katex|mermaid|diagram", url[8:])
        and not url.endswith("/static/diagram.js")
    ]


def test_reading_aloud_is_offered_without_a_voice(visit: Visit, provider: Provider) -> None:
    """The button that reads an answer aloud is there if, and only if, the browser has a voice."""
    provider.default = Reply(["Some text."])
    visit.open().ask("Text").ended()
    voices = visit.run("speechSynthesis.getVoices().length")
    button = visit.answer.locator("button[title='Read aloud']")
    expect(button).to_be_visible(visible=voices > 0)
