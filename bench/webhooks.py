"""Durable webhooks accepted per second: signed, parsed, deduplicated, committed with synchronous = FULL, then answered.

Every event is also decided and journaled by the same process meanwhile. No rule listens to it at first; the last run
has a rule that texts each event (in sink mode), so that accepting, planning and handing over share one interpreter.
"""

from __future__ import annotations

from bench.figures import Figure
from bench.load import post, write_events
from bench.places import installation, stored
from tests.fakes.service import RULES

CONNECTIONS = (1, 32, 128)
BUDGETED = 32
RATE, P99_MS = 2800, 60
NO_RULE = RULES.replace("custom.tick", "custom.other")


def measure(scale: float) -> list[Figure]:
    """Measure at 1, 32 and 128 connections, and once with a text for every event."""
    figures = [figure for connections in CONNECTIONS for figure in _at(connections, 6 * scale, NO_RULE)]
    return figures + _at(BUDGETED, 6 * scale, RULES)


def _at(connections: int, seconds: float, rules: str) -> list[Figure]:
    with installation(rules=rules) as service:
        events = write_events(service.folder / "events", 0, int(5_000 * seconds))
        load = post(service.address, events, connections, seconds)
        kept = stored(service)
    is_budgeted = connections == BUDGETED and rules is NO_RULE
    lost = max(0, load.answered - load.errors - kept)
    note = f"{load.errors} errors, {lost} lost" if load.errors or lost else ""
    name = f"webhooks, {connections} connection{'s' if connections > 1 else ''}"
    name += "" if rules is NO_RULE else ", a text for each"
    return [
        Figure(what=name, value=load.per_second, unit="/s", budget=RATE if is_budgeted else None, more_is_better=True,
               note=note),
        Figure(what=f"{name}: p50", value=load.p50, unit="ms"),
        Figure(what=f"{name}: p99", value=load.p99, unit="ms", budget=P99_MS if is_budgeted else None),
    ]  # fmt: skip
