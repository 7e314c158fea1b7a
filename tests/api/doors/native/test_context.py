"""The native door takes what Agno takes, and reports what it does not know."""

import re
from typing import Any

import httpx
import pytest
from agno.agent import Agent
from agno.exceptions import CheckTrigger, InputCheckError
from agno.run import RunContext
from agno.run.agent import RunInput

from app.api.ignored import HEADER
from tests.conftest import Serve
from tests.core.agents.application import model
from tests.provider import Provider
from tests.provider_replies import Reply


def look(run_context: RunContext) -> str:
    """Look around."""
    return f"{run_context.user_id} {run_context.session_state} {run_context.dependencies}"


def no_secrets(run_input: RunInput) -> None:
    if "secret" in run_input.input_content_string():
        raise InputCheckError("No secrets.", check_trigger=CheckTrigger.INPUT_NOT_ALLOWED)


def ask(url: str, **body: Any) -> httpx.Response:
    return httpx.post(f"{url}/api/v1/chat", json={"stream": False, **body}, timeout=30)


def test_unknown_field_is_lost(serve: Serve) -> None:
    """A field that the server does not know is passed over, and named with the nearest one."""
    server = serve()
    answer = ask(
        server.url, message="Hi.", sesion_state={}, options={"temprature": 1}, **{"x\n": 1, "q": 2}
    )
    assert 200 == answer.status_code
    assert (
        "sesion_state (did you mean session_state?), "
        "options.temprature (did you mean options.temperature?), q"
    ) == answer.headers["X-Ignored-Fields"]
    assert "X-Ignored-Fields" not in ask(server.url, message="Hi.").headers


UNKNOWN = {"sesion": 1, "options": {"temprature": 1}}
FROM_USER = {"messages": [{"role": "user", "content": "Hi."}], "model": "general"}


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("path", "body", "named"),
    [
        ("/api/v1/chat", {"message": "Hi.", **UNKNOWN}, "sesion, options.temprature"),
        ("/chat", {"message": "Hi.", **UNKNOWN}, "sesion, options.temprature"),
        ("/v1/chat/completions", {**FROM_USER, "temprature": 1}, "temprature"),
        ("/api/chat", {**FROM_USER, **UNKNOWN}, "sesion"),  # Ollama's options go to the provider
        ("/api/generate", {"model": "general", "prompt": "Hi.", "promt": ""}, "promt"),
    ],
)
def test_unknown_field_is_lost_on_a_door(
    serve: Serve, stream: bool, path: str, body: dict[str, Any], named: str
) -> None:
    """Every door names the fields that it does not know, in its streams and in its objects."""
    url = f"{serve().url}{path}"
    header = httpx.post(url, json={**body, "stream": stream}, timeout=30).headers[HEADER]
    assert named == re.sub(r" \(did you mean [^)]+\?\)", "", header)


def test_unknown_parameter_is_lost(serve: Serve) -> None:
    """A parameter that the server does not know is named, and the end user is known."""
    query = {"message": "Hi.", "usr": "eve", "user": "eve", "conversation_id": "c"}
    url = serve().url
    answer = httpx.get(f"{url}/api/v1/chat", params=query, timeout=30)
    assert "usr (did you mean user?)" == answer.headers[HEADER]
    stored = httpx.get(f"{url}/api/v1/conversations/c", params={"user": "eve"})
    assert 200 == stored.status_code


def test_context_is_lost(serve: Serve, provider: Provider) -> None:
    """User, state and dependencies of a request reach the agent's tools."""
    agent = Agent(id="a", model=model(provider), tools=[look])
    server = serve(agents=[agent])
    provider.script(Reply(tool_calls=[("look", "{}")]), Reply("Done."))
    answer = ask(
        server.url, message="Hi.", user="eve", session_state={"n": 1}, dependencies={"d": 2}
    ).json()
    seen = answer["tools"][0]["result"]
    assert seen.startswith("anonymous/eve ")
    assert "'n': 1" in seen
    assert "{'d': 2}" in seen
    assert {"n": 1} == answer["session_state"]
    conversation = answer["conversation_id"]
    url = f"{server.url}/api/v1/conversations/{conversation}"
    assert 404 == httpx.get(url).status_code
    assert 200 == httpx.get(url, params={"user": "eve"}).status_code


def test_user_that_cannot_be_stored(serve: Serve) -> None:
    """A user whose name could be that of another principal is refused."""
    for user in ("a/b", "", "x" * 129, "a b"):
        assert 422 == ask(serve().url, message="Hi.", user=user).status_code


def test_refusal_of_guardrail_is_a_failure_of_the_server(serve: Serve, provider: Provider) -> None:
    """What a guardrail refuses is 422 with a code of its own, on every door."""
    server = serve(agents=[Agent(id="a", model=model(provider), pre_hooks=[no_secrets])])
    refused = ask(server.url, message="secret")
    assert (422, "input_refused") == (refused.status_code, refused.json()["error"]["code"])
    assert "No secrets." == refused.json()["error"]["message"]
    messages = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hi."}]
    refused = httpx.post(
        f"{server.url}/v1/chat/completions",
        json={"model": "a", "messages": [*messages, {"role": "user", "content": "secret"}]},
        timeout=30,
    )
    assert 422 == refused.status_code
    assert "No secrets." == refused.json()["error"]["message"]
    refused = httpx.post(
        f"{server.url}/api/chat",
        json={
            "model": "a",
            "stream": False,
            "messages": [*messages, {"role": "user", "content": "secret"}],
        },
        timeout=30,
    )
    assert 422 == refused.status_code
    assert 0 == provider.opened
