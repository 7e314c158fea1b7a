"""What an answer is read from."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import uuid4

from agno_stream.requests import CHAT, SSE, Request, run_path


class Attempt(NamedTuple):
    """A request to send, after `pause` seconds."""

    pause: float
    request: Request


@dataclass(frozen=True, slots=True)
class Source:
    """What an answer is read from: a new question (`body`, which is sent to `path`), or a run
    (`run_id`) from event `after` on.

    `url` is the server's address. With `pace` events arrive with their original delays. `key` is
    the idempotency key, by which the server recognises a question that is sent again.
    """

    url: str
    body: dict[str, Any] | None = None
    run_id: str | None = None
    after: int = 0
    pace: bool = False
    path: str = CHAT
    key: str = field(default_factory=lambda: uuid4().hex)

    def request(self, run_id: str | None, number: int, patience: float) -> Request:
        """Return the request for the events after `number`; if `run_id` is None, the one that
        starts the run."""
        if run_id is None:
            return Request("POST", self.path, self.body, None, SSE, patience, self.key)
        params = {"after": number} | ({"pace": "original"} if self.pace else {})
        return Request("GET", f"{run_path(run_id)}/events", None, params, SSE, patience)
