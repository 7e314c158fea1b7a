"""The server as a part of another application: its start and end below a `Mount`.

See docs/decisions/073-addresses-have-the-path-of-their-request.md.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.types import ASGIApp, Receive, Scope, Send

from .api.errors import Refuse, path_of
from .api.guard import is_public
from .core.errors import NotOpened

#: What Starlette and FastAPI take as `lifespan`.
Lifespan = Callable[[Any], AbstractAsyncContextManager[Any]]


def lifespan(server: FastAPI, own: Lifespan | None = None) -> Lifespan:
    """Return the lifespan of an application that mounts a server: it opens the server before the
    first request, and lets its runs end before the application stops.

    Starlette runs the lifespan of the outermost application only: `FastAPI(lifespan=lifespan(ai))`,
    then `app.mount("/assistant", ai)`. `own` is the application's lifespan, if it has one; the
    server is open for as long as that runs.
    """

    @asynccontextmanager
    async def both(app: Any) -> AsyncIterator[Any]:
        async with server.router.lifespan_context(server):
            if own is None:
                yield
            else:
                async with own(app) as state:
                    yield state

    return both


class Opened:
    """Whether the lifespan of the server runs: a context that is open for as long."""

    def __init__(self) -> None:
        self._now = False

    def __enter__(self) -> None:
        self._now = True

    def __exit__(self, *_: object) -> None:
        self._now = False

    def required(self, app: ASGIApp, refuse: Refuse) -> ASGIApp:
        """Return the app with a refusal of what needs an open server, while it is not."""

        def required(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
            if self._now or scope["type"] != "http" or is_public(path := path_of(scope)):
                return app(scope, receive, send)
            error = NotOpened(
                "This server has not been opened, because the application that mounts it does not "
                "run its lifespan. Write FastAPI(lifespan=lifespan(server)), with "
                "`from agno_stream.server import lifespan`."
            )
            return refuse(path, error)(scope, receive, send)

        return required
