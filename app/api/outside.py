"""Principals that others have authenticated: the application around the server, or a proxy."""

import hashlib
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import Receive, Scope

from ..core.access.keys import NAME

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
