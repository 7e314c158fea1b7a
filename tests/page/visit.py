"""`Visit`: the actions of a person on the page, and what the page shows."""

import re
from typing import Any, Self

from playwright.sync_api import Locator, Page, expect


class Visit:
    """A person who uses the page at `url`."""

    def __init__(self, page: Page, url: str) -> None:
        self.page = page
        self.url = url

    def open(self, conversation: str = "") -> Self:
        self.page.goto(f"{self.url}/?c={conversation}" if conversation else f"{self.url}/")
        expect(self.page.locator("#model option").first).to_be_attached()
        return self

    def ask(self, question: str) -> Self:
        self.page.fill("#question", question)
        self.page.press("#question", "Enter")
        return self

    def choose(self, title: str, item: str) -> Self:
        """Choose an item in the menu of a conversation."""
        self.page.get_by_role("button", name=f"Rename, pin, export or delete {title}").click()
        self.page.get_by_role("menuitem", name=item).click()
        return self

    @property
    def conversation(self) -> str:
        """The id in the address bar."""
        return self.page.url.rpartition("?c=")[2]

    @property
    def answer(self) -> Locator:
        return self.page.locator(".answer").last

    @property
    def text(self) -> str:
        """The text of the last answer as it is shown, without what members and steps say."""
        return "\n".join(self.answer.locator("> .parts > .prose").all_inner_texts())

    @property
    def facts(self) -> str:
        """The model and the tokens below the last answer, without its seconds."""
        line, _, seconds = self.answer.locator(".facts").inner_text().rpartition(" · ")
        assert re.fullmatch(r"[\d.,]+ s", seconds), seconds
        return line

    def wait_for_text(self, minimum: int = 1) -> str:
        """Wait until the last answer has at least so many characters; return them."""
        self.page.wait_for_function(
            "n => (document.querySelector('.turn:last-child .prose')?.innerText.length ?? 0) >= n",
            arg=minimum,
        )
        return self.text

    def ended(self, timeout: float = 30) -> Self:
        """Wait until the last answer has ended, and all of it is drawn."""
        # Not with `expect`, which describes the whole page each time that it has to wait.
        self.page.wait_for_function(
            "() => document.querySelector('.turn:last-child .acts')"
            " && !document.querySelector('.answer[aria-busy]')",
            polling=100,
            timeout=timeout * 1000,
        )
        return self

    def copied(self) -> str:
        """The last answer's source, as its button copies it."""
        self.page.evaluate("navigator.clipboard.writeText('')")
        self.answer.locator(".copy-answer").click()
        # The button says so only for a moment, in which a long page may be busy.
        self.page.wait_for_function(
            "async () => (await navigator.clipboard.readText()) !== ''", polling=100
        )
        return str(self.page.evaluate("navigator.clipboard.readText()"))

    def notice(self, words: str) -> Locator:
        """The notice on how an answer ended."""
        found = self.page.locator(".notice", has_text=re.compile(words)).last
        expect(found).to_be_visible(timeout=20_000)
        return found

    def run(self, script: str, argument: Any = None) -> Any:
        return self.page.evaluate(script, argument)
