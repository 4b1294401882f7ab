"""`tidings rules diff`: recorded events through two rules files, in words a person reads in a minute."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import click

from audit import counts, events
from audit.store import Store
from dispatch.compare import Change, Comparison, Recorded, compare
from dispatch.facts import MemoryFacts
from rules.book import Book
from settings import duration

SIGNS = {"added": ("+", "green"), "removed": ("-", "red"), "changed": ("~", "yellow")}


@dataclass(frozen=True, slots=True)
class Report:
    """A comparison, and what a segment has cost so far (None when nothing was billed yet)."""

    comparison: Comparison
    price: float | None
    currency: str

    def as_dict(self) -> dict[str, Any]:
        """Return everything as data."""
        found = self.comparison
        return {
            "events": found.events,
            "same": found.same,
            **{kind: found.counts[kind] for kind in SIGNS},
            "segments_before": found.segments_before,
            "segments_after": found.segments_after,
            "cost_difference": self._cost(),
            "currency": self.currency,
            "by_rule": {rule: dict(counts) for rule, counts in found.by_rule.items()},
            "examples": [change.as_dict() for change in found.changes],
        }

    def lines(self) -> Iterator[str]:
        """Say it for people."""
        found = self.comparison
        yield (
            f"{found.events:,} events: {found.same:,} texts the same, {found.counts['added']:,} added, "
            f"{found.counts['removed']:,} removed, {found.counts['changed']:,} changed."
        )
        more = found.segments_after - found.segments_before
        cost = self._cost()
        yield f"Segments: {found.segments_before:,} -> {found.segments_after:,} ({more:+,})" + (
            f", about {cost:+.2f} {self.currency}." if cost is not None else "."
        )
        for rule, counts_ in sorted(found.by_rule.items()):
            shown = ", ".join(f"{count:,} {kind}" for kind, count in counts_.items())
            yield click.style(f"\n{rule}: {shown}", bold=True)
            for change in found.changes:
                if change.rule == rule:
                    yield from _example(change)

    def _cost(self) -> float | None:
        more = self.comparison.segments_after - self.comparison.segments_before
        return None if self.price is None else round(self.price * more, 4)


def run(store: Store, old: Book, new: Book, since: str, examples: int, *, quiet: bool) -> Report:
    """Compare two books on what came in since then."""
    span = duration(since)
    if span is None:
        raise click.UsageError(f"--since {since!r} is not a duration; write 30d or 12h.")
    now = datetime.now(UTC)
    recorded = events.recorded(store, now - span, now)
    with store.read() as tx:
        stopped = counts.opted_out(tx)
        price, currency = counts.price_of_a_segment(tx)

    def past() -> MemoryFacts:
        return MemoryFacts(stopped=stopped)

    return Report(compare(old, new, _with_progress(recorded, quiet=quiet), past, examples), price, currency)


def _with_progress(recorded: Iterator[Recorded], *, quiet: bool) -> Iterator[Recorded]:
    from rich.console import Console  # noqa: PLC0415 - only long work draws
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (SpinnerColumn(), TextColumn("{task.completed:,.0f} events"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=quiet) as progress:
        task = progress.add_task("events", total=None)
        for one in recorded:
            yield one
            progress.advance(task)


def _example(change: Change) -> Iterator[str]:
    sign, colour = SIGNS[change.kind]
    shown = change.as_dict()
    yield click.style(f"  {sign} {change.record} ({change.event_id})", fg=colour)
    for name, side in (("before", shown["before"]), ("after", shown["after"])):
        if isinstance(side, dict):
            what = f'"{side["text"]}" to {side["to"]} at {side["due_at"]}' if "text" in side else _why(side)
            yield f"      {name:<6} {what}"


def _why(side: dict[str, object]) -> str:
    return f"no text, {side['because']}" + (f": {side['detail']}" if side["detail"] else "")
