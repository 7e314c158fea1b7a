"""The HTTP clients of Agno's models: found below the providers' SDKs, and hooked."""

from typing import Any

import httpx
import httpx2
from agno.models.base import Model

from ..options.families import is_a
from .aio import aiohttp_client
from .bridge import Bridge
from .posting import post_as_is, post_directly, stop_posting
from .transport import hook

#: Where the SDKs keep their HTTP client: those of OpenAI, Anthropic, Groq and Ollama; Mistral's;
#: Google's; LiteLLM's, for all that it sends in OpenAI's protocol.
PLACES = (
    ("_client",),
    ("sdk_configuration", "async_client"),
    ("_api_client", "_async_httpx_client"),
    ("aclient_session",),
)

#: What a user may set of a client whose requests are all alike.
PLAIN = frozenset({"default_headers", "default_query", "max_retries", "timeout"})


def attach(model: Model) -> bool:
    """Hook the HTTP client of a model; False if it talks to its provider in another way.

    The model's own SDK client is made if it has none yet, so that copies of the model share it.
    """
    made = _give_fast_transport(model)
    sdk = _sdk_client(model)
    client = _http_client(sdk)
    if client is None:
        return False
    hook(client)
    post_as_is(sdk, responses=not is_a(model, "OpenAIChat"))
    if made:
        post_directly(sdk, client)
    return True


def _sdk_client(model: Any) -> Any:
    """The asynchronous SDK client of a model. Agno makes it on first use, and keeps it."""
    if hasattr(model, "get_async_client"):
        return model.get_async_client()
    if not hasattr(model, "get_client"):
        return None
    if is_a(model, "LiteLLM"):
        return _litellm(model)
    _choose_httpx_for_gemini(model)
    return model.get_client()


def _choose_httpx_for_gemini(model: Any) -> None:
    """Let Google's SDK use httpx, unless its user has chosen a client: aiohttp has no hooks."""
    if not is_a(model, "Gemini") or model.client is not None:
        return
    params = model.client_params or {}
    options = params.get("http_options") or {}
    if not isinstance(options, dict):
        options = options.model_dump(exclude_none=True)
    if not any(name in options for name in ("httpx_async_client", "aiohttp_client")):
        client = httpx.AsyncClient(timeout=None)  # the SDK and the clock of the run have their own
        model.client_params = {
            **params,
            "http_options": {**options, "httpx_async_client": client},
        }


def _litellm(model: Any) -> Any:
    """LiteLLM's module, with an HTTP client for the process: it makes one a request otherwise."""
    import litellm  # loading it takes seconds, and has been done by Agno's class

    model.get_client()  # the module, or a router of the user's, which uses the same HTTP client
    if litellm.aclient_session is None:
        litellm.aclient_session = httpx.AsyncClient(
            transport=Bridge(aiohttp_client()), timeout=None, follow_redirects=True
        )
    return litellm


def has_client(model: Model) -> bool:
    """Whether a model has an SDK client already, its own or one that its user gave it."""
    if is_a(model, "LiteLLM"):
        return True  # that of the process
    names = ("async_client", "mistral_client", "client")
    return any(getattr(model, name, None) is not None for name in names)


async def close(model: Model) -> None:
    """Close the connections of a model; Agno, or `attach`, opens them again if need be."""
    for name in ("async_client", "mistral_client", "client"):
        client: Any = getattr(model, name, None)
        http = _http_client(client)
        if http is not None and getattr(client, "aclient_session", None) is http:
            client.aclient_session = None
        if name == "async_client" and hasattr(client, "close"):
            stop_posting(client)
            await client.close()
        elif http is not None:
            await http.aclose()
            setattr(model, name, None)
            options = (getattr(model, "client_params", None) or {}).get("http_options")
            if isinstance(options, dict) and options.get("httpx_async_client") is http:
                del options["httpx_async_client"]


def _give_fast_transport(model: Any) -> bool:
    """Let an SDK read through aiohttp, at a third of the cost, if it takes such a client and its
    user has chosen none; True for a client of OpenAI's SDK that is all its own."""
    if not hasattr(model, "get_async_client") or getattr(model, "http_client", None):
        return False
    if getattr(model, "async_client", None) is not None:
        return False
    given = getattr(model, "client_params", None) or {}
    if "http_client" in given:
        return False
    if is_a(model, "Ollama"):
        if not {"transport", "proxy", "mounts"} & given.keys():
            own = model.client_params
            model.client_params = {**given, "transport": Bridge(aiohttp_client())}
            model.get_async_client()  # the model keeps it
            model.client_params = own
        return False
    if is_a(model, "OpenAIChat", "OpenAIResponses"):  # one of its own would load certificates, too
        own = model.client_params
        model.client_params = {**given, "http_client": aiohttp_client()}
        try:
            model.get_async_client()
        finally:
            model.client_params = own
        return given.keys() <= PLAIN
    client = model.get_async_client()
    if isinstance(_http_client(client), httpx2.AsyncClient) and hasattr(client, "with_options"):
        model.async_client = client.with_options(http_client=aiohttp_client())
        return given.keys() <= PLAIN
    return False


def _http_client(sdk: Any) -> httpx.AsyncClient | httpx2.AsyncClient | None:
    for path in PLACES:
        found = sdk
        for name in path:
            found = getattr(found, name, None)
        if isinstance(found, httpx.AsyncClient | httpx2.AsyncClient):
            return found
    return None
