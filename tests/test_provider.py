"""The scripted provider, as the official clients see it."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from json import JSONDecodeError
from pathlib import Path
from typing import Any, NamedTuple

import ollama
import openai
import pytest
from httpx import RemoteProtocolError

from tests import provider_replies as replies
from tests.provider import Provider
from tests.provider_replies import Reply, numbered

THREE = Reply("one two three")
HTML = b"<html>502 Bad Gateway</html>\n\n"
HELLO: Any = {"model": "m", "messages": [{"role": "user", "content": "grüezi mitenand"}]}
WITH_USAGE: Any = {**HELLO, "stream_options": {"include_usage": True}}


class Heard(NamedTuple):
    """What a stream brought: its text, how it says it ended, what it raised, and all its items."""

    text: str
    finish: str | None
    error: type[Exception] | None
    items: list[Any]


@pytest.fixture
async def gpt(provider: Provider) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=provider.url, api_key="k", max_retries=0) as client:
        yield client


@pytest.fixture
async def llama(provider: Provider) -> AsyncIterator[ollama.AsyncClient]:
    async with ollama.AsyncClient(provider.origin) as client:
        yield client


async def drain(stream: Any) -> tuple[type[Exception] | None, list[Any]]:
    items: list[Any] = []
    try:
        async for item in stream:
            items.append(item)
    except Exception as error:
        return type(error), items
    return None, items


async def ask_gpt(client: openai.AsyncOpenAI, body: Any = HELLO) -> Heard:
    error, chunks = await drain(await client.chat.completions.create(**body, stream=True))
    choices = [chunk.choices[0] for chunk in chunks if chunk.choices]
    text = "".join(choice.delta.content or "" for choice in choices)
    return Heard(text, choices[-1].finish_reason if choices else None, error, chunks)


async def ask_llama(client: ollama.AsyncClient) -> Heard:
    error, lines = await drain(await client.chat(**HELLO, stream=True))
    text = "".join(line.message.content for line in lines)
    return Heard(text, lines[-1].done_reason if lines else None, error, lines)


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (THREE, ("one two three", "stop", None)),
        (replace(THREE, one_write_per_token=True), ("one two three", "stop", None)),
        (Reply(["a", "", " b\n"], finish_reason="length"), ("a b\n", "length", None)),
        (Reply("no", finish_reason="content_filter"), ("no", "content_filter", None)),
        (Reply("no", finish_reason=""), ("no", None, None)),
        (replies.SPLIT_EMOJI, ("Hi \ud83d\ude42!", "stop", None)),
        (Reply(), ("", "stop", None)),
        (Reply(empty=True), ("", None, None)),
        (replace(THREE, cut_after=2), ("one two ", None, openai.APIConnectionError)),
        (replace(THREE, cut_after=3), ("one two three", None, openai.APIConnectionError)),
        (replace(THREE, cut_after=2, cut="clean"), ("one two ", None, None)),
        (replace(THREE, error_frame_after=1), ("one ", None, openai.APIError)),
        (replace(THREE, garbage_after=1), ("one ", None, JSONDecodeError)),
        (replace(THREE, garbage_after=1, garbage=HTML), ("one two three", "stop", None)),
        (replace(THREE, stall_after=1, stall_seconds=0.1), ("one two three", "stop", None)),
    ],
)
async def test_openai_stream(
    provider: Provider, gpt: openai.AsyncOpenAI, reply: Reply, expected: tuple[object, ...]
) -> None:
    """The SDK reads the text up to the fault, and raises what it would with the real provider."""
    provider.script(reply)

    heard = await ask_gpt(gpt)

    assert expected == heard[:3]
    # A client that meets garbage is through before the provider is.
    await provider.until(lambda: provider.requests[0].state == "finished")
    assert len({(chunk.id, chunk.created, chunk.model) for chunk in heard.items}) <= 1


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        (THREE, ("one two three", "stop", None)),
        (Reply("no", finish_reason="length"), ("no", "length", None)),
        (replies.SPLIT_EMOJI, ("Hi \ud83d\ude42!", "stop", None)),
        (Reply(), ("", "stop", None)),
        (Reply(empty=True), ("", None, None)),
        (replace(THREE, cut_after=2), ("one two ", None, RemoteProtocolError)),
        (replace(THREE, cut_after=2, cut="clean"), ("one two ", None, None)),
        (replace(THREE, error_frame_after=1), ("one ", None, ollama.ResponseError)),
        (replace(THREE, garbage_after=1), ("one ", None, JSONDecodeError)),
    ],
)
async def test_ollama_stream(
    provider: Provider, llama: ollama.AsyncClient, reply: Reply, expected: tuple[object, ...]
) -> None:
    """Ollama's client reads the same replies in its own protocol."""
    provider.script(reply)

    assert expected == (await ask_llama(llama))[:3]


@pytest.mark.parametrize(
    ("reply", "error", "code", "retry_after"),
    [
        (replies.INVALID_KEY, openai.AuthenticationError, "invalid_api_key", None),
        (replies.MODEL_NOT_FOUND, openai.NotFoundError, "model_not_found", None),
        (replies.RATE_LIMITED, openai.RateLimitError, "rate_limit_exceeded", "1"),
        (replies.SERVER_ERROR, openai.InternalServerError, None, None),
        (replies.CONTEXT_TOO_LONG, openai.BadRequestError, "context_length_exceeded", None),
    ],
)
async def test_refusals(
    provider: Provider,
    gpt: openai.AsyncOpenAI,
    llama: ollama.AsyncClient,
    reply: Reply,
    error: type[openai.APIStatusError],
    code: str | None,
    retry_after: str | None,
) -> None:
    """Both clients get the status and the message, and OpenAI's the code and Retry-After too."""
    provider.script(reply, reply)

    with pytest.raises(error) as of_gpt:
        await gpt.chat.completions.create(**HELLO, stream=True)
    with pytest.raises(ollama.ResponseError) as of_llama:
        await llama.chat(**HELLO)

    assert reply.error.message in of_gpt.value.message
    assert (code, retry_after) == (
        of_gpt.value.code,
        of_gpt.value.response.headers.get("retry-after"),
    )
    assert (reply.status, reply.error.message) == (
        of_llama.value.status_code,
        of_llama.value.error,
    )


async def test_usage_only_when_asked(provider: Provider, gpt: openai.AsyncOpenAI) -> None:
    """Usage comes in one last chunk without choices, if the request has include_usage."""
    provider.script(THREE, THREE, replace(THREE, usage=False))

    *before, last = (await ask_gpt(gpt, WITH_USAGE)).items
    others = [*before, *(await ask_gpt(gpt)).items, *(await ask_gpt(gpt, WITH_USAGE)).items]

    counts = (last.usage.prompt_tokens, last.usage.completion_tokens, last.usage.total_tokens)
    assert ([], (2, 3, 5)) == (last.choices, counts)
    assert [None] * 15 == [chunk.usage for chunk in others]


async def test_tool_calls(
    provider: Provider, gpt: openai.AsyncOpenAI, llama: ollama.AsyncClient
) -> None:
    """OpenAI's tool calls come in pieces that add up, Ollama's whole."""
    provider.script(*[Reply(tool_calls=[("weather", '{"city":"Zürich"}'), ("time", "{}")])] * 2)

    heard, lines = await ask_gpt(gpt), (await ask_llama(llama)).items

    pieces = [piece for c in heard.items for piece in c.choices[0].delta.tool_calls or []]
    sums = ["".join(p.function.arguments for p in pieces if p.index == index) for index in (0, 1)]
    assert ["weather", "time"] == [piece.function.name for piece in pieces if piece.id]
    assert (['{"city":"Zürich"}', "{}"], "tool_calls") == (sums, heard.finish)
    calls = [call.function for line in lines for call in line.message.tool_calls or []]
    assert [{"city": "Zürich"}, {}] == [call.arguments for call in calls]


async def test_whole_answers(
    provider: Provider, gpt: openai.AsyncOpenAI, llama: ollama.AsyncClient
) -> None:
    """A request that does not stream gets text, reasoning and usage in one object."""
    provider.script(*[Reply("one two", reasoning="hm hm hm")] * 2)

    answer: Any = await gpt.chat.completions.create(**HELLO)
    line = await llama.chat(**HELLO)

    message = answer.choices[0].message
    assert ("one two", "hm hm hm") == (message.content, message.reasoning_content)
    assert ("one two", "hm hm hm") == (line.message.content, line.message.thinking)
    assert (5, 5) == (answer.usage.completion_tokens, line.eval_count)


async def test_reasoning_and_echo(provider: Provider, gpt: openai.AsyncOpenAI) -> None:
    """Reasoning comes before the text, and an echo tells which messages came."""
    provider.script(Reply(echo=True, reasoning=["h", "m"]))

    heard = await ask_gpt(gpt)

    deltas = [chunk.choices[0].delta for chunk in heard.items]
    thoughts = [getattr(delta, "reasoning_content", None) for delta in deltas]
    assert [None, "h", "m", None] == thoughts[:4]
    assert HELLO["messages"] == json.loads(heard.text)


@pytest.mark.parametrize(
    "silence",
    [
        replace(THREE, stall_after=1),
        replace(THREE, delay_first=60),
        replace(THREE, delay_headers=60),
        replace(THREE, rate=0.01),
        Reply(numbered(1_000_000)),
    ],
    ids=["stalled", "no token", "no headers", "slow", "unread"],
)
async def test_client_leaves(provider: Provider, silence: Reply) -> None:
    """A client that leaves is noticed at once, whatever the provider is waiting for."""
    provider.script(silence)
    body = json.dumps({**HELLO, "stream": True}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: {len(body)}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", provider.port)) as connection:
        connection.sendall(head.encode() + body)
        await provider.until(lambda: provider.opened)
        await asyncio.sleep(0.1)
        assert "open" == provider.requests[0].state
        left = time.monotonic()

    await provider.until(lambda: provider.aborted)

    assert (provider.requests[0].aborted or 0) - left < 5  # 20 ms on an idle machine
    assert (1, 0, 1) == (provider.opened, provider.finished, provider.aborted)


async def test_sdk_leaves(provider: Provider, gpt: openai.AsyncOpenAI) -> None:
    """Closing the SDK's stream aborts the request, with the tokens that were sent counted."""
    provider.script(replace(THREE, stall_after=2))

    async with await gpt.chat.completions.create(**HELLO, stream=True) as stream:
        read = [(await anext(stream)).choices[0].delta.content for _ in range(3)]
    await provider.until(lambda: provider.aborted)

    assert (["", "one ", "two "], 2) == (read, provider.requests[0].tokens_sent)


async def test_provider_stops(gpt: openai.AsyncOpenAI) -> None:
    """Leaving the context cuts the streams that are open."""
    with Provider(replace(THREE, stall_after=1)) as mortal:
        client = gpt.with_options(base_url=mortal.url)
        stream = await client.chat.completions.create(**HELLO, stream=True)

    assert openai.APIConnectionError == (await drain(stream))[0]


async def test_control_words(provider: Provider, gpt: openai.AsyncOpenAI) -> None:
    """Without a script, words in the prompt choose the number of tokens, their pace and faults."""
    message = {"role": "user", "content": "Say tokens=30 rate=100 cut_after=20, please."}
    began = time.monotonic()

    heard = await ask_gpt(gpt, {"model": "m", "messages": [message]})

    assert ("".join(numbered(20)), openai.APIConnectionError) == (heard.text, heard.error)
    assert 0.2 <= time.monotonic() - began < 5
    assert 20 == provider.requests[0].tokens_sent


async def test_inventory(
    provider: Provider, gpt: openai.AsyncOpenAI, llama: ollama.AsyncClient
) -> None:
    """Both protocols list the same models, and every request is on record with its headers."""
    models, tags = await gpt.models.list(), await llama.list()

    assert provider.models == [model.id for model in models.data]
    assert provider.models == [model.model for model in tags.models]
    assert ["/v1/models", "/api/tags"] == [request.path for request in provider.requests]
    assert "Bearer k" == provider.requests[0].headers["authorization"]
    assert (2, 2) == (provider.opened, provider.finished)


async def test_retries_use_up_the_script(provider: Provider, gpt: openai.AsyncOpenAI) -> None:
    """A retry of the SDK is a request like any other and gets the next reply."""
    provider.script(replies.SERVER_ERROR, THREE)

    heard = await ask_gpt(gpt.with_options(max_retries=1))

    assert ("one two three", 2) == (heard.text, provider.opened)


def test_fault_beyond_the_end() -> None:
    """A fault that could never happen is a mistake in the test that wrote it."""
    with pytest.raises(ValueError, match="only 3"):
        replace(THREE, cut_after=4)


def test_waiting_ends(provider: Provider) -> None:
    """Waiting for what does not happen raises TimeoutError."""
    with pytest.raises(TimeoutError):
        provider.wait_for(lambda: provider.opened, timeout=0.01)


def test_on_its_own() -> None:
    """Run as a script it prints its URL, serves, and ends quietly on Ctrl-C."""
    script = Path(__file__).with_name("provider.py")
    command = [sys.executable, str(script), "--tokens", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        with openai.OpenAI(base_url=process.stdout.readline().strip(), api_key="k") as client:
            answer = client.chat.completions.create(**HELLO)
        process.send_signal(signal.SIGINT)

    assert ("0 1 2 ", 0) == (answer.choices[0].message.content, process.returncode)
