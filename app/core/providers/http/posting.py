"""Requests whose body is on the wire's form already are posted as they are.

An SDK looks at each part of each message, to rename what is called otherwise in Python: 0.3 ms for
a message that Agno has formatted as the provider wants it. What comes in `extra_body` it posts
unseen, in the place of the argument of the same name, so that the bytes on the wire are the same.
"""

import inspect
from importlib.util import find_spec
from typing import Any

#: The resources of SDKs made like OpenAI's that post histories, and the arguments that are long.
RESOURCES = (
    (("chat", "completions"), ("messages", "tools")),
    (("responses",), ("input", "tools")),
)


def post_as_is(client: Any, *, responses: bool) -> None:
    """Let an SDK's client post what is long in its requests unseen; it may do so already.

    A client that posts no `responses` is not touched there: that would load 4 MB of OpenAI's SDK.
    """
    models = getattr(getattr(client, "aio", None), "models", None)  # Google's
    for name in ("generate_content", "generate_content_stream"):
        generate = getattr(models, name, None)
        if generate is not None and not isinstance(generate, _Generate):
            setattr(models, name, _Generate(generate))
    for path, names in RESOURCES:
        if path == ("responses",) and not responses:
            continue
        resource = client
        for name in path:
            resource = getattr(resource, name, None)
        create = getattr(resource, "create", None)
        if create is None or isinstance(create, _Create) or hasattr(create, "posts_directly"):
            continue
        if "extra_body" in inspect.signature(create).parameters:
            resource.create = _Create(create, names)


def post_directly(client: Any, http_client: Any) -> None:
    """Let a client of OpenAI's SDK, made here, post its streams without its `http_client`."""
    if find_spec("httptools") is None:  # on Windows
        return
    import openai  # loading it takes a while, and its user has done so

    from .direct.completions import Completions

    if type(client) is openai.AsyncOpenAI and client.api_key:
        completions: Any = client.chat.completions
        completions.create = Completions(client, completions.create, http_client)


def stop_posting(client: Any) -> None:
    """Close the connections that `post_directly` keeps for a client, if it has any."""
    completions = getattr(getattr(client, "chat", None), "completions", None)
    create: Any = getattr(completions, "create", None)
    if hasattr(create, "posts_directly"):
        create.close()


class _Create:
    """The method `create` of a resource, with long arguments moved to `extra_body`."""

    def __init__(self, create: Any, names: tuple[str, ...]) -> None:
        self._create = create
        self._names = names

    async def __call__(self, *args: Any, **kwargs: Any) -> Any:
        long = {name: kwargs[name] for name in self._names if isinstance(kwargs.get(name), list)}
        kwargs["extra_body"] = {**long, **(kwargs.get("extra_body") or {})}
        kwargs.update({name: [] for name in long})
        return await self._create(*args, **kwargs)


class _Generate:
    """A method of Google's SDK, with a history of texts in the body of its HTTP options: it takes
    0.35 ms for each otherwise."""

    def __init__(self, generate: Any) -> None:
        self._generate = generate

    async def __call__(self, *, contents: Any, config: Any = None, **kwargs: Any) -> Any:
        texts = _texts(contents)
        if texts is not None and (config is None or hasattr(config, "model_copy")):
            contents = contents[-1:]  # it must not be empty
            options = dict(getattr(config, "http_options", None) or {})
            options["extra_body"] = {"contents": texts, **(options.get("extra_body") or {})}
            update = {"http_options": options}
            config = update if config is None else config.model_copy(update=update)
        return await self._generate(contents=contents, config=config, **kwargs)


def _texts(contents: Any) -> list[dict[str, Any]] | None:
    """Contents of nothing but texts, as Gemini has them; None for others."""
    found = []
    for content in contents if isinstance(contents, list) else ():
        parts = getattr(content, "parts", None) or ()
        if any(part.model_fields_set != {"text"} for part in parts):
            return None
        texts = [{"text": part.text} for part in parts]
        found.append({"parts": texts, "role": content.role})
    return found or None
