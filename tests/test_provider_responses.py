"""The scripted provider's Responses API, as OpenAI's client sees it, and its replies by model."""

from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from tests.provider import Provider
from tests.provider_replies import INVALID_KEY, SERVER_ERROR, Reply

CALL = ("weather", '{"city":"Zürich"}')
SOURCE = ("https://example.com/oslo", "Oslo")


@pytest.fixture
async def gpt(provider: Provider) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(base_url=provider.url, api_key="k", max_retries=0) as client:
        yield client


async def read(client: openai.AsyncOpenAI) -> list[Any]:
    """The events of a streamed response."""
    return [
        event async for event in await client.responses.create(model="m", input="x", stream=True)
    ]


@pytest.mark.parametrize(
    ("reply", "status", "reason"),
    [
        (Reply("one two three"), "completed", None),
        (Reply("one two", reasoning="hmm, well"), "completed", None),
        (Reply("one", finish_reason="length"), "incomplete", "max_output_tokens"),
        (Reply("one", finish_reason="content_filter"), "incomplete", "content_filter"),
        (Reply("one ", tool_calls=[CALL, ("clock", "{}")]), "completed", None),
        (Reply("one", citations=[SOURCE]), "completed", None),
        (Reply(), "completed", None),
    ],
)
async def test_stream_differs_from_whole_response(
    provider: Provider, gpt: openai.AsyncOpenAI, reply: Reply, status: str, reason: str | None
) -> None:
    """The events of a stream add up to the response that comes in one piece."""
    provider.script(reply, reply)

    whole = await gpt.responses.create(model="m", input="x")
    events = await read(gpt)

    last = events[-1].response
    details = last.incomplete_details
    assert (status, reason) == (last.status, details.reason if details else None)
    texts = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert whole.output_text == last.output_text == "".join(texts)
    done = [event.item.type for event in events if event.type == "response.output_item.done"]
    assert [item.type for item in whole.output] == [item.type for item in last.output] == done
    pieces = [e.delta for e in events if e.type == "response.function_call_arguments.delta"]
    assert "".join(arguments for _, arguments in reply.tool_calls) == "".join(pieces)
    notes = [e.annotation for e in events if e.type == "response.output_text.annotation.added"]
    assert [url for url, _ in reply.citations] == [note.url for note in notes]
    assert list(range(len(events))) == [event.sequence_number for event in events]


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply("one two", cut_after=1), openai.APIConnectionError),
        (INVALID_KEY, openai.AuthenticationError),
        (SERVER_ERROR, openai.InternalServerError),
    ],
)
async def test_fault_is_not_raised(
    provider: Provider, gpt: openai.AsyncOpenAI, reply: Reply, error: type[Exception]
) -> None:
    """The SDK raises what it would with the real provider."""
    provider.script(reply)

    with pytest.raises(error):
        await read(gpt)


async def test_reply_goes_to_other_model(provider: Provider, gpt: openai.AsyncOpenAI) -> None:
    """A reply that is scripted for a model is for its requests alone, and comes first."""
    provider.script(Reply("any"))
    provider.script_model("a", Reply("lost"))
    provider.script_model("a", Reply("of a"))

    texts = [
        (await gpt.responses.create(model=model, input="x")).output_text for model in ("b", "a")
    ]

    assert ["any", "of a"] == texts
