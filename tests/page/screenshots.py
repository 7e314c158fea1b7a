"""Takes the pictures of the page that the README shows: `python -m tests.page.screenshots`."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}
EARLIER = ["Name the seven colours of a rainbow", "Write a haiku about patience"]
QUESTION = "What happens when the connection drops in the middle of an answer?"
REASONING = "They ask about resuming. Explain event ids first, then show what a browser sends."
ANSWER = """Nothing is lost. Every piece of an answer is an **event with a number**, and the \
answer goes on without you:

1. The browser reconnects and says which event it saw last.
2. The server sends what came after it, and then goes on live.

```http
GET /api/v1/runs/1c9e/events
Last-Event-ID: 1c9e:42
```

| what breaks | what you see |
|---|---|
| the network | the rest, from event 43 |
| the tab | the whole answer again, still growing |
| the server | what was said so far, and that it is not complete |

The model is never asked twice, so a bad connection costs """
MORE = """no more than a moment.

When you are back, you read on where you stopped; a second tab or another device that has the \
link sees the same words at the same time. Whoever presses *stop* stops it for all of them, and \
what was said until then is kept, so that the next answer knows of it."""


def take(
    browser: Browser, provider: Provider, device: str, scheme: Literal["light", "dark"]
) -> None:
    """Take one picture, of a new server."""
    with tempfile.TemporaryDirectory() as folder:
        server = Server(
            Path(folder),
            model="openai:gpt-4o-mini",
            openai_base_url=provider.url,
            openai_api_key="sk-of-the-screenshots",
        )
        with server:
            width, height = SIZES[device]
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme=scheme,
                device_scale_factor=1,
            )
            visit = Visit(context.new_page(), server.url)
            for question in EARLIER if device == "desktop" else ():
                visit.open().ask(question).ended()
            provider.script(Reply(ANSWER + MORE, reasoning=REASONING, rate=30))
            visit.open()
            if device == "desktop":
                visit.page.keyboard.press("Tab")
                visit.page.get_by_role("button", name="Stream inspector").click()
            visit.ask(QUESTION).wait_for_text(len(ANSWER) - 60)
            path = IMAGES / f"page-{device}-{scheme}.png"
            visit.page.screenshot(path=path)
            Image.open(path).quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)
            context.close()


def main() -> None:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with Provider() as provider, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        for device in SIZES:
            take(browser, provider, device, "light")
            take(browser, provider, device, "dark")


if __name__ == "__main__":
    main()
