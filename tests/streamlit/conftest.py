"""Fixtures: pages of the app."""

import logging
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


@pytest.fixture(autouse=True)
def loggers() -> Iterator[None]:
    """Give uvicorn's loggers back to the tests that follow: Streamlit takes them for its own."""
    names = ("uvicorn", "uvicorn.access", "uvicorn.asgi", "uvicorn.error", "websockets")
    known = [logging.getLogger(name) for name in names]
    before = [(one, one.level, one.propagate, one.handlers[:]) for one in known]
    yield
    for one, level, propagate, handlers in before:
        one.setLevel(level)
        one.propagate, one.handlers = propagate, handlers
