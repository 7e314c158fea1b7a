"""What our client posts is what the SDK posts, and it posts nothing that the SDK refuses."""

import json
from collections import UserDict
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import openai
import pytest
from agno.models.deepseek import DeepSeek
from agno.models.openai.like import OpenAILike
from agno.models.openrouter import OpenRouter
from agno.models.perplexity import Perplexity
from agno.models.together import Together
from agno.models.xai import xAI
from pydantic import BaseModel

from tests.core.providers.http.wires import Posted, Wire, ask, model_of

TOOL = {
    "type": "function",
    "function": {"name": "f", "description": "é\u2028", "parameters": {"type": "object"}},
}


class City(BaseModel):
    """What a model is to answer with."""

    name: str
    size: float = 1.5


class Colour(StrEnum):
    """A text that is not just a text."""

    RED = "red"


#: What models are made with.
SETTINGS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "headers": {"default_headers": {"X-One": "a", "user-agent": "mine", "X-Empty": ""}},
    "a header of the SDK's left out": {"default_headers": {"Authorization": openai.Omit()}},
    "a query": {"default_query": {"api-version": "1 ü", "list": ["a", "b"]}},
    "an organization": {"organization": "org-1"},
    "numbers": {"temperature": 0.1, "seed": 2**70, "top_p": 1e-7, "max_tokens": 5},
    "effort": {"reasoning_effort": "low", "verbosity": "low", "store": False},
    "texts": {"stop": ["\n", "\x00\x7f", "\u2028", "😀"], "user": "ü", "metadata": {"a": "b"}},
    "a body": {"extra_body": {"x": [None, True, 1.0, {}], "stream_options": None}},
    "an empty body": {"extra_body": {}},
    "the same again": {"extra_body": {"model": "other", "messages": []}},
    "parameters": {"request_params": {"parallel_tool_calls": False, "n": 1}},
    "headers of a request": {"extra_headers": {"X-Two": "b"}},
    "a query of a request": {"extra_query": {"a": "b"}},
    "a time": {"timeout": 5.0},
    "a time of a request": {"request_params": {"timeout": 5.0}},
    "a date": {"metadata": {"at": datetime(2026, 1, 2, tzinfo=UTC)}},
    "an object": {"extra_body": {"x": City(name="ü")}},
    "numbers as keys": {"logit_bias": {50256: -100, 1.5: 1}},
    "a constant": {"user": Colour.RED},
    "a tuple": {"stop": ("a", "b")},
    "a dictionary of a kind": {"metadata": UserDict(a="b")},
}

#: What the SDK refuses to post.
REFUSED: dict[str, dict[str, Any]] = {
    "not a number": {"temperature": float("nan")},
    "infinite": {"extra_body": {"x": [{"y": float("-inf")}]}},
    "half of a character": {"user": "\ud83d"},
    "bytes": {"user": b"x"},
    "a set": {"stop": {"a"}},
    "decimals": {"temperature": Decimal("0.5")},
    "an identifier": {"user": UUID(int=1)},
    "what is no field": {"request_params": {"no_such_field": 1}},
    "too deep": {"extra_body": {"x": [0]}},
}
REFUSED["too deep"]["extra_body"]["x"][0] = REFUSED["too deep"]["extra_body"]

#: What is asked.
QUESTIONS: dict[str, dict[str, Any]] = {
    "tools": {"tools": [TOOL], "tool_choice": "auto"},
    "a form": {"response_format": City},
    "JSON": {"response_format": {"type": "json_object"}},
    "all that JSON escapes": {"content": 'ü\u2028"\\\n\x00\x1f\x7f/😀</script>'},
    "long": {"content": "ü" * 2**18},
    "a list": {"content": [{"type": "text", "text": "x"}, {"type": "x", "y": None}]},
}

#: What follows the server's address in a base URL.
PATHS = ["/v1", "/v1/", "", "/", "/a/b//c", "/ü/v1", "/a%2Fb", "/v1?a=b", "/v1?a=b&c=%20", "/v1/#x"]

FAMILIES = [DeepSeek, OpenRouter, Together, xAI, Perplexity, OpenAILike]


def parts(posted: Posted) -> tuple[str, list[tuple[str, str]], Any]:
    """What a request says: JSON has no order of fields, and several ways to write a number."""
    headers = sorted(posted.headers)
    headers.remove(("content-length", str(len(posted.body))))
    return posted.first, headers, json.loads(posted.body)


async def both(url: str, question: dict[str, Any], settings: dict[str, Any], **of: Any) -> Any:
    """The results of a question in both ways, the SDK's first."""
    found = []
    for directly in (False, True):
        async with model_of(url, directly=directly, **of, **settings) as model:
            found.append(await ask(model, **question))
    return found


async def equal(wire: Wire, url: str, question: Any, settings: Any, **of: Any) -> None:
    theirs, ours = await both(url, question, settings, **of)
    assert (theirs.text, theirs.code, theirs.message) == (ours.text, ours.code, ours.message)
    assert len(wire.posted) == (2 if ours.code is None else 0)
    assert [*map(parts, wire.posted[:1])] == [*map(parts, wire.posted[1:])]


@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
async def test_a_setting_is_posted_otherwise(settings: dict[str, Any]) -> None:
    """The bytes of a request are the SDK's, whatever its model was made with."""
    async with Wire() as wire:
        await equal(wire, wire.url, {}, settings)


async def test_a_question_is_posted_otherwise() -> None:
    """So they are for each thing that is asked."""
    for question in QUESTIONS.values():
        async with Wire() as wire:
            await equal(wire, wire.url, question, {})


async def test_a_class_is_posted_otherwise() -> None:
    """So they are for each class of models that are like OpenAI's."""
    for family in FAMILIES:
        async with Wire() as wire:
            await equal(wire, wire.url, {"tools": [TOOL]}, {}, family=family)


@pytest.mark.parametrize("path", PATHS)
async def test_a_path_is_another(path: str) -> None:
    """Requests go to the path that the SDK makes of a base URL."""
    async with Wire() as wire:
        await equal(wire, wire.url.removesuffix("/v1") + path, {}, {})


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "[::1]", "localhost."])
async def test_a_host_is_another(host: str) -> None:
    """So they do for each way to name a host."""
    async with Wire(host="::1" if ":" in host else "127.0.0.1") as wire:
        await equal(wire, f"http://{host}:{wire.port}/v1", {}, {})


@pytest.mark.parametrize("settings", REFUSED.values(), ids=REFUSED)
async def test_what_the_sdk_refuses_is_posted(settings: dict[str, Any]) -> None:
    """What the SDK does not post is not posted, and fails as it does there."""
    async with Wire() as wire:
        theirs, ours = await both(wire.url, {}, settings)
        assert ours.code is not None
        assert (theirs.code, type(theirs.error.__cause__)) == (
            ours.code,
            type(ours.error.__cause__),
        )
        assert not wire.posted
