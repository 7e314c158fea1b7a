"""Pages for the tests of the app."""

from collections.abc import Iterator
from contextlib import ExitStack, closing

import pytest

from tests.streamlit.page import OpenPage, Page


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch) -> Iterator[OpenPage]:
    with ExitStack() as stack:

        def open_(url: str, **params: str) -> Page:
            monkeypatch.setenv("AGNO_STREAM_URL", url)
            return stack.enter_context(closing(Page(**params)))

        yield open_
