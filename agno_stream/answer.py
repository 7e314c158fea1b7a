"""One answer, over as many connections as it takes. Knows no sockets: a driver moves the bytes."""

import json
import random
import time
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import uuid4

from agno_stream import requests
from agno_stream.errors import (
    AgnoStreamError,
    AnswerTimeout,
    ConnectionLost,
    NotFound,
    ServerUnreachable,
    ending,
)
from agno_stream.requests import SSE, Limits, Question, Request
from agno_stream.sse import SSEDecoder
from agno_stream.types import ModelResponse, StreamChunk

#: Seconds without a single byte after which a connection counts as lost. The server sends a sign
#: of life at least every ten.
SILENCE = 30.0

#: A connection is not looked after more often than this, in seconds, for a short `timeout_idle`:
#: while a server lives, its signs of life do that sooner.
GLANCE = 5.0

#: Seconds before the first attempt to reconnect; twice as long before each further one.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0

#: Statuses of proxies and servers in the middle of a restart.
PASSING = frozenset({408, 425, 429, 500, 502, 503, 504})


class Answer:
    """From the question to the chunk with `done`, each event exactly once.

    A driver asks `connect` for a pause and a request, tells how it went with `opened`, `receive`,
    `told` or `lost`, and hands on the chunks that these return, until `done`.
    """

    def __init__(
        self,
        url: str,
        limits: Limits,
        *,
        body: dict[str, Any] | None = None,
        run_id: str | None = None,
        after: int = 0,
        pace: bool = False,
    ) -> None:
        self.done = False
        self.run_id = run_id
        self.number = after
        self.status: int | None = None
        self.cancels = False  # it ended here and not yet on the server
        self._url, self._limits, self._body, self._pace = url, limits, body, pace
        self._resumed = run_id is not None  # by the caller, and not after a loss
        self._text: list[str] = []
        self._attempts = 0  # to reconnect, since the last progress
        self._pause = 0.0
        self._over = False  # the server says that there are no more events
        self._key = uuid4().hex  # by which the server knows the question if it comes again
        self._decoder = SSEDecoder()
        self._head = ""
        self._began = self._since = time.monotonic()
        self._spoke = False  # after which the silences in mid-answer count
        self._patience = SILENCE

    @classmethod
    def to(cls, url: str, asked: Question) -> "Answer":
        return cls(url, asked.limits, body=asked.body)

    @property
    def text(self) -> str:
        """What has come so far."""
        return "".join(self._text)

    @property
    def _first(self) -> bool:
        """Whether nothing was tried before: a server that is not there now was not there."""
        return self.run_id is None and not self._attempts

    def connect(self) -> tuple[float, Request]:
        """Seconds to wait, and the request to send then."""
        limits = self._limits
        left = self._began + limits.total - time.monotonic()
        patience = min(SILENCE, limits.first, max(limits.idle, GLANCE), max(left, 0.05))
        self._patience = patience
        if self._over and self.run_id is not None:
            return 0, Request("GET", requests.place(self.run_id), patience=patience)
        if self.run_id is None:
            asked = Request("POST", requests.CHAT, self._body, None, SSE, patience, self._key)
            return self._pause, asked
        params = {"after": self.number} | ({"pace": "original"} if self._pace else {})
        path = f"{requests.place(self.run_id)}/events"
        return self._pause, Request("GET", path, None, params, SSE, patience)

    def opened(self, status: int, headers: Mapping[str, str]) -> bool:
        """Whether the body is a stream, to be given to `receive`; else it is for `told`."""
        self.status = status
        if status != 200 or not headers.get("content-type", "").startswith(SSE):
            return False
        self.run_id = self.run_id or headers.get("x-run-id")
        self._decoder = SSEDecoder()  # what a cut left unfinished will come again
        return True

    def receive(self, data: bytes) -> Iterator[StreamChunk]:
        """The chunks that these bytes complete. The caller's own time is not counted as silence."""
        spoke = False
        try:
            events = self._decoder.feed(data)
            for text, _, place in events:
                chunk = self._chunk(json.loads(text), place)
                if chunk is not None:
                    spoke = spoke or chunk.number > 1
                    yield chunk
        except (ValueError, LookupError, TypeError, AttributeError):
            yield self._fail(requests.foreign(self._url, self.status))
        if spoke:
            self._spoke = True
            self._since = time.monotonic()
        if not self.done:
            yield from self._late()

    def _chunk(self, data: dict[str, Any], place: str) -> StreamChunk | None:
        head, _, number = place.rpartition(":")
        count = int(number)
        # A server that was killed may know less than it had sent: its word for the end is lower.
        if count <= self.number and not data["done"]:
            return None
        if head != self._head:
            self.run_id = self._head = head
        self.number = count
        self._attempts = 0
        text = data["content"]
        if not isinstance(text, str):
            raise TypeError("content is no text")
        self._text.append(text)
        if len(data) == 3 and not data["done"]:  # as nearly all are
            return StreamChunk(text, False, None, count, head, data["model"], raw=data)
        return self._rich(data, text, count)

    def _rich(self, data: dict[str, Any], text: str, count: int) -> StreamChunk:
        chunk = StreamChunk(
            text,
            data["done"],
            None,
            count,
            self.run_id,
            data["model"],
            data.get("conversation_id"),
            data.get("agent"),
            data.get("reasoning"),
            data.get("tool"),
            data.get("usage"),
            data.get("finish_reason"),
            raw=data,
        )
        if chunk.done:
            self.done = True
            if "error" in data:
                chunk.failure = self._placed(ending(data["error"], self.status))
                chunk.error = str(chunk.failure)
        return chunk

    def told(self, headers: Mapping[str, str], body: bytes) -> Iterator[StreamChunk]:
        """What came instead of a stream: a refusal, nothing more, or the state that was asked."""
        status = self.status or 0
        if status == 204 and self.run_id is not None:
            self._over = True
        elif status == 200 and self._over:
            yield self._state(body)
        else:
            failure = requests.refused(self._url, status, headers, body)
            if status not in PASSING or self._first:
                yield self._fail(self._gone(failure))
            else:
                yield from self._again(failure)

    def _gone(self, failure: AgnoStreamError) -> AgnoStreamError:
        if self._resumed or self.run_id is None or not isinstance(failure, NotFound):
            return failure
        return ConnectionLost(
            "The connection broke, and the server no longer knows the answer: it was probably "
            "started anew.",
            status_code=failure.status_code,
        )

    def _state(self, body: bytes) -> StreamChunk:
        """The last chunk, from the state of a run whose events have all been seen."""
        try:
            data = json.loads(body)
            state = ModelResponse.from_json(data, 200)
        except (ValueError, LookupError, TypeError, AttributeError):
            return self._fail(requests.foreign(self._url, 200))
        self.done = True
        chunk = StreamChunk("", True, state.error, state.number, self.run_id, raw=data)
        chunk.model, chunk.agent, chunk.usage = state.model, state.agent, state.usage
        chunk.conversation_id, chunk.finish_reason = state.conversation_id, state.finish_reason
        if state.failure is not None:
            chunk.failure = self._placed(state.failure)
        return chunk

    def lost(self, failure: AgnoStreamError | None, silent: bool) -> Iterator[StreamChunk]:
        """The connection broke, with this failure or by ending early; `silent` if it only said
        nothing for as long as the request was to wait."""
        yield from self._late()
        if self.done:
            return
        if isinstance(failure, ServerUnreachable) and self._first:
            yield self._fail(failure)
        elif silent and self._patience < SILENCE:
            self._pause = 0.0  # nothing is wrong yet: this only looks whether the server is there
        else:
            yield from self._again(failure or ConnectionLost("The stream ended early."))

    def _again(self, failure: AgnoStreamError) -> Iterator[StreamChunk]:
        """Plan the next attempt, or give up."""
        if self._attempts >= self._limits.retries:
            lost = ConnectionLost(
                f"The connection was lost, and {self._attempts} attempts did not bring it back. "
                f"{failure.message}"
            )
            lost.__cause__ = failure
            yield self._fail(lost)
            return
        # Half of a pause is chance: clients that were cut together do not come back together.
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2**self._attempts)
        pause = min(LONGEST_PAUSE, max(pause, failure.retry_after or 0.0))
        self._pause = pause * random.uniform(0.5, 1)
        self._attempts += 1

    def _late(self) -> Iterator[StreamChunk]:
        """The failure of a clock that has run out, if one has."""
        now = time.monotonic()
        limits = self._limits
        if now >= self._began + limits.total:
            code, said = "timeout_total", f"The answer took longer than {limits.total:g} s."
        elif now < self._since + (limits.idle if self._spoke else limits.first):
            return
        elif self._spoke:
            code, said = "timeout_idle", f"Nothing came for {limits.idle:g} s in mid-answer."
        else:
            code, said = "timeout_first_token", f"No token came within {limits.first:g} s."
        self.cancels = self.run_id is not None
        yield self._fail(AnswerTimeout(said, code=code, status_code=self.status))

    def _fail(self, failure: AgnoStreamError) -> StreamChunk:
        """The last chunk of an answer that ends here and not at the server's word."""
        self.done = True
        self._placed(failure)
        raw = failure.raw()
        chunk = StreamChunk("", True, str(failure), self.number, self.run_id, raw=raw)
        chunk.finish_reason, chunk.failure = raw["finish_reason"], failure
        return chunk

    def _placed(self, failure: AgnoStreamError) -> AgnoStreamError:
        """The failure, with what had come until then."""
        failure.text = self.text
        failure.run_id, failure.number = self.run_id, self.number
        return failure
