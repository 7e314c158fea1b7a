"""Teams and workflows answer on every door, with their answer and nothing else as the text."""

import json
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.run.agent import RunOutput
from agno.team import Team
from agno.workflow import Step, Workflow
from openai.types.responses import Response

from tests.conftest import Serve
from tests.core.agents.application import model
from tests.provider import Provider
from tests.provider_replies import Reply

DELEGATE = Reply(tool_calls=[("delegate_task_to_member", '{"member_id": "bob", "task": "Ask."}')])


def shout(run_output: RunOutput) -> None:
    run_output.content = str(run_output.content).upper()


def built(kind: str, provider: Provider) -> Any:
    bob = Agent(id="bob", name="Bob", model=model(provider))
    if kind == "team":
        return Team(id="it", members=[bob], model=model(provider))
    if kind == "workflow":
        return Workflow(id="it", steps=[Step(name="one", agent=bob), Step(name="two", agent=bob)])
    return Agent(id="it", model=model(provider), post_hooks=[shout])


REPLIES = {
    "team": [DELEGATE, Reply("Inner words."), Reply("The answer.")],
    "workflow": [Reply("Inner words."), Reply("The answer.")],
    "hook": [Reply("the answer.")],
}


def streamed(url: str, path: str, body: dict[str, Any]) -> list[str]:
    with httpx.stream("POST", f"{url}{path}", json=body, timeout=30) as response:
        assert 200 == response.status_code
        return [line.removeprefix("data: ") for line in response.iter_lines() if line]


def native(url: str) -> tuple[str, str]:
    body = {"message": "Hi.", "agent": "it"}
    lines = streamed(url, "/api/v1/chat", body)
    text = "".join(json.loads(line)["content"] for line in lines if line.startswith("{"))
    whole = httpx.post(f"{url}/api/v1/chat", json={**body, "stream": False}, timeout=30).json()
    return text, whole["content"]


def openai(url: str) -> tuple[str, str]:
    body: dict[str, Any] = {"model": "it", "messages": [{"role": "user", "content": "Hi."}]}
    lines = streamed(url, "/v1/chat/completions", {**body, "stream": True})
    deltas = [json.loads(line)["choices"][0]["delta"] for line in lines if line[0] == "{"]
    whole = httpx.post(f"{url}/v1/chat/completions", json=body, timeout=30).json()
    text = "".join(delta.get("content") or "" for delta in deltas)
    return text, whole["choices"][0]["message"]["content"]


def responses(url: str) -> tuple[str, str]:
    body: dict[str, Any] = {"model": "it", "input": "Hi."}
    lines = streamed(url, "/v1/responses", {**body, "stream": True})
    events = [json.loads(line) for line in lines if line[0] == "{"]
    whole = httpx.post(f"{url}/v1/responses", json=body, timeout=30).json()
    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    return text, Response.model_validate(whole).output_text


def ollama(url: str) -> tuple[str, str]:
    body: dict[str, Any] = {"model": "it", "messages": [{"role": "user", "content": "Hi."}]}
    lines = [json.loads(line) for line in streamed(url, "/api/chat", body)]
    whole = httpx.post(f"{url}/api/chat", json={**body, "stream": False}, timeout=30).json()
    return "".join(line["message"]["content"] for line in lines), whole["message"]["content"]


@pytest.mark.parametrize("door", [native, openai, responses, ollama])
@pytest.mark.parametrize("kind", REPLIES)
def test_text_of_others_is_in_answer(
    kind: str, door: Any, serve: Serve, provider: Provider
) -> None:
    """The text of a door is the answer alone; in one piece it is what a hook made of it."""
    provider.script(*REPLIES[kind], *REPLIES[kind])
    server = serve(agents=[built(kind, provider)])
    text, whole = door(server.url)
    assert "The answer." == (text if kind != "hook" else text.capitalize())
    assert whole == ("THE ANSWER." if kind == "hook" else "The answer.")
