"""Makes the moving picture of README: `python -m tests.page.animation`.

A person asks an agent of their own, whose tool is called, loses the connection, and reads on.
"""

import os
import shutil
import tempfile
import time
from io import BytesIO
from pathlib import Path

from agno.agent import Agent
from PIL import Image
from playwright.sync_api import sync_playwright

from tests.page.visit import Visit
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

FILE = Path(__file__).parents[2] / "docs" / "images" / "page.gif"
SIZE = (960, 640)
QUESTION = "What is the weather in Oslo, and what should I pack?"
ANSWER = """Oslo is **sunny** today, with 21 degrees. For a weekend I would pack:

| what | why |
|---|---|
| a light jacket | evenings by the fjord are cool |
| sunglasses | the sun stays up until ten |
| good shoes | the best views are on the hills |

And if the connection drops while you read this, nothing is lost: the answer goes on without \
you, and you read on from the very word where you stopped."""

#: Milliseconds that a picture is shown, and the last one.
FRAME, LAST = 220, 4000

#: Pictures at most, and colours of all of them together, which bound the size of the file.
MOST, COLOURS = 45, 64


def weather(city: str) -> str:
    """Look up the weather of a city."""
    return f"Sunny in {city}, 21 degrees."


class Film:
    """Takes pictures of a page, each for as long as `FRAME`."""

    def __init__(self, visit: Visit) -> None:
        self._page = visit.page
        self.frames: list[Image.Image] = []

    def take(self, count: int = 1) -> None:
        for _ in range(count):
            picture = self._page.screenshot()
            self.frames.append(Image.open(BytesIO(picture)).convert("RGB"))
            time.sleep(FRAME / 2000)

    def save(self, file: Path) -> None:
        """Write the pictures, in one palette, without what stays from one to the next."""
        palette = self.frames[-1].quantize(COLOURS, dither=Image.Dither.NONE)
        frames = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in self.frames]
        times = [FRAME] * (len(frames) - 1) + [LAST]
        frames[0].save(
            file, save_all=True, append_images=frames[1:], duration=times, loop=0, optimize=True
        )


def play(film: Film, visit: Visit) -> None:
    """Ask, watch the tool and the answer, go offline in its middle, and come back."""
    film.take(3)
    for end in range(0, len(QUESTION), 9):
        visit.page.fill("#question", QUESTION[: end + 9])
        film.take()
    visit.page.press("#question", "Enter")
    visit.wait_for_text(1)
    for _ in range(6):
        film.take()
    visit.page.context.set_offline(True)
    film.take(4)
    visit.page.context.set_offline(False)
    while not visit.page.locator(".turn:last-child .acts").count() and len(film.frames) < MOST:
        film.take()
    film.take()


def main() -> None:
    path = shutil.which("chromium") or shutil.which("google-chrome")
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    agent = Agent(id="assistant", name="Assistant", tools=[weather])
    with (
        tempfile.TemporaryDirectory() as folder,
        Provider() as provider,
        Server(
            Path(folder),
            agents=[agent],
            model="openai:gpt-4o-mini",
            openai_base_url=provider.url,
            openai_api_key="sk-of-the-screenshots",
        ) as server,
        sync_playwright() as playwright,
    ):
        provider.script(Reply(tool_calls=[("weather", '{"city": "Oslo"}')]), Reply(ANSWER, rate=12))
        browser = playwright.chromium.launch(executable_path=path, args=arguments)
        width, height = SIZE
        context = browser.new_context(
            viewport={"width": width, "height": height}, color_scheme="light"
        )
        visit = Visit(context.new_page(), server.url).open()
        film = Film(visit)
        play(film, visit)
        film.save(FILE)
        browser.close()
    print(f"{len(film.frames)} pictures, {FILE.stat().st_size / 1e6:.2f} MB")


if __name__ == "__main__":
    main()
