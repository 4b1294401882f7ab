"""Traces for OpenTelemetry, told from the journal after the fact: who does the work knows nothing of them.

What happens to an event happens in several threads and processes, hours apart. The journal has all of it, so one step
reads on from where it was and sends what is new. Ids follow from the event's own id: whoever tells of an event tells
of the same trace, also after a restart, and a person finds the trace of an event without searching. The sender's own
trace (the W3C header `traceparent`) is linked to ours; it is passed on to nobody.

The library is the extra `otel`. Without a [tracing] part in the settings nothing of this is imported or run.
"""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import requests

if TYPE_CHECKING:
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import ReadableSpan
    from opentelemetry.sdk.trace.export import SpanExporter

log = logging.getLogger("tidings.wire")
PARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})")
"""The header of W3C Trace Context (https://www.w3.org/TR/trace-context/, level 1, read 2026-11)."""

PATIENCE = 5.0
"""Seconds a collector has for its answer."""

REST = 30.0
"""Seconds it is left alone after it failed."""

NEEDS = ("opentelemetry.sdk", "opentelemetry.exporter.otlp.proto.http")
FIRST = "event accepted"
OUTWARD = frozenset({"submit"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that happened to an event: times in milliseconds since 1970, what is known without naming anybody.

    `trace` names the whole story (the event's id, or the message's where there is no event), `row` this step in it.
    """

    name: str
    trace: str
    row: int
    began: int
    ended: int
    facts: Mapping[str, str] = field(default_factory=dict)
    failed: bool = False
    traceparent: str = ""


Send = Callable[[Sequence[Step]], bool]
"""Sends steps; False when they were not taken and should come again."""


def is_there() -> bool:
    """Tell whether the extra is installed."""
    try:
        return all(find_spec(name) for name in NEEDS)
    except ModuleNotFoundError:
        return False


def sender(endpoint: str, headers: Mapping[str, str], share: float, version: str) -> Send:
    """Return what posts steps to a collector by OTLP over HTTP (protobuf)."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415 - an extra

    session = requests.Session()
    session.trust_env = False  # a proxy of the environment is for the outside world
    exporter = OTLPSpanExporter(endpoint=endpoint, headers=dict(headers), timeout=PATIENCE, session=session)
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)  # it tells of every try; we tell once a while
    return patient(through(exporter, share, version))


def patient(send: Send, rest: float = REST) -> Send:
    """Leave a collector alone for a while after it failed."""
    until = 0.0

    def careful(steps: Sequence[Step]) -> bool:
        nonlocal until
        if time.monotonic() < until:
            return False
        taken = send(steps)
        if not taken:
            until = time.monotonic() + rest
            log.warning("traces not taken", extra={"count": len(steps)})
        return taken

    return careful


def through(exporter: SpanExporter, share: float, version: str) -> Send:
    """Return what hands steps to an exporter. Of the traces, `share` (0 to 1) is told, each whole or not at all."""
    from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
    from opentelemetry.sdk.trace.export import SpanExportResult  # noqa: PLC0415

    resource = Resource({"service.name": "tidings", "service.version": version})
    limit = round(share * 2**64)

    def send(steps: Sequence[Step]) -> bool:
        spans = [_span(step, resource) for step in steps if trace_id(step.trace) % 2**64 < limit]
        return not spans or exporter.export(spans) is SpanExportResult.SUCCESS

    return send


def trace_id(name: str) -> int:
    """Return the id of an event's trace."""
    return _number(f"trace {name}", 16)


def span_id(name: str, row: int | None = None) -> int:
    """Return the id of a step; without a row that of the first, under which all others stand."""
    return _number(f"span {name} {'' if row is None else row}", 8)


def _number(text: str, size: int) -> int:
    return int.from_bytes(blake2b(text.encode(), digest_size=size).digest()) or 1


def _span(step: Step, resource: Resource) -> ReadableSpan:
    from opentelemetry.sdk.trace import ReadableSpan  # noqa: PLC0415
    from opentelemetry.trace import SpanKind, Status, StatusCode  # noqa: PLC0415

    is_first = step.name == FIRST
    kind = SpanKind.SERVER if is_first else SpanKind.CLIENT if step.name in OUTWARD else SpanKind.INTERNAL
    return ReadableSpan(
        name=step.name,
        context=_context(trace_id(step.trace), span_id(step.trace, None if is_first else step.row)),
        parent=None if is_first else _context(trace_id(step.trace), span_id(step.trace)),
        resource=resource,
        attributes={f"tidings.{name}": value for name, value in step.facts.items() if value},
        links=list(_links(step.traceparent)),
        kind=kind,
        status=Status(StatusCode.ERROR if step.failed else StatusCode.UNSET),
        start_time=min(step.began, step.ended) * 1_000_000,
        end_time=step.ended * 1_000_000,
    )


def _links(traceparent: str) -> Iterable[Any]:
    from opentelemetry.trace import Link  # noqa: PLC0415

    found = PARENT.fullmatch(traceparent.strip())
    if found:
        yield Link(_context(int(found[1], 16), int(found[2], 16), remote=True))


def _context(trace: int, span: int, *, remote: bool = False) -> Any:
    from opentelemetry.trace import SpanContext, TraceFlags  # noqa: PLC0415

    return SpanContext(trace, span, is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))
