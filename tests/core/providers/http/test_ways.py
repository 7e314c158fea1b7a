"""Requests whose way a user has chosen go it: clients, proxies, keys, retries, tools that trace."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import httpx2
import pytest
from agno.models.azure.openai_chat import AzureOpenAI
from agno.models.openai import OpenAIChat
from openai import AsyncOpenAI

from app.core.providers.http.clients import attach, close
from tests.core.providers.http.wires import Step, Wire, ask, model_of, refusal


async def _key() -> str:
    return "sk-of-a-function"


OWN: dict[str, Callable[[str, httpx2.AsyncClient], Any]] = {
    "a client": lambda url, http: OpenAIChat(
        id="m", async_client=AsyncOpenAI(base_url=url, api_key="k", http_client=http)
    ),
    "parameters of a client": lambda url, http: OpenAIChat(
        id="m", base_url=url, api_key="k", client_params={"http_client": http}
    ),
    "a function for the key": lambda url, http: OpenAIChat(
        id="m", base_url=url, client_params={"api_key": _key}, api_key="k"
    ),
    "Azure": lambda url, http: AzureOpenAI(
        id="m", azure_endpoint=url, api_key="k", api_version="1", http_client=None
    ),
}


@pytest.mark.parametrize("make", OWN.values(), ids=OWN)
async def test_a_client_of_a_user_is_passed_over(
    make: Callable[[str, httpx2.AsyncClient], Any],
) -> None:
    """What a user has chosen, a client or a way to sign in, posts the requests of his model."""
    async with Wire() as wire, httpx2.AsyncClient() as http:
        model = make(wire.url, http)
        attach(model)
        assert not hasattr(model.async_client.chat.completions.create, "posts_directly")
        assert "one two three" == (await ask(model)).text
        await close(model)


async def test_a_client_of_httpx_is_passed_over() -> None:
    """So does a client of httpx, and each of its hooks is called."""
    seen: list[httpx.Request] = []

    async def see(request: httpx.Request) -> None:
        seen.append(request)

    async with Wire() as wire, httpx.AsyncClient(event_hooks={"request": [see]}) as http:
        model = OpenAIChat(id="m", base_url=wire.url, api_key="k", http_client=http)
        assert "one two three" == (await ask(model)).text
        assert len(seen) == 1
        await close(model)


async def test_each_request_looks_at_the_sdk(caplog: pytest.LogCaptureFixture) -> None:
    """What a client's requests have in common is learned of two of them, however many wait."""
    caplog.set_level("DEBUG", "openai")
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        await asyncio.gather(*(ask(model) for _ in range(10)))
        await ask(model)
        assert 11 == len(wire.posted)
    built = [record for record in caplog.records if "Building HTTP request" in record.message]
    assert 2 == len(built)


async def test_an_old_key_is_posted() -> None:
    """A key, an organization and a base URL that change in a client count from the next request."""
    async with Wire() as wire, Wire() as other, model_of(wire.url, directly=True) as model:
        await ask(model)
        model.async_client.api_key, model.async_client.organization = "sk-new", "org-2"
        await ask(model)
        headers = dict(wire.posted[1].headers)
        assert ("Bearer sk-new", "org-2") == (
            headers["authorization"],
            headers["openai-organization"],
        )
        model.async_client.base_url = other.url
        await ask(model)
        assert (2, 1) == (len(wire.posted), len(other.posted))


async def test_a_copy_of_a_client_posts_itself() -> None:
    """A copy that a user makes of the client, with other options, is the SDK's alone."""
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        copied = model.async_client.with_options(api_key="sk-copy")
        assert not hasattr(copied.chat.completions.create, "posts_directly")
        stream = await copied.chat.completions.create(model="m", messages=[], stream=True)
        assert [chunk async for chunk in stream]
        assert ("authorization", "Bearer sk-copy") in wire.posted[0].headers


@pytest.mark.parametrize(
    ("variables", "through"),
    [
        ({"HTTP_PROXY": "proxy"}, True),
        ({"ALL_PROXY": "proxy"}, True),
        ({"HTTPS_PROXY": "proxy"}, False),
        ({"HTTP_PROXY": "proxy", "NO_PROXY": "127.0.0.1"}, False),
        ({"HTTP_PROXY": "proxy", "NO_PROXY": "*"}, False),
        ({"HTTP_PROXY": "proxy", "NO_PROXY": "example.com"}, True),
        ({"NO_PROXY": "example.com"}, False),
    ],
)
async def test_a_proxy_is_passed_over(
    variables: dict[str, str], through: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Requests go through the proxy of the environment, except for the hosts that it names."""
    async with Wire() as wire, Wire() as proxy:
        for name, value in variables.items():
            url = proxy.url.removesuffix("/v1")
            monkeypatch.setenv(name, url if value == "proxy" else value)
        async with model_of(wire.url, directly=True) as model:
            assert "one two three" == (await ask(model)).text
        assert ((0, 1) if through else (1, 0)) == (len(wire.posted), len(proxy.posted))


async def test_traces_of_a_user_miss_requests(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tool that has put a method of its own in the SDK's place sees each request."""
    seen = []

    async def request(self: Any, *args: Any, **kwargs: Any) -> Any:
        seen.append(args)
        return await stock(self, *args, **kwargs)

    stock = AsyncOpenAI.request
    async with Wire() as wire, model_of(wire.url, directly=True) as model:
        await ask(model)
        monkeypatch.setattr(AsyncOpenAI, "request", request)
        await ask(model)
        assert (1, 2) == (len(seen), len(wire.posted))


async def test_retries_of_a_user_are_lost() -> None:
    """A model that has retries of its own tries again, as often as its user wants it."""
    busy = (refusal(503, b"", "retry-after: 0.01"),)
    for play, retries, code in (
        ((Step.CLOSE,), 1, "model_unavailable"),
        (busy, 1, "model_unavailable"),
        (busy, 2, None),
    ):
        async with Wire() as wire, model_of(wire.url, directly=True, retries=retries) as model:
            wire.plays.extend([play, play])
            assert code == (await ask(model)).code
            assert retries + 1 == len(wire.posted)
