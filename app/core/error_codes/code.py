"""A row of the registry of errors."""

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """One row: `status` is HTTP's, `retryable` is True if an equal request may succeed later."""

    code: str
    status: int
    summary: str  # what happened
    advice: str  # what to do about it
    retryable: bool = False
