"""`Page`: the app as a browser would run it, without a browser."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Protocol, Self

from streamlit.testing.v1 import AppTest

APP = Path(__file__).with_name("test_chat_app.py")


class Page:
    """`app` is what the page shows; `params` are those of its URL."""

    def __init__(self, **params: str) -> None:
        self.app = AppTest.from_file(APP, default_timeout=30)
        self.app.query_params.update(params)
        self.app.run()

    def ask(self, question: str) -> Self:
        self.app.chat_input[0].set_value(question).run()
        return self

    def click(self, key: str) -> Self:
        self.app.button(key=key).click().run()
        return self

    def until(self, holds: Callable[[], object]) -> Self:
        """Run the script again, as the page does while an answer streams, until `holds` does."""
        deadline = time.monotonic() + 30
        while not holds():
            assert not self.app.exception, self.app.exception
            assert time.monotonic() < deadline, self.talk
            time.sleep(0.05)
            self.app.run()
        assert not self.app.exception, self.app.exception
        return self

    def answered(self) -> Self:
        """Wait for the end of the answer."""
        return self.until(lambda: self.ended)

    @property
    def ended(self) -> bool:
        return "stop" not in self.buttons

    @property
    def params(self) -> dict[str, str]:
        return {name: str(value) for name, value in self.app.query_params.items()}

    @property
    def buttons(self) -> list[str | None]:
        return [button.key for button in self.app.button]

    @property
    def talk(self) -> list[tuple[str, str]]:
        """Role and text of each message."""
        return [
            (one.name, one.markdown[-1].value if one.markdown else "")
            for one in self.app.chat_message
        ]

    def parts(self, number: int) -> list[str]:
        """Texts, and the labels of what is folded or can be saved, of a message, in order."""
        return [
            text
            for element in _walk(self.app.chat_message[number])
            if (text := _text_of(element)) is not None
        ]

    @property
    def events(self) -> list[dict[str, Any]]:
        """The raw events in the table."""
        return [json.loads(data) for data in self.table["data"]]

    @property
    def table(self) -> dict[str, list[Any]]:
        table: dict[str, list[Any]] = self.app.dataframe[0].value.to_dict("list")
        return table

    @property
    def figures(self) -> dict[str, str]:
        return {metric.label: metric.value for metric in self.app.metric}

    def close(self) -> None:
        """Read no further, and close the connections."""
        state = self.app.session_state
        for recording in state["recordings"].values() if "recordings" in state else ():
            recording.leave()
        state["client"].close()


def _walk(block: Any) -> Iterator[Any]:
    for child in block.children.values():
        yield child
        if hasattr(child, "children"):
            yield from _walk(child)


def _text_of(element: Any) -> str | None:
    if element.type in ("markdown", "caption"):
        return str(element.value)
    if element.type in ("expander", "download_button"):
        return str(getattr(element, "label", None) or element.proto.label)
    return None


class OpenPage(Protocol):
    """Opens a page for a server, with these parameters in its URL."""

    def __call__(self, url: str, **params: str) -> Page: ...
