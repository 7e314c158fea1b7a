"""A run's model: its endings, usage, retries and fallback, streaming and not, from the wire."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from agno.agent import Agent
from agno.db.in_memory import InMemoryDb
from agno.memory import MemoryManager
from agno.models.openai import OpenAIChat
from openai import AsyncOpenAI
from pydantic import BaseModel

from app.core.providers.tracked import TrackedModel
from app.core.providers.upstream import Upstream
from app.core.run_failures import RunFailed
from app.models.chat import Usage
from tests.core.providers.test_transport import Sink
from tests.core.providers.wire import streams
from tests.upstream import Answer, ByteServer

KEY = "sk-a-key-that-must-not-be-shown"
COUNTS = {"prompt_tokens": 10, "completion_tokens": 3, "total_tokens": 13}


def whole(content: str = "one two three", end: Any = "stop", **message: Any) -> Answer:
    """A chat completion that is not streamed."""
    choice = {"index": 0, "message": {"content": content, **message}, "finish_reason": end}
    value = {"id": "c", "model": "m", "choices": [choice], "usage": COUNTS}
    return Answer(json.dumps(value).encode(), content_type="application/json")


def streamed(end: Any = "stop", done: bytes = streams.DONE) -> Answer:
    return Answer(streams.words(end=end, done=streams.chunk(usage=COUNTS) + done))


def refused(status: int, message: str = "no", **headers: str) -> Answer:
    body = json.dumps({"error": {"message": message, "code": None}}).encode()
    return Answer(body, status, "application/json", headers=headers)


def called(*deltas: Mapping[str, Any], **fields: Any) -> Answer:
    """A stream that calls tools."""
    chunks = b"".join(streams.chunk({"tool_calls": [delta], **fields}) for delta in deltas)
    return Answer(chunks + streams.chunk(end="tool_calls", usage=COUNTS) + streams.DONE)


CALL = {"index": 0, "id": "c1", "function": {"name": "weather", "arguments": '{"city": "Paris"}'}}


@dataclass
class Run:
    """One run of an agent with a tracked model."""

    tracked: TrackedModel
    sink: Sink = field(default_factory=Sink)
    content: Any = None
    events: list[Any] = field(default_factory=list)

    def named(self, kind: str) -> list[Any]:
        return [event for event in self.events if event.event == kind]

    @property
    def failure(self) -> RunFailed:
        assert self.tracked.answering.failure is not None
        return self.tracked.answering.failure


def weather(city: str) -> str:
    """The weather in a city."""
    return f"sunny in {city}"


@dataclass
class Runner:
    """Runs agents against the upstream, streaming or not."""

    upstream: ByteServer
    streaming: bool
    model: OpenAIChat

    def script(self, *answers: Answer) -> None:
        self.upstream.script(*answers)

    def answer(self, end: Any = "stop") -> Answer:
        return streamed(end) if self.streaming else whole(end=end)

    async def run(
        self,
        *,
        own: Upstream | None = None,
        rounds: int | None = None,
        prepare: Callable[[TrackedModel], None] = lambda _: None,
        **agent: Any,
    ) -> Run:
        sink = Sink()
        tracked = TrackedModel(self.model, sink=sink, upstream=own, max_rounds=rounds)
        prepare(tracked)
        run = Run(tracked, sink)
        agno = Agent(model=tracked.model, telemetry=False, tools=[weather], **agent)
        if self.streaming:
            events: AsyncIterator[Any] = agno.arun("hi", stream=True, stream_events=True)
            async for event in events:
                run.events.append(event)
                if event.event == "RunCompleted":
                    run.content = event.content
        else:
            output = await agno.arun("hi")
            run.content = output.content if output.status.value == "COMPLETED" else None
        return run


@pytest.fixture
async def model(upstream: ByteServer) -> AsyncIterator[OpenAIChat]:
    async with AsyncOpenAI(api_key=KEY, base_url=f"{upstream.url}/v1", max_retries=0) as client:
        yield OpenAIChat(id="m", api_key=KEY, base_url=f"{upstream.url}/v1", async_client=client)


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def runner(request: Any, upstream: ByteServer, model: OpenAIChat) -> Runner:
    return Runner(upstream, request.param, model)


@pytest.fixture
def stream(upstream: ByteServer, model: OpenAIChat) -> Runner:
    return Runner(upstream, True, model)


@pytest.mark.parametrize(
    ("word", "reason"),
    [("stop", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter")],
)
async def test_a_finish_reason_is_agnos(runner: Runner, word: str, reason: str) -> None:
    """The finish reason is the provider's, in our words; the usage is that of the wire."""
    runner.script(runner.answer(word))
    run = await runner.run()
    assert ("one two three", reason) == (run.content, run.tracked.finish_reason)
    assert Usage(10, 3, 13) == run.tracked.usage
    assert (True, 0) == (run.tracked.spoke, run.tracked.uncounted)
    assert ("one two three" if runner.streaming else "") == run.sink.text


@pytest.mark.parametrize("word", ["error", "insufficient_system_resource", "what_nobody_knows"])
async def test_a_failure_is_sold_as_stop(runner: Runner, word: str) -> None:
    """A finish reason that is a failure, or that nobody knows, fails the run."""
    runner.script(runner.answer(word))
    run = await runner.run()
    assert run.content is None
    assert "model_bad_response" == run.failure.code
    assert word in run.failure.message


async def test_a_cut_is_a_complete_answer(stream: Runner) -> None:
    """A stream without an end is `upstream_cut`, whether its body ends or breaks off."""
    for answer in (streamed(None, b""), Answer(streams.words(end=None, done=b""), then="cut")):
        stream.script(answer)
        run = await stream.run()
        assert "upstream_cut" == run.failure.code
        assert "one two three" == run.sink.text


async def test_a_whole_answer_without_end_is_complete(upstream: ByteServer, model: Any) -> None:
    """A whole answer that breaks off fails."""
    runner = Runner(upstream, False, model)
    runner.script(Answer(whole().body[:-20], content_type="application/json"))
    run = await runner.run()
    assert run.content is None
    assert "model_bad_response" == run.failure.code


@pytest.mark.parametrize("status", [408, 409, 424, 425, 429, 500, 502, 503, 504, 529])
async def test_a_failure_is_not_retried(runner: Runner, status: int) -> None:
    """What passes by itself is retried before the first token, streaming or not."""
    runner.script(refused(status), runner.answer())
    run = await runner.run(own=Upstream("m", retries=1))
    assert ("one two three", 2) == (run.content, len(runner.upstream.requests))
    assert run.tracked.failure is None


async def test_an_error_frame_is_not_retried(stream: Runner) -> None:
    """A status in the first frame of a stream counts like that status."""
    frame = streams.data({"error": {"message": "try later", "code": 503}})
    stream.script(Answer(frame), streamed())
    run = await stream.run(own=Upstream("m", retries=1))
    assert ("one two three", 2) == (run.content, len(stream.upstream.requests))


@pytest.mark.parametrize("status", [400, 401, 404, 413, 422])
async def test_a_refusal_is_retried(runner: Runner, status: int) -> None:
    """What would fail again is not retried."""
    runner.script(refused(status))
    run = await runner.run(own=Upstream("m", retries=2))
    assert (None, 1) == (run.content, len(runner.upstream.requests))


async def test_a_first_token_is_followed_by_a_retry(stream: Runner) -> None:
    """After the first token nothing is retried, and no text comes twice."""
    stream.script(Answer(streams.chunk({"content": "one"}), then="cut"), streamed())
    run = await stream.run(own=Upstream("m", retries=2))
    assert ("one", 1) == (run.sink.text, len(stream.upstream.requests))


async def test_retry_after_is_lost(runner: Runner) -> None:
    """A `Retry-After` that is longer than retries may wait is reported, with its seconds."""
    runner.script(refused(429, **{"Retry-After": "8"}))
    run = await runner.run(own=Upstream("m", retries=2, max_wait=2))
    assert ("model_rate_limited", 8.0) == (run.failure.code, run.failure.retry_after)
    assert 1 == len(runner.upstream.requests)


async def test_a_key_is_shown(runner: Runner) -> None:
    """The key that a provider repeats in its message does not come out."""
    runner.script(refused(400, f"bad key {KEY}"))
    run = await runner.run()
    assert KEY not in run.failure.message
    assert "[redacted]" in run.failure.message


async def test_a_key_within_a_stream_is_shown(stream: Runner) -> None:
    """Nor that of an error within a stream."""
    stream.script(Answer(streams.data({"error": f"bad key {KEY}"})))
    run = await stream.run()
    assert "bad key [redacted]" in run.failure.message


class Tracing:
    """Makes spans of numbers."""

    def __init__(self) -> None:
        self.ended: list[tuple[int, str | None]] = []

    def upstream(self, model: str, provider: str) -> int:
        return len(self.ended) + 1

    def headers(self, span: int) -> Mapping[str, str]:
        return {"traceparent": f"00-{span}"}

    def end(self, span: int, failure: RunFailed | None) -> None:
        self.ended.append((span, failure.code if failure else None))


async def test_a_request_has_no_trace(runner: Runner) -> None:
    """Each request carries the trace context, and its span ends with its failure."""
    tracing = Tracing()
    own = Upstream("m", tracing=tracing)
    runner.script(runner.answer(), refused(500))
    await runner.run(own=own)
    await runner.run(own=own)
    assert [(1, None), (2, "model_unavailable")] == tracing.ended
    assert ["00-1", "00-2"] == [r.headers["traceparent"] for r in runner.upstream.requests]


async def test_a_circuit_does_not_open(runner: Runner) -> None:
    """Failures in a row open the circuit; then no request is sent."""
    own = Upstream("m", failures=2, seconds=60)
    runner.script(refused(500), refused(500))
    for _ in range(2):
        await runner.run(own=own)
    run = await runner.run(own=own)
    assert ("model_unavailable", 2) == (run.failure.code, len(runner.upstream.requests))


async def test_a_fallback_does_not_take_over(runner: Runner) -> None:
    """The fallback answers a run whose model fails before its first token."""
    sink = Sink()
    names: list[str] = []

    def with_fallback(tracked: TrackedModel) -> None:
        spare = OpenAIChat(id="spare", async_client=runner.model.async_client)
        tracked.fallback = TrackedModel(spare, sink=sink)
        tracked.on_fallback = names.append

    runner.script(refused(500), runner.answer("length"))
    run = await runner.run(prepare=with_fallback)
    assert ("one two three", "length") == (run.content, run.tracked.answering.finish_reason)
    assert (["spare"], "") == (names, run.sink.text)
    assert ["m", "spare"] == [request.body["model"] for request in runner.upstream.requests]


async def test_a_fallback_takes_over_in_mid_answer(stream: Runner) -> None:
    """After the first token of a run, in a later round too, no other model begins again."""

    def with_fallback(tracked: TrackedModel) -> None:
        spare = OpenAIChat(id="spare", async_client=stream.model.async_client)
        tracked.fallback = TrackedModel(spare)

    stream.script(called(CALL, content="I look. "), refused(500), streamed())
    run = await stream.run(prepare=with_fallback)
    assert "model_unavailable" == run.failure.code
    assert ["m", "m"] == [request.body["model"] for request in stream.upstream.requests]


async def test_usage_of_rounds_is_not_summed(stream: Runner) -> None:
    """The usage of a run is the sum over its requests."""
    stream.script(called(CALL), streamed())
    run = await stream.run()
    assert "one two three" == run.content
    assert Usage(20, 6, 26) == run.tracked.usage
    assert "sunny in Paris" in json.dumps(stream.upstream.requests[1].body)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("reasoning_content", "I must look. "),
        ("reasoning_details", [{"type": "reasoning.text", "text": "hm", "index": 0}]),
    ],
)
async def test_reasoning_does_not_go_back(stream: Runner, field: str, value: Any) -> None:
    """What came with calls is in the history of the run's next request, and of the one after."""
    second = {**CALL, "id": "c2"}
    stream.script(called(CALL, **{field: value}), called(second), streamed())
    await stream.run()
    for request in stream.upstream.requests[1:]:
        assert value == next(m for m in request.body["messages"] if m.get("tool_calls"))[field]


async def test_a_signature_does_not_go_back(stream: Runner) -> None:
    """What came with one call goes back with that call."""
    extra = {"google": {"thought_signature": "SIG=="}}
    other = {**CALL, "index": 1, "id": "c2"}
    stream.script(called({**CALL, "extra_content": extra}, other), streamed())
    await stream.run()
    messages = stream.upstream.requests[1].body["messages"]
    calls = next(m for m in messages if m.get("tool_calls"))["tool_calls"]
    assert [extra, None] == [call.get("extra_content") for call in calls]


UNKNOWN = {"index": 0, "id": "c1", "function": {"name": "nobody", "arguments": "{}"}}


async def test_a_call_of_an_unknown_tool_goes_on_for_ever(stream: Runner) -> None:
    """A model that calls a tool that nobody has is stopped by the bound of rounds, and each of
    its calls is reported."""
    calls: list[Any] = []

    def listening(tracked: TrackedModel) -> None:
        tracked.on_unknown_call = calls.append

    stream.upstream.default = called(UNKNOWN)
    stream.script()
    run = await stream.run(rounds=4, prepare=listening)
    assert "too_many_rounds" == run.failure.code
    assert (4, ["nobody"] * 4) == (
        len(stream.upstream.requests),
        [call["function"]["name"] for call in calls],
    )


async def test_answers_that_alternate_go_on_for_ever(stream: Runner) -> None:
    """A model that calls one tool and then another, again and again, is stopped, too."""
    other = {**UNKNOWN, "id": "c2"}
    stream.script(*[called(CALL), called(other)] * 5)
    run = await stream.run(rounds=6)
    assert ("too_many_rounds", 6) == (run.failure.code, len(stream.upstream.requests))
    assert 3 == len(run.named("ToolCallStarted"))


async def test_a_round_is_no_sign_of_life(stream: Runner) -> None:
    """Each further round restarts the clocks of the run."""
    alive = 0

    def on_alive() -> None:
        nonlocal alive
        alive += 1

    def listening(tracked: TrackedModel) -> None:
        tracked.on_alive = on_alive

    stream.script(called(UNKNOWN), called(UNKNOWN), streamed())
    await stream.run(prepare=listening)
    assert alive > 2


async def test_a_memory_manager_is_a_part_of_the_run(stream: Runner) -> None:
    """The requests of a memory manager, which has a copy of the run's model, feed no sink and
    change neither the ending, nor the usage, nor the rounds."""
    stream.upstream.default = whole("I remember nothing.", "length")
    stream.script(streamed())
    run = await stream.run(
        rounds=1, db=in_memory(), memory_manager=MemoryManager(), update_memory_on_run=True
    )
    assert ("one two three", "one two three") == (run.content, run.sink.text)
    assert ("stop", Usage(10, 3, 13)) == (run.tracked.finish_reason, run.tracked.usage)
    memory = [
        request.body for request in stream.upstream.requests if not request.body.get("stream")
    ]
    assert ["m"] == [body["model"] for body in memory]


async def test_a_memory_manager_that_fails_fails_the_run(stream: Runner) -> None:
    """A run whose memory manager fails is complete."""
    stream.upstream.default = refused(500)
    stream.script(streamed())
    run = await stream.run(
        db=in_memory(), memory_manager=MemoryManager(), update_memory_on_run=True
    )
    assert ("one two three", "stop") == (run.content, run.tracked.finish_reason)
    assert run.tracked.failure is None


async def test_a_summary_is_a_part_of_the_run(stream: Runner) -> None:
    """Nor do the requests of a summary manager, which has the run's own model."""
    stream.upstream.default = whole('{"summary": "hi", "topics": []}', "stop")
    stream.script(streamed("length"))
    run = await stream.run(rounds=1, db=in_memory(), enable_session_summaries=True)
    assert ("one two three", "one two three") == (run.content, run.sink.text)
    assert ("length", Usage(10, 3, 13)) == (run.tracked.finish_reason, run.tracked.usage)
    assert 2 == len(stream.upstream.requests)


async def test_a_summary_that_fails_fails_the_run(stream: Runner) -> None:
    """A run whose summary fails is complete."""
    stream.upstream.default = refused(500)
    stream.script(streamed())
    run = await stream.run(db=in_memory(), enable_session_summaries=True)
    assert ("one two three", "stop", None) == (
        run.content,
        run.tracked.finish_reason,
        run.tracked.failure,
    )


def in_memory() -> InMemoryDb:
    return InMemoryDb()  # type: ignore[no-untyped-call]  # Agno's


class City(BaseModel):
    """What an agent with a schema answers."""

    name: str


async def test_an_output_schema_is_not_held(runner: Runner) -> None:
    """An agent with an output schema answers by it, and its ending is true."""
    text = '{"name": "Paris"}'
    runner.script(whole(text))  # Agno does not stream the answers of such agents
    run = await runner.run(output_schema=City)
    assert (City(name="Paris"), "stop") == (run.content, run.tracked.finish_reason)
    assert "City" in json.dumps(runner.upstream.requests[0].body["response_format"])


async def test_an_upstream_that_stays_open_blocks_a_run(stream: Runner) -> None:
    """An answer that is over ends within the grace, though its connection stays open."""
    stream.script(Answer(streams.words(done=b""), then="pings"))
    async with asyncio.timeout(10):
        run = await stream.run()
    assert ("one two three", "stop") == (run.content, run.tracked.finish_reason)


async def test_a_question_that_is_never_sent_counts(runner: Runner) -> None:
    """An exception before the request has left is not the provider's, and opens no circuit."""
    own = Upstream("m", failures=2, seconds=60)
    runner.model.temperature = float("inf")
    for _ in range(3):
        run = await runner.run(own=own)
        assert "agent_failed" == run.failure.code
    assert not own.circuit.open
    assert [] == runner.upstream.requests


async def test_an_exception_of_agnos_is_the_providers(runner: Runner) -> None:
    """What goes wrong in Agno's reading of a good answer is `agent_failed`."""
    own = Upstream("m", failures=2, seconds=60)

    class Broken(OpenAIChat):
        def _parse_provider_response(self, *_: Any, **__: Any) -> Any:
            raise LookupError("a bug")

        _parse_provider_response_delta = _parse_provider_response

    runner.model = Broken(id="m", async_client=runner.model.async_client)
    runner.script(*[runner.answer()] * 3)
    for _ in range(3):
        run = await runner.run(own=own)
        assert "agent_failed" == run.failure.code
    assert not own.circuit.open
