"""Metrics for Prometheus; the only module that imports `prometheus_client`.

Runs are counted when they end, and gauges are sampled once a second: no code here runs per token.
With several workers (`PROMETHEUS_MULTIPROC_DIR` is set before they start), each worker writes files
of its own, and any of them can sum all files up.

See docs/decisions/012-measuring-costs-a-token-nothing.md.
"""

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead

from ..agents.storage.conversations import Conversations
from ..log.hub import Hub
from ..log.journal import RunRecord
from ..log.journals.owners import Owners
from ..log.meter import BOUNDS
from ..providers.upstream import Upstreams
from ..runs.report import RunReport
from ..runs.service import Runs
from .shared_folder import FOLDER

logger = logging.getLogger(__name__)

#: The label for agents and models that are not configured, which bounds the number of series.
OTHER = "other"

#: Seconds between two samples of the gauges.
SAMPLE_INTERVAL = 1.0

#: Upper bounds of histogram buckets, in seconds.
FIRST_TOKEN = (0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 20, 30, 60, 120)
DURATION = (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600, 1800)
LABELS = ("agent", "model")


class Delays(Histogram):
    """A histogram to which thousands of observations can be added at once, counted by bucket."""

    def add(self, counts: Sequence[int], total: float) -> None:
        """Add observations: `counts` has their number for each bucket, `total` is the sum of their
        values."""
        self._sum.inc(total)
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)


class Metrics:
    """The metrics of one process, or of all workers that share a folder.

    An agent or a model that is not in `agents` or `models` is counted as `other`.
    """

    media_type = CONTENT_TYPE_LATEST

    def __init__(self, agents: Collection[str], models: Collection[str]) -> None:
        self._agents = frozenset(agents)
        self._models = frozenset(models)
        self._shared = Path(folder) if (folder := os.environ.get(FOLDER)) else None
        self._owners: Owners | None = None
        if self._shared is not None:
            self._shared.mkdir(parents=True, exist_ok=True)
            self._owners = Owners(self._shared)
        self._seen: dict[Counter, int] = {}
        registry = self._registry = CollectorRegistry()

        def counter(name: str, text: str, *labels: str) -> Counter:
            return Counter(f"agno_stream_{name}", text, labels, registry=registry)

        def histogram(name: str, text: str, bounds: Sequence[float]) -> Histogram:
            kind = Delays if bounds is BOUNDS else Histogram
            return kind(f"agno_stream_{name}", text, LABELS, buckets=bounds, registry=registry)

        def gauge(name: str, text: str, *labels: str, worst: bool = False) -> Gauge:
            mode: Literal["livemax", "livesum"] = "livemax" if worst else "livesum"
            return Gauge(
                f"agno_stream_{name}", text, labels, registry=registry, multiprocess_mode=mode
            )

        self._runs = counter(
            "runs", "Ended runs, by finish reason and error code.", *LABELS, "ending", "code"
        )
        self._first = histogram(
            "time_to_first_token_seconds", "Time from question to first token.", FIRST_TOKEN
        )
        self._delays = histogram(
            "inter_token_delay_seconds", "Time between two tokens of an answer.", BOUNDS
        )
        self._duration = histogram(
            "run_duration_seconds", "Time from question to end of run.", DURATION
        )
        self._tokens = counter(
            "tokens",
            "Tokens, counted by the provider or else estimated.",
            *LABELS,
            "direction",
            "counted",
        )
        self._requests = counter("upstream_requests", "Requests to providers.", "model")
        self._retries = counter("upstream_retries", "Retries of requests to providers.", "model")
        self._errors = counter("upstream_errors", "Failed requests to providers.", "model", "code")
        self._circuits = gauge(
            "circuit_open", "1 while the model's circuit breaker is open.", "model", worst=True
        )
        self._live = gauge("runs_live", "Runs that have not ended.")
        self._followers = gauge("followers", "Followers of runs, over all protocols.")
        self._streams = gauge("streams_open", "Open responses that stream a run.")
        self._resumes = counter("resumes", "Streams that were resumed after an event.")
        self._bytes = counter("sent_bytes", "Bytes of answers sent to clients.")
        self._unwritten = gauge("journal_unwritten_entries", "Entries not yet in the journal.")
        self._lag = gauge(
            "journal_lag_seconds", "Age of the oldest entry not yet in the journal.", worst=True
        )
        self._failing = gauge("journal_failing", "1 while writes to the journal fail.", worst=True)
        self._refused = counter("journal_failures", "Failed writes to the journal.")
        self._unstored = gauge("unstored_turns", "Turns that wait to be stored.", worst=True)
        self._store_failing = gauge(
            "conversations_failing", "1 while a store of conversations fails.", worst=True
        )
        self._store_failures = counter(
            "conversations_failures", "Failed reads and writes of turns of conversations."
        )

    def began(self, record: RunRecord) -> None:
        """Do nothing when a run begins: the number of live runs is sampled."""

    def ended(self, report: RunReport) -> None:
        """Count a run that has ended, with its duration, the delays between its tokens, and its
        tokens."""
        who = (self._agent(report.record.agent), self._model(report.model))
        code = report.error.code if report.error is not None else ""
        self._runs.labels(*who, report.ending, code).inc()
        self._duration.labels(*who).observe(report.duration)
        if report.meter.first is not None:
            self._first.labels(*who).observe(report.meter.first)
            delays = self._delays.labels(*who)
            assert isinstance(delays, Delays)
            delays.add(report.meter.delays, report.meter.total)
        counted = "estimate" if report.usage.estimated else "provider"
        self._tokens.labels(*who, "input", counted).inc(report.usage.input_tokens)
        self._tokens.labels(*who, "output", counted).inc(report.usage.output_tokens)

    def upstream_began(self, model: str) -> None:
        self._requests.labels(self._model(model)).inc()

    def upstream_retried(self, model: str) -> None:
        self._retries.labels(self._model(model)).inc()

    def upstream_failed(self, model: str, code: str) -> None:
        self._errors.labels(self._model(model), code).inc()

    def sample(
        self, runs: Runs, hub: Hub, upstreams: Upstreams, conversations: Conversations
    ) -> None:
        """Set the gauges to the current state of this process."""
        self._live.set(runs.live)
        self._followers.set(runs.traffic.followers)
        self._streams.set(runs.traffic.streams)
        self._raise(self._resumes, runs.traffic.resumes)
        self._raise(self._bytes, runs.traffic.bytes)
        entries, age = hub.unwritten
        self._unwritten.set(entries)
        self._lag.set(age)
        self._failing.set(hub.trouble is not None)
        self._raise(self._refused, hub.outage.failures)
        self._unstored.set(conversations.unstored)
        self._store_failing.set(conversations.failing)
        self._raise(self._store_failures, conversations.failures)
        for upstream in upstreams.all:
            self._circuits.labels(self._model(upstream.name)).set(upstream.circuit.open)

    async def keep_sampling(self, sample: Callable[[], None]) -> None:
        """Sample the gauges every second until cancelled, because another worker may serve
        `/metrics`."""
        if self._owners is not None:
            self._owners.join(str(os.getpid()))
        try:
            while True:
                try:
                    sample()
                except Exception:  # the next sample may be good, and scrapers wait for it
                    logger.exception("metrics: a sample failed")
                await asyncio.sleep(SAMPLE_INTERVAL)
        finally:
            if self._owners is not None and self._shared is not None:
                _remove_gauges(os.getpid(), self._shared)
                self._owners.leave()

    def page(self) -> bytes:
        """Return the metrics as bytes in Prometheus's text format, summed over all workers."""
        if self._shared is None:
            return generate_latest(self._registry)
        self._remove_dead_gauges()
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=str(self._shared))  # type: ignore[no-untyped-call]  # prometheus_client
        return generate_latest(registry)

    def _remove_dead_gauges(self) -> None:
        """Remove the gauges of workers that no longer run; what they have counted stays in the
        sums."""
        if self._shared is None or self._owners is None or sys.platform == "win32":
            return
        for worker in {file.stem.rpartition("_")[2] for file in self._shared.glob("gauge_live*")}:
            if not self._owners.lives(worker):
                _remove_gauges(int(worker), self._shared)

    def _raise(self, counter: Counter, to: int) -> None:
        counter.inc(to - self._seen.get(counter, 0))
        self._seen[counter] = to

    def _agent(self, name: str) -> str:
        return name if name in self._agents else OTHER

    def _model(self, name: str) -> str:
        return name if name in self._models else OTHER


def _remove_gauges(worker: int, folder: Path) -> None:
    mark_process_dead(worker, str(folder))  # type: ignore[no-untyped-call]  # prometheus_client
