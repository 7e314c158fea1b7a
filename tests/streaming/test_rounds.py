"""No run goes on for ever: the requests to its model are bounded."""

from typing import Any

import httpx
import pytest
from agno.agent import Agent

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply
from tests.streaming.reader import CHAT, answer, text

NOBODY = Reply("I call. ", tool_calls=[("nobody", '{"at": "noon"}')])


def clock() -> str:
    """The time."""
    return "noon"


AGENTS = [Agent(id="plain"), Agent(id="clock", tools=[clock])]


@pytest.mark.parametrize("agent", ["plain", "clock"])
async def test_a_call_of_an_unknown_tool_is_repeated_for_ever(
    serve: Serve, provider: Provider, agent: str
) -> None:
    """A model that calls a tool that nobody has is refused each time, which readers see, and the
    run ends with a code of its own."""
    server = serve(agents=AGENTS, max_rounds=3)
    provider.default = NOBODY
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        got = await answer(http, agent=agent)
        whole = await http.post(CHAT, json={"message": "x", "stream": False, "agent": agent})
    tools = [chunk["tool"] for chunk in got if "tool" in chunk]
    assert ["failed"] * 3 == [tool["status"] for tool in tools]
    assert ("nobody", {"at": "noon"}) == (tools[0]["name"], tools[0]["arguments"])
    assert "nobody" in tools[0]["result"]
    assert "I call. " * 3 == text(got)
    assert ("error", "too_many_rounds") == (got[-1]["finish_reason"], got[-1]["error"]["code"])
    assert "3 requests" in got[-1]["error"]["message"]
    assert (500, "too_many_rounds") == (whole.status_code, whole.json()["error"]["code"])
    assert 6 == provider.opened


async def test_calls_that_alternate_go_on_for_ever(serve: Serve, provider: Provider) -> None:
    """A model that calls a tool, then one that nobody has, and so on, is bounded by the request,
    which cannot ask for more than the server allows."""
    server = serve(agents=AGENTS, max_rounds=5)
    rounds = [Reply("a ", tool_calls=[("clock", "{}")]), Reply("b ", tool_calls=[("x", "{}")])]
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for asked, made in ((2, 2), (None, 5), (1000, 5)):
            provider.requests.clear()
            provider.script(*rounds * made)
            fields: dict[str, Any] = {} if asked is None else {"max_rounds": asked}
            got = await answer(http, agent="clock", **fields)
            assert ("too_many_rounds", made) == (got[-1]["error"]["code"], provider.opened)
            for _ in range(made):  # what is left of the script
                await answer(http, agent="plain", max_rounds=1)


async def test_a_bound_of_rounds_stops_an_answer(serve: Serve, provider: Provider) -> None:
    """A run that needs all of its rounds is complete, and its usage is the sum of them."""
    server = serve(agents=AGENTS, max_rounds=2)
    provider.script(Reply(tool_calls=[("clock", "{}")]), Reply("It is noon."))
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        got = await answer(http, agent="clock")
    assert ("It is noon.", "stop") == (text(got), got[-1]["finish_reason"])
    assert "estimated" not in got[-1]["usage"]


@pytest.mark.parametrize("rounds", [0, -1, 1.5, "2", 10_001])
async def test_a_bound_that_is_none_is_taken(http: httpx.AsyncClient, rounds: Any) -> None:
    """A bound that is no positive number is refused."""
    reply = await http.post(CHAT, json={"message": "x", "max_rounds": rounds})
    assert (422, "invalid_field") == (reply.status_code, reply.json()["error"]["code"])
