"""What users pay: CPU per whole answer, delays of single tokens, bursts, and how many at once.

Each measure takes a server of its own, as those of `benchmarks.measures`, and asks for whole
answers: the request, the conversation that is stored and the ending are in the figure.

See docs/decisions/049-a-claim-of-speed-is-a-ratio.md.
"""

import asyncio
from functools import partial

from benchmarks.load import Stream, answer, ask, begun, close, open_paced
from benchmarks.measures import RATE, Run, cpu, quantile
from benchmarks.peers import DIRECT, Peer

LENGTHS = (150, 500)  # tokens of an answer that a person reads
AT_ONCE = 50  # paced answers at the same time
FLAT = (150, 300, 500)
BURSTS = (50, 200)
STEP = 50  # streams added at a time, until tokens are late
ON_TIME = 0.99  # of the tokens due in the window
PUNCTUAL = 0.25  # seconds that one token in a hundred may be late


async def whole(run: Run, peer: Peer, _: int) -> None:
    """CPU per whole answer: short and ordinary ones, flat out and paced."""
    run.say(f"{peer.name}: whole answers")
    plan = run.plan
    with run.server(peer) as server:
        for _ in range(5):
            await answer(peer, server.port, 150)

        async def flat(tokens: int) -> None:
            for _ in range(plan.requests):
                await answer(peer, server.port, tokens)

        for tokens in FLAT:
            spent = await cpu(server, partial(flat, tokens))
            run.note(peer, f"answer_{tokens}_flat", spent / plan.requests * 1e3)

        async def paced(tokens: int) -> None:
            streams = []
            for _ in range(AT_ONCE):  # evenly over the time of one answer: users start apart
                streams.append(await ask(peer, server.port, f"tokens={tokens} rate={RATE}"))
                await asyncio.sleep(tokens / RATE / AT_ONCE)
            await _read(streams, tokens)

        for tokens in LENGTHS:
            spent = await cpu(server, partial(paced, tokens))
            run.note(peer, f"answer_{tokens}", spent / AT_ONCE * 1e3)


async def burst(run: Run, peer: Peer, _: int) -> None:
    """Time to the first token of requests that come all at once, less the upstream's own."""
    run.say(f"{peer.name}: bursts")
    with run.server(peer) as server:
        for _ in range(5):
            await answer(peer, server.port, 20)
        for count in BURSTS:
            theirs = await _burst(DIRECT, run.upstream, count)
            found = await _burst(peer, server.port, count)
            if len(found) < count:
                run.remark(f"{peer.name}: of {count} requests at once {len(found)} were answered")
                continue
            for name, part in (("p50", 0.5), ("p99", 0.99)):
                added = quantile(found, part) - quantile(theirs, part)
                run.note(peer, f"burst_{count}_{name}_ms", added * 1e3)


async def sustained(run: Run, peer: Peer, _: int) -> None:
    """The number of paced streams whose tokens are all on time, and the delays of 50 of them."""
    run.say(f"{peer.name}: how many streams on time")
    best, streams = 0, list[Stream]()
    direct = await _delays(DIRECT, run.upstream, run.plan.window)
    with run.server(peer) as server:
        await answer(peer, server.port, 20)
        while best < run.plan.most_streams:
            streams += await open_paced(peer, server.port, STEP, 6000, RATE)
            if len(streams) < best + STEP:
                break
            await asyncio.sleep(run.plan.settle)
            kept, delays = await _window(streams, run.plan.window)
            if not best:
                for name, part in (("p50", 0.5), ("p99", 0.99)):
                    added = quantile(delays, part) - quantile(direct, part)
                    run.note(peer, f"token_{name}_us", added * 1e6)
            if kept < ON_TIME or quantile(delays, 0.99) > PUNCTUAL:
                break
            best += STEP
        close(streams)
    run.note(peer, "sustained", best)


async def _delays(peer: Peer, port: int, seconds: float) -> list[float]:
    streams = await open_paced(peer, port, STEP, 6000, RATE)
    _, delays = await _window(streams, seconds)
    close(streams)
    return delays


async def _window(streams: list[Stream], seconds: float) -> tuple[float, list[float]]:
    """The part of the due tokens that came, and how late each was, sorted, in seconds.

    The upstream sends token `n` of a stream at `n / RATE` after its first; the token of a stream
    that waited least has a delay of 0.
    """
    for stream in streams:
        stream.arrivals, stream.timing = [], True
    before = sum(stream.tokens for stream in streams)
    await asyncio.sleep(seconds)
    came = sum(stream.tokens for stream in streams) - before
    delays = []
    for stream in streams:
        stream.timing = False
        late = [at - number / RATE for number, at in stream.arrivals]
        delays += [one - min(late) for one in late]
    return came / (len(streams) * RATE * seconds), sorted(delays)


async def _burst(peer: Peer, port: int, count: int) -> list[float]:
    streams = await asyncio.gather(*[ask(peer, port, "tokens=20") for _ in range(count)])
    found = [stream.first.result() for stream in await begun(list(streams))]
    await asyncio.sleep(0.5)
    close(list(streams))
    return sorted(found)


async def _read(streams: list[Stream], tokens: int) -> None:
    """Read whole answers; raises RuntimeError if one lost a token."""
    async with asyncio.timeout(300):
        await asyncio.gather(*[stream.ended for stream in streams])
    for stream in streams:
        stream.check(tokens)
