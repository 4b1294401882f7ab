"""What machines ask: alive, ready, and the figures for Prometheus."""

from __future__ import annotations

from flask import Flask, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.registry import Collector

from audit import gauges
from audit.store import StoreDown
from web.desk import Desk

METRICS = {
    "tidings_events": "Events accepted, by state.",
    "tidings_messages": "Messages, by state.",
    "tidings_oldest_waiting_seconds": "Age of the oldest message that is due and waits, by lane.",
    "tidings_rules_broken": "1 while the rules file on disk cannot be loaded.",
}
"""Every metric; docs/operations.md names each."""


def register(app: Flask, desk: Desk) -> None:
    """Add /healthz, /readyz and /metrics."""
    registry = CollectorRegistry()
    registry.register(_Figures(desk))
    app.add_url_rule("/healthz", "healthz", lambda: Response("ok", mimetype="text/plain"))
    app.add_url_rule("/readyz", "readyz", lambda: _ready(desk))
    app.add_url_rule(
        "/metrics", "metrics", lambda: Response(generate_latest(registry), mimetype="text/plain; version=0.0.4")
    )


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
        return [*families, broken]
