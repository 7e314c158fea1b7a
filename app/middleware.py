"""The middleware around the whole app, the error responses of Starlette included."""

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from .api.addresses import Addressed, split_public_url
from .api.errors import Refuse
from .api.guard import CORS, Access, Guard
from .api.heads import HeadAsGet
from .api.secured import Secured
from .api.shortcut import Endpoint, Shortcut
from .api.tracking import Tracked
from .mounting import Opened
from .settings import Settings
from .web import Connections, Forwarded, provide_descriptors

if TYPE_CHECKING:
    from .core.telemetry.tracing import Tracing

#: Our middleware in the app itself, which passes on the bodies of streams as they are.
OWN: set[object] = {HeadAsGet, Tracked}


def surround(
    app: FastAPI,
    settings: Settings,
    access: Access,
    connections: Connections,
    opened: Opened,
    refuse: Refuse,
    endpoints: Mapping[str, Endpoint],
    tracing: "Tracing | None",
) -> None:
    """Let the app have ours around its own middleware; it is built when the app starts.

    The `endpoints` are called past the framework, unless the application that uses the server has
    given the app something to do for each request.
    """
    build = app.build_middleware_stack
    handlers = {**app.exception_handlers}
    origin, path = split_public_url(settings.public_url)

    def surrounded() -> ASGIApp:
        sees_all = not {found.cls for found in app.user_middleware} <= OWN
        stack: ASGIApp = build()
        if not sees_all and handlers == app.exception_handlers:
            stack = Shortcut(stack, app, endpoints, handlers, tracing)
        stack = Guard(opened.required(stack, refuse), access, refuse)
        if settings.cors_origins:
            stack = CORSMiddleware(stack, settings.cors_origins, **CORS)
        connections.bounds = replace(
            connections.bounds, connections=provide_descriptors(settings.max_connections)
        )
        stack = Secured(stack, settings.write_timeout, sees_all=sees_all)
        stack = Addressed(stack, origin)
        own = {found.path.split("/")[1] for found in iter_route_contexts(app.routes) if found.path}
        return connections.shared_with(Forwarded(stack, settings.forwarded_allow_ips, path, own))

    app.build_middleware_stack = surrounded  # type: ignore[method-assign]  # called once, lazily
