"""A lone surrogate breaks no stream, wherever a provider sends it."""

import httpx
from agno.agent import Agent

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import Reply, refusal
from tests.streaming.reader import CHAT, answer, text


async def test_lone_surrogate_in_provider_error(
    http: httpx.AsyncClient, provider: Provider
) -> None:
    """An error that quotes a lone surrogate is reported with U+FFFD instead."""
    provider.default = refusal(400, "no \ud83d here", "invalid")
    last = (await answer(http))[-1]
    whole = await http.post(CHAT, json={"message": "x", "stream": False})
    assert "model_refused_request" == last["error"]["code"]
    assert last["error"]["message"].endswith("no \ufffd here")
    assert last["error"]["message"] == whole.json()["error"]["message"]


async def test_lone_surrogate_in_tool_call(serve: Serve, provider: Provider) -> None:
    """A tool call with a lone surrogate is executed and shown, and the answer continues."""

    def measure(of: str) -> str:
        """Measure a text."""
        return f"{len(of)} units"

    call = ("measure", '{"of": "half \\ud83d"}')
    provider.script(Reply(tool_calls=[call]), Reply("six of them"))
    server = serve(agents=[Agent(id="ruler", tools=[measure])])
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        chunks = await answer(http)
    tools = [chunk["tool"] for chunk in chunks if "tool" in chunk]
    assert [{"of": "half \ufffd"}] * 2 == [tool["arguments"] for tool in tools]
    assert "6 units" == tools[-1]["result"]
    assert ("six of them", "stop") == (text(chunks), chunks[-1]["finish_reason"])
