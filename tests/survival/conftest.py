"""Fixtures: each kind of journal that processes can share."""

import pytest

from tests.survival.parts import JOURNALS


@pytest.fixture(params=sorted(JOURNALS))
def journal(request: pytest.FixtureRequest) -> dict[str, str]:
    """The settings by which servers that share a folder share a fresh journal."""
    return JOURNALS[request.param](request)
