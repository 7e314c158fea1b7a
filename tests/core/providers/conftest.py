"""Fixtures: an upstream that answers with any bytes."""

from collections.abc import Iterator

import pytest

from tests.upstream import ByteServer


@pytest.fixture
def upstream() -> Iterator[ByteServer]:
    with ByteServer() as running:
        yield running
