"""The return on each text: rates with their coverage, reasons, replies, cost and speed, from the counted days."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from audit import figures, sums
from audit.rows import at
from audit.store import Row, Store

TARGET = 0.98
"""The share of reported texts that should be delivered."""
BY = ("rule", "campaign", "source", "gateway", "country", "day")
DRAWN = ("created", "sent", "delivered", "reported")
"""What a chart by the day shows: volume, delivery rate and coverage, of days on which texts were planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What became of the texts and events of one rule, day, country ... `amounts` holds every count by its measure."""

    what: str
    amounts: Mapping[str, Counter[str]] = field(default_factory=dict)

    def total(self, measure: str) -> int:
        """Return a count over all its labels."""
        return sum(self.of(measure).values())

    def of(self, measure: str) -> Counter[str]:
        """Return a count by its labels: reasons, currencies, spans of time."""
        return self.amounts.get(measure, Counter())

    @property
    def coverage(self) -> float | None:
        """The share of texts sent for which there is a final receipt: what the delivery rate is worth."""
        return _share(self.total("reported"), self.total("sent"))

    @property
    def delivery_rate(self) -> float | None:
        """The share of reported texts that were delivered."""
        return _share(self.total("delivered"), self.total("reported"))

    @property
    def failure_rate(self) -> float | None:
        """The share of texts that were tried and failed, refused or expired, of all that were to leave."""
        return _share(self.total("failed"), self.total("created") - self.total("ended") - self.total("waiting"))

    @property
    def response_rate(self) -> float | None:
        """The share of texts sent that were answered."""
        return _share(self.total("replied"), self.total("sent"))

    @property
    def opt_out_rate(self) -> float | None:
        """The share of texts sent that were answered with the wish for no more."""
        return _share(self.total("opted_out"), self.total("sent"))

    @property
    def click_rate(self) -> float | None:
        """The share of texts sent with a short link whose link somebody followed."""
        return _share(self.total("clicked"), self.total("linked"))

    @property
    def costs(self) -> dict[str, Decimal]:
        """What the providers said they charged, by currency."""
        return {currency: Decimal(micros) / 1_000_000 for currency, micros in sorted(self.of("cost").items())}

    @property
    def cost_per_delivered(self) -> dict[str, Decimal]:
        """What a delivered text cost, by currency."""
        delivered = self.total("delivered")
        return {currency: cost / delivered for currency, cost in self.costs.items()} if delivered else {}

    def seconds(self, measure: str, share: float) -> float | None:
        """Return the time within which this share of texts got to the gateway (or the handset), in seconds.

        Times are counted in spans; within a span they are taken to lie evenly.
        """
        spans = sorted((int(label), count) for label, count in self.of(measure).items() if count)
        wanted, seen = share * sum(count for _, count in spans), 0
        for end, count in spans:
            if seen + count >= wanted:
                start = max((one for one in figures.SPANS if one < end), default=0)
                return (start + (end - start) * (wanted - seen) / count) / 1000
            seen += count
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """Lines by one dimension, busiest first, their sum, and the sum of the period of the same length before."""

    since: datetime
    until: datetime
    by: str
    lines: Sequence[Line]
    total: Line
    before: Line


def report(store: Store, since: datetime, until: datetime, by: str = "rule", *, compared: bool = True) -> Report:
    """Report on whole days in UTC, `until` left out. Raises ValueError where there is nothing to report by `by`.

    Unless `compared`, nothing is read of the period before.
    """
    if by not in BY:
        raise ValueError(f"There is nothing to report by {by!r}.")
    since, until = _midnight(since), _midnight(until)
    with store.read() as tx:
        rows = sums.read_days(tx, since, until) if by == "day" else sums.read(tx, since, until, by)
        earlier = sums.read(tx, since - (until - since), since, "") if compared else []
    lines = _by_day(rows) if by == "day" else _busiest_first(_lines(rows))
    return Report(since=since, until=until, by=by, lines=lines, total=_sum("", rows), before=_sum("", earlier))


def daily(store: Store, since: datetime, until: datetime) -> Sequence[Line]:
    """Return the days of a report that have something to draw, in order, with no more than charts need (DRAWN)."""
    with store.read() as tx:
        return _by_day(sums.read_days(tx, _midnight(since), _midnight(until), DRAWN))


def _by_day(rows: Iterable[Row]) -> list[Line]:
    lines = sorted(_lines(rows), key=lambda line: int(line.what))
    return [Line(what=at(int(line.what)).date().isoformat(), amounts=line.amounts) for line in lines]


def _busiest_first(lines: Iterable[Line]) -> list[Line]:
    return sorted(lines, key=lambda line: (-line.total("created"), -line.total("skipped"), line.what))


def _lines(rows: Iterable[Row]) -> list[Line]:
    grouped: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        grouped[str(row["what"])].append(row)
    return [_sum(what, several) for what, several in grouped.items()]


def _sum(what: str, rows: Iterable[Row]) -> Line:
    amounts: dict[str, Counter[str]] = defaultdict(Counter)
    for row in rows:
        amounts[row["measure"]][row["label"]] += int(row["amount"])
    return Line(what=what, amounts=dict(amounts))


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole > 0 else None


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
