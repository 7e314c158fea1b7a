"""The middleware around the whole app, the error responses of Starlette included."""

from dataclasses import replace

from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from .api.addresses import Addressed, split_public_url
from .api.errors import Refuse
from .api.guard import CORS, Access, Guard, Secured
from .api.heads import HeadAsGet
from .api.tracking import Tracked
from .mounting import Opened
from .settings import Settings
from .web import Connections, Forwarded, provide_descriptors

#: Our middleware in the app itself, which passes on the bodies of streams as they are.
OWN: set[object] = {HeadAsGet, Tracked}


def surround(
    app: FastAPI,
    settings: Settings,
    access: Access,
    connections: Connections,
    opened: Opened,
    refuse: Refuse,
) -> None:
    """Let the app have ours around its own middleware; it is built when the app starts."""
    build = app.build_middleware_stack
    origin, path = split_public_url(settings.public_url)

    def surrounded() -> ASGIApp:
        stack: ASGIApp = Guard(opened.required(build(), refuse), access, refuse)
        if settings.cors_origins:
            stack = CORSMiddleware(stack, settings.cors_origins, **CORS)
        connections.bounds = replace(
            connections.bounds, connections=provide_descriptors(settings.max_connections)
        )
        sees_all = not {found.cls for found in app.user_middleware} <= OWN
        stack = Secured(stack, settings.write_timeout, sees_all=sees_all)
        stack = Addressed(stack, origin)
        own = {found.path.split("/")[1] for found in iter_route_contexts(app.routes) if found.path}
        return connections.shared_with(Forwarded(stack, settings.forwarded_allow_ips, path, own))

    app.build_middleware_stack = surrounded  # type: ignore[method-assign]  # called once, lazily
