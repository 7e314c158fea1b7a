"""Requests nobody thought of, made from the OpenAPI page: every answer is one that it describes.

`SCHEMATHESIS_EXAMPLES` is how many a route, 30 if it is not set.
"""

import os
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from hypothesis.strategies import SearchStrategy
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.server import Server

KEY = "schemathesis-key-0123456789"
ROUTES = 15
EXAMPLES = int(os.environ.get("SCHEMATHESIS_EXAMPLES", "30"))
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module", params=["open", "with a key", "without the key"])
def target(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Server, dict[str, str]]]:
    """A server, and what each request to it says of who asks."""
    keys: dict[str, Any] = {} if request.param == "open" else {"api_keys": f"me:{KEY}"}
    headers = {"Authorization": f"Bearer {KEY}"} if request.param == "with a key" else {}
    with Server(tmp_path_factory.mktemp("data"), **keys) as server:
        yield server, headers
        assert 200 == httpx.get(f"{server.url}/readyz").status_code


@pytest.mark.timeout(600)
def test_every_operation(target: tuple[Server, dict[str, str]]) -> None:
    """Neither what the page allows nor what it does not brings an answer that it does not tell."""
    server, headers = target
    schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
    walked = 0
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        walked += 1
        for mode in GenerationMode:
            try:
                cases = operation.as_strategy(generation_mode=mode)
                probe(cases, server.url, headers)
            except Unsatisfiable:
                assert mode is GenerationMode.NEGATIVE  # there is nothing to be wrong about
    assert walked >= ROUTES


def probe(cases: SearchStrategy[Case[Any]], url: str, headers: dict[str, str]) -> None:
    """Send some of them, and check what comes back."""

    @settings(
        max_examples=EXAMPLES,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=cases)
    def one(case: Case[Any]) -> None:
        case.headers.pop("Authorization", None)
        case.call_and_validate(
            base_url=url, headers={"Connection": "close", **headers}, checks=CHECKS, timeout=30
        )

    one()
