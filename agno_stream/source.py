"""What an answer is read from."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

from agno_stream.requests import CHAT, SSE, Request, run_path


class Attempt(NamedTuple):
    """Seconds to wait, and the request to send then."""

    pause: float
    request: Request


@dataclass(frozen=True, slots=True)
class Source:
    """A new question with its `body`, or a run with its `run_id`, read from event `after` on.

    `url` is the server's address. With `pace` events arrive with their original delays. `key` is
    the idempotency key, by which the server recognises a question that is sent again.
    """

    url: str
    body: dict[str, Any] | None = None
    run_id: str | None = None
    after: int = 0
    pace: bool = False
    key: str = field(default_factory=lambda: uuid4().hex)

    def request(self, run_id: str | None, number: int, patience: float) -> Request:
        """The request for the events after `number`; without a run, the one that starts it."""
        if run_id is None:
            return Request("POST", CHAT, self.body, None, SSE, patience, self.key)
        params = {"after": number} | ({"pace": "original"} if self.pace else {})
        return Request("GET", f"{run_path(run_id)}/events", None, params, SSE, patience)
