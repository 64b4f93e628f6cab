"""
Spans and metrics for OpenTelemetry (extra `otel`): one span for each lease, from the board's own stamps.

A later attempt has a link to the previous one. A task with a tag `traceparent:VALUE` (a W3C trace context)
continues that trace: so the submitter of a task can be its parent, across processes. Names follow the
semantic conventions for messaging.
"""

from __future__ import annotations

from typing import Any

from opentelemetry.context import Context
from opentelemetry.metrics import Meter
from opentelemetry.trace import Link, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..sync import Board
from ..values.events import Event
from .spans import LOST, Span, Spans

__all__ = ["TRACEPARENT", "OTelSink"]

TRACEPARENT = "traceparent:"
"""the prefix of the tag that carries a trace context"""


class OTelSink:
    """
    A sink for `Tap` that makes spans, and metrics if there is a meter.

    Args:
        tracer: makes the spans.
        meter: makes `ants.lease.duration` and `ants.task.wait` (histograms, seconds); without it there are no
            metrics.
        board: used to look up the tags of tasks; without it no trace is continued.

    """

    def __init__(self, tracer: Tracer, meter: Meter | None = None, board: Board | None = None) -> None:
        self._tracer, self._board, self._fold = tracer, board, Spans()
        self._before: dict[str, SpanContext] = {}
        self._held: Any = None
        self._waited: Any = None
        if meter is not None:
            self._held = meter.create_histogram("ants.lease.duration", "s", "How long leases were held.")
            self._waited = meter.create_histogram(
                "ants.task.wait", "s", "How long tasks were READY before a claim."
            )

    def event(self, event: Event) -> None:
        """Take one event; if it ends a lease, make a span."""
        for span in self._fold.take(event):
            self._export(span)
        if event.type in ("completed", "cancelled") and event.task is not None:
            self._before.pop(event.task, None)

    def gap(self, first: int, last: int) -> None:
        """Start again: leases whose end was missed are left out, and not guessed."""
        self._fold = Spans()
        self._before.clear()

    def _export(self, span: Span) -> None:
        labels: dict[str, Any] = {"ants.outcome": span.how}
        if span.kind:
            labels["ants.task.kind"] = span.kind
        attributes = {
            **labels,
            "messaging.system": "ants_coord",
            "messaging.operation.type": "process",
            "messaging.message.id": span.name,
            "gen_ai.agent.name": span.agent,
            "ants.lease.token": str(span.token),
            "ants.attempt": span.attempt,
        }
        before = self._before.get(span.name)
        made = self._tracer.start_span(
            f"lock {span.name}" if span.is_lock else f"process {span.kind or 'task'}",
            context=self._parent(span),
            kind=SpanKind.CONSUMER,
            start_time=span.start_ns,
            links=[] if before is None else [Link(before, {"ants.link": "previous attempt"})],
            attributes=attributes,
        )
        if span.how in LOST:
            made.set_status(Status(StatusCode.ERROR, f"{span.how}: {span.detail}".rstrip(": ")))
        if not span.is_lock:
            self._before[span.name] = made.get_span_context()
        made.end(end_time=span.end_ns)
        if self._held is not None:
            self._held.record(span.held_ns / 1e9, labels)
            if span.waited_ns is not None:
                self._waited.record(span.waited_ns / 1e9, labels)

    def _parent(self, span: Span) -> Context | None:
        record = None if self._board is None or span.is_lock else self._board.find(span.name)
        if record is None:
            return None
        given = next((tag for tag in record.task.tags if tag.startswith(TRACEPARENT)), None)
        if given is None:
            return None
        return TraceContextTextMapPropagator().extract({"traceparent": given.removeprefix(TRACEPARENT)})
