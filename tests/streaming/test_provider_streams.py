"""Streams that providers were reported to send are right on every door."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat

from app.models.chat import COMPLETE
from tests.server import Server
from tests.upstream import Answer, ByteServer

FILE = Path(__file__).parents[1] / "core" / "providers" / "provider_streams.jsonl"
REPORTED = [json.loads(line) for line in FILE.read_text(encoding="utf-8").splitlines()]


@dataclass(slots=True)
class Got:
    """What a client of a door has. None is what its protocol does not carry."""

    text: str = ""
    reasoning: str | None = ""
    end: str | None = None
    message: str | None = None
    usage: tuple[int, int] | None = None


@dataclass(slots=True)
class Called:
    """The calls that an agent's tools were given."""

    calls: list[Any] = field(default_factory=list)

    def weather(self, city: str) -> str:
        """The weather in a city."""
        self.calls.append(["weather", {"city": city}])
        return "sunny"

    def clock(self, zone: str) -> str:
        """The time in a zone."""
        self.calls.append(["clock", {"zone": zone}])
        return "noon"


@dataclass(slots=True)
class House:
    """A server, and the upstream of its models."""

    upstream: ByteServer
    http: httpx.Client
    tools: Called


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    tools = Called()
    with ByteServer() as upstream:
        # Models of these names write <think> tags.
        agents = [
            Agent(
                id=name,
                model=OpenAIChat(
                    id=name, base_url=f"{upstream.url}/v1", api_key="sk-test", max_retries=0
                ),
                tools=[tools.weather, tools.clock],
            )
            for name in ("plain", "deepseek-r1")
        ]
        folder = tmp_path_factory.mktemp("data")
        with (
            Server(folder, agents=agents, circuit_failures=0) as server,
            httpx.Client(base_url=server.url, timeout=30) as http,
        ):
            yield House(upstream, http, tools)


def chunks_of(lines: list[str]) -> Got:
    """An answer of the native door, of its chunks."""
    chunks = [json.loads(line) for line in lines]
    last = chunks[-1]
    usage = last.get("usage")
    return Got(
        "".join(chunk["content"] for chunk in chunks),
        "".join(chunk.get("reasoning", "") for chunk in chunks),
        last["finish_reason"],
        last.get("error", {}).get("message"),
        usage and (usage["input_tokens"], usage["output_tokens"]),
    )


def events(http: httpx.Client, agent: str) -> Got:
    reply = http.post("/api/v1/chat", json={"message": "hi", "agent": agent})
    return chunks_of([line[6:] for line in reply.text.split("\n") if line.startswith("data: ")])


def ndjson(http: httpx.Client, agent: str) -> Got:
    body, headers = {"message": "hi", "agent": agent}, {"Accept": "application/x-ndjson"}
    return chunks_of(http.post("/api/v1/chat", json=body, headers=headers).text.splitlines())


def plain(http: httpx.Client, agent: str) -> Got:
    body, headers = {"message": "hi", "agent": agent}, {"Accept": "text/plain"}
    got = Got(reasoning=None)
    with http.stream("POST", "/api/v1/chat", json=body, headers=headers) as reply:
        if reply.status_code >= 400:
            return failed(json.loads(reply.read())["error"])
        try:
            for part in reply.iter_text():
                got.text += part
            got.end = "complete"
        except httpx.RemoteProtocolError:
            got.end = "failed"
    return got


def whole(http: httpx.Client, agent: str) -> Got:
    body = {"message": "hi", "agent": agent, "stream": False}
    value = http.post("/api/v1/chat", json=body).json()
    if "error" in value:
        return failed(value["error"])
    usage = value["usage"]
    return Got(
        value["content"],
        value.get("reasoning") or "",
        value["finish_reason"],
        None,
        (usage["input_tokens"], usage["output_tokens"]),
    )


def failed(error: dict[str, Any]) -> Got:
    """A failure with a status; what had come is in it on the native door."""
    return Got(error.get("content") or "", None, "failed", error["message"])


def openai(http: httpx.Client, agent: str) -> Got:
    body = {"model": agent, "messages": [{"role": "user", "content": "hi"}]}
    value = http.post("/v1/chat/completions", json=body).json()
    if "error" in value:
        return failed(value["error"])
    choice, usage = value["choices"][0], value["usage"]
    return Got(
        choice["message"]["content"],
        choice["message"].get("reasoning_content") or "",
        choice["finish_reason"],
        None,
        (usage["prompt_tokens"], usage["completion_tokens"]),
    )


def openai_stream(http: httpx.Client, agent: str) -> Got:
    body = {"model": agent, "messages": [{"role": "user", "content": "hi"}], "stream": True}
    body["stream_options"] = {"include_usage": True}
    reply = http.post("/v1/chat/completions", json=body)
    if reply.status_code >= 400:
        return failed(reply.json()["error"])
    got = Got()
    for line in reply.text.split("\n\n"):
        if not line.startswith("data: {"):
            continue
        value = json.loads(line[6:])
        if "error" in value:
            got.end, got.message = "failed", value["error"]["message"]
            return got
        if usage := value.get("usage"):
            got.usage = (usage["prompt_tokens"], usage["completion_tokens"])
        for choice in value["choices"]:
            got.text += choice["delta"].get("content") or ""
            got.reasoning = (got.reasoning or "") + (choice["delta"].get("reasoning_content") or "")
            got.end = choice["finish_reason"] or got.end
    return got


def ollama(http: httpx.Client, agent: str, *, stream: bool = False) -> Got:
    body = {"model": agent, "messages": [{"role": "user", "content": "hi"}], "stream": stream}
    reply = http.post("/api/chat", json={**body, "think": True})
    got = Got()
    for line in reply.text.splitlines():
        value = json.loads(line)
        if "error" in value:
            got.end, got.message = "failed", value["error"]
            return got
        got.text += value["message"]["content"]
        got.reasoning = (got.reasoning or "") + value["message"].get("thinking", "")
        if value["done"]:
            got.end = value["done_reason"]
            got.usage = (value["prompt_eval_count"], value["eval_count"])
    return got


def ollama_stream(http: httpx.Client, agent: str) -> Got:
    return ollama(http, agent, stream=True)


DOORS: dict[str, Callable[[httpx.Client, str], Got]] = {
    "events": events,
    "ndjson": ndjson,
    "text": plain,
    "json": whole,
    "openai": openai,
    "openai stream": openai_stream,
    "ollama": ollama,
    "ollama stream": ollama_stream,
}

#: Doors that answer in one piece, and so have no text where an answer failed.
WHOLE = {"openai", "ollama"}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("reported", REPORTED, ids=lambda reported: reported["name"])
def test_a_reported_stream_is_wrong_on_a_door(
    house: House, reported: dict[str, Any], door: str
) -> None:
    """What a provider sent comes to what it must: text, reasoning, end, usage, words, calls."""
    expected = reported["expect"]
    answers = [Answer(reported["body"].encode(), content_type=reported["content_type"])]
    if "after_the_tool" in reported:
        answers.append(Answer(reported["after_the_tool"].encode()))
    house.upstream.script(*answers)
    house.tools.calls.clear()
    got = DOORS[door](house.http, "deepseek-r1" if reported["name"] == "think_tags" else "plain")

    ends = expected["end"] if isinstance(expected["end"], list) else [expected["end"]]
    complete = ends[0] in COMPLETE
    if door == "text":
        assert ("complete" if complete else "failed") == got.end
    elif complete or got.end != "failed":
        assert got.end in ends
    assert complete == (got.message is None and got.end != "failed")
    if not (door in WHOLE and not complete):
        assert expected["text"] == got.text
    if got.reasoning is not None and complete and "after_the_tool" not in reported:
        assert expected.get("reasoning", "") == got.reasoning
    if got.message is not None:
        assert expected.get("says", "") in got.message
    if "usage" in expected and got.usage is not None:
        assert tuple(expected["usage"][:2]) == got.usage
    assert len(answers) == len(house.upstream.requests)
    if "calls" in expected:
        assert sorted(expected["calls"], key=str) == sorted(house.tools.calls, key=str)
    if "sent" in expected:
        assert expected["sent"] in json.dumps(house.upstream.requests[1].body["messages"])
