"""What the server reports about itself: metrics for Prometheus and OpenTelemetry traces."""

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

from ..runs.report import Observer
from .metrics import Metrics
from .tracing import Tracing


class Telemetry:
    """The metrics of the server, and its traces if `collector`, the URL of an OTLP collector, is
    set."""

    def __init__(
        self,
        *,
        agents: Collection[str],
        models: Collection[str],
        collector: str | None,
    ) -> None:
        self.metrics = Metrics(agents, models)
        self.tracing = Tracing(collector) if collector else None

    @property
    def observers(self) -> list[Observer]:
        """The objects that are notified of the start and the end of each run."""
        return [self.metrics, *([self.tracing] if self.tracing else [])]

    @asynccontextmanager
    async def sampling(self, sample: Callable[[], None]) -> AsyncIterator[None]:
        """Sample the gauges every second while the context is open; on exit, send the remaining
        spans. `sample` sets them once."""
        task = asyncio.create_task(self.metrics.keep_sampling(sample), name="metrics")
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            if self.tracing is not None:
                await asyncio.to_thread(self.tracing.close)


__all__ = ["Metrics", "Telemetry", "Tracing"]
