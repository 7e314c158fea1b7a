"""Logging: plain lines on standard error, from which secrets are taken out."""

import logging
import sys
from collections.abc import Iterable

from agno.exceptions import redact_secrets

#: The loggers that may bring handlers of their own.
OTHERS = ("agno", "agno-team", "agno-workflow", "uvicorn", "uvicorn.error", "uvicorn.access")


class Redact(logging.Filter):
    """Takes the known secrets, and whatever looks like one, out of every record."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        self._secrets = list(secrets)

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = self._clean(record.getMessage()), ()
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:
            record.exc_text = self._clean(record.exc_text)
        return True

    def _clean(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, "[redacted]")
        return redact_secrets(text)


def protect(secrets: Iterable[str]) -> None:
    """Redact what the handlers that exist by now write, whoever made them."""
    redact = Redact(secrets)
    for name in (None, *OTHERS):
        for handler in logging.getLogger(name).handlers:
            handler.addFilter(redact)


def configure(level: str = "INFO") -> None:
    """Send the logs of the server, of Agno and of uvicorn to one handler."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING")
    logging.getLogger("app").setLevel(level)
    for name in OTHERS:
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.propagate = True
        logger.setLevel(level)
