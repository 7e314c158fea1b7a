"""Error responses before the first byte: each path's errors in the shape of its door."""

import logging
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Protocol

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from fastapi.routing import iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.types import Scope

from ..core.errors import (
    AgnoStreamError,
    BodyTimeout,
    InternalError,
    InvalidField,
    MethodNotAllowed,
    NotFound,
    UnsupportedEncoding,
)
from ..core.request_context import request_id
from .door import Door, Refusal
from .encodings import ACCEPTED

logger = logging.getLogger(__name__)


class OtherHttpError(AgnoStreamError):
    """An HTTP error of the framework without a code in the registry; its code is the status's
    phrase."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.code = HTTPStatus(status).phrase.lower().replace(" ", "_")
        self._status = status

    @property
    def status(self) -> int:
        return self._status


class Refuse(Protocol):
    """A function that returns the response to an error, in the format of the path's protocol."""

    def __call__(
        self, path: str, error: AgnoStreamError, headers: Mapping[str, str] | None = None
    ) -> Response: ...


def invalid_field(error: RequestValidationError) -> InvalidField:
    """Return FastAPI's error about a query or a path as an `InvalidField` that names each wrong
    field."""
    problems = [
        {"field": ".".join(str(part) for part in problem["loc"][1:]), "problem": problem["msg"]}
        for problem in error.errors()
    ]
    message = "; ".join(f"{problem['field']}: {problem['problem']}" for problem in problems)
    return InvalidField(message, fields=problems)


def _http_error(request: Request, error: HTTPException) -> AgnoStreamError:
    if error.status_code == NotFound("").status:
        return NotFound(f"Not Found: {request.method} {request.url.path}")
    if error.status_code == MethodNotAllowed("").status:
        return MethodNotAllowed(f"Method Not Allowed: {request.method} {request.url.path}")
    return OtherHttpError(error.status_code, str(error.detail))


def _allowed(request: Request) -> str:
    """Return the value of the `Allow` header: the methods of all routes of a path (RFC 9110,
    10.2.1)."""
    path = path_of(request.scope)
    routes = iter_route_contexts(request.app.routes)
    methods = (route.methods or () for route in routes if route.path_regex.match(path))
    allowed = {method for some in methods for method in some}
    if "GET" in allowed:
        allowed.add("HEAD")  # see `heads`
    return ", ".join(sorted(allowed))


def path_of(scope: Scope) -> str:
    """Return the path of a request, without the prefix (`root_path`) at which a proxy serves the
    app."""
    path: str = scope["path"]
    root = scope.get("root_path", "").rstrip("/")
    return path[len(root) :] if path == root or path.startswith(f"{root}/") else path


def by_door(doors: Iterable[Door], default: Refusal) -> Refuse:
    """Return a function that makes the response to an error in the format of the path's protocol.

    The door with the longest prefix of the path makes it; if no prefix fits, `default` does.
    """
    shapes = {door.prefix: door.refuse for door in doors}
    prefixes = sorted(shapes, key=len, reverse=True)

    def refuse(
        path: str, error: AgnoStreamError, headers: Mapping[str, str] | None = None
    ) -> Response:
        for prefix in prefixes:
            if path == prefix or path.startswith(f"{prefix}/"):
                return shapes[prefix](error, headers)
        return default(error, headers)

    return refuse


def install(app: FastAPI, door: Refuse) -> None:
    """Register handlers that send every error of the app in the shape of its door."""

    def refuse(
        request: Request, error: AgnoStreamError, headers: Mapping[str, str] | None = None
    ) -> Response:
        # The rest of a body that did not arrive in time is not read: the connection closes.
        extra = {"Connection": "close"} if isinstance(error, BodyTimeout) else {}
        if isinstance(error, UnsupportedEncoding):
            extra = {"Accept-Encoding": ACCEPTED}
        return door(path_of(request.scope), error, {**(headers or {}), **extra})

    @app.exception_handler(AgnoStreamError)
    async def ours(request: Request, error: AgnoStreamError) -> Response:
        return refuse(request, error)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        return refuse(request, invalid_field(error))

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        wrapped = _http_error(request, error)
        headers = {"Allow": _allowed(request)} if error.status_code == 405 else error.headers
        return refuse(request, wrapped, headers)

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        # Starlette itself logs the traceback.
        wrapped = InternalError("The server failed. Its log has the traceback.")
        own = request_id.get()  # this handler runs outside of `Tracked`, which adds it elsewhere
        return refuse(request, wrapped, {"X-Request-Id": own} if own else None)
