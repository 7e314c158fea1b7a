"""The exceptions of checks that cannot reach a verdict."""

import json
from contextlib import suppress


class CheckFailed(Exception):
    """Raised if a check of the doctor cannot be completed; the message is a sentence without its
    stop."""


class UnexpectedStatus(CheckFailed):
    """Raised if a response has another status than the check needs."""

    def __init__(self, status: int, body: bytes, request: str) -> None:
        reason = ""
        with suppress(ValueError, LookupError, TypeError):
            error = json.loads(body)["error"]
            sentence = error["message"] if isinstance(error, dict) else error
            reason = f": {str(sentence).rstrip('.')}"
        super().__init__(f"{request} is answered {status}{reason[:300]}")
        self.status = status
