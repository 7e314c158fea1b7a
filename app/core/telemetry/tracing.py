"""OpenTelemetry spans of requests, runs and upstream requests; the SDK is imported when used.

Names and attributes follow the semantic conventions for HTTP and for generative AI; attributes of
this server alone begin with `agno_stream.`.
"""

from collections.abc import Mapping
from typing import Any

from ..errors import ConfigurationError
from ..log.journal import RunRecord
from ..run_failures import RunFailed
from ..runs.report import RunReport


class Tracing:
    """Makes spans, and sends them in batches to the collector at `endpoint` (OTLP over HTTP).

    Raises `ConfigurationError` if the packages are not installed. The standard `OTEL_…` variables
    of the environment set sampling, the service's name and the rest.
    """

    def __init__(self, endpoint: str) -> None:
        try:
            from opentelemetry import context, trace
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
            from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
        except ImportError as error:
            raise ConfigurationError(
                "OTEL_EXPORTER_OTLP_ENDPOINT: traces need packages that are not installed: "
                f"{error.name}; pip install 'agno-stream[otel]'"
            ) from error
        self._context = context
        self._trace = trace
        self._propagator = TraceContextTextMapPropagator()
        resource = Resource.create()
        if str(resource.attributes.get("service.name", "")).startswith("unknown_service"):
            resource = resource.merge(Resource({"service.name": "agno-stream"}))
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        exporter = OTLPSpanExporter(endpoint=f"{endpoint.rstrip('/')}/v1/traces")
        self._provider.add_span_processor(BatchSpanProcessor(exporter))
        self._tracer = self._provider.get_tracer("agno_stream")
        self._runs: dict[str, Any] = {}

    def close(self) -> None:
        """Send the remaining spans; blocks, for seconds if the collector does not respond."""
        self._provider.shutdown()

    def request(self, method: str, path: str, headers: Mapping[str, str]) -> tuple[Any, Any]:
        """Start the span of an HTTP request and make it the current span.

        The span joins the trace that the request's headers name. Returns a value for `answered`.
        """
        span = self._tracer.start_span(
            method,
            context=self._propagator.extract(headers),
            kind=self._trace.SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": path},
        )
        return span, self._context.attach(self._trace.set_span_in_context(span))

    def answered(self, begun: tuple[Any, Any], route: str | None, status: int | None) -> None:
        """End the span of an HTTP request; `begun` is what `request` has returned.

        `route` and `status` are None if no route was found, or no response was started.
        """
        span, token = begun
        if route is not None:
            span.update_name(f"{span.attributes['http.request.method']} {route}")
            span.set_attribute("http.route", route)
        if status is not None:
            span.set_attribute("http.response.status_code", status)
        if status is None or status >= 500:
            span.set_status(self._trace.StatusCode.ERROR)
        span.end()
        self._context.detach(token)

    def began(self, record: RunRecord) -> None:
        """Start the span of a run, and make it the current span of the calling task."""
        span = self._tracer.start_span(
            f"invoke_agent {record.agent}",
            attributes={
                "gen_ai.operation.name": "invoke_agent",
                "gen_ai.agent.id": record.agent,
                "gen_ai.conversation.id": record.conversation_id,
                "agno_stream.run.id": record.run_id,
            },
        )
        self._runs[record.run_id] = span
        self._context.attach(self._trace.set_span_in_context(span))

    def ended(self, report: RunReport) -> None:
        """End the span of a run, with its usage, finish reason and error."""
        span = self._runs.pop(report.record.run_id, None)
        if span is None:  # it began in a process that has died, and the span with it
            return
        span.set_attribute("gen_ai.response.model", report.model)
        span.set_attribute("gen_ai.response.finish_reasons", [report.ending])
        span.set_attribute("gen_ai.usage.input_tokens", report.usage.input_tokens)
        span.set_attribute("gen_ai.usage.output_tokens", report.usage.output_tokens)
        if report.meter.first is not None:
            span.set_attribute("agno_stream.time_to_first_token", report.meter.first)
        if report.error is not None:
            self._fail(span, report.error.code)
        span.end()

    def upstream(self, model: str, provider: str) -> Any:
        """Start the span of a request to a provider, within its run's span, and return it for
        `end`."""
        return self._tracer.start_span(
            f"chat {model}",
            kind=self._trace.SpanKind.CLIENT,
            attributes={
                "gen_ai.operation.name": "chat",
                "gen_ai.provider.name": provider.lower(),
                "gen_ai.request.model": model,
            },
        )

    def headers(self, span: Any) -> Mapping[str, str]:
        """Return the headers by which a provider joins the trace: `traceparent`, and perhaps
        `tracestate`."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier, context=self._trace.set_span_in_context(span))
        return carrier

    def end(self, span: Any, failure: RunFailed | None) -> None:
        """End the span of a request to a provider; `failure` is None if the request succeeded."""
        if failure is not None:
            self._fail(span, failure.code)
        span.end()

    def _fail(self, span: Any, code: str) -> None:
        span.set_attribute("error.type", code)
        span.set_status(self._trace.StatusCode.ERROR)
