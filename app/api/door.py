"""The contract of a door: a protocol's routes, and the shape of its errors.

See docs/decisions/022-each-door-is-a-package.md.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Response

from ..core.errors import AgnoStreamError

#: Makes a protocol's response to an error before the first byte, with additional headers.
Refusal = Callable[[AgnoStreamError, Mapping[str, str] | None], Response]


@dataclass(frozen=True, slots=True)
class Door:
    """A protocol: its routes, and `refuse`, which makes the error responses of paths below
    `prefix`."""

    prefix: str
    router: APIRouter
    refuse: Refusal


def retry_after(error: AgnoStreamError) -> dict[str, str]:
    """Return a dict with the header `Retry-After` in whole seconds; empty if the error has no time
    to wait."""
    if error.retry_after is None:
        return {}
    return {"Retry-After": str(math.ceil(error.retry_after))}
