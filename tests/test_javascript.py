"""The official clients for JavaScript, as npm has them; each is a script in tests/js."""

import json
import subprocess
from typing import Any

import pytest
from agno.agent import Agent
from agno.models.openai import OpenAIChat

from tests.applications.tools import shout
from tests.conftest import Serve
from tests.javascript import JS, install
from tests.pauses.kinds import refund
from tests.provider import Provider
from tests.provider_replies import Reply, numbered, refusal

TEXT = "Hi 🙂\r\n\u2028data: [DONE]\n\n漢字\0"


@pytest.fixture(scope="session")
def node() -> str:
    """Node, with the clients that package.json names installed in an ignored folder."""
    return install()


def run(node: str, script: str, url: str, *more: str) -> dict[str, Any]:
    """Run a script against the server at `url`, and return the responses that it got."""
    done = subprocess.run(
        [node, script, url, *more], cwd=JS, capture_output=True, text=True, timeout=60, check=False
    )
    assert 0 == done.returncode, done.stderr
    results: dict[str, Any] = json.loads(done.stdout)
    return results


def test_openai(node: str, serve: Serve, provider: Provider) -> None:
    """OpenAI's client lists, streams, waits, calls tools, hears of failures, and leaves."""
    url = serve(heartbeat=0.1).url
    provider.script(
        Reply([TEXT]),
        Reply("At last.", delay_first=0.5),
        Reply([TEXT]),
        Reply(tool_calls=[("weather", '{"city": "Zürich"}'), ("weather", "{}")]),
        refusal(400, "Bad.", "bad"),
        Reply("Hi there", cut_after=1),
        Reply(numbered(100), stall_after=50),
    )
    results = run(node, "openai.mjs", url)
    assert ["general", "test-model"] == results["models"]
    usage = results["stream"].pop("usage")
    assert {"text": TEXT, "reason": "stop", "error": None} == results["stream"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert ("At last.", "stop") == (results["silent"]["text"], results["silent"]["reason"])
    assert {"text": TEXT, "reason": "stop"} == results["whole"]
    assert "tool_calls" == results["call"]["reason"]
    assert ['{"city": "Zürich"}', "{}"] == [c["arguments"] for c in results["call"]["calls"]]
    refused = {"kind": "BadRequestError", "status": 400, "code": "model_refused_request"}
    assert refused == results["refused"]["error"]
    assert ("Hi ", None) == (results["cut"]["text"], results["cut"]["reason"])
    assert ("APIError", "upstream_cut") == (
        results["cut"]["error"]["kind"],
        results["cut"]["error"]["code"],
    )
    assert "aborted" == results["aborted"]
    provider.wait_for(lambda: provider.aborted)


def test_openai_responses(node: str, serve: Serve, provider: Provider) -> None:
    """OpenAI's client streams, calls tools, continues, resumes, cancels, and hears of failures."""
    url = serve(heartbeat=0.1).url
    provider.script(
        Reply([TEXT], reasoning="Hm 🙂."),
        Reply("At last.", delay_first=0.5),
        Reply(tool_calls=[("weather", '{"city": "Zürich"}'), ("weather", "{}")]),
        Reply("It snows."),
        refusal(400, "Bad.", "bad"),
        Reply("Hi there", cut_after=1),
        Reply(numbered(10)),
        Reply(numbered(100), stall_after=50),
    )
    results = run(node, "responses.mjs", url)
    streamed = results["stream"]
    assert (TEXT, "Hm 🙂.", "response.completed", None) == (
        streamed["text"],
        streamed["thoughts"],
        streamed["last"],
        streamed["error"],
    )
    assert list(range(len(streamed["numbers"]))) == streamed["numbers"]
    assert "At last." == results["silent"]["text"]
    assert ['{"city": "Zürich"}', "{}"] == results["call"]["arguments"]
    assert "It snows." == results["call"]["text"]
    refused = {"kind": "BadRequestError", "status": 400, "code": "model_refused_request"}
    assert refused == results["refused"]["error"]
    assert ("Hi ", "response.failed", None) == (
        results["cut"]["text"],
        results["cut"]["last"],
        results["cut"]["error"],
    )
    resumed = results["resumed"]
    assert "".join(numbered(10)) == resumed["text"]
    assert list(range(len(resumed["numbers"]))) == resumed["numbers"]
    assert {"started": "queued", "status": "cancelled"} == results["cancelled"]


@pytest.mark.parametrize("package", ["ai", "ai6"])
def test_ai_sdk(node: str, serve: Serve, provider: Provider, package: str) -> None:
    """A page with `useChat`'s logic of both major versions shows texts, runs tools, decides, comes
    back, stops, and hears of failures."""
    model = OpenAIChat(id="m", base_url=provider.url, api_key="sk-0123456789")
    agents = [
        Agent(id="general", model=model, tools=[shout]),
        Agent(id="clerk", model=model, tools=[refund]),
    ]
    url = serve(heartbeat=0.1, agents=agents).url
    weather = [Reply("Wait. ", tool_calls=[("weather", '{"city": "Oslo"}')]), Reply("It snows.")]
    asks = [Reply("Hm. ", tool_calls=[("refund", '{"city": "Oslo"}')]), Reply("It is done.")]
    provider.script(
        Reply([TEXT], reasoning="Hm 🙂."),
        Reply("At last.", delay_first=0.5),
        Reply("Wait. ", tool_calls=[("shout", '{"text": "hé"}')]),
        Reply("It said HÉ."),
        Reply("A dot."),
        *(weather * 2),
        *(asks * 3),
        refusal(400, "Bad.", "bad"),
        Reply("Hi there", cut_after=1),
        *([Reply("One."), Reply("Two."), Reply("Three.")] * 2),
        Reply(numbered(40), rate=60),
        Reply(numbered(100), stall_after=50),
    )
    results = run(node, "ai.mjs", url, package)
    requests = [request.body["messages"] for request in provider.requests]
    streamed = results["text"]
    assert (TEXT, "Hm 🙂.", "ready", None) == (
        streamed["text"],
        streamed["reasoning"],
        streamed["status"],
        streamed["error"],
    )
    assert ["step-start", "reasoning", "text"] == streamed["types"]
    assert (True, ["done"]) == (streamed["conversation"], streamed["states"])
    assert ("general", "m", "stop") == (
        streamed["metadata"]["agent"],
        streamed["metadata"]["model"],
        streamed["metadata"]["finishReason"],
    )
    assert "At last." == results["silent"]["text"]
    tool = {"type": "tool-shout", "state": "output-available", "output": "HÉ"}
    assert [{**tool, "input": {"text": "hé"}}] == results["tool"]["tools"]
    assert ["step-start", "text", "tool-shout", "step-start", "text"] == results["tool"]["types"]
    assert "data:image/png;base64," in json.dumps(requests[4])
    for called, request in zip(results["clientTool"], requests[6:9:2], strict=True):
        assert ("Wait. |It snows.", ["user", "assistant"]) == (called["text"], called["roles"])
        assert ["output-available"] == [part["state"] for part in called["tools"]]
        assert ["user", "assistant", "tool"] == [message["role"] for message in request]
        assert {"sky": "snow", "city": "Oslo"} == json.loads(request[-1]["content"])
    for decided, state in [
        *((approved, "output-available") for approved in results["approved"]),
        (results["denied"], "output-denied"),
    ]:
        assert "approval-requested" == decided["first"]["tools"][0]["state"]
        [part] = decided["second"]["tools"]
        assert (state, state == "output-available") == (part["state"], part["approved"])
        assert "Hm. |It is done." == decided["second"]["text"]
        assert ["user", "assistant"] == decided["second"]["roles"]
    assert ["refunded Oslo", "refunded Oslo", "Because."] == [
        messages[-1]["content"] for messages in requests[10:15:2]
    ]
    assert "The provider refused the request: Bad." == results["refused"]["error"]
    assert ("Hi ", "error", "upstream_cut") == (
        results["cut"]["text"],
        results["cut"]["status"],
        results["cut"]["metadata"]["error"]["code"],
    )
    assert "The model 'nobody' does not exist." in results["unknown"]["error"]
    for twice in results["twice"]:
        assert ("Two.", "Three.") == (twice["before"]["text"], twice["after"]["text"])
        assert ["user", "assistant"] * 2 == twice["after"]["roles"]
    resumed = results["resumed"]
    whole = "".join(numbered(40))
    assert whole.startswith(resumed["seen"])
    assert whole != resumed["seen"]
    assert (whole, "ready") == (resumed["again"]["text"], resumed["again"]["status"])
    assert ([], "ready") == (resumed["none"]["roles"], resumed["none"]["status"])
    stopped = results["stopped"]
    assert (1, "ready", "cancelled") == (
        stopped["stopped"],
        stopped["status"],
        stopped["metadata"]["finishReason"],
    )
    provider.wait_for(lambda: provider.aborted)


def test_durable_streams(node: str, serve: Serve, provider: Provider) -> None:
    """The client of Durable Streams follows runs in each way, and resumes from each offset."""
    url = serve(heartbeat=0.1).url
    live, whole = Reply([TEXT, *numbered(30)], rate=60), TEXT + "".join(numbered(30))
    stalls = Reply(numbered(100), stall_after=10)
    provider.script(*[live] * 7, *[stalls] * 5)
    results = run(node, "durable.mjs", url)
    assert [{"text": whole, "ends": 1}] * 3 == results["followed"]
    resumed = {"text": whole, "cuts": True, "closed": True, "wrong": []}
    assert [resumed] * 4 == results["resumed"]
    assert ["cancelled"] * 3 == results["ended"]
    assert {"type": "application/json", "open": False, "closed": True} == results["head"]
    assert (404, 400) == (results["unknown"], results["wrong"])


def test_ag_ui(node: str, serve: Serve, provider: Provider) -> None:
    """AG-UI's client streams, calls tools, is interrupted and resumes, hears of failures, leaves;
    TanStack AI's comes back after each cut, and joins the run."""
    agents = [Agent(id="general", tools=[refund])]
    url = serve(agents=agents, heartbeat=0.1, disconnect_grace=2).url
    long = numbered(200)
    provider.script(
        Reply([TEXT], reasoning="hm"),
        Reply("Wait. ", tool_calls=[("weather", "{}"), ("weather", "{}")]),
        Reply("It is sunny."),
        Reply(tool_calls=[("refund", '{"city": "Oslo"}')]),
        Reply("It is done."),
        Reply("Hi there", cut_after=1),
        Reply(long, rate=400),
        Reply(numbered(100), stall_after=50),
    )
    results = run(node, "agui.mjs", url)
    stream = results["stream"]
    assert (TEXT, "success", ["reasoning", "assistant"]) == (
        stream["text"],
        stream["outcome"],
        stream["roles"],
    )
    first, second = results["frontend"]["first"], results["frontend"]["second"]
    assert ("Wait. ", ["assistant"], 2) == (first["text"], first["roles"], len(first["pending"]))
    assert "It is sunny." == second["text"]
    pause = results["pause"]
    [interrupt] = pause["interrupts"]
    assert ("interrupt", "tool_call") == (pause["first"]["outcome"], interrupt["reason"])
    assert "thrown" in pause["uncovered"]
    assert ("It is done.", ["refunded Oslo"]) == (pause["second"]["text"], pause["results"])
    assert "upstream_cut" == results["failed"]["error"]
    assert (422, True) == (results["refused"]["status"], "empty" in results["refused"]["thrown"])
    tanstack = results["tanstack"]
    assert "".join(long) == tanstack["text"] == tanstack["joined"]
    assert (True, "RUN_FINISHED") == (tanstack["same"], tanstack["last"])
    assert len(tanstack["requests"]) > 5
    assert None is tanstack["requests"].pop(0)
    assert len(tanstack["requests"]) == len(set(tanstack["requests"]))
    assert results["left"]
    provider.wait_for(lambda: provider.aborted)


def test_ollama(node: str, serve: Serve, provider: Provider) -> None:
    """Ollama's client does the same, on Ollama's door."""
    url = serve(heartbeat=0.1).url
    provider.script(
        Reply([TEXT], reasoning="Hm."),
        Reply("At last.", delay_first=0.5),
        *[Reply([TEXT])] * 3,
        Reply(tool_calls=[("weather", '{"city": "Zürich"}'), ("weather", "{}")]),
        refusal(400, "Bad.", "bad"),
        Reply("Hi there", cut_after=1),
        Reply(numbered(100), stall_after=50),
    )
    results = run(node, "ollama.mjs", url)
    assert ["general:latest", "test-model:latest"] == results["models"] == results["loaded"]
    assert ["completion", "tools", "vision"] == results["shown"][0]
    assert results["version"]
    expected = {"text": TEXT, "thinking": "Hm.", "reason": "stop", "counts": [1, 2]}
    assert {**expected, "calls": [], "error": None} == results["stream"]
    assert ("At last.", "stop") == (results["silent"]["text"], results["silent"]["reason"])
    assert TEXT == results["whole"]
    assert [TEXT, TEXT] == results["generated"]
    assert [("weather", {"city": "Zürich"}), ("weather", {})] == [
        (call["name"], call["arguments"]) for call in results["call"]["calls"]
    ]
    assert "stop" == results["call"]["reason"]
    assert ("ResponseError", 400) == (
        results["refused"]["error"]["kind"],
        results["refused"]["error"]["status"],
    )
    assert ("Hi ", None) == (results["cut"]["text"], results["cut"]["reason"])
    assert "before its answer was complete" in results["cut"]["error"]["message"]
    assert {"status": 404, "message": "model 'no' not found"} == results["unknown"]
    assert 501 == results["weights"]["status"]
    assert "AbortError" == results["aborted"]
    provider.wait_for(lambda: provider.aborted)
