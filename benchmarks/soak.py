"""`make bench ARGS=--soak`: many paced streams for minutes; is any lost or cut, does memory grow.

Each of the streams is started again as soon as it has ended, so that connections, runs and
conversations come and go all the time. Every answer is compared with what the upstream sent.
"""
# ruff: noqa: T201 - it talks to its terminal

import asyncio
import json
import statistics
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any, cast

from benchmarks.measures import quantile
from benchmarks.peers import DIRECT, OURS
from benchmarks.processes import Server
from benchmarks.report import Table, machine, packages
from tests.provider_replies import numbered

STEP = 10.0  # seconds between two rows
GRACE = 30.0  # seconds that the last answers may be late
FLAT = 0.05  # of the memory in the middle third that the last third may have more
LISTENED = 10  # the pauses of one in so many streams are noted
FULL = 0.95  # of the streams are open while the load stands


@dataclass(frozen=True, slots=True)
class Load:
    """The load: concurrent streams, their duration, and the length of each answer in seconds."""

    streams: int = 500
    seconds: float = 300
    rate: float = 20  # tokens a second of each stream
    answer: float = 30

    @property
    def tokens(self) -> int:
        return max(1, round(self.answer * self.rate))


@dataclass(slots=True)
class Row:
    """The figures of one step of `STEP` seconds."""

    second: float
    open: int
    answers: int  # that have ended, all in all
    wrong: int  # of those
    tokens_a_second: float
    gap_p99_ms: float
    rss_mb: float
    upstream_rss_mb: float
    cpu: float  # of one core


@dataclass(slots=True)
class Tally:
    """The outcomes of all streams so far."""

    tokens: int = 0
    endings: Counter[str] = field(default_factory=Counter)  # "whole", or what was wrong
    gaps: list[float] = field(default_factory=list)
    open: int = 0


class Answer(asyncio.Protocol):
    """One request and its answer, which is checked while it streams.

    The server writes whole events into each chunk of HTTP's framing, so the lines of the events
    and those of the framing never mix.
    """

    def __init__(self, request: bytes, tally: Tally, *, listened: bool) -> None:
        self._request, self._tally, self._listened = request, tally, listened
        self._rest = b""
        self._text: list[str] = []
        self._number = 0
        self._order = True
        self._last = 0.0
        self._chunk: dict[str, Any] = {}
        self._status = ""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).write(self._request)  # uvloop's has no common base

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        if self._listened and self._last:
            self._tally.gaps.append(now - self._last)
        self._last = now
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line[:6] == b"data: ":
                self._chunk = json.loads(line[6:])
                if content := self._chunk["content"]:
                    self._text.append(content)
                    self._tally.tokens += 1
            elif line[:4] == b"id: ":
                number = int(line.rpartition(b":")[2])
                self._order &= number == self._number + 1
                self._number = number
            elif not self._status:
                self._status = line.decode(errors="replace").strip()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.ended.done():
            self.ended.set_result(None)

    def verdict(self, expected: str) -> str:
        """The outcome: "whole", or a few words on what is wrong with the answer."""
        if "200" not in self._status:
            return self._status or "no answer"
        if not self._chunk.get("done"):
            return "cut"
        if self._chunk.get("finish_reason") != "stop":
            return f"ended as {self._chunk.get('finish_reason')}"
        if not self._order:
            return "events out of order"
        return "whole" if "".join(self._text) == expected else "another text"


async def soak(load: Load) -> dict[str, Any]:
    """Keep the load up, print a row each step, and return the results, ready for JSON."""
    with Server(DIRECT) as upstream, Server(OURS, f"http://127.0.0.1:{upstream.port}/v1") as server:
        print(f"{load.streams} streams of {load.rate:g} tokens a second, {load.seconds:g} s")
        tally, rows = Tally(), list[Row]()
        until = time.monotonic() + load.seconds
        expected = "".join(numbered(load.tokens))
        streams = [
            asyncio.create_task(_stream(load, number, server.port, until, tally, expected))
            for number in range(load.streams)
        ]
        rest = server.rss() / 1e6
        watching = asyncio.create_task(_watch(server, upstream, tally, rows))
        try:
            async with asyncio.timeout(load.seconds + load.answer + GRACE):
                await asyncio.gather(*streams)
        except TimeoutError:
            tally.endings["no end"] += sum(not stream.done() for stream in streams)
        finally:
            watching.cancel()
            await asyncio.wait([watching])
        return _result(load, tally, rows, rest)


async def _stream(
    load: Load, number: int, port: int, until: float, tally: Tally, expected: str
) -> None:
    """Read one answer after the other until the time is over; the streams start one by one."""
    await asyncio.sleep(number / load.streams * min(load.answer, load.seconds / 3))
    request = OURS.request(f"tokens={load.tokens} rate={load.rate:g}")
    loop = asyncio.get_running_loop()
    while time.monotonic() < until:
        answer = Answer(request, tally, listened=number % LISTENED == 0)
        tally.open += 1
        try:
            await loop.create_connection(lambda one=answer: one, "127.0.0.1", port)  # type: ignore[misc]  # B023 wants it bound
            await answer.ended
            tally.endings[answer.verdict(expected)] += 1
        except OSError as error:
            tally.endings[type(error).__name__] += 1
            await asyncio.sleep(1)
        finally:
            tally.open -= 1


async def _watch(server: Server, upstream: Server, tally: Tally, rows: list[Row]) -> None:
    """A row each step."""
    began = time.monotonic()
    print(_line(list(_HEADS)))
    while True:
        at, spent, tokens = time.monotonic(), server.cpu(), tally.tokens
        tally.gaps.clear()
        await asyncio.sleep(STEP)
        took = time.monotonic() - at
        gaps = sorted(tally.gaps)
        row = Row(
            second=round(time.monotonic() - began),
            open=tally.open,
            answers=tally.endings.total(),
            wrong=tally.endings.total() - tally.endings["whole"],
            tokens_a_second=round((tally.tokens - tokens) / took),
            gap_p99_ms=round(quantile(gaps, 0.99) * 1e3 if gaps else 0.0, 1),
            rss_mb=round(server.rss() / 1e6, 1),
            upstream_rss_mb=round(upstream.rss() / 1e6, 1),
            cpu=round((server.cpu() - spent) / took, 2),
        )
        rows.append(row)
        print(_line(_cells(row)), flush=True)


def _result(load: Load, tally: Tally, rows: list[Row], rest: float) -> dict[str, Any]:
    full = [row.rss_mb for row in rows if row.open >= FULL * load.streams]
    third = len(full) // 3
    middle = statistics.median(full[third : 2 * third]) if third else None
    last = statistics.median(full[2 * third :]) if third else None
    wrong = tally.endings.total() - tally.endings["whole"]
    return {
        "load": asdict(load),
        "machine": machine(),
        "versions": packages(),
        "answers": tally.endings.total(),
        "tokens": tally.tokens,
        "wrong": wrong,
        "endings": dict(tally.endings),
        "rss_mb": {"rest": round(rest, 1), "middle_third": middle, "last_third": last},
        "flat": last <= middle * (1 + FLAT) if middle and last else None,
        "rows": [asdict(row) for row in rows],
    }


def table(result: dict[str, Any], most: int = 12) -> Table:
    """The rows, or as many of them as fit, for the terminal and for the page."""
    rows = [Row(**row) for row in result["rows"]]
    step = -(-len(rows) // most)
    return [list(_HEADS), *[_cells(row) for row in rows[step - 1 :: step]]]


def words(result: dict[str, Any]) -> str:
    """The results in a few sentences."""
    load, rss = result["load"], result["rss_mb"]
    wrong = ", ".join(f"{n} {how}" for how, n in result["endings"].items() if how != "whole")
    if result["flat"] is None:
        memory = "the soak was too short to show whether it grows"
    else:
        memory = (
            f"{rss['middle_third']:.0f} MB in the middle third of the time and "
            f"{rss['last_third']:.0f} MB in the last: {'flat' if result['flat'] else 'it grows'}"
        )
    return (
        f"{load['streams']} streams at once of {load['rate']:g} tokens a second each, for "
        f"{load['seconds']:g} s: {result['answers']:,} answers, {result['tokens']:,} tokens. "
        f"{'All of them came whole' if not result['wrong'] else f'Not whole: {wrong}'}. "
        f"Memory: {rss['rest']:.0f} MB at the start, {memory}."
    )


_HEADS = (
    *("s", "open", "answers", "wrong", "tokens/s"),
    *("gap p99, ms", "RSS, MB", "upstream's RSS, MB", "CPU, cores"),
)


def _cells(row: Row) -> list[str]:
    return [
        *(f"{row.second:.0f}", str(row.open), f"{row.answers:,}", str(row.wrong)),
        *(f"{row.tokens_a_second:,.0f}", f"{row.gap_p99_ms:.1f}", f"{row.rss_mb:.1f}"),
        *(f"{row.upstream_rss_mb:.1f}", f"{row.cpu:.2f}"),
    ]


def _line(cells: list[str]) -> str:
    return "  ".join(cell.rjust(len(head)) for cell, head in zip(cells, _HEADS, strict=True))
