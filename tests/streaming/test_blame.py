"""Who is to blame for a failure, and what each door reports of it."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from agno.agent import Agent

from tests.conftest import Serve
from tests.core.providers.wire import streams
from tests.provider import Provider
from tests.provider_replies import RATE_LIMITED, SERVER_ERROR, Reply
from tests.streaming.reader import CHAT, answer, text
from tests.upstream import Answer, ByteServer

HELLO = [{"role": "user", "content": "hello"}]

#: Requests of each door that get a status, and the path to their last usage.
DOORS: dict[str, tuple[str, dict[str, Any], dict[str, str]]] = {
    "native": (CHAT, {"message": "hello", "stream": False}, {}),
    "openai": ("/v1/chat/completions", {"model": "general", "messages": HELLO}, {}),
    "openai stream": (
        "/v1/chat/completions",
        {
            "model": "general",
            "messages": HELLO,
            "stream": True,
            "stream_options": {"include_usage": True},
        },
        {},
    ),
    "ollama": ("/api/chat", {"model": "general", "messages": HELLO, "stream": False}, {}),
    "ollama stream": ("/api/chat", {"model": "general", "messages": HELLO}, {}),
    "generate": ("/api/generate", {"model": "general", "prompt": "hello"}, {}),
    "text": (CHAT, {"message": "hello"}, {"Accept": "text/plain"}),
}


async def send(http: httpx.AsyncClient, door: str, **headers: str) -> httpx.Response:
    path, body, own = DOORS[door]
    return await http.post(path, json=body, headers={**own, **headers})


@pytest.fixture
def upstream() -> Iterator[ByteServer]:
    with ByteServer() as running:
        yield running


@pytest.mark.parametrize("door", DOORS)
async def test_a_rate_limit_is_an_error_within_200(
    serve: Serve, provider: Provider, door: str
) -> None:
    """A rate limit that is longer than the status can wait is reported at once, as 429 with the
    provider's `Retry-After`."""
    provider.default = Reply(status=429, headers=[("Retry-After", "8")], error=RATE_LIMITED.error)
    server = serve(heartbeat=2)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        reply = await send(http, door)
    assert (429, "8") == (reply.status_code, reply.headers.get("retry-after"))
    assert 1 == provider.opened


@pytest.mark.parametrize("door", DOORS)
async def test_usage_is_null(serve: Serve, provider: Provider, door: str) -> None:
    """A door reports an estimate of the usage where the provider counted nothing."""
    provider.default = Reply("one two three", usage=False)
    server = serve()
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        reply = await send(http, door)
        state = (await http.get(f"/api/v1/runs/{reply.headers['x-run-id']}")).json()
    assert state["usage"]["estimated"]
    counts = (state["usage"]["input_tokens"], state["usage"]["output_tokens"])
    assert 3 == counts[1]
    assert counts[0] > 0
    if door == "text":
        return
    last = [line for line in reply.text.splitlines() if line and "[DONE]" not in line][-1]
    value = json.loads(last.removeprefix("data: "))
    usage = value.get("usage") or value
    names = {
        "native": ("input_tokens", "output_tokens"),
        "openai": ("prompt_tokens", "completion_tokens"),
    }.get(door.partition(" ")[0], ("prompt_eval_count", "eval_count"))
    assert counts == tuple(usage[name] for name in names)


MESSAGES = json.dumps(HELLO)
NUMBERS = ("1e999", "-1e999", "NaN", "Infinity")


@pytest.mark.parametrize(
    ("path", "head", "tail"),
    [
        (CHAT, '{"message": "x", "stream": false, "temperature": ', "}"),
        ("/v1/chat/completions", f'{{"messages": {MESSAGES}, "temperature": ', "}"),
        ("/v1/chat/completions", f'{{"messages": {MESSAGES}, "logit_bias": {{"1": ', "}}"),
        ("/api/chat", f'{{"messages": {MESSAGES}, "options": {{"temperature": ', "}}"),
        ("/api/chat", f'{{"messages": {MESSAGES}, "options": {{"mirostat_eta": ', "}}"),
    ],
)
async def test_a_number_that_is_none_closes_the_model(
    serve: Serve, provider: Provider, path: str, head: str, tail: str
) -> None:
    """A number that is not finite is the client's error, and does not count against a model."""
    server = serve(upstream_retries=0, circuit_failures=len(NUMBERS))
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for number in (*NUMBERS, NUMBERS[0]):
            model = "" if path == CHAT else '"model": "general", '
            reply = await http.post(path, content=f"{{{model}{head[1:]}{number}{tail}")
            assert reply.status_code in (400, 422), reply.text
            assert reply.json()["error"]
        assert 0 == provider.opened
        assert 200 == (await send(http, "native")).status_code


class Surprise(Exception):
    """What nobody expects."""


def surprised(*_: Any, **__: Any) -> str:
    raise Surprise("a bug in the instructions")


async def test_a_bug_of_an_agent_is_the_providers(serve: Serve, provider: Provider) -> None:
    """An unexpected exception of an agent is `agent_failed`, and the model stays open."""
    agents = [Agent(id="general"), Agent(id="broken", instructions=surprised)]
    server = serve(agents=agents, circuit_failures=2)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for _ in range(4):
            got = await answer(http, agent="broken")
            assert "agent_failed" == got[-1]["error"]["code"]
            assert "a bug" not in got[-1]["error"]["message"]
        assert "stop" == (await answer(http))[-1]["finish_reason"]


KEYS = {"ann": "key-of-ann-0123456789", "bob": "key-of-bob-0123456789"}


def bearer(name: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {KEYS[name]}"}


async def test_failures_of_one_close_the_model_for_all(serve: Serve, provider: Provider) -> None:
    """Five failures of one principal close the model for that principal alone; those of two close
    it for everybody."""
    names = ",".join(f"{name}:{key}" for name, key in KEYS.items())
    server = serve(api_keys=names, upstream_retries=0, circuit_failures=5)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        provider.default = SERVER_ERROR
        for _ in range(5):
            assert 503 == (await send(http, "native", **bearer("ann"))).status_code
        provider.default = Reply("fine")
        refused = await send(http, "native", **bearer("ann"))
        served = await send(http, "native", **bearer("bob"))
        assert (503, 200) == (refused.status_code, served.status_code)
        again = await send(http, "native", **bearer("ann"))
        assert 503 == again.status_code  # its own questions may be the cause


async def test_failures_of_two_close_the_model_for_one(serve: Serve, provider: Provider) -> None:
    """Failures of several principals, with no success among them, close the model for all."""
    keys = {**KEYS, "cat": "key-of-cat-0123456789"}
    names = ",".join(f"{name}:{key}" for name, key in keys.items())
    server = serve(api_keys=names, upstream_retries=0, circuit_failures=5)
    provider.default = SERVER_ERROR
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        for name in ("ann", "bob", "ann", "bob", "ann"):
            await send(http, "native", **bearer(name))
        provider.default = Reply("fine")
        third = await send(http, "native", Authorization=f"Bearer {keys['cat']}")
    assert (503, 5) == (third.status_code, provider.opened)


@pytest.mark.parametrize("path", ["/v1", ""])
async def test_only_pings_are_an_answer(serve: Serve, upstream: ByteServer, path: str) -> None:
    """Pings keep no run alive: neither before the first token, nor behind it."""
    model = "openai:m" if path else "ollama:m"
    server = serve(model=model, openai_base_url=f"{upstream.url}/v1", ollama_host=upstream.url)
    ping = b": ping\n\n" if path else b"\n"
    word = streams.chunk({"content": "one"}) if path else streams.line({"content": "one"})
    upstream.script(Answer(b"", then="pings", ping=ping), Answer(word, then="pings", ping=ping))
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        before = await answer(http, timeouts={"first_token": 0.5, "idle": 0.3})
        within = await answer(http, timeouts={"idle": 0.5})
    assert ("", "timeout_first_token") == (text(before), before[-1]["finish_reason"])
    assert ("one", "timeout_idle") == (text(within), within[-1]["finish_reason"])


@pytest.mark.parametrize("stream", [True, False])
async def test_line_separators_break_an_answer_of_ollama(
    serve: Serve, upstream: ByteServer, stream: bool
) -> None:
    """Raw U+0085, U+2028 and U+2029 in an answer of Ollama's are text."""
    words = "a\u0085b\u2028c\u2029d"
    upstream.script(Answer(streams.line({"content": words}) + streams.line(done=True)))
    server = serve(model="ollama:m", ollama_host=upstream.url)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        if stream:
            assert words == text(await answer(http))
        else:
            assert words == (await send(http, "native")).json()["content"]


SENTENCES = {
    "unknown model": Answer(b'{"error":"model \\"m\\" not found, try pulling it"}', 404),
    "server": Answer(b'{"error":"llama runner process has terminated"}', 500),
    "stream": Answer(b'{"error":"an error was encountered while running the model"}\n'),
    "page": Answer(b"<html><body>Bad gateway</body></html>", 502, "text/html"),
    "key": Answer(b'{"error":"unauthorized"}', 401),
}


@pytest.mark.parametrize("case", SENTENCES)
async def test_an_error_of_ollama_is_pythons(serve: Serve, upstream: ByteServer, case: str) -> None:
    """An error of an Ollama upstream reads as a sentence, without Python's representation."""
    upstream.default = SENTENCES[case]
    server = serve(model="ollama:m", ollama_host=upstream.url, upstream_retries=0)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        message = (await answer(http))[-1]["error"]["message"]
    for python in ("{", "b'", "ResponseError", "status code:", "\\n", "None"):
        assert python not in message
    words = {"page": "a page of type text/html", "key": "credentials (401)"}
    assert (words.get(case) or json.loads(SENTENCES[case].body)["error"]) in message


async def test_an_ollama_that_is_away_is_unclear(serve: Serve) -> None:
    """An Ollama that cannot be reached is `model_unavailable`."""
    server = serve(model="ollama:m", ollama_host="http://127.0.0.1:9", upstream_retries=0)
    async with httpx.AsyncClient(base_url=server.url, timeout=30) as http:
        last = (await answer(http))[-1]
    assert ("model_unavailable", "The model 'm' cannot be reached.") == (
        last["error"]["code"],
        last["error"]["message"],
    )
