"""The checks of what a stream meets on its way: buffers, compression, framing, limits."""

import asyncio
from itertools import pairwise
from statistics import median

import httpx2

from agno_stream.doctor.findings import Finding, Level
from agno_stream.doctor.wire import Timeline, Trouble, Wire, Words, events, until

PACED = "Count from 1 to 150, with a comma after each number, and say nothing else."
LONGEST = 15.0  # seconds of an answer that are watched
SHORTEST = 0.5  # seconds of an answer that tell anything
HELD, LATE = 0.5, 0.2  # seconds that an event may be held back: it fails, or is worth a warning
CROWD = 8  # streams at once: more than a browser's six
TAIL = 25  # events of a replay


class Paced:
    """One paced answer, which several checks look at: its stream, and the server's own view."""

    def __init__(self) -> None:
        self.run_id = ""
        self.line = Timeline()
        self.lag = 0.0

    async def tokens(self, wire: Wire) -> Finding:
        """Tokens arrive when they are said.

        While the stream is read, the run is looked at on a connection of its own: an event that
        the server has and the reader has not is being held back on the way.
        """
        self.run_id = await wire.begin(PACED)
        told: list[tuple[float, int]] = []
        async with wire.reading(events(self.run_id)) as self.line:
            polling = asyncio.create_task(wire.polls(self.run_id, told))
            whole = await until(lambda: self.line.ended is not None, LONGEST)
            polling.cancel()
            await asyncio.wait([polling])
        if not whole:
            await wire.give_up(self.run_id)
        return await self._verdict(wire, told, whole=whole)

    async def _verdict(self, wire: Wire, told: list[tuple[float, int]], *, whole: bool) -> Finding:
        line = self.line
        run = await wire.run(self.run_id)
        if run.error and run.finish_reason != "cancelled":
            said = f"The answer failed: {run.error}"
            return Finding("tokens", "failed", said, "The server's log says more.")
        self.lag = lag = held_back(line, told)
        reads, sizes = len(line.reads), sorted(size for _, size in line.reads)
        gaps = [b - a for (a, _), (b, _) in pairwise(line.reads)]
        facts = {
            "events": len(line.events),
            "reads": reads,
            "bytes_per_read": median(sizes) if sizes else 0,
            "gap_median": round(median(gaps), 4) if gaps else None,
            "gap_longest": round(max(gaps), 3) if gaps else None,
            "held_back": round(lag, 3),
            "lasted": run.lasted,
        }
        if whole and not line.done:
            said = f"The stream broke off after {len(line.events)} events."
            return Finding("tokens", "failed", said, wire.proxy.mend("idle"), facts)
        burst = len(line.events) / max(1, reads)
        if lag > LATE:
            level: Level = "failed" if lag > HELD else "warning"
            said = (
                f"Tokens come in bursts: some were held back for {lag:.1f} s on the way "
                f"({len(line.events)} events in {reads} reads)."
            )
            return Finding("tokens", level, said, wire.proxy.mend("buffering"), facts)
        if run.lasted is not None and run.lasted < SHORTEST:
            said = f"The answer took {run.lasted:.2f} s: too short to tell."
            return Finding("tokens", "skipped", said, "Put `demo` into MODELS.", facts)
        if wire.model == "demo" and burst > 3:
            said = f"Tokens come {burst:.0f} at a time, though none is late by {LATE:g} s."
            return Finding("tokens", "warning", said, wire.proxy.mend("buffering"), facts)
        gap = f", {median(gaps) * 1e3:.0f} ms apart" if gaps else ""
        said = f"Tokens come as they are said: {len(line.events)} events in {reads} reads{gap}."
        return Finding("tokens", "ok", said, facts=facts)

    async def framing(self, wire: Wire) -> Finding:
        """The end of a stream can be told from a cut."""
        response = self.line.response
        if response is None:
            return Finding("framing", "skipped", "No stream came.")
        version = response.http_version
        chunked = "chunked" in response.headers.get("transfer-encoding", "")
        if version == "HTTP/1.0" or (version == "HTTP/1.1" and not chunked):
            said = f"Streams come as in HTTP/1.0 ({version}, not chunked): an end looks like a cut."
            return Finding("framing", "warning", said, wire.proxy.mend("framing"))
        return Finding("framing", "ok", f"Streams are framed as {version} wants it.")

    async def compression(self, wire: Wire) -> Finding:
        """A stream is not compressed, even for a client that could read it."""
        headers = {"Accept-Encoding": "gzip, deflate, br, zstd"}
        query: Words = {"after": max(0, self.line.number - TAIL), "pace": "original"}
        reads = 0
        async with wire.stream(events(self.run_id), headers, query) as response:
            encoding = response.headers.get("content-encoding", "identity")
            async for _ in response.aiter_raw():
                reads += 1
        if encoding == "identity":
            return Finding("compression", "ok", "Streams are not compressed.")
        facts = {"encoding": encoding, "reads": reads}
        level: Level = "warning" if reads > 3 else "failed"
        harm = "which holds tokens back" if level == "failed" else "for now without delay"
        said = f"Streams are compressed ({encoding}), {harm}."
        return Finding("compression", level, said, wire.proxy.mend("compression"), facts)

    async def connections(self, wire: Wire) -> Finding:
        """More streams at once than a browser opens."""
        query: Words = {"after": max(0, self.line.number - TAIL * 4), "pace": "original"}
        opened = 0

        async def one() -> str:
            nonlocal opened
            try:
                async with wire.reading(events(self.run_id), query=query) as line:
                    if not await until(lambda: bool(line.events), wire.plan.patience):
                        return "no answer"
                    opened += 1
                    await until(lambda: opened == CROWD, 1)  # all of them at the same time
                    return ""
            except (Trouble, httpx2.HTTPError) as error:
                return str(error) or type(error).__name__

        failures = [told for told in await asyncio.gather(*[one() for _ in range(CROWD)]) if told]
        if failures:
            said = f"Of {CROWD} streams at once {len(failures)} did not open: {failures[0]}."
            mend = wire.proxy.mend("connections")
            return Finding("connections", "failed", said, mend, {"opened": CROWD - len(failures)})
        return Finding("connections", "ok", f"{CROWD} streams are open at once.")


def held_back(line: Timeline, told: list[tuple[float, int]]) -> float:
    """How long events were on the way, in seconds, after the server said that it has them.

    0 or less where none was late. Of many looks it is the third longest time: a machine that is
    late to wake up, here or there, spoils one or two. What never came was late until the end.
    """
    end = line.ended if line.ended is not None else line.reads[-1][0] if line.reads else line.asked
    arrived = {number: at for at, number in line.events}
    late = sorted((arrived.get(number, end) - at for at, number in told), reverse=True)
    return late[2 if len(late) > 5 else 0] if late else 0.0
