"""Durable webhooks accepted per second: signed, parsed, deduplicated, committed with synchronous = FULL, then answered.

The service plans and (in sink mode) hands over the same events meanwhile, as it does in real life.
"""

from __future__ import annotations

from bench.figures import Figure
from bench.load import post, write_events
from bench.places import installation, stored

BUDGETS: dict[int, tuple[float | None, float | None]] = {1: (None, None), 32: (2800, 60), 128: (None, None)}


def measure(scale: float) -> list[Figure]:
    """Measure at 1, 32 and 128 connections."""
    return [figure for connections in BUDGETS for figure in _at(connections, 6 * scale)]


def _at(connections: int, seconds: float) -> list[Figure]:
    rate, p99 = BUDGETS[connections]
    with installation() as service:
        events = write_events(service.folder / "events", 0, int(6_000 * seconds))
        load = post(service.address, events, connections, seconds)
        kept = stored(service)
    lost = max(0, load.answered - load.errors - kept)
    note = f"{load.errors} errors, {lost} lost" if load.errors or lost else ""
    name = f"webhooks, {connections} connection{'s' if connections > 1 else ''}"
    return [
        Figure(what=name, value=load.per_second, unit="/s", budget=rate, more_is_better=True, note=note),
        Figure(what=f"{name}, p50", value=load.p50, unit="ms"),
        Figure(what=f"{name}, p99", value=load.p99, unit="ms", budget=p99),
    ]
