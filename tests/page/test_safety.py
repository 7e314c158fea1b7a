"""No text of a model, a person or a link is executed."""

import json

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Serve
from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply

ATTACK = """<img src=x onerror="window.hacked = 1">

<script>window.hacked = 2</script>

[click](javascript:window.hacked=3) [data](data:text/html,<script>window.hacked=4</script>)
[quoted](https://example.org/"onclick="window.hacked=5) <a href="javascript:hacked=6">raw</a>
![picture](https://example.org/track.png?secret) <svg onload=window.hacked=7></svg>
<iframe srcdoc="<script>parent.hacked=8</script>"></iframe> <style>body{display:none}</style>
<math><mtext><table><mglyph><style><img src=x onerror=window.hacked=9></style></mglyph></table>

`<b onclick=window.hacked=10>code</b>` **<u onmouseover="window.hacked=11">bold</u>**

```"><img/onerror=window.hacked=12>
<script>window.hacked = 13</script>
```

<form action="https://example.org"><input name=x><button>Send</button></form>
<div id="question" class="send" style="position:fixed">clobber</div> <a name="cookie">a</a>
"""
#: Elements and attributes that could do something, but for our own button at a code block.
ACTIVE = """e => [...e.querySelectorAll(':not(.code-head *)')].flatMap(node => [
  ...['SCRIPT', 'IMG', 'IFRAME', 'SVG', 'STYLE', 'FORM', 'INPUT', 'OBJECT', 'EMBED', 'MATH']
    .filter(name => node.tagName.toUpperCase() === name),
  ...[...node.attributes].map(({ name }) => name).filter(name => /^(on.*|style|id)$/.test(name)),
  ...(/^(javascript|data|vbscript):/i.test(node.getAttribute('href') ?? '') ? [node.href] : []),
])"""


@pytest.mark.parametrize("pieces", ["whole", "characters"])
def test_html_in_answer_is_shown_as_text(visit: Visit, provider: Provider, pieces: str) -> None:
    """A model's HTML is shown as text, however it is split; dangerous links are not followed."""
    provider.script(Reply([ATTACK] if pieces == "whole" else list(ATTACK)))
    addresses: list[str] = []
    visit.page.on("request", lambda request: addresses.append(request.url))
    prose = visit.ask(ATTACK).ended().answer.locator(".prose")
    expect(prose).to_contain_text('<img src=x onerror="window.hacked = 1">')
    assert [] == prose.evaluate(ACTIVE)
    for link in prose.locator("a").all():
        assert (link.get_attribute("href") or "http")[:4] == "http"
        link.hover()
    assert visit.run("() => window.hacked") is None
    assert all(address.startswith(visit.url) for address in addresses)
    assert ATTACK == visit.copied()


def test_html_in_ids_and_titles_is_shown_as_text(visit: Visit, provider: Provider) -> None:
    """HTML in lists, titles, tool calls and the inspector is shown as text."""
    name = '"><img src=x onerror=window.hacked=1>'
    provider.script(
        Reply("", tool_calls=[(name, json.dumps({name: name}))]), Reply(name, reasoning=name)
    )
    visit.page.get_by_role("button", name="Stream inspector").click()
    visit.ask(name).ended()
    expect(visit.page.locator("#list a")).to_have_text([name])
    visit.open("%22%3E%3Cimg%20src=x%20onerror=window.hacked=2%3E")
    expect(visit.page.get_by_role("alert")).to_be_visible()
    assert visit.run("() => window.hacked") is None
    assert 0 == visit.page.locator("#turns img, #list img, #drawer img").count()


def test_content_security_policy_blocks_scripts(visit: Visit) -> None:
    """The policy blocks scripts that get into the page: inline ones, and those of other hosts."""
    blocked = visit.run(
        """async () => {
          const blocked = []
          const note = event => blocked.push(event.effectiveDirective)
          document.addEventListener('securitypolicyviolation', note)
          const script = document.createElement('script')
          try { script.textContent = 'window.hacked = 1' } catch {}
          const button = document.createElement('button')
          try { button.setAttribute('onclick', 'window.hacked = 2') } catch {}
          document.body.append(script, button)
          button.click()
          const image = document.createElement('img')
          image.src = 'https://example.org/x.png'
          await fetch('https://example.org/').catch(() => blocked.push('fetch'))
          try { document.body.innerHTML = '<b>x</b>' } catch { blocked.push('innerHTML') }
          await new Promise(done => setTimeout(done, 200))
          return blocked
        }"""
    )
    assert {"innerHTML", "fetch", "img-src", "connect-src"} <= set(blocked)
    assert visit.run("() => window.hacked") is None


def test_page_violates_no_policy(page: Page, serve: Serve) -> None:
    """The page violates no policy of its own, loads nothing from other hosts, and logs no error."""
    logged: list[str] = []
    addresses: list[str] = []
    page.on("console", lambda message: logged.append(message.text))
    page.on("request", lambda request: addresses.append(request.url))
    visit = Visit(page, serve(model="demo").url).open()
    page.get_by_role("button", name="Stream inspector").click()
    visit.ask("markdown").ended()
    page.get_by_role("button", name="Shortcuts").click()
    page.keyboard.press("Escape")
    assert [] == logged
    assert all(address.startswith(visit.url) for address in addresses)


def test_policy_headers(server_url: str) -> None:
    """The page and its files have the policy as a header, which allows nothing inline."""
    html = httpx.get(f"{server_url}/", headers={"Accept": "text/html"})
    script = httpx.get(f"{server_url}/static/main.js")
    for reply in (html, script):
        assert 200 == reply.status_code
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "nosniff" == reply.headers["x-content-type-options"]
    assert "javascript" in script.headers["content-type"]
