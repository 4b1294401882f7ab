"""What machines ask: alive, ready, and the figures for Prometheus."""

from __future__ import annotations

from flask import Flask, Response
from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest

from audit import gauges
from audit.store import StoreDown
from model.access import Permission
from web.access import for_all, for_machines
from web.desk import Desk
from web.metrics import Figures


def register(app: Flask, desk: Desk) -> None:
    """Add /healthz, /readyz and /metrics."""
    registry = CollectorRegistry()
    registry.register(Figures(desk))
    ProcessCollector(registry=registry)
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
