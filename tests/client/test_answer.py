"""The decisions about an answer, without a connection."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from agno_stream import AnswerFailed, AnswerTimeout, ConnectionLost, Overloaded
from agno_stream.answer import Answer
from agno_stream.errors import ServerUnreachable
from agno_stream.requests import SSE, Limits
from agno_stream.source import Attempt, Source

STREAM = {"content-type": SSE, "x-run-id": "r"}
STATE = {"content": "ab", "finish_reason": "stop", "last_event_id": "r:2"}


def ask(retries: int = 3, raises: bool = False, total: float = 60.0) -> Answer:
    source = Source("http://server", {"message": "Hello?"})
    return Answer(source, Limits(60.0, 60.0, total, retries), raises=raises)


def event(number: int, content: str, **last: Any) -> bytes:
    data = {"content": content, "done": bool(last), "model": "m", **last}
    return f"id: r:{number}\ndata: {json.dumps(data)}\n\n".encode()


def reply(answer: Answer, status: int, headers: dict[str, str], *parts: bytes) -> str:
    """The text of a response that ends after these parts."""
    answer.opened(status, headers)
    return "".join(chunk.text for part in (*parts, b"") for chunk in answer.receive(part))


def begun(answer: Answer) -> Iterator[Attempt]:
    """The attempts of an answer that has lost its first connection after one event."""
    attempts = answer.attempts()
    first = next(attempts)
    assert (0.0, "POST") == (first.pause, first.request.method)
    assert "a" == reply(answer, 200, STREAM, event(1, "a"))
    return attempts


def test_request_after_a_lost_connection() -> None:
    """After a cut the events behind the last one are requested, after a pause."""
    attempts = begun(ask())
    pause, request = next(attempts)
    assert 0.05 <= pause <= 0.1
    assert ("GET", "/api/v1/runs/r/events", {"after": 1}) == (
        request.method,
        request.path,
        request.params,
    )


def test_question_is_sent_again_with_its_key() -> None:
    """A question whose run is not known yet is sent again with the same idempotency key."""
    answer = ask()
    attempts = answer.attempts()
    first = next(attempts).request
    answer.lost(ConnectionLost("cut"))
    assert first.key is not None
    assert first.key == next(attempts).request.key


def test_absent_server_is_not_waited_for() -> None:
    """A server that was never reached ends the answer at once; one that was is waited for."""
    answer = ask()
    next(answer.attempts())
    answer.lost(ServerUnreachable("refused"))
    assert [ServerUnreachable] == [type(chunk.failure) for chunk in answer.last()]
    answer = ask()
    attempts = begun(answer)
    next(attempts)
    answer.lost(ServerUnreachable("refused"))
    assert not answer.done


def test_state_after_the_last_event() -> None:
    """204 means that all events are read: the run's state has the end of the answer."""
    answer = ask()
    attempts = begun(answer)
    next(attempts)
    reply(answer, 204, {})
    pause, request = next(attempts)
    assert (0.0, "/api/v1/runs/r") == (pause, request.path)
    reply(answer, 200, {"content-type": "application/json"}, json.dumps(STATE).encode())
    (last,) = answer.last()
    assert (True, "", "stop", None) == (last.done, last.text, last.finish_reason, last.error)
    assert [] == list(attempts)
    assert [] == answer.farewell()


def test_pause_after_retry_after() -> None:
    """The pause after a server that refuses to continue for a moment grows with `Retry-After`."""
    answer = ask()
    attempts = begun(answer)
    next(attempts)
    body = b'{"error":{"code":"overloaded","message":"Wait."}}'
    reply(answer, 503, {"retry-after": "4"}, body)
    assert 2.0 <= next(attempts).pause <= 4.0


def test_refused_question() -> None:
    """A refusal of the first request ends the answer, whatever its status."""
    answer = ask()
    attempts = answer.attempts()
    next(attempts)
    reply(answer, 503, {}, b'{"error":{"code":"overloaded","message":"Wait."}}')
    assert [Overloaded] == [type(chunk.failure) for chunk in answer.last()]
    assert [] == list(attempts)


def test_retries_in_a_row() -> None:
    """The answer ends after `retries` attempts without an event; any event resets the count."""
    answer = ask(retries=2)
    attempts = begun(answer)
    for number in (2, 3, 4):
        next(attempts)
        assert "b" == reply(answer, 200, STREAM, event(number, "b"))
    for _ in range(2):
        next(attempts)
        answer.lost(ConnectionLost("cut"))
    assert [] == list(attempts)
    (last,) = answer.last()
    assert isinstance(last.failure, ConnectionLost)
    assert ("abbb", 4) == (last.failure.text, last.failure.number)


def test_timed_out_run_is_cancelled() -> None:
    """An answer that ends by a clock of the client has its run cancelled."""
    answer = ask(total=0.0)
    next(answer.attempts())
    assert "a" == reply(answer, 200, STREAM, event(1, "a"))
    assert ["/api/v1/runs/r/cancel"] == [call.request.path for call in answer.farewell()]
    (last,) = answer.last()
    assert isinstance(last.failure, AnswerTimeout)
    assert ("timeout_total", "a") == (last.finish_reason, last.failure.text)


@pytest.mark.parametrize("raises", [True, False])
def test_failure_of_the_run(raises: bool) -> None:
    """The failure in the server's last chunk is yielded, or raised with `raises`."""
    answer = ask(raises=raises)
    next(answer.attempts())
    error = {"code": "upstream_cut", "message": "x"}
    end = event(2, "", done=True, finish_reason="upstream_cut", error=error)
    answer.opened(200, STREAM)
    chunks = answer.receive(event(1, "a") + end)
    assert "a" == next(chunks).text
    if raises:
        with pytest.raises(AnswerFailed) as raised:
            next(chunks)
        assert ("upstream_cut", "a") == (raised.value.code, raised.value.text)
    else:
        assert isinstance(next(chunks).failure, AnswerFailed)
    assert answer.drains
    assert not answer.reading
    assert [] == list(answer.last())


@pytest.mark.parametrize("size", [1, 3, 1000])
def test_chunk_boundaries(size: int) -> None:
    """The text is the same wherever the bytes are cut."""
    answer = ask()
    next(answer.attempts())
    data = event(1, "") + event(2, "é🙂") + event(3, "", done=True, finish_reason="stop")
    parts = [data[at : at + size] for at in range(0, len(data), size)]
    answer.opened(200, STREAM)
    text = ""
    for part in parts:
        for chunk in answer.receive(part):
            text += chunk.text
    assert ("é🙂", True, []) == (text, answer.done, list(answer.last()))
