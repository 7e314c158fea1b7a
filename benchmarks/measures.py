"""What is measured of one server: each measure starts it, loads it, and yields figures.

Nothing is subtracted but the upstream's own time to first token. A figure of one round is one
number; `benchmarks.figures` says what each means.

See docs/decisions/049-a-claim-of-speed-is-a-ratio.md.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from benchmarks.load import PATIENCE, Stream, answer, ask, begun, close, open_paced, open_silent
from benchmarks.peers import DIRECT, Peer
from benchmarks.processes import Server

RATE = 50  # tokens a second of a paced stream
FAST = 100  # µs a token; a quick run requests no long answers of slower servers


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a run may take."""

    rounds: int = 3
    answers: int = 10  # of 2,000 tokens
    longest: int = 1  # rounds that include an answer of 200,000 tokens
    slow_lengths: bool = True  # measure long answers of servers that take long, too
    requests: int = 50
    settle: float = 2.0  # seconds between the opening of paced streams and their window
    window: float = 10.0  # seconds
    probes: int = 100
    silent: int = 500
    most_streams: int = 400  # where the search for how many are on time ends


QUICK = Plan(
    rounds=1,
    answers=2,
    slow_lengths=False,
    requests=20,
    settle=0.8,
    window=2.0,
    probes=20,
    silent=250,
    most_streams=100,
)


@dataclass(slots=True)
class Run:
    """One run: its arguments, and its figures by peer and name, one for each round."""

    plan: Plan
    upstream: int  # its port
    say: Callable[[str], None]  # shows progress
    figures: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    direct: list[list[float]] = field(default_factory=list)  # sorted times to first token
    remarks: list[str] = field(default_factory=list)  # what a server could not do

    def note(self, peer: Peer, name: str, value: float) -> None:
        self.figures.setdefault(peer.name, {}).setdefault(name, []).append(value)

    def remark(self, text: str) -> None:
        self.say(text)
        self.remarks.append(text)

    def server(self, peer: Peer) -> Server:
        return Server(peer, f"http://127.0.0.1:{self.upstream}/v1")


async def start(run: Run, peer: Peer, _: int) -> None:
    """Start-up time, memory at rest, and memory per open stream."""
    run.say(f"{peer.name}: start, and {run.plan.silent} silent streams")
    with run.server(peer) as server:
        await _rested(run, peer, server)
        for _ in range(20):
            await answer(peer, server.port, 20)
        await asyncio.sleep(0.5)
        before = server.rss()
        streams = await open_silent(peer, server.port, run.plan.silent)
        _require_begun(run, peer, streams, run.plan.silent, "silent")
        await asyncio.sleep(1)
        run.note(peer, "stream_kb", (server.rss() - before) / len(streams) / 1024)


async def work(run: Run, peer: Peer, round_number: int) -> None:
    """CPU per token flat out, in long answers and paced; per request; delays."""
    run.say(f"{peer.name}: start, and flat out")
    with run.server(peer) as server:
        await _rested(run, peer, server)
        await answer(peer, server.port, 2000)

        async def flat(name: str, tokens: int, answers: int) -> None:
            cost = await cpu(server, lambda: _answers(peer, server, tokens, answers))
            run.note(peer, name, cost / tokens / answers * 1e6)

        await flat("flat", 2000, run.plan.answers)
        if run.plan.slow_lengths or run.figures[peer.name]["flat"][-1] < FAST:
            run.say(f"{peer.name}: long answers")
            await flat("length_20k", 20_000, 1)
            if round_number < run.plan.longest:
                await flat("length_200k", 200_000, 1)
        cost = await cpu(server, lambda: _answers(peer, server, 1, run.plan.requests))
        run.note(peer, "request_ms", cost / run.plan.requests * 1e3)
        await _paced(run, peer, server)


async def direct(run: Run) -> None:
    """Measure the upstream's own time to first token, under the same load as the peers'."""
    run.say("upstream: its own time to first token")
    streams = await open_paced(DIRECT, run.upstream, 50, 6000, RATE)
    run.direct.append(await _probe(DIRECT, run.upstream, run.plan.probes))
    close(streams)


async def hold(run: Run, peer: Peer, load: str, seconds: float) -> None:
    """Keep a load on one server for a profiler; `load` is "flat" or a number of paced streams."""
    with run.server(peer) as server:
        await answer(peer, server.port, 2000)
        run.say(f"{peer.name}: process {server.pid}, port {server.port}, for {seconds:g} s")
        until, spent, tokens = time.monotonic() + seconds, server.cpu(), 0
        streams: list[Stream] = []
        if load == "flat":
            while time.monotonic() < until:
                await answer(peer, server.port, 2000)
                tokens += 2000
        else:
            length = int((seconds + 60) * RATE)
            streams = await open_paced(peer, server.port, int(load), length, RATE)
            spent, tokens = server.cpu(), -sum(stream.tokens for stream in streams)
            await asyncio.sleep(max(1, until - time.monotonic()))
            tokens += sum(stream.tokens for stream in streams)
        cost = (server.cpu() - spent) / tokens * 1e6
        run.say(f"{peer.name}: {tokens} tokens, {cost:.1f} µs of CPU each")
        close(streams)


async def _rested(run: Run, peer: Peer, server: Server) -> None:
    run.note(peer, "start_s", server.start_seconds)
    await asyncio.sleep(0.5)
    run.note(peer, "rest_mb", server.rss() / 1e6)


async def cpu(server: Server, load: Callable[[], Awaitable[None]]) -> float:
    """Seconds of the server's CPU for a load, including its work right after the last answer."""
    before = server.cpu()
    await load()
    await asyncio.sleep(0.3)
    return server.cpu() - before


async def _answers(peer: Peer, server: Server, tokens: int, count: int) -> None:
    for _ in range(count):
        await answer(peer, server.port, tokens)


async def _paced(run: Run, peer: Peer, server: Server) -> None:
    """Open 1, then 50, then 200 streams, and measure each load while earlier streams continue."""
    streams: list[Stream] = []
    plan = run.plan
    for count in (1, 50, 200):
        run.say(f"{peer.name}: {count} paced streams")
        streams += await open_paced(peer, server.port, count - len(streams), 6000, RATE)
        _require_begun(run, peer, streams, count, "paced")
        await asyncio.sleep(plan.settle)
        for stream in streams:
            stream.gaps, stream.timing = [], True
        spent, began = server.cpu(), time.perf_counter()
        came = sum(stream.tokens for stream in streams)
        await asyncio.sleep(plan.window)
        spent, took = server.cpu() - spent, time.perf_counter() - began
        came = sum(stream.tokens for stream in streams) - came
        gaps = sorted(gap for stream in streams for gap in stream.gaps[1:])
        for stream in streams:
            stream.timing = False
        run.note(peer, f"paced_{count}", spent / came * 1e6)
        run.note(peer, f"kept_{count}", came / (count * RATE * took) * 100)
        if count == 50:
            run.note(peer, "gap_p99_ms", quantile(gaps, 0.99) * 1e3)
            first = await _probe(peer, server.port, plan.probes)
            if late := sum(seconds >= PATIENCE for seconds in first):
                run.remark(
                    f"{peer.name}: of {plan.probes} requests beside 50 paced streams {late} were "
                    f"not answered in {PATIENCE} s, and count as such"
                )
            for name, part in (("p50", 0.5), ("p99", 0.99)):
                added = quantile(first, part) - quantile(run.direct[-1], part)
                run.note(peer, f"first_{name}_ms", added * 1e3)
    close(streams)


async def _probe(peer: Peer, port: int, count: int) -> list[float]:
    """Sorted seconds to first token of short answers, ten a second; at most `PATIENCE`."""
    streams = []
    for _ in range(count):
        streams.append(await ask(peer, port, "tokens=1"))
        await asyncio.sleep(0.1)
    answered = [stream.first.result() for stream in await begun(streams)]
    late = [float(PATIENCE)] * (count - len(answered))
    return sorted(min(seconds, PATIENCE) for seconds in answered) + late


def _require_begun(run: Run, peer: Peer, streams: list[Stream], wanted: int, what: str) -> None:
    """Add a remark if not all streams have begun; raises RuntimeError if none has."""
    if len(streams) < wanted:
        run.remark(f"{peer.name}: of {wanted} {what} streams {len(streams)} began in {PATIENCE} s")
    if not streams:
        raise RuntimeError("no stream began")


def quantile(values: list[float], part: float) -> float:
    """Of sorted values, by the nearest rank."""
    return values[min(len(values) - 1, int(part * len(values)))]
