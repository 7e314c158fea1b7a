"""The providers behind the models: how often one is asked again, and when not at all.

See docs/decisions/015-retries-fallback-and-circuit-are-ours.md.
"""

import random
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

#: What a further request may mend, before the first token.
PASSING = (ModelUnavailable, ModelRateLimited)

#: What says that a provider is not well. One that limits requests is.
FAULTS = (ModelUnavailable, ModelBadResponse, UpstreamCut)

#: Failures for which another model may answer instead. Others are told: they come of the question,
#: or of settings that somebody has to mend.
REPLACEABLE = (*FAULTS, ModelRateLimited)

#: Seconds before the first retry, at most; twice that before the next.
BACKOFF = 0.5

#: Seconds that a provider may ask us to wait, and the reader of a run waits for; else it is told.
PATIENCE = 10.0


class Watch(Protocol):
    """What is told of the requests to providers."""

    def upstream_began(self, model: str) -> None: ...

    def upstream_failed(self, model: str, code: str) -> None: ...

    def upstream_retried(self, model: str) -> None: ...


class Tracing(Protocol):
    """Makes a span of each request to a provider."""

    def upstream(self, model: str, provider: str) -> Any: ...

    def headers(self, span: Any) -> Mapping[str, str]: ...

    def end(self, span: Any, failure: RunFailed | None) -> None: ...


class Upstream:
    """The provider of one model, as all runs of this process find it."""

    def __init__(
        self,
        name: str = "",
        *,
        retries: int = 0,
        failures: int = 0,
        seconds: float = 0,
        watch: Watch | None = None,
        tracing: Tracing | None = None,
    ) -> None:
        self.name = name
        self.retries = retries
        self.circuit = Circuit(name, failures=failures, seconds=seconds)
        self.watch = watch
        self.tracing = tracing

    def call(self, provider: str) -> "Call":
        """Begin a request, with its retries; raises `ModelUnavailable` while the circuit is
        open."""
        self.circuit.enter()
        return Call(self, provider)


class Call:
    """One request to a provider and its retries: a context manager, told how each attempt went."""

    def __init__(self, upstream: Upstream, provider: str) -> None:
        self._upstream = upstream
        self._attempts = 0
        self._failure: RunFailed | None = None
        self._settled = False
        self._span = upstream.tracing and upstream.tracing.upstream(upstream.name, provider)
        if upstream.watch is not None:
            upstream.watch.upstream_began(upstream.name)

    @property
    def headers(self) -> Mapping[str, str]:
        """What the provider is to be sent, so that its spans are part of ours."""
        tracing = self._upstream.tracing
        return {} if tracing is None else tracing.headers(self._span)

    def spoke(self) -> None:
        """The first token is there: the provider is well, whatever becomes of the answer."""
        self._failure = None
        self._settle(well=True)

    def failed(self, failure: RunFailed) -> None:
        self._failure = failure
        if self._upstream.watch is not None:
            self._upstream.watch.upstream_failed(self._upstream.name, failure.code)

    def pause(self) -> float | None:
        """Seconds to wait before the next attempt; None: there is to be none."""
        failure = self._failure
        if not isinstance(failure, PASSING) or self._attempts >= self._upstream.retries:
            return None
        asked = failure.wait or 0.0
        if asked > PATIENCE:
            return None
        most = BACKOFF * 2**self._attempts
        self._attempts += 1
        if self._upstream.watch is not None:
            self._upstream.watch.upstream_retried(self._upstream.name)
        # Jitter, so that those who failed together do not come back together.
        return asked + random.uniform(most / 2, most)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        well = None if self._failure is None else not isinstance(self._failure, FAULTS)
        self._settle(well=well)
        if self._upstream.tracing is not None:
            self._upstream.tracing.end(self._span, self._failure)

    def _settle(self, *, well: bool | None) -> None:
        """Tell the circuit, once: the others must not wait until the trial has said it all."""
        if not self._settled:
            self._settled = True
            self._upstream.circuit.leave(well=well)


class Upstreams:
    """The providers of all models. `retries` are for the server's own models: those that come with
    an agent ask again as they were told to."""

    def __init__(
        self,
        *,
        retries: int = 0,
        failures: int = 0,
        seconds: float = 0,
        watch: Watch | None = None,
        tracing: Tracing | None = None,  # this and `watch` may be set until a model is asked for
    ) -> None:
        self._bounds: dict[str, Any] = {"failures": failures, "seconds": seconds}
        self.watch = watch
        self.tracing = tracing
        self._retries = retries
        self._known: dict[int, Upstream] = {}

    def of(self, model: Model, *, own: bool = False) -> Upstream:
        """That of a model object, which lives as long as the server; `own`: its agent brought it.

        The demonstration fails when it is asked to, and is never refused.
        """
        if id(model) not in self._known:
            demo = type(model).__name__ == "DemoModel"
            self._known[id(model)] = Upstream(
                model.id,
                retries=0 if own or demo else self._retries,
                **({} if demo else self._bounds),
                watch=self.watch,
                tracing=self.tracing,
            )
        return self._known[id(model)]

    @property
    def open(self) -> list[str]:
        """The models whose circuits are open now."""
        return [known.name for known in self._known.values() if known.circuit.open]

    @property
    def all(self) -> list[Upstream]:
        return list(self._known.values())
