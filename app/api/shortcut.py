"""A short way to the endpoints of the doors, around the routing of the framework.

See docs/decisions/078-questions-take-a-short-way-through-the-framework.md.
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, Self, get_type_hints

from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.params import Header, Query
from fastapi.routing import iter_route_contexts
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..core.access.keys import ANONYMOUS
from .context import Principal, Server
from .errors import path_of
from .tracking import Tracked

if TYPE_CHECKING:
    from ..core.telemetry.tracing import Tracing

#: What Starlette calls for an error: a coroutine function of the request and the error.
Handlers = Mapping[Any, Callable[..., Any]]


class Endpoint(NamedTuple):
    """An endpoint of a door, and what it is called with: the names of its parameters for the
    request, the server and the principal, and those for header fields and for the query, each with
    the name that it has there."""

    call: Callable[..., Awaitable[Response]]
    path: str
    request: str | None
    server: str | None
    principal: str | None
    fields: tuple[tuple[str, str], ...]
    query: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, call: Callable[..., Any], path: str) -> Self | None:
        """Read the parameters of an endpoint; None if it has others, which FastAPI has to find."""
        hints = get_type_hints(call, include_extras=True)
        if hints.pop("return", None) is not Response or not inspect.iscoroutinefunction(call):
            return None
        parameters = inspect.signature(call).parameters
        known: dict[str, str] = {}
        fields, query = [], []
        for name, hint in hints.items():
            if hint is Request:
                known["request"] = name
            elif hint == Server:
                known["server"] = name
            elif hint == Principal:
                known["principal"] = name
            elif (source := _text_from(hint)) is None or parameters[name].default is not None:
                return None
            elif isinstance(source, Header):
                fields.append((name, (source.alias or name.replace("_", "-")).lower()))
            else:
                query.append((name, source.alias or name))
        return cls(
            call,
            path,
            known.get("request"),
            known.get("server"),
            known.get("principal"),
            tuple(fields),
            tuple(query),
        )

    def arguments(self, request: Request) -> dict[str, Any]:
        scope = request.scope
        found: dict[str, Any] = {}
        if self.request is not None:
            found[self.request] = request
        if self.server is not None:
            found[self.server] = scope["app"].state.context
        if self.principal is not None:
            found[self.principal] = scope.get("principal", ANONYMOUS)
        if self.fields:
            headers = request.headers
            for name, field in self.fields:
                found[name] = headers.get(field)
        for name, parameter in self.query:
            found[name] = request.query_params.get(parameter)
        return found


def _text_from(hint: Any) -> Header | Query | None:
    """Return where a parameter comes from that is any text, or none; None for other parameters."""
    if getattr(hint, "__origin__", None) != str | None:
        return None
    sources = [each for each in hint.__metadata__ if type(each) in (Header, Query)]
    return (
        sources[0] if len(sources) == len(hint.__metadata__) and not sources[0].metadata else None
    )


def endpoints_of(routers: Iterable[APIRouter]) -> dict[str, Endpoint]:
    """Return the endpoints of `POST` at fixed paths, by their paths."""
    found: dict[str, Endpoint] = {}
    for router in routers:
        for route in iter_route_contexts(router.routes):
            path, call = route.path, route.endpoint
            if path is None or call is None or "{" in path or route.methods != {"POST"}:
                continue
            endpoint = Endpoint.of(call, path)
            if endpoint is not None:
                found.setdefault(path, endpoint)
    return found


class Shortcut:
    """ASGI middleware that calls an endpoint itself, in place of `app`, the framework's stack.

    It does what the framework would do for these endpoints: a request id and a span, the arguments,
    the response, the application's `handlers` for errors. Whatever is not plain goes to `app`.
    """

    def __init__(
        self,
        app: ASGIApp,
        owner: FastAPI,
        endpoints: Mapping[str, Endpoint],
        handlers: Handlers,
        tracing: "Tracing | None",
    ) -> None:
        self._app = app
        self._owner = owner
        self._endpoints = endpoints
        self._handlers = handlers
        self._tracked = Tracked(self._answer, tracing)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if (
            scope["type"] != "http"
            or scope["method"] != "POST"
            or (endpoint := self._endpoints.get(path_of(scope))) is None
            or self._owner.dependency_overrides
            or "fastapi.telemetry" in scope  # which has spans for what is left out here
        ):
            await self._app(scope, receive, send)
            return
        started = False

        def noting(message: "Message") -> "Awaitable[None]":  # made anew for each stream
            nonlocal started
            started = True
            return send(message)

        scope["route"] = endpoint  # whose path is in the span
        try:
            await self._tracked(scope, receive, noting)
        except Exception as error:
            if not started:
                response = await self._handlers[Exception](Request(scope), error)
                await response(scope, receive, send)
            raise

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        await (await self._response(Request(scope, receive, send)))(scope, receive, send)

    async def _response(self, request: Request) -> Response:
        endpoint: Endpoint = request.scope["route"]
        try:
            return await endpoint.call(**endpoint.arguments(request))
        except Exception as error:
            kinds = type(error).__mro__
            handler = next((self._handlers[kind] for kind in kinds if kind in self._handlers), None)
            if handler is None or handler is self._handlers[Exception]:
                raise
            response: Response = await handler(request, error)
            return response
