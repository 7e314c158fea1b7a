"""Pauses of runs of which checkpoints are made, so that another process could go on with them."""

from collections.abc import Iterator

import httpx
import pytest
from agno.agent import Agent

from tests.pauses.kinds import KINDS, PauseKind, refund
from tests.pauses.parts import decisions, go_on, paused
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.server import Server

APPROVAL = KINDS[0]
OWN = PauseKind(
    "own-checkpoints",
    lambda model: Agent(model=model(), tools=[refund], checkpoint="tool-batch"),
    APPROVAL.before,
    APPROVAL.requirement,
    APPROVAL.decide,
    seen=APPROVAL.seen,
    text=APPROVAL.text,
)
ALL = [*KINDS, OWN]


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with Provider() as running:
        yield running


@pytest.fixture(scope="module")
def server(provider: Provider, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server with all kinds, whose runs another process could go on with."""
    agents = [kind.component(provider) for kind in ALL]
    with Server(tmp_path_factory.mktemp("data"), agents=agents, on_crash="continue") as running:
        yield running


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.name)
def test_what_waits_waits(kind: PauseKind, server: Server, provider: Provider) -> None:
    """A run waits for a person, and is continued, as without checkpoints."""
    first = paused(server, provider, kind)
    [found] = first["requirements"]
    assert kind.requirement.items() <= {name: _plain(found[name]) for name in found}.items()
    provider.script(*kind.after)
    second = go_on(server.url, first["run_id"], decisions(kind, first["requirements"])).json()
    assert (kind.answer, "stop") == (second["content"], second["finish_reason"])
    assert [] == httpx.get(f"{server.url}/api/v1/runs?status=paused").json()["runs"]


def _plain(value: object) -> object:
    """A field of a requirement, without the id of its call."""
    return {k: v for k, v in value.items() if k != "id"} if isinstance(value, dict) else value


def test_tools_of_a_client(server: Server, provider: Provider) -> None:
    """A client of another door gets the calls of its own tools."""
    provider.script(Reply("Wait. ", tool_calls=[("weather", "{}"), ("weather", '{"a": 1}')]))
    asked = {
        "model": APPROVAL.name,
        "messages": [{"role": "user", "content": "The weather?"}],
        "tools": [{"type": "function", "function": {"name": "weather", "parameters": {}}}],
    }
    answer = httpx.post(f"{server.url}/v1/chat/completions", json=asked, timeout=30).json()
    [choice] = answer["choices"]
    assert "tool_calls" == choice["finish_reason"]
    calls = [call["function"]["arguments"] for call in choice["message"]["tool_calls"]]
    assert ["{}", '{"a": 1}'] == calls
