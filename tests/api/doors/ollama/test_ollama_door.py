"""The Ollama door, driven by Ollama's own Python client as it is."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import ollama
import pytest
from pydantic import BaseModel

from tests.conftest import Serve
from tests.provider import Provider
from tests.provider_replies import (
    CONTEXT_TOO_LONG,
    INVALID_KEY,
    RATE_LIMITED,
    SPLIT_EMOJI,
    Reply,
    numbered,
)
from tests.server import Server

HELLO = "Hello from the provider."
ASKED = [{"role": "user", "content": "Hello?"}]
PIXEL = (
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1\x08\6\0\0\0\x1f\x15\xc4\x89\0\0\0\nIDATx\x9cc\0"
    b"\1\0\0\5\0\1\r\n-\xb4\0\0\0\0IEND\xaeB`\x82"
)
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string", "description": "Which city."}},
            "required": ["city"],
        },
    },
}


class Country(BaseModel):
    name: str
    people: int


@pytest.fixture
def client(server: Server) -> Iterator[ollama.Client]:
    with ollama.Client(host=server.url) as client:
        yield client


@pytest.fixture
async def aclient(server: Server) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(host=server.url) as client:
        yield client


def sent(provider: Provider) -> dict[str, Any]:
    """What the provider was sent last."""
    body: dict[str, Any] = provider.requests[-1].body
    return body


def test_agents_and_models_are_listed(serve: Serve) -> None:
    """Every agent and every model is an Ollama model, by its full name, and can be shown."""
    server = serve(models=["openai:other/model:v2", "openai:general"])
    with ollama.Client(host=server.url) as client:
        names = [model.model for model in client.list().models]
        assert ["general:latest", "test-model:latest", "other/model:v2"] == names
        assert names == [model.name for model in client.ps().models]
        assert names == [model.model for model in client.ps().models]
        for model in client.list().models:
            assert model.model is not None
            assert model.digest is not None
            shown = client.show(model.model)
            assert 12 <= len(model.digest)
            assert model.modified_at == shown.modified_at
            assert model.details == shown.details
            assert shown.modelinfo is not None
            assert shown.modelinfo["general.architecture"]
            assert ["completion", "tools", "vision"] == shown.capabilities


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("general", "test-model"),
        ("general:latest", "test-model"),
        ("other-model", "other-model"),
        ("other-model:latest", "other-model"),
        ("openai:other-model", "other-model"),
        ("llama3.2", "llama3.2:latest"),
        ("llama3.2:latest", "llama3.2:latest"),
        ("org/model:v2", "org/model:v2"),
    ],
)
def test_names_match_with_and_without_a_tag(
    serve: Serve, provider: Provider, name: str, model: str
) -> None:
    """A name is that of an agent or of a model, with its tag or without; it comes back as sent."""
    models = ["openai:other-model", "openai:llama3.2:latest", "openai:org/model:v2"]
    with ollama.Client(host=serve(models=models).url) as client:
        answer = client.chat(name, ASKED)
    assert (name, HELLO) == (answer.model, answer.message.content)
    assert model == sent(provider)["model"]


def test_chat_as_it_streams(client: ollama.Client) -> None:
    """Each token is a line; the last one is empty, is done, and tells counts and durations."""
    *lines, last = client.chat("general", ASKED, stream=True)
    assert ["Hello ", "from ", "the ", "provider."] == [line.message.content for line in lines]
    assert {("general", "assistant", False, None)} == {
        (line.model, line.message.role, line.done, line.done_reason) for line in lines
    }
    assert ("", True, "stop") == (last.message.content, last.done, last.done_reason)
    assert (1, 4) == (last.prompt_eval_count, last.eval_count)
    assert last.total_duration is not None
    assert last.prompt_eval_duration is not None
    assert last.eval_duration is not None
    spent = last.prompt_eval_duration + last.eval_duration
    assert 1_000_000 < last.total_duration < 60_000_000_000
    assert abs(last.total_duration - spent) <= 2
    assert lines[0].total_duration is lines[0].eval_count is None


def test_chat_in_one_piece(client: ollama.Client) -> None:
    """Without streaming the same answer is one object, with the same counts."""
    answer = client.chat("general", ASKED)
    assert ("assistant", HELLO) == (answer.message.role, answer.message.content)
    assert (True, "stop", 1, 4) == (
        answer.done,
        answer.done_reason,
        answer.prompt_eval_count,
        answer.eval_count,
    )
    assert answer.total_duration is not None
    assert answer.eval_duration is not None
    assert 0 < answer.eval_duration <= answer.total_duration


def test_generate_answers_a_prompt(client: ollama.Client, provider: Provider) -> None:
    """A prompt is answered, streaming and not, under the system prompt that came with it."""
    whole = client.generate("general", "Hello?", system="Be brief.")
    *lines, last = client.generate("general", "Hello?", system="Be brief.", stream=True)
    assert HELLO == whole.response == "".join(line.response or "" for line in lines)
    assert ("", True, "stop") == (last.response, last.done, last.done_reason)
    assert "stop" == whole.done_reason
    for request in provider.requests:
        assert [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello?"},
        ] == request.body["messages"]


async def test_the_asynchronous_client(aclient: ollama.AsyncClient) -> None:
    """The same, awaited."""
    assert HELLO == (await aclient.chat("general", ASKED)).message.content
    assert HELLO == (await aclient.generate("general", "Hello?")).response
    lines = [line async for line in await aclient.chat("general", ASKED, stream=True)]
    pieces = [line async for line in await aclient.generate("general", "Hi", stream=True)]
    assert HELLO == "".join(line.message.content or "" for line in lines)
    assert HELLO == "".join(piece.response or "" for piece in pieces)
    assert "general:latest" == (await aclient.list()).models[0].model


def test_the_client_sends_the_history(client: ollama.Client, provider: Provider) -> None:
    """What the client sends is what the model is given, and nothing of it is kept."""
    history = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "I am Ada."},
        {"role": "assistant", "content": "Hello Ada."},
        {"role": "user", "content": "Who am I?"},
    ]
    client.chat("general", history)
    assert history == sent(provider)["messages"]
    client.chat("general", ASKED)
    assert ASKED == sent(provider)["messages"]


@pytest.mark.parametrize(
    "reply",
    [
        SPLIT_EMOJI,
        Reply(("中文", " \u2028", "\x85\u2029", "\r\n\n", "data: {", "\0", "\\u0000", "\t")),
        Reply(("one\n\n", "\ndata: [DONE]\n\n", "{}")),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_the_models_text_is_unchanged(
    client: ollama.Client, provider: Provider, reply: Reply, stream: bool
) -> None:
    """No character is lost, doubled or taken for the end of a line."""
    provider.script(reply, reply)
    if stream:
        lines = client.chat("general", ASKED, stream=True)
        content = "".join(line.message.content or "" for line in lines)
        *_, last = client.generate("general", "Hi", stream=True)
        assert last.done
    else:
        content = client.chat("general", ASKED).message.content or ""
        assert content == client.generate("general", "Hi").response
    expected = "".join(reply.text).encode("utf-16", "surrogatepass").decode("utf-16")
    assert expected == content


def test_an_empty_answer(client: ollama.Client, provider: Provider) -> None:
    """A model that says nothing has answered: there is the last line alone."""
    provider.script(Reply(""), Reply(""))
    (last,) = client.chat("general", ASKED, stream=True)
    assert ("", True, "stop") == (last.message.content, last.done, last.done_reason)
    assert "" == client.chat("general", ASKED).message.content


def test_a_truncated_answer_ends_with_length(client: ollama.Client, provider: Provider) -> None:
    """An answer that met its limit of tokens says so."""
    provider.script(Reply("Hello", finish_reason="length"), Reply("Hi", finish_reason="length"))
    *_, last = client.chat("general", ASKED, stream=True, options={"num_predict": 1})
    assert "length" == last.done_reason == client.generate("general", "Hi").done_reason


OPTIONS: dict[str, Any] = {
    "temperature": 0.25,
    "top_p": 0.5,
    "seed": 42,
    "num_predict": 77,
    "stop": ["END", "\n\n"],
    "presence_penalty": 0.5,
    "frequency_penalty": -0.5,
}


def test_options_reach_an_openai_provider(client: ollama.Client, provider: Provider) -> None:
    """Options that the provider knows reach it unchanged; those that it does not are not sent."""
    client.chat("general", ASKED, options={**OPTIONS, "top_k": 40, "num_ctx": 4096, "mirostat": 1})
    body = sent(provider)
    expected = {**OPTIONS, "max_tokens": OPTIONS["num_predict"]}
    del expected["num_predict"]
    assert expected == {name: body.get(name) for name in expected}
    assert not {"num_predict", "num_ctx", "mirostat"} & set(body)


def test_options_reach_an_ollama_provider(serve: Serve, provider: Provider) -> None:
    """In front of an Ollama every option goes through as it came, also one that we do not know."""
    options = {**OPTIONS, "top_k": 40, "min_p": 0.1, "num_ctx": 4096, "mirostat": 1, "numa": True}
    schema = Country.model_json_schema()
    server = serve(model="ollama:llama3.2", ollama_host=provider.origin)
    with ollama.Client(host=server.url) as client:
        client.chat("general", ASKED, options=options, format=schema, think="low")
        assert options == sent(provider)["options"]
        assert (schema, "low") == (sent(provider)["format"], sent(provider)["think"])
        client.generate("general", "Hello?", options={"num_predict": -1}, think=False)
        assert {"num_predict": -1} == sent(provider)["options"]
        assert sent(provider)["think"] is False


def test_formats_reach_the_provider(client: ollama.Client, provider: Provider) -> None:
    """`json` and a JSON schema reach the model, and the answer is as the client needs it."""
    provider.script(Reply('{"name": "Malta", "people": 563443}'))
    answer = client.chat("general", ASKED, format=Country.model_json_schema())
    assert Country(name="Malta", people=563443) == Country.model_validate_json(
        answer.message.content or ""
    )
    wanted = sent(provider)["response_format"]
    assert "json_schema" == wanted["type"]
    assert Country.model_json_schema() == wanted["json_schema"]["schema"]
    client.generate("general", "Hello?", format="json")
    assert {"type": "json_object"} == sent(provider)["response_format"]
    client.generate("general", "Hello?", format="")
    assert "response_format" not in sent(provider)


def test_thinking_is_sent_if_wanted(client: ollama.Client, provider: Provider) -> None:
    """Reasoning comes apart from the answer, unless the client does not want to see it."""
    provider.script(*[Reply("42", reasoning="six by seven")] * 4)
    lines = list(client.chat("general", ASKED, stream=True, think="high"))
    assert "six by seven" == "".join(line.message.thinking or "" for line in lines)
    assert "42" == "".join(line.message.content or "" for line in lines)
    assert "high" == sent(provider)["reasoning_effort"]
    whole = client.generate("general", "Hello?")
    assert ("six by seven", "42") == (whole.thinking, whole.response)
    silent = client.chat("general", ASKED, think=False)
    assert (None, "42") == (silent.message.thinking, silent.message.content)
    lines = list(client.chat("general", ASKED, stream=True, think=False))
    assert [None, None] == [line.message.thinking for line in lines]
    assert ["42", ""] == [line.message.content for line in lines]


def test_images_reach_the_provider(client: ollama.Client, provider: Provider) -> None:
    """Pictures reach the model with the message that they came with."""
    messages: list[dict[str, Any]] = [
        {"role": "user", "content": "What is this?", "images": [PIXEL]},
        {"role": "assistant", "content": "A dot."},
        {"role": "user", "content": "And this?", "images": [PIXEL]},
    ]
    client.chat("general", messages)
    first, _, last = sent(provider)["messages"]
    for message, content in ((first, "What is this?"), (last, "And this?")):
        text, image = message["content"]
        assert {"type": "text", "text": content} == text
        assert image["image_url"]["url"].startswith("data:image/png;base64,")
    client.generate("general", "And here?", images=[PIXEL])
    (message,) = sent(provider)["messages"]
    assert ["text", "image_url"] == [part["type"] for part in message["content"]]


@pytest.mark.parametrize("stream", [False, True])
def test_a_client_runs_its_own_tools(
    client: ollama.Client, provider: Provider, stream: bool
) -> None:
    """A tool of the client's is offered to the model; the call comes back, and its result goes
    in, matched to its call though Ollama's client names only the tool."""
    calls = [("weather", '{"city": "Oslo"}'), ("weather", '{"city": "Rome", "days": 2}')]
    provider.script(Reply("Let me look.", tool_calls=calls), Reply("Cold, and warm."))
    messages: list[Any] = [*ASKED]
    if stream:
        lines = list(client.chat("general", messages, tools=[WEATHER], stream=True))
        assert ["stop"] == [line.done_reason for line in lines if line.done]
        made = [call for line in lines for call in line.message.tool_calls or []]
        messages.append(ollama.Message(role="assistant", content="Let me look.", tool_calls=made))
    else:
        answer = client.chat("general", messages, tools=[WEATHER])
        made = list(answer.message.tool_calls or [])
        assert ("stop", "Let me look.") == (answer.done_reason, answer.message.content)
        messages.append(answer.message)
    assert [("weather", {"city": "Oslo"}), ("weather", {"city": "Rome", "days": 2})] == [
        (call.function.name, call.function.arguments) for call in made
    ]
    assert [WEATHER] == sent(provider)["tools"]
    messages += [
        {"role": "tool", "tool_name": "weather", "content": "-5"},
        {"role": "tool", "tool_name": "weather", "content": "+25"},
    ]
    assert "Cold, and warm." == client.chat("general", messages, tools=[WEATHER]).message.content
    question, assistant, *results = sent(provider)["messages"]
    assert ASKED[0] == question
    assert ["Oslo", "Rome"] == [
        json.loads(call["function"]["arguments"])["city"] for call in assistant["tool_calls"]
    ]
    ids = [call["id"] for call in assistant["tool_calls"]]
    assert 2 == len(set(ids))
    assert [("tool", ids[0], "-5"), ("tool", ids[1], "+25")] == [
        (result["role"], result["tool_call_id"], result["content"]) for result in results
    ]


def test_call_arguments_that_are_no_object_are_an_error(
    client: ollama.Client, provider: Provider
) -> None:
    """Arguments are an object in Ollama; where the model wrote something else, that is an error,
    and not a call without arguments."""
    provider.script(*[Reply("Hm.", tool_calls=[("weather", '{"city": Oslo')])] * 2)
    with pytest.raises(ollama.ResponseError, match="not a JSON object") as caught:
        client.chat("general", ASKED, tools=[WEATHER])
    assert 502 == caught.value.status_code
    lines: list[ollama.ChatResponse] = []
    with pytest.raises(ollama.ResponseError, match="not a JSON object"):
        lines.extend(client.chat("general", ASKED, tools=[WEATHER], stream=True))
    assert [("Hm.", False)] == [(line.message.content, line.done) for line in lines]
    provider.script(Reply(tool_calls=[("weather", "")]))
    answer = client.chat("general", ASKED, tools=[WEATHER])
    assert [{}] == [call.function.arguments for call in answer.message.tool_calls or []]


@pytest.mark.parametrize(
    ("reply", "status", "content"),
    [
        (INVALID_KEY, 502, "credentials"),
        (CONTEXT_TOO_LONG, 413, "too long"),
        (RATE_LIMITED, 429, "limiting"),
        (Reply(status=500), 503, "failed"),
        (Reply("Hello there", cut_after=0, cut="clean"), 502, "stopped before"),
        (Reply("Hello there", error_frame_after=0), 503, "had an error"),
    ],
)
@pytest.mark.parametrize("stream", [False, True])
def test_failures_before_the_first_token(
    client: ollama.Client,
    provider: Provider,
    reply: Reply,
    status: int,
    content: str,
    stream: bool,
) -> None:
    """An error has its own status before any output, streaming or not."""
    provider.script(*[reply] * 4)
    with pytest.raises(ollama.ResponseError) as caught:
        list(client.chat("general", ASKED, stream=True)) if stream else client.chat(
            "general", ASKED
        )
    assert status == caught.value.status_code
    assert content in caught.value.error


@pytest.mark.parametrize(
    "reply",
    [
        Reply("Hello there you", cut_after=2, cut="clean"),
        Reply("Hello there you", cut_after=2, cut="abort"),
        Reply("Hello there you", error_frame_after=2),
        Reply("Hello there you", finish_reason=""),
    ],
)
def test_failures_after_the_first_token(
    client: ollama.Client, provider: Provider, reply: Reply
) -> None:
    """What was sent is there; then comes one line with the error, and never one that is done."""
    provider.script(reply, reply)
    lines: list[ollama.ChatResponse] = []
    with pytest.raises(ollama.ResponseError) as caught:
        lines.extend(client.chat("general", ASKED, stream=True))
    assert "".join(line.message.content or "" for line in lines).startswith("Hello there ")
    assert not any(line.done for line in lines)
    assert -1 == caught.value.status_code
    with pytest.raises(ollama.ResponseError) as caught:
        client.chat("general", ASKED)
    assert 500 <= caught.value.status_code


def test_unknown_models_are_404(client: ollama.Client) -> None:
    """A model that is not there is reported in Ollama's words."""
    for ask in (
        lambda: client.show("no"),
        lambda: client.chat("no", ASKED),
        lambda: list(client.generate("no", "Hello?", stream=True)),
    ):
        with pytest.raises(ollama.ResponseError, match="model 'no' not found") as caught:
            ask()
        assert 404 == caught.value.status_code


def test_routes_of_weights_are_501(client: ollama.Client) -> None:
    """What this server cannot do is reported in a sentence, in Ollama's shape."""
    for ask in (
        lambda: client.pull("llama3.2"),
        lambda: list(client.pull("llama3.2", stream=True)),
        lambda: client.push("llama3.2"),
        lambda: client.create("mine", from_="llama3.2"),
        lambda: client.copy("general", "mine"),
        lambda: client.delete("general"),
    ):
        with pytest.raises(ollama.ResponseError, match="no model weights, so it cannot") as caught:
            ask()
        assert 501 == caught.value.status_code


def test_empty_prompts_load_and_unload(client: ollama.Client, provider: Provider) -> None:
    """An empty prompt loads a model, and one that is to be kept for no time unloads it; the
    provider receives no request."""
    assert ("", True, "load") == _loaded(client.generate("general", ""))
    assert ("", True, "unload") == _loaded(client.generate("general", "", keep_alive=0))
    assert ("", True, "unload") == _loaded(client.generate("general", keep_alive="0s"))
    (line,) = client.generate("general", "", stream=True, keep_alive="5m")
    assert ("", True, "load") == _loaded(line)
    loaded = client.chat("general", [])
    assert ("", True, "load") == (loaded.message.content, loaded.done, loaded.done_reason)
    assert "unload" == client.chat("general", [], keep_alive=0).done_reason
    assert 0 == provider.opened


def _loaded(answer: ollama.GenerateResponse) -> tuple[Any, ...]:
    return answer.response, answer.done, answer.done_reason


def test_leaving_closes_the_upstream(client: ollama.Client, provider: Provider) -> None:
    """A client that stops reading ends its run, and the provider's stream with it, at once."""
    provider.script(Reply(numbered(10_000), rate=50))
    stream = client.chat("general", ASKED, stream=True)
    assert "0 " == next(iter(stream)).message.content
    left = time.monotonic()
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    provider.wait_for(lambda: provider.aborted)
    aborted = provider.requests[0].aborted
    assert aborted is not None
    assert aborted - left < 5


async def test_leaving_a_silent_model_closes_the_upstream(
    aclient: ollama.AsyncClient, provider: Provider
) -> None:
    """A reader of a whole answer that leaves is noticed, too, before any output."""
    provider.script(Reply("late", delay_headers=30))
    asking = asyncio.create_task(aclient.chat("general", ASKED))
    await provider.until(lambda: provider.opened)
    asking.cancel()
    await provider.until(lambda: provider.aborted)
    assert 1 == provider.aborted
