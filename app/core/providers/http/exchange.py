"""One upstream request on its way: what is done with its response, and what came of it."""

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from ...text import Sink
from ..wire.outcome import Outcome
from ..wire.parts.errors import status_error
from ..wire.reader import Reader
from ..wire.replay import Replay, kept_of
from .histories import History


def _ignore() -> None:
    """What a sign of life is for a request that nobody waits for."""


@dataclass(slots=True)
class Exchange:
    """What the HTTP transport knows of one request of a model, and reports of its response.

    `sink` takes the text as it comes; None if only the SDK reads it. `on_alive` is called for all
    bytes of the response. `headers` go to the provider; `replay` and `history` complete what is
    sent. `sent` is True once the request has left, to `host`;
    `outcome` is that of the latest response; None if its status is 200 and no reader knows its
    protocol.
    """

    streaming: bool
    sink: Sink | None = None
    think_tags: bool = False
    on_alive: Callable[[], None] = _ignore
    headers: Mapping[str, str] = field(default_factory=dict)
    replay: Replay = field(default_factory=Replay)
    history: History | None = None
    sent: bool = False
    host: str = ""
    outcome: Outcome | None = None

    def leaves_for(self, host: str) -> None:
        """Note that the request is being sent."""
        self.sent = True
        self.host = host
        self.outcome = None

    def restored(self, body: bytes) -> bytes:
        """The body of a chat completion with what the provider wants back with its tool calls."""
        if not self.replay:
            return body
        value = json.loads(body)
        if not self.replay.restore(value, self.host):
            return body
        return json.dumps(value, separators=(",", ":")).encode()

    def read_by(self, reader_class: type[Reader], content_type: str) -> Reader:
        """A reader of the protocol for a response with status 200, whose outcome it reports."""
        reader = reader_class(self.sink, content_type=content_type, think_tags=self.think_tags)
        self.outcome = reader.outcome
        return reader

    def refused(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        """Take a response with the status of an error for the outcome; `headers` have any case."""
        content_type = headers.get("content-type", "")
        error = status_error(status, body, content_type, headers.get("retry-after"))
        self.outcome = Outcome(finish_reason="error", error=error)

    @property
    def kept(self) -> dict[str, Any] | None:
        """What further requests of the conversation have to bring back to the provider."""
        return None if self.outcome is None else kept_of(self.outcome, self.host)


#: The exchange that the next upstream request of this context belongs to. It is set only while a
#: model's class sends its request, so that no request of another model is taken for it.
CURRENT: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def bound(exchange: Exchange) -> Iterator[None]:
    """Let the transport report requests of this context to the exchange."""
    token = CURRENT.set(exchange)
    try:
        yield
    finally:
        CURRENT.reset(token)
