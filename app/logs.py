"""Logging to standard error, as text or as JSON lines, with secrets redacted."""

import copy
import logging
import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import structlog
from agno.exceptions import redact_secrets
from structlog.stdlib import ProcessorFormatter

from .core.log.journal import RunRecord
from .core.request_context import request_id
from .core.runs.report import RunReport

#: The loggers of other libraries, which may have handlers of their own.
LIBRARY_LOGGERS = (
    "agno",
    "agno-team",
    "agno-workflow",
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
)

#: The ticket in a signed stream address, which any library may log.
TICKET = re.compile(r"([?&]token=)[^&\s\"']+")

#: Values that people set where a key is required and none is needed; also other words have them.
PLACEHOLDERS = frozenset(
    {"changeme", "demo", "dummy", "empty", "fake", "lm-studio", "local", "no-key", "none"}
    | {"not-needed", "not-required", "null", "ollama", "openai", "sk-no-key-required", "unused"}
)

#: Secrets of fewer characters are not redacted, because they are parts of ordinary words.
MIN_SECRET_LENGTH = 4

#: Characters that a terminal obeys, or that end a line or turn its direction (Unicode Cc, Zl, Zp,
#: and the bidirectional ones). `IN_TRACEBACKS` keeps the line ends and tabs of tracebacks.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
IN_TRACEBACKS = re.compile(CONTROLS.pattern.replace(r"\x00-\x1f", r"\x00-\x08\x0b-\x1f"))

logger = logging.getLogger(f"{__package__}.run")


class Redacted(logging.Formatter):
    """A formatter that redacts secrets in another formatter's output.

    Both the known `secrets` and texts that look like a secret are replaced. Log records are not
    changed, because other formatters read their arguments.
    """

    def __init__(self, formatter: logging.Formatter | None) -> None:
        super().__init__()
        self._formatter = formatter or logging.Formatter()
        self.secrets: set[str] = set()

    def format(self, record: logging.LogRecord) -> str:
        return _escape(self.redact(self._formatter.format(record)), IN_TRACEBACKS)

    def redact(self, text: str) -> str:
        for secret in self.secrets:
            text = text.replace(secret, "[redacted]")
        return redact_secrets(TICKET.sub(r"\1[redacted]", text))


class TextLines(logging.Formatter):
    """The text format, in which a message is one line, and lines of tracebacks are indented.

    Messages quote clients and providers, who could otherwise write lines of their own, or commands
    for the terminal.
    """

    def format(self, record: logging.LogRecord) -> str:
        if record.exc_info or record.exc_text:
            record = copy.copy(record)
            record.exc_text = None  # another handler may have left its own form of it
        return super().format(record)

    def formatMessage(self, record: logging.LogRecord) -> str:  # logging's name
        record.message = _escape(record.message, CONTROLS)
        return super().formatMessage(record)

    def formatException(self, ei: Any) -> str:  # logging's name
        return "\n".join(f"    {line}" for line in super().formatException(ei).splitlines())


def _escape(text: str, characters: re.Pattern[str]) -> str:
    """Return the text with these characters as Python would write them in a string."""
    return characters.sub(lambda found: repr(found[0])[1:-1], text)


class JsonLines(Redacted):
    """A formatter that writes each log record as one line of JSON, with secrets redacted.

    Values are redacted before they are encoded: JSON may escape a part of a secret, and a pattern
    for secrets could match beyond the end of a value.
    """

    def __init__(self) -> None:
        super().__init__(
            ProcessorFormatter(
                processors=[
                    ProcessorFormatter.remove_processors_meta,
                    self._redact,
                    structlog.processors.JSONRenderer(default=str, ensure_ascii=False),
                ],
                foreign_pre_chain=[
                    structlog.stdlib.ExtraAdder(allow=["run"]),
                    _flat,
                    structlog.stdlib.add_log_level,
                    structlog.stdlib.add_logger_name,
                    structlog.processors.TimeStamper(fmt="iso", utc=True),
                    structlog.processors.format_exc_info,
                ],
            )
        )

    def format(self, record: logging.LogRecord) -> str:
        return self._formatter.format(record)

    def _redact(self, _: Any, __: str, event: Any) -> Any:
        if isinstance(event, dict):
            return {name: self._redact(_, __, value) for name, value in event.items()}
        return self.redact(event) if isinstance(event, str) else event


def _flat(_: Any, __: str, event: Any) -> Any:
    """Add the request id, and the fields of a run if the record has some, to the fields of a log
    line."""
    if (own := request_id.get()) is not None:
        event["request_id"] = own
    event |= event.pop("run", {})
    return event


def logfmt(fields: Mapping[str, object]) -> str:
    """Return fields as `name=value name="a value"`; the names are plain words."""
    return " ".join(f"{name}={_plain(value)}" for name, value in fields.items())


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value)
    quoted = " " in text or "=" in text or '"' in text
    if quoted:
        text = text.replace("\\", "\\\\").replace('"', '\\"')
    text = text.replace("\n", "\\n")
    return f'"{text}"' if quoted else text


class RunLines:
    """An observer of runs that logs one line when a run ends; with `messages`, also question and
    answer."""

    def __init__(self, *, json: bool, messages: bool) -> None:
        self._json = json
        self._messages = messages

    def began(self, record: RunRecord) -> None:
        """Log nothing when a run begins."""

    def ended(self, report: RunReport) -> None:
        fields = self._fields(report)
        if self._json:
            logger.info("run ended", extra={"run": fields})
        else:
            known = {name: value for name, value in fields.items() if value is not None}
            logger.info("run ended %s", logfmt(known))

    def _fields(self, report: RunReport) -> dict[str, Any]:
        record, first = report.record, report.meter.first
        fields = {
            "run": record.run_id,
            "conversation": record.conversation_id,
            "principal": record.principal,
            "agent": record.agent,
            "model": report.model,
            "ending": report.ending,
            "error": report.error.code if report.error is not None else None,
            "first_token": None if first is None else round(first, 4),
            "duration": round(report.duration, 4),
            "input_tokens": report.usage.input_tokens,
            "output_tokens": report.usage.output_tokens,
            "estimated": report.usage.estimated,
            "readers": report.readers,
            "resumes": report.resumes,
            "request_id": report.request_id,
        }
        if self._messages:
            fields |= {"question": report.question, "answer": report.text}
        return fields


def protect(secrets: Iterable[str]) -> None:
    """Redact `secrets` from the output of all log handlers that exist now, also of other
    libraries."""
    known = {
        secret
        for secret in secrets
        if len(secret) >= MIN_SECRET_LENGTH and secret.lower() not in PLACEHOLDERS
    }
    for name in (None, *LIBRARY_LOGGERS):
        for handler in logging.getLogger(name).handlers:
            formatter = handler.formatter
            if not isinstance(formatter, Redacted):
                formatter = Redacted(formatter)
                handler.setFormatter(formatter)
            formatter.secrets |= known


def configure(level: str = "INFO", *, json: bool = False) -> None:
    """Send the logs of the server, of Agno and of uvicorn to standard error, as text or JSON
    lines."""
    handler = logging.StreamHandler(sys.stderr)
    plain = TextLines("%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    handler.setFormatter(JsonLines() if json else plain)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel("WARNING")
    logging.getLogger(__package__).setLevel(level)
    for name in LIBRARY_LOGGERS:
        other = logging.getLogger(name)
        other.handlers.clear()
        other.propagate = True
        other.setLevel(level)
