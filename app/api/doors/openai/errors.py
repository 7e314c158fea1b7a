"""The OpenAI door's errors: before the first byte as a response, after it as the last frame."""

from ....core.run_failures import failure_from
from ....models.chat import ErrorInfo
from ...openai_errors import error_body
from ...openai_errors import refusal as refusal


def error_frame(error: ErrorInfo) -> bytes:
    """Return the bytes of the last frame of a failed stream, which OpenAI's SDKs raise as an
    exception."""
    return b"data: " + error_body(failure_from(error)) + b"\n\n"
