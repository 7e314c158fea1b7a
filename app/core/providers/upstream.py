"""The upstream requests of each model: their retries, and the circuit breaker before them.

See docs/decisions/015-retries-fallback-and-circuit-are-ours.md.
"""

import random
import time
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Protocol, Self

from agno.models.base import Model

from ..run_failures import (
    ModelBadResponse,
    ModelRateLimited,
    ModelUnavailable,
    RunFailed,
    UpstreamCut,
)
from .circuit import Circuit

#: What another request may succeed after, before the first token.
RETRYABLE = (ModelUnavailable, ModelRateLimited)

#: What counts against a provider in its circuit breaker; rate limits do not.
CIRCUIT_FAULTS = (ModelUnavailable, ModelBadResponse, UpstreamCut)

#: Failures after which the fallback may answer. Others come of the question, or of settings that
#: somebody has to correct.
REPLACEABLE = (*CIRCUIT_FAULTS, ModelRateLimited)

#: Seconds before the first retry, at most; twice that before the next.
BACKOFF = 0.5

#: Seconds that the retries of a request may wait in all, if no setting does. A longer
#: `Retry-After` is reported to the client at once.
MAX_WAIT = 10.0


class Watch(Protocol):
    """Counts upstream requests, their retries and their failures."""

    def upstream_began(self, model: str) -> None: ...

    def upstream_failed(self, model: str, code: str) -> None: ...

    def upstream_retried(self, model: str) -> None: ...


class Tracing(Protocol):
    """Makes a span of each request to a provider."""

    def upstream(self, model: str, provider: str) -> Any: ...

    def headers(self, span: Any) -> Mapping[str, str]: ...

    def end(self, span: Any, failure: RunFailed | None) -> None: ...


class Upstream:
    """The provider of one model, as all runs of this process share it.

    `max_wait` is in seconds: how long the retries of one request may wait in all.
    """

    def __init__(
        self,
        name: str = "",
        *,
        retries: int = 0,
        failures: int = 0,
        seconds: float = 0,
        max_wait: float = MAX_WAIT,
        watch: Watch | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.name = name
        self.retries = retries
        self.max_wait = max_wait
        self.circuit = Circuit(name, failures=failures, seconds=seconds)
        self.watch = watch
        self.tracing = tracing

    def call(self, provider: str, principal: str = "") -> "Call":
        """Begin a request, with its retries; raises `ModelUnavailable` while the circuit breaker
        refuses this principal."""
        self.circuit.enter(principal)
        return Call(self, provider, principal)


_NO_HEADERS: Mapping[str, str] = {}


class Call:
    """One upstream request and its retries: a context manager that each attempt reports to."""

    __slots__ = ("_attempts", "_begun", "_failure", "_principal", "_settled", "_span", "_upstream")

    def __init__(self, upstream: Upstream, provider: str, principal: str = "") -> None:
        self._upstream = upstream
        self._principal = principal
        self._begun = time.monotonic()
        self._attempts = 0
        self._failure: RunFailed | None = None
        self._settled = False
        self._span = upstream.tracing and upstream.tracing.upstream(upstream.name, provider)
        if upstream.watch is not None:
            upstream.watch.upstream_began(upstream.name)

    @property
    def headers(self) -> Mapping[str, str]:
        """The trace context, which makes the provider's spans children of ours."""
        tracing = self._upstream.tracing
        return _NO_HEADERS if tracing is None else tracing.headers(self._span)

    def spoke(self) -> None:
        """Report the first token: the provider works, whatever becomes of the answer."""
        self._failure = None
        self._settle(well=True)

    def failed(self, failure: RunFailed) -> None:
        self._failure = failure
        if self._upstream.watch is not None:
            self._upstream.watch.upstream_failed(self._upstream.name, failure.code)

    def pause(self) -> float | None:
        """Seconds to wait before the next attempt, or None if there is to be none."""
        failure = self._failure
        if not isinstance(failure, RETRYABLE) or self._attempts >= self._upstream.retries:
            return None
        most = BACKOFF * 2**self._attempts
        # Jitter, so that requests that failed together are not sent together again.
        pause = (failure.wait or 0.0) + random.uniform(most / 2, most)
        if time.monotonic() - self._begun + pause > self._upstream.max_wait:
            return None
        self._attempts += 1
        if self._upstream.watch is not None:
            self._upstream.watch.upstream_retried(self._upstream.name)
        return pause

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        well = None if self._failure is None else not isinstance(self._failure, CIRCUIT_FAULTS)
        self._settle(well=well)
        if self._upstream.tracing is not None:
            self._upstream.tracing.end(self._span, self._failure)

    def _settle(self, *, well: bool | None) -> None:
        """Report to the circuit breaker, once: after a trial others need not wait for its end."""
        if not self._settled:
            self._settled = True
            self._upstream.circuit.leave(self._principal, well=well)


class Upstreams:
    """The upstreams of all models. `retries` are for the server's own models: those that an agent
    brings retry by their own settings."""

    def __init__(
        self,
        *,
        retries: int = 0,
        failures: int = 0,
        seconds: float = 0,
        max_wait: float = MAX_WAIT,
        watch: Watch | None = None,
        tracing: Tracing | None = None,  # this and `watch` may be set until the first request
    ) -> None:
        self._bounds: dict[str, Any] = {"failures": failures, "seconds": seconds}
        self._max_wait = max_wait
        self.watch = watch
        self.tracing = tracing
        self._retries = retries
        self._known: dict[int, Upstream] = {}

    def of(self, model: Model, *, own: bool = False) -> Upstream:
        """The upstream of a model object; `own` if its agent brought it.

        The demonstration fails on request, and is never refused.
        """
        if id(model) not in self._known:
            demo = type(model).__name__ == "DemoModel"
            self._known[id(model)] = Upstream(
                model.id,
                retries=0 if own or demo else self._retries,
                **({} if demo else self._bounds),
                max_wait=self._max_wait,
                watch=self.watch,
                tracing=self.tracing,
            )
        return self._known[id(model)]

    @property
    def open(self) -> list[str]:
        """The models whose circuit breakers are open now."""
        return [known.name for known in self._known.values() if known.circuit.open]

    @property
    def all(self) -> list[Upstream]:
        return list(self._known.values())
