"""Takes the pictures of docs/page.md: ten states of the page, in four sheets.

`python -m tests.page.states [folder]` writes the sheets; into the folder go the single pictures.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from agno.agent import Agent
from PIL import Image
from playwright.sync_api import Browser, FilePayload, expect, sync_playwright

from tests.applications.kind import PIXEL
from tests.page.screenshots import ANSWER, EARLIER, IMAGES, MORE, QUESTION, REASONING, SIZES
from tests.page.visit import Visit
from tests.pauses.kinds import refund
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server
from tests.showcase import Site, call, newsroom, studio, weather

#: How large a picture is in its sheet, and how many stand in a row.
IN_SHEET = {"desktop": (640, 400, 2), "phone": (312, 675, 5)}

RICH = """The mean of a sample is $\\bar{x} = \\frac{1}{n}\\sum_{i=1}^{n} x_i$, in Python:

```python
def mean(values: list[float]) -> float:
    # An empty sample has none.
    return sum(values) / len(values)
```

```mermaid
graph LR; Sample-->Sum-->Mean
```

| sample | mean |
|---|---:|
| 1, 2, 3 | 2 |
| 4, 6 | 5 |"""


@dataclass(frozen=True)
class Scene:
    """A page with a server of its own, which has the agents below."""

    visit: Visit
    provider: Provider
    phone: bool

    def choose(self, agent: str) -> None:
        self.visit.open()
        self.visit.page.select_option("#agent", agent)

    def menu(self) -> None:
        """Show the list of conversations, which is hidden on a phone."""
        if self.phone:
            self.visit.page.locator("#side-open").click()
            self.visit.page.wait_for_timeout(300)


def welcome(scene: Scene) -> None:
    scene.choose("concierge")


def streaming(scene: Scene) -> None:
    scene.choose("general")
    scene.provider.script(Reply(ANSWER + MORE, reasoning=REASONING, rate=60))
    scene.visit.ask(QUESTION).wait_for_text(len(ANSWER) - 60)


def rich(scene: Scene) -> None:
    scene.choose("general")
    scene.provider.script(Reply(RICH))
    page = scene.visit.ask("How is a mean computed?").ended().page
    page.locator("#talk").evaluate("talk => { talk.scrollTop = 0 }")
    expect(page.locator(".diagram:not(.unready)")).to_be_visible()
    expect(page.locator("math").first).to_be_visible()


def team(scene: Scene) -> None:
    scene.choose("newsroom")
    scene.visit.ask("What is the weather in Oslo, and a verse on it?").ended()


def media(scene: Scene) -> None:
    scene.choose("studio")
    scene.visit.ask("Draw something, and tell me how far you are.").ended()


def approval(scene: Scene) -> None:
    scene.choose("refunds")
    scene.visit.ask("Please send the 12 euros back to Oslo.")
    expect(scene.visit.page.locator("form.pause")).to_be_visible()


def failure(scene: Scene) -> None:
    scene.choose("general")
    scene.provider.script(Reply("Half of an answer, and then the provider's ", cut_after=3))
    scene.visit.ask("Tell me everything.").ended()


def busy(scene: Scene) -> None:
    scene.choose("general")
    scene.provider.script(Reply("word " * 40, stall_after=20))
    scene.visit.ask("Say much.").wait_for_text(40)
    picture: FilePayload = {"name": "map.png", "mimeType": "image/png", "buffer": PIXEL}
    scene.visit.page.set_input_files("#attach-files", picture)
    scene.visit.page.fill("#question", "And what is on this map?")


def settings(scene: Scene) -> None:
    scene.choose("general")
    page = scene.visit.page
    page.locator("#settings-open").click()
    page.fill("#set-temperature", "0.7")
    page.fill("#set-system", "Answer in short sentences, for somebody who is in a hurry.")


def lists(scene: Scene) -> None:
    """Conversations of which one is pinned, in German, with the inspector where it has room."""
    page = scene.visit.page
    page.goto(f"{scene.visit.url}/?lang=de")
    page.select_option("#agent", "general")
    scene.provider.script(Reply(ANSWER + MORE, rate=300))
    scene.visit.ask(QUESTION).ended()
    if not scene.phone:
        page.locator("#drawer-open").click()
    scene.menu()
    page.locator("#list li .icon").last.click()


STATES: dict[str, Callable[[Scene], None]] = {
    "welcome": welcome,
    "streaming": streaming,
    "rich": rich,
    "team": team,
    "media": media,
    "approval": approval,
    "failure": failure,
    "busy": busy,
    "settings": settings,
    "lists": lists,
}


def agents(provider: Provider) -> list[Any]:
    site = Site(provider)
    ask = call("refund", "Let me see. ", city="Oslo", amount=12)
    return [
        Agent(id="general", name="General", metadata={"system_prompt": True}),
        newsroom(site),
        studio(site),
        Agent(id="refunds", name="Refunds", model=site.model("refunds", ask), tools=[refund]),
        Agent(
            id="concierge",
            name="Concierge",
            description="Knows the weather of every city, and gives money back.",
            tools=[weather, refund],
            metadata={"suggestions": ["What is the weather in Oslo?", "What can you do?"]},
        ),
    ]


def take(
    browser: Browser,
    provider: Provider,
    device: str,
    scheme: Literal["light", "dark"],
    folder: Path,
) -> list[Path]:
    """Take the pictures of all states, of a new server."""
    width, height = SIZES[device]
    files = []
    with tempfile.TemporaryDirectory() as data:
        server = Server(
            Path(data),
            agents=agents(provider),
            model="openai:gpt-4o-mini",
            openai_base_url=provider.url,
            openai_api_key="sk-of-the-screenshots",
        )
        with server:
            for name, show in STATES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height}, color_scheme=scheme
                )
                scene = Scene(Visit(context.new_page(), server.url), provider, device == "phone")
                if name == "welcome":
                    for question in EARLIER:
                        scene.choose("general")
                        scene.visit.ask(question).ended()
                    scene.menu()
                    scene.visit.choose(EARLIER[0], "Pin")
                    expect(scene.visit.page.locator("#list h2").first).to_have_text("Pinned")
                show(scene)
                scene.visit.page.wait_for_timeout(400)
                files.append(folder / f"{device}-{scheme}-{name}.png")
                scene.visit.page.screenshot(path=files[-1])
                context.close()
    return files


def sheet(files: list[Path], device: str, path: Path) -> None:
    """Put pictures into one, small enough for a page of documentation."""
    width, height, columns = IN_SHEET[device]
    gap = 8
    rows = -(-len(files) // columns)
    size = (columns * (width + gap) + gap, rows * (height + gap) + gap)
    made = Image.new("RGB", size, "#8a8a86")
    for number, file in enumerate(files):
        picture = Image.open(file).convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
        row, column = divmod(number, columns)
        made.paste(picture, (gap + column * (width + gap), gap + row * (height + gap)))
    made.quantize(160, dither=Image.Dither.NONE).save(path, optimize=True)


def main(folder: Path) -> None:
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    schemes: list[Literal["light", "dark"]] = ["light", "dark"]
    with Provider() as provider, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=arguments)
        for device in SIZES:
            for scheme in schemes:
                files = take(browser, provider, device, scheme, folder)
                sheet(files, device, IMAGES / f"states-{device}-{scheme}.png")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            main(Path(temporary))
