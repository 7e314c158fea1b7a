"""Logging: plain lines on standard error, from which secrets are taken out."""

import logging
import re
import sys
from collections.abc import Iterable

from agno.exceptions import redact_secrets

#: The loggers that may bring handlers of their own.
OTHERS = ("agno", "agno-team", "agno-workflow", "uvicorn", "uvicorn.error", "uvicorn.access")

#: A signed stream address, in whichever log it is.
TICKET = re.compile(r"([?&]token=)[^&\s\"']+")


class Redacted(logging.Formatter):
    """Takes the known secrets, and whatever looks like one, out of what a formatter has written.

    The records stay as they are, for other formatters read their arguments.
    """

    def __init__(self, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self._formatter = formatter or logging.Formatter()
        self.secrets: set[str] = set()

    def format(self, record: logging.LogRecord) -> str:
        text = self._formatter.format(record)
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return redact_secrets(TICKET.sub(r"\1[redacted]", text))


def protect(secrets: Iterable[str]) -> None:
    """Redact what the handlers that exist by now write, whoever made them."""
    known = set(secrets)
    for name in (None, *OTHERS):
        for handler in logging.getLogger(name).handlers:
            formatter = handler.formatter
            if not isinstance(formatter, Redacted):
                formatter = Redacted(formatter)
                handler.setFormatter(formatter)
            formatter.secrets |= known


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
