"""What machines ask: alive, ready, and the figures for Prometheus."""

from __future__ import annotations

from flask import Flask, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from audit import gauges, silence, source_hours
from audit.store import StoreDown
from model.access import Permission
from web.access import for_all, for_machines
from web.desk import Desk

METRICS = {
    "tidings_events": "Events accepted, by state.",
    "tidings_messages": "Messages, by state.",
    "tidings_oldest_waiting_seconds": "Age of the oldest message that is due and waits, by lane.",
    "tidings_rules_broken": "1 while the rules file on disk cannot be loaded.",
    "tidings_source_silent": "1 while a source sends nothing in hours in which it always did.",
    "tidings_requests_refused_total": "Requests the door refused since the start, by source and reason.",
}
"""Every metric; docs/operations.md names each."""


def register(app: Flask, desk: Desk) -> None:
    """Add /healthz, /readyz and /metrics."""
    registry = CollectorRegistry()
    registry.register(_Figures(desk))
    app.add_url_rule("/healthz", "healthz", for_all(lambda: Response("ok", mimetype="text/plain")))
    app.add_url_rule("/readyz", "readyz", for_all(lambda: _ready(desk)))
    app.add_url_rule("/metrics", "metrics", for_machines(Permission.READ, lambda: _printed(registry)))


def _printed(registry: CollectorRegistry) -> Response:
    return Response(generate_latest(registry), mimetype="text/plain; version=0.0.4")


def _ready(desk: Desk) -> Response:
    try:
        with desk.store.read() as tx:
            gauges.alive(tx)
    except StoreDown as error:
        return Response(f"store: {error}", status=503, mimetype="text/plain")
    return Response("ready", mimetype="text/plain")


class _Figures(Collector):
    """Reads the figures when they are asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> list[GaugeMetricFamily]:
        """Name nothing beforehand: reading figures needs the store."""
        return []

    def collect(self) -> list[GaugeMetricFamily | CounterMetricFamily]:
        """Return every figure as it is now."""
        with self._desk.store.read() as tx:
            found = gauges.read(tx, self._desk.clock())
        families = []
        for name, label, rows in (
            ("tidings_events", "state", found.events),
            ("tidings_messages", "state", found.messages),
            ("tidings_oldest_waiting_seconds", "lane", found.oldest_waiting),
        ):
            family = GaugeMetricFamily(name, METRICS[name], labels=[label])
            for value, figure in rows:
                family.add_metric([value], figure)
            families.append(family)
        broken = GaugeMetricFamily("tidings_rules_broken", METRICS["tidings_rules_broken"])
        broken.add_metric([], 1.0 if self._desk.notices() else 0.0)
        return [*families, broken, self._silent(), self._refused()]

    def _silent(self) -> GaugeMetricFamily:
        desk, now, name = self._desk, self._desk.clock(), "tidings_source_silent"
        source_hours.refresh(desk.store, now)
        family = GaugeMetricFamily(name, METRICS[name], labels=["source"])
        with desk.store.read() as tx:
            for source in sorted(desk.running.sources):
                family.add_metric([source], 1.0 if silence.of(tx, source, now) else 0.0)
        return family

    def _refused(self) -> CounterMetricFamily:
        name = "tidings_requests_refused_total"
        family = CounterMetricFamily(name.removesuffix("_total"), METRICS[name], labels=["source", "reason"])
        for (source, reason), count in sorted(self._desk.running.refusals.totals().items()):
            family.add_metric([source, reason], count)
        return family
