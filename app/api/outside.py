"""Principals that others have authenticated: the application around the server, or a proxy."""

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin
from urllib.parse import quote

from fastapi import params
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope

from ..core.access.keys import NAME
from ..core.errors import ConfigurationError

#: Returns the name of who sends a request, or None for nobody. What it raises reaches the
#: application around the server.
PrincipalOf = Callable[[Request], Any]

#: The longest name of a principal, after characters were escaped; longer ones are hashed.
MAX_NAME = 64


@dataclass(frozen=True, slots=True)
class Outside:
    """Finds the principal by a function of the application, or by the header `header` of a trusted
    proxy; `trusted` is the key in the scope that is True for a request of such a proxy."""

    function: PrincipalOf | None = None
    header: str | None = None
    trusted: str = ""

    def __post_init__(self) -> None:
        if self.function is not None:
            check_function(self.function)

    def __bool__(self) -> bool:
        return self.function is not None or self.header is not None

    async def principal(self, scope: Scope, receive: Receive) -> str | None:
        """Return the principal of a request, None if nobody was authenticated.

        Raises what the function raises, and `TypeError` if it returns no name.
        """
        if self.header is not None and (name := self._in_header(scope)):
            return safe_name(name)
        if self.function is None:
            return None
        found: Any = self.function(Request(scope, receive))
        if inspect.isawaitable(found):
            found = await _awaited(found)
        if found is None or found == "":
            return None
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise TypeError(
                f"principal() must return the name of a user, or None, not {type(found).__name__}"
            )
        return safe_name(str(found))

    def _in_header(self, scope: Scope) -> str | None:
        """Return the name in the header; None if the client may have written it: if no trusted
        proxy sent the request, or one that added its own header to the client's."""
        values = Headers(scope=scope).getlist(self.header or "")
        if not scope.get(self.trusted) or len(values) != 1:
            return None
        return values[0].encode("latin-1").decode("utf-8", "replace").strip()


def check_function(function: PrincipalOf) -> None:
    """Raise `ConfigurationError` if a function cannot be called with the request alone, as a
    dependency of FastAPI cannot, whose parameters FastAPI fills in."""
    if (signature := _signature(function)) is None:
        return
    parameters = list(signature.parameters.values())
    first = next((p for p in parameters if p.kind != p.KEYWORD_ONLY), None)
    wrong = [
        parameter.name
        for parameter in parameters
        if _is_of_fastapi(parameter)
        or (parameter is first and not _takes_request(parameter.annotation))
        or (
            parameter is not first and parameter.default is parameter.empty and not _rest(parameter)
        )
    ]
    if first is None or wrong:
        name = getattr(function, "__name__", type(function).__name__)
        which = f"the parameter {wrong[0]!r}" if wrong else "no parameter"
        raise ConfigurationError(
            f"principal: {name}() has {which}, and is called with the request alone. Write `async "
            "def principal(request: Request)`, and call a dependency of FastAPI in it: see "
            "docs/embedding.md"
        )


def _signature(function: PrincipalOf) -> inspect.Signature | None:
    """Return the signature, with names instead of annotations that are not known at run time."""
    for eval_str in (True, False):
        with suppress(NameError, AttributeError, TypeError, ValueError):
            return inspect.signature(function, eval_str=eval_str)
    return None


def _rest(parameter: inspect.Parameter) -> bool:
    return parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)


def _is_of_fastapi(parameter: inspect.Parameter) -> bool:
    """Whether FastAPI would fill a parameter in: it has `Depends`, `Header`, `Cookie` or so."""
    hints = (parameter.default, *getattr(parameter.annotation, "__metadata__", ()))
    return any(isinstance(hint, params.Depends | params.Param | params.Body) for hint in hints)


def _takes_request(annotation: Any) -> bool:
    """Whether a parameter may be a request; True for annotations that are no plain classes."""
    if get_origin(annotation) is Annotated:
        return _takes_request(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return any(map(_takes_request, get_args(annotation)))
    unknown = annotation in (Any, inspect.Parameter.empty)
    unknown = unknown or getattr(annotation, "_is_protocol", False)
    if unknown or not isinstance(annotation, type) or get_args(annotation):
        return True
    return annotation in Request.__mro__ or issubclass(annotation, Request)


def safe_name(name: str) -> str:
    """Return the principal for a user's name: the name itself if it is one that `API_KEYS` could
    have, else one in which other characters are escaped. Different names stay different."""
    if NAME.fullmatch(name):
        return name
    escaped = quote(name, safe="@")
    if len(escaped) <= MAX_NAME:
        return escaped
    return f"%{hashlib.sha256(name.encode()).hexdigest()[: MAX_NAME - 1]}"


async def _awaited(found: Awaitable[Any]) -> Any:
    return await found
