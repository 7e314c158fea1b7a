"""The state of one answer, over as many connections as it needs, without any I/O.

See docs/decisions/035-the-client-shares-no-code-with-the-server.md.
See docs/decisions/036-chunks-arrive-exactly-once.md.
"""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from agno_stream import calls, requests
from agno_stream.backoff import Backoff
from agno_stream.clocks import Clocks
from agno_stream.errors import AgnoStreamError, ConnectionLost, NotFound, ServerUnreachable
from agno_stream.reply import Reply
from agno_stream.requests import Call, Limits, Question
from agno_stream.source import Attempt, Source
from agno_stream.standing import Standing
from agno_stream.types import ModelResponse, StreamChunk

#: Seconds that the request to cancel a timed out run may take: its caller is waiting.
CANCEL_PATIENCE = 2.0

#: Statuses of proxies, and of servers that are just restarting: worth another attempt.
TRANSIENT = frozenset({408, 425, 429, 500, 502, 503, 504})

#: What reading JSON of another shape than the server's raises.
MALFORMED = (ValueError, LookupError, TypeError, AttributeError)


class Answer:
    """Every decision about one answer: what to request, when to reconnect, how it ends.

    Each event is yielded exactly once. A client's loop does the I/O, and decides nothing:

        for attempt in answer.attempts():
            wait for attempt.pause, send attempt.request; if that raises, answer.lost(failure)
            answer.opened(status, headers)
            while answer.reading:
                yield from answer.receive(the next bytes of the body, b"" at its end)
        send answer.farewell()
        yield from answer.last()

    If `raises`, a failure is raised where its last chunk would have been yielded.
    """

    def __init__(self, source: Source, limits: Limits, *, raises: bool) -> None:
        self.done = False
        self.run_id, self.number = source.run_id, source.after
        self.status: int | None = None
        self._source, self._raises = source, raises
        self._clocks, self._backoff = Clocks(limits), Backoff(limits.retries)
        self._reply = Reply()
        self._text: Standing[str] = Standing()
        self._all_read = False  # the server has no more events; only the run's state is missing
        self._last: StreamChunk | None = None  # made here, because the server sent none
        self._cancels = False  # the answer has ended here, but not on the server

    @classmethod
    def to(cls, url: str, question: Question) -> "Answer":
        """Return the `Answer` to a new question, before anything is sent."""
        return cls(
            Source(url, question.body, path=question.path), question.limits, raises=question.raises
        )

    @property
    def reading(self) -> bool:
        """True while more bytes of the current response must be passed to `receive`."""
        return not (self.done or self._reply.complete)

    @property
    def drains(self) -> bool:
        """True if the answer has ended, but the end of the response's body is still to be read."""
        return self.done and self._last is None

    def attempts(self) -> Iterator[Attempt]:
        """Yield one attempt after the other, a pause and a request, until the answer has ended."""
        while not self.done:
            self._reply = Reply()
            patience = self._clocks.read_timeout()
            if self._all_read and self.run_id is not None:
                request = calls.run(self.run_id, patience).request
            else:
                request = self._source.request(self.run_id, self.number, patience)
            yield Attempt(self._backoff.pause, request)

    def opened(self, status: int, headers: Mapping[str, str]) -> None:
        """Note the status and the headers of the response to the current attempt."""
        self.status = status
        self._reply = Reply(status, headers)
        if self._reply.decoder is not None:
            self.run_id = self.run_id or headers.get("x-run-id")

    def receive(self, data: bytes) -> Iterator[StreamChunk]:
        """Yield the chunks that these bytes of the body complete; `b""` is the end of the body.

        The time that the caller spends between two chunks does not count as silence.
        """
        reply = self._reply
        if reply.decoder is None:
            reply.body += data
            if not data:
                self._read_document(reply)
            return
        if not data:
            self.lost(None)
            return
        progress = False
        try:
            for text, _, event_id in reply.decoder.feed(data):
                chunk = self._chunk(json.loads(text), event_id)
                if chunk is not None:
                    progress = progress or chunk.number > 1
                    yield chunk
        except MALFORMED:
            self._fail(requests.foreign_server(self._source.url, self.status))
        if progress:
            self._clocks.token_received()
        if not self.done:
            self._check_clocks()

    def lost(self, failure: AgnoStreamError | None, *, timed_out: bool = False) -> None:
        """Note that the connection broke, by `failure`, or by an early end of the body if that is
        None; `timed_out` if no bytes came for as long as the request was to wait."""
        if not self.reading:
            return
        self._reply.complete = True
        if self._check_clocks():
            return
        if isinstance(failure, ServerUnreachable) and self._is_first:
            self._fail(failure)
        elif timed_out and self._clocks.probes:
            self._backoff.skip()  # nothing is wrong yet; see whether the server is still there
        else:
            self._retry(failure or ConnectionLost("The stream ended early."))

    def farewell(self) -> list[Call[ModelResponse]]:
        """Return the calls to make at the end, perhaps one to cancel the run; ignore their
        failures."""
        if not self._cancels or self.run_id is None:
            return []
        return [calls.cancel(self.run_id, CANCEL_PATIENCE)]

    def last(self) -> Iterator[StreamChunk]:
        """Yield the last chunk, unless `receive` has; raises its failure instead if `raises` is
        set."""
        if self._last is not None:
            yield self._raise_or_return(self._last)

    @property
    def _is_first(self) -> bool:
        """True before any connection was made: an unreachable server is then an error at once."""
        return self.run_id is None and not self._backoff.attempts

    def _chunk(self, data: dict[str, Any], event_id: str) -> StreamChunk | None:
        run_id, _, count = event_id.rpartition(":")
        number = int(count)
        # The last chunk after a kill may have a number that was seen already.
        if number <= self.number and not data["done"]:
            return None
        chunk = StreamChunk.from_json(data, number, run_id, self.status)
        self.run_id, self.number = run_id, number
        self._backoff.reset()
        self._text.add(number, chunk.text, chunk.recovered)
        if not chunk.done:
            return chunk
        self.done = True
        if chunk.failure is not None:
            self._add_progress(chunk.failure)
        return self._raise_or_return(chunk)

    def _read_document(self, reply: Reply) -> None:
        """Handle a response without events: a refusal, 204 (no more events), or a run as JSON."""
        reply.complete = True
        if reply.status == 204 and self.run_id is not None:
            self._all_read = True
            self._backoff.skip()
        elif reply.status == 200 and self._all_read:
            self._end_by_state(reply.body)
        else:
            failure = requests.refused(self._source.url, reply.status, reply.headers, reply.body)
            if reply.status in TRANSIENT and not self._is_first:
                self._retry(failure)
            else:
                self._fail(self._forgotten(failure))

    def _forgotten(self, failure: AgnoStreamError) -> AgnoStreamError:
        """Return the failure, or `ConnectionLost` if the server has lost the run in mid-answer."""
        resumed_by_caller = self._source.run_id is not None
        if resumed_by_caller or self.run_id is None or not isinstance(failure, NotFound):
            return failure
        return ConnectionLost(
            "The connection broke, and the server no longer knows the answer: it was probably "
            "restarted.",
            status_code=failure.status_code,
        )

    def _end_by_state(self, body: bytes) -> None:
        """End the answer by the JSON state of a run whose events have all been read."""
        try:
            data = json.loads(body)
            state = ModelResponse.from_json(data, 200)
        except MALFORMED:
            self._fail(requests.foreign_server(self._source.url, 200))
            return
        self.done = True
        self._last = chunk = StreamChunk("", True, state.error, state.number, self.run_id, raw=data)
        chunk.model, chunk.agent, chunk.usage = state.model, state.agent, state.usage
        chunk.conversation_id, chunk.finish_reason = state.conversation_id, state.finish_reason
        if state.failure is not None:
            chunk.failure = self._add_progress(state.failure)

    def _retry(self, failure: AgnoStreamError) -> None:
        """Plan the next attempt after a failure; end the answer if no attempts are left."""
        if self._backoff.schedule(failure.retry_after):
            return
        lost = ConnectionLost(
            f"The connection was lost, and {self._backoff.attempts} attempts to restore it failed. "
            f"{failure.message}"
        )
        lost.__cause__ = failure
        self._fail(lost)

    def _check_clocks(self) -> bool:
        """End the answer and return True if a timeout of the answer has expired."""
        failure = self._clocks.expired(self.status)
        if failure is None:
            return False
        self._cancels = True
        self._fail(failure)
        return True

    def _fail(self, failure: AgnoStreamError) -> None:
        """End the answer with a last chunk made here, because the server has sent none."""
        self.done = True
        self._add_progress(failure)
        raw = failure.raw()
        self._last = chunk = StreamChunk("", True, str(failure), self.number, self.run_id, raw=raw)
        chunk.finish_reason, chunk.failure = raw["finish_reason"], failure

    def _add_progress(self, failure: AgnoStreamError) -> AgnoStreamError:
        """Return the failure with the text so far, and with the event after which to resume."""
        failure.text = "".join(self._text.items)
        failure.run_id, failure.number = self.run_id, self.number
        return failure

    def _raise_or_return(self, chunk: StreamChunk) -> StreamChunk:
        if self._raises and chunk.failure is not None:
            raise chunk.failure
        return chunk
