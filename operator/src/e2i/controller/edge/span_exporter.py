"""Sends spans to an OpenTelemetry receiver, by OTLP over HTTP. The one module that knows OpenTelemetry.

Its packages are the extra `traces`, and are imported only when traces are asked for.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from e2i.controller.core.release_spans import Span
from e2i.controller.edge.traces import Send, Traces
from e2i.variables import BadSetting

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import ReadableSpan

SERVICE = "e2i-operator"
PATH = "/v1/traces"
TIMEOUT = 5.0
"""Seconds for one trace, with everything that is tried again."""


def traces_to(endpoint: str) -> Traces:
    """Return traces that are sent to the receiver, or none without one; BadSetting without the extra."""
    return Traces(_sender(endpoint)) if endpoint else Traces()


def _sender(endpoint: str) -> Send:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.trace.export import SpanExportResult
    except ImportError as error:
        raise BadSetting(
            f"E2I_TRACES_ENDPOINT={endpoint} needs the package {error.name}: pip install 'e2i-operator[traces]', or "
            "leave it empty"
        ) from error
    # It says by itself, and again at each try, what `send` returns.
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    exporter = OTLPSpanExporter(endpoint=endpoint.rstrip("/") + PATH, timeout=TIMEOUT)

    def send(spans: Sequence[Span]) -> str:
        result = exporter.export([_readable(span) for span in spans])
        return (
            "" if result is SpanExportResult.SUCCESS else f"{endpoint} did not take it within {TIMEOUT:g} s"
        )

    return send


def _readable(span: Span) -> ReadableSpan:
    from opentelemetry import trace
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan

    def context(span_id: int) -> trace.SpanContext:
        sampled = trace.TraceFlags(trace.TraceFlags.SAMPLED)
        return trace.SpanContext(span.trace_id, span_id, is_remote=False, trace_flags=sampled)

    failed = trace.Status(trace.StatusCode.ERROR, span.error)
    return ReadableSpan(
        name=span.name,
        context=context(span.span_id),
        parent=context(span.parent_id) if span.parent_id else None,
        resource=Resource({"service.name": SERVICE}),
        attributes=dict(span.attributes),
        status=failed if span.error else trace.Status(trace.StatusCode.OK),
        start_time=_nanoseconds(span.begin),
        end_time=_nanoseconds(span.end),
    )


def _nanoseconds(moment: datetime) -> int:
    return int(moment.timestamp()) * 1_000_000_000
