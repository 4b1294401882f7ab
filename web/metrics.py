"""The figures for Prometheus: each named once here, with its labels and what it means; docs/operations.md lists them.

What grows is counted from the journal (audit/tallies.py), so it is the same whichever process is asked and goes on
after a restart. What concerns this process alone says so.
"""

from __future__ import annotations

import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.core import Metric as Family
from prometheus_client.registry import Collector

from audit import gauges, silence, source_hours, tallies, verifications
from audit.store import Row, Tx
from web.desk import Desk
from wire.histogram import cumulated

COUNTER, GAUGE, HISTOGRAM = "counter", "gauge", "histogram"


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric: its kind, its labels and what it means."""

    kind: str
    labels: tuple[str, ...]
    text: str


METRICS = {
    "tidings_events": Metric(GAUGE, ("state",), "Events that are not done, by state."),
    "tidings_events_received_total": Metric(COUNTER, ("source",), "Events that came in."),
    "tidings_decisions_total": Metric(COUNTER, ("reason",), "Decisions of rules, by reason; send is a text."),
    "tidings_messages": Metric(GAUGE, ("state",), "Messages that are not done, by state."),
    "tidings_oldest_waiting_seconds": Metric(GAUGE, ("lane",), "Age of the oldest message that is due and waits."),
    "tidings_handover_seconds": Metric(
        HISTOGRAM, ("lane", "gateway"), "From when a text was due (its event accepted) until a gateway took it."
    ),
    "tidings_receipt_seconds": Metric(
        HISTOGRAM, ("lane", "gateway"), "From when a text was due until its final receipt was in our hand."
    ),
    "tidings_handset_seconds": Metric(
        HISTOGRAM, ("lane", "gateway"), "From when a text was due until the phone had it, as the provider says."
    ),
    "tidings_attempts_total": Metric(
        COUNTER, ("gateway", "outcome", "error"), "What gateways answered, with the class of error."
    ),
    "tidings_receipts_total": Metric(COUNTER, ("gateway", "state"), "What providers said later."),
    "tidings_texts_followed_total": Metric(
        COUNTER, ("source",), "Texts of which somebody followed a short link, by the source of their event."
    ),
    "tidings_gateway_resting": Metric(GAUGE, ("gateway",), "1 while the breaker keeps texts from a gateway."),
    "tidings_source_silent": Metric(
        GAUGE, ("source",), "1 while a source sends nothing in hours in which it always did."
    ),
    "tidings_source_last_event_timestamp_seconds": Metric(
        GAUGE, ("source",), "When the newest event of a source came in."
    ),
    "tidings_requests_refused_total": Metric(
        COUNTER, ("source", "reason"), "Requests the door of this process refused since its start."
    ),
    "tidings_webhook_waiting": Metric(GAUGE, ("webhook",), "What a webhook of yours was not told yet."),
    "tidings_webhook_oldest_waiting_seconds": Metric(GAUGE, ("webhook",), "Age of the oldest of it."),
    "tidings_webhook_failures_total": Metric(COUNTER, ("webhook",), "Posts to a webhook that failed."),
    "tidings_webhook_last_told_timestamp_seconds": Metric(GAUGE, ("webhook",), "When a webhook last took something."),
    "tidings_webhook_disabled": Metric(GAUGE, ("webhook",), "1 while a webhook is disabled."),
    "tidings_codes": Metric(GAUGE, ("state",), "Verifications of the last 24 hours, by state."),
    "tidings_verifications_total": Metric(
        COUNTER, ("what", "reason"), "Verifications started, sent, approved and so on; why no code was sent."
    ),
    "tidings_rules": Metric(GAUGE, (), "Rules in force in this process."),
    "tidings_rules_info": Metric(GAUGE, ("version", "hash"), "1 for the version of the rules in force."),
    "tidings_rules_loaded_timestamp_seconds": Metric(GAUGE, (), "When that version came into force."),
    "tidings_rules_broken": Metric(GAUGE, (), "1 while the rules file cannot be loaded, or another notice stands."),
    "tidings_store_queue_length": Metric(GAUGE, (), "Changes that wait for the writer of this process."),
    "tidings_store_commit_seconds": Metric(
        HISTOGRAM, (), "How long this process took for a batch of changes, until it was on disk."
    ),
    "tidings_store_size_bytes": Metric(GAUGE, ("file",), "Size of the database and of its write-ahead log."),
    "tidings_store_free_bytes": Metric(GAUGE, (), "Free space on the disk of the database."),
    "tidings_journal_uncounted": Metric(GAUGE, (), "Rows of the journal that these figures do not know yet."),
    "tidings_build_info": Metric(GAUGE, ("version", "python", "store", "mode"), "1 for what runs here, and its mode."),
}  # fmt: skip
HISTOGRAMS = {"handover": "tidings_handover_seconds", "told": "tidings_receipt_seconds",
              "handset": "tidings_handset_seconds"}  # fmt: skip
COUNTERS = {"received": "tidings_events_received_total", "decision": "tidings_decisions_total",
            "outcome": "tidings_attempts_total", "receipt": "tidings_receipts_total",
            "click": "tidings_texts_followed_total", "webhook_failure": "tidings_webhook_failures_total"}  # fmt: skip
Rows = Iterable[tuple[Sequence[str], float]]


class Figures(Collector):
    """Reads the figures when they are asked for."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def describe(self) -> list[Family]:
        """Name nothing beforehand: reading figures needs the store."""
        return []

    def collect(self) -> Iterator[Family]:
        """Return every figure as it is now."""
        desk, now = self._desk, self._desk.clock()
        source_hours.refresh(desk.store, now)
        tallies.refresh(desk.store, now)
        with desk.store.read() as tx:
            yield from self._open(tx)
            yield from _counted(tx)
            yield from self._connected(tx)
            yield from self._webhooks(tx)
            yield from self._rules(tx)
        yield from self._store()
        yield _gauge("tidings_build_info", [(self._build(), 1.0)])

    def _open(self, tx: Tx) -> Iterator[Family]:
        now = self._desk.clock()
        found = gauges.read(tx, now)
        yield _gauge("tidings_events", _labelled(found.events))
        yield _gauge("tidings_messages", _labelled(found.messages))
        yield _gauge("tidings_oldest_waiting_seconds", _labelled(found.oldest_waiting))
        yield _gauge("tidings_codes", _labelled(gauges.codes(tx, now)))
        yield _counter("tidings_verifications_total",
                       [((what, why), float(count)) for what, why, count in verifications.totals(tx)])  # fmt: skip

    def _connected(self, tx: Tx) -> Iterator[Family]:
        desk, now, resting = self._desk, self._desk.clock(), gauges.resting(tx)
        sources = sorted(desk.running.sources)
        newest = [(name, source_hours.last_event(tx, name)) for name in sources]
        yield _gauge("tidings_gateway_resting", [([name], float(resting.get(name, False)))
                                                 for name in sorted(desk.running.gateways)])  # fmt: skip
        yield _gauge("tidings_source_silent", [([name], 1.0 if silence.of(tx, name, now) else 0.0) for name in sources])
        yield _gauge("tidings_source_last_event_timestamp_seconds",
                     [([name], row["received_at"] / 1000) for name, row in newest if row is not None])  # fmt: skip
        yield _counter("tidings_requests_refused_total", sorted(desk.running.refusals.totals().items()))

    def _webhooks(self, tx: Tx) -> Iterator[Family]:
        found = gauges.webhooks(tx, self._desk.clock())
        yield _gauge("tidings_webhook_waiting", [([one.name], one.waiting) for one in found])
        yield _gauge("tidings_webhook_oldest_waiting_seconds", [([one.name], one.oldest) for one in found])
        yield _gauge("tidings_webhook_last_told_timestamp_seconds",
                     [([one.name], one.told_at) for one in found if one.told_at])  # fmt: skip
        yield _gauge("tidings_webhook_disabled", [([one.name], float(one.disabled)) for one in found])

    def _rules(self, tx: Tx) -> Iterator[Family]:
        found = gauges.rules(tx)
        yield _gauge("tidings_rules", [((), len(self._desk.book().rules))])
        yield _gauge("tidings_rules_broken", [((), 1.0 if self._desk.notices() else 0.0)])
        yield _gauge("tidings_rules_info", [((str(found.number), found.hash), 1.0)] if found else [])
        yield _gauge("tidings_rules_loaded_timestamp_seconds", [((), found.since)] if found else [])

    def _store(self) -> Iterator[Family]:
        store = self._desk.store
        took = store.commits
        yield _gauge("tidings_store_queue_length", [((), store.queued)])
        family = _histogram("tidings_store_commit_seconds")
        family.add_metric((), buckets=took.buckets, sum_value=took.total)
        yield family
        sizes = gauges.sizes(store)
        yield _gauge("tidings_store_size_bytes", [([name], size) for name, size in sizes.parts.items()])
        yield _gauge("tidings_store_free_bytes", [((), sizes.free)] if sizes.free is not None else [])

    def _build(self) -> tuple[str, ...]:
        return our_version(), platform.python_version(), self._desk.store.engine.name, self._desk.mode().name


def our_version() -> str:
    """Return the version that runs."""
    try:
        return version("tidings")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "not installed"


def _counted(tx: Tx) -> Iterator[Family]:
    """Turn what was counted from the journal into histograms and counters."""
    found = tallies.read(tx)
    yield _gauge("tidings_journal_uncounted", [((), tallies.uncounted(tx))])
    for figure, name in COUNTERS.items():
        yield _counter(name, [(row["labels"].split("\t"), row["amount"]) for row in found.get(figure, ())])
    for figure, name in HISTOGRAMS.items():
        family = _histogram(name)
        for labels, rows in tallies.by_labels(found.get(figure, ())).items():
            total = sum(row["total"] for row in rows) / 1000
            family.add_metric(labels, buckets=_buckets(rows), sum_value=total)
        yield family


def _buckets(rows: Iterable[Row]) -> list[tuple[str, float]]:
    amounts = {row["bucket"]: row["amount"] for row in rows}
    spans = [(bound / 1000, amounts.get(bound, 0)) for bound in tallies.BOUNDS]
    return cumulated(spans, sum(amounts.values()))


def _labelled(rows: Iterable[tuple[str, float]]) -> list[tuple[Sequence[str], float]]:
    return [([label], figure) for label, figure in rows]


def _gauge(name: str, rows: Rows) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, METRICS[name].text, labels=METRICS[name].labels)
    for labels, figure in rows:
        family.add_metric(labels, figure)
    return family


def _counter(name: str, rows: Rows) -> CounterMetricFamily:
    family = CounterMetricFamily(name.removesuffix("_total"), METRICS[name].text, labels=METRICS[name].labels)
    for labels, figure in rows:
        family.add_metric(labels, figure)
    return family


def _histogram(name: str) -> HistogramMetricFamily:
    return HistogramMetricFamily(name, METRICS[name].text, labels=METRICS[name].labels)
