"""The checks of the way of a stream: buffering, compression, framing, limits.

See docs/decisions/046-buffering-is-measured-by-a-second-connection.md.
"""

import asyncio
from itertools import pairwise
from statistics import median

import httpx2

from agno_stream.doctor.errors import CheckFailed
from agno_stream.doctor.findings import Finding, Level
from agno_stream.doctor.timeline import Timeline, held_back
from agno_stream.doctor.wire import Fields, Wire, events_path, wait_until

PACED_PROMPT = "Count from 1 to 150, with a comma after each number, and say nothing else."
WATCH_SECONDS = 15.0  # for which an answer is watched
SHORTEST_ANSWER = 0.5  # seconds; a shorter answer proves nothing
FAILED_LAG, WARNING_LAG = 0.5, 0.2  # seconds that an event may be held back on its way
STREAMS_AT_ONCE = 8  # more than the six of a browser
REPLAYED_EVENTS = 25


class Paced:
    """The checks that share one answer whose tokens come at an even pace."""

    def __init__(self) -> None:
        self.run_id = ""
        self.timeline = Timeline()

    async def tokens(self, wire: Wire) -> Finding:
        """Check that tokens arrive as soon as the server has them.

        While the stream is read, another connection polls the state of the run: an event that the
        server has and the reader has not is held back on its way.
        """
        self.run_id = await wire.start_run(PACED_PROMPT)
        available: list[tuple[float, int]] = []
        async with wire.reading(events_path(self.run_id)) as self.timeline:
            polling = asyncio.create_task(wire.poll(self.run_id, available))
            complete = await wait_until(lambda: self.timeline.ended is not None, WATCH_SECONDS)
            polling.cancel()
            await asyncio.wait([polling])
        if not complete:
            await wire.cancel_all(self.run_id)
        return await self._verdict(wire, available, complete=complete)

    async def _verdict(
        self, wire: Wire, available: list[tuple[float, int]], *, complete: bool
    ) -> Finding:
        timeline = self.timeline
        run = await wire.run(self.run_id)
        if run.error and run.finish_reason != "cancelled":
            message = f"The answer failed: {run.error}"
            return Finding("tokens", "failed", message, "See the server's log.")
        lag = held_back(timeline, available)
        reads, sizes = len(timeline.reads), sorted(size for _, size in timeline.reads)
        gaps = [b - a for (a, _), (b, _) in pairwise(timeline.reads)]
        facts = {
            "events": len(timeline.events),
            "reads": reads,
            "bytes_per_read": median(sizes) if sizes else 0,
            "gap_median": round(median(gaps), 4) if gaps else None,
            "gap_longest": round(max(gaps), 3) if gaps else None,
            "held_back": round(lag, 3),
            "lasted": run.lasted,
        }
        if complete and not timeline.done:
            message = f"The stream broke off after {len(timeline.events)} events."
            return Finding("tokens", "failed", message, wire.proxy.mend("idle"), facts)
        burst = len(timeline.events) / max(1, reads)
        if lag > WARNING_LAG:
            level: Level = "failed" if lag > FAILED_LAG else "warning"
            message = (
                f"Tokens come in bursts: some were held back for {lag:.1f} s on the way "
                f"({len(timeline.events)} events in {reads} reads)."
            )
            return Finding("tokens", level, message, wire.proxy.mend("buffering"), facts)
        if run.lasted is not None and run.lasted < SHORTEST_ANSWER:
            message = f"The answer took {run.lasted:.2f} s: too short for a verdict."
            return Finding("tokens", "skipped", message, "Put `demo` into MODELS.", facts)
        if wire.model == "demo" and burst > 3:
            message = f"Tokens come {burst:.0f} at a time, but none is late by {WARNING_LAG:g} s."
            return Finding("tokens", "warning", message, wire.proxy.mend("buffering"), facts)
        gap = f", {median(gaps) * 1e3:.0f} ms apart" if gaps else ""
        message = (
            f"Tokens arrive without delay: {len(timeline.events)} events in {reads} reads{gap}."
        )
        return Finding("tokens", "ok", message, facts=facts)

    async def framing(self, wire: Wire) -> Finding:
        """Check that the end of a stream differs from a broken connection."""
        response = self.timeline.response
        if response is None:
            return Finding("framing", "skipped", "No stream came.")
        version = response.http_version
        chunked = "chunked" in response.headers.get("transfer-encoding", "")
        if version == "HTTP/1.0" or (version == "HTTP/1.1" and not chunked):
            message = (
                f"Streams come as in HTTP/1.0 ({version}, not chunked): an end looks like a cut."
            )
            return Finding("framing", "warning", message, wire.proxy.mend("framing"))
        incremental = response.headers.get("incremental") == "?1"
        facts = {"incremental": incremental}
        if not incremental:
            message = (
                f"Streams are framed by {version}, but their field `Incremental: ?1` is lost: "
                "nothing requests that proxies pass each token at once."
            )
            return Finding("framing", "warning", message, wire.proxy.mend("framing"), facts)
        return Finding("framing", "ok", f"Streams are framed by {version}.", facts=facts)

    async def compression(self, wire: Wire) -> Finding:
        """Check that no proxy compresses a stream, even for a client that accepts compression."""
        headers = {"Accept-Encoding": "gzip, deflate, br, zstd"}
        query: Fields = {
            "after": max(0, self.timeline.number - REPLAYED_EVENTS),
            "pace": "original",
        }
        reads = 0
        async with wire.stream(events_path(self.run_id), headers, query) as response:
            encoding = response.headers.get("content-encoding", "identity")
            async for _ in response.aiter_raw():
                reads += 1
        if encoding == "identity":
            return Finding("compression", "ok", "Streams are not compressed.")
        facts = {"encoding": encoding, "reads": reads}
        level: Level = "warning" if reads > 3 else "failed"
        harm = "which holds tokens back" if level == "failed" else "without delay so far"
        message = f"Streams are compressed ({encoding}), {harm}."
        return Finding("compression", level, message, wire.proxy.mend("compression"), facts)

    async def connections(self, wire: Wire) -> Finding:
        """Check that more streams can be open at the same time than a browser opens."""
        query: Fields = {
            "after": max(0, self.timeline.number - REPLAYED_EVENTS * 4),
            "pace": "original",
        }
        opened = 0

        async def open_one() -> str:
            nonlocal opened
            try:
                async with wire.reading(events_path(self.run_id), query=query) as timeline:
                    if not await wait_until(lambda: bool(timeline.events), wire.plan.patience):
                        return "no answer"
                    opened += 1
                    # Wait for the others, so that all streams are open at the same time.
                    await wait_until(lambda: opened == STREAMS_AT_ONCE, 1)
                    return ""
            except (CheckFailed, httpx2.HTTPError) as error:
                return str(error) or type(error).__name__

        results = await asyncio.gather(*[open_one() for _ in range(STREAMS_AT_ONCE)])
        failures = [result for result in results if result]
        if failures:
            message = (
                f"Of {STREAMS_AT_ONCE} streams at once {len(failures)} did not open: {failures[0]}."
            )
            mend = wire.proxy.mend("connections")
            return Finding(
                "connections", "failed", message, mend, {"opened": STREAMS_AT_ONCE - len(failures)}
            )
        return Finding("connections", "ok", f"{STREAMS_AT_ONCE} streams are open at once.")
