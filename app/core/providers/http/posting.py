"""Requests whose body is on the wire's form already are posted as they are.

An SDK looks at each part of each message, to rename what is called otherwise in Python: 0.3 ms for
a message that Agno has formatted as the provider wants it. What comes in `extra_body` it posts
unseen, in the place of the argument of the same name, so that the bytes on the wire are the same.
"""

import inspect
from typing import Any

#: The resources of SDKs made like OpenAI's that post histories, and the arguments that are long.
RESOURCES = (
    (("chat", "completions"), ("messages", "tools")),
    (("responses",), ("input", "tools")),
)


def post_as_is(client: Any) -> None:
    """Let an SDK's client post what is long in its requests unseen; it may do so already."""
    for path, names in RESOURCES:
        resource = client
        for name in path:
            resource = getattr(resource, name, None)
        create = getattr(resource, "create", None)
        if create is None or isinstance(create, _Create):
            continue
        if "extra_body" in inspect.signature(create).parameters:
            resource.create = _Create(create, names)


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
