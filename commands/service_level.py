"""`tidings service-level`: which share of texts was handed over in time, day by day."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from commands.shared import print_json, store_of

if TYPE_CHECKING:
    from audit.punctuality import Day

COLUMNS = ("due", "in_time", "late", "never", "refused")


@click.command("service-level")
@click.option(
    "--days", type=click.IntRange(1, 3650), default=90, show_default=True, help="How many days (UTC), today included."
)
@click.option("--at-least", type=click.FloatRange(0, 100), help="Exit with 1 if less than this per cent were in time.")
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON document.")
@click.pass_context
def service_level(context: click.Context, days: int, at_least: float | None, as_json: bool) -> None:  # noqa: FBT001
    """Say which share of texts was handed to a provider within 10 seconds of being due, bulk included."""
    from audit import punctuality, tallies  # noqa: PLC0415

    store, now = store_of(context), datetime.now(UTC)
    while tallies.refresh(store, now):  # after an upgrade there may be years to count
        pass
    found = punctuality.of(store, now, days)
    if as_json:
        print_json({
            "total": _flat(found.total),
            "overdue": found.overdue,
            "lanes": {name: _flat(lane) for name, lane in found.lanes},
            "days": [{"day": str(day.day), **_flat(day)} for day in found.days],
        })  # fmt: skip
    else:
        for day in found.days:
            if day.due or day.refused:
                click.echo(_line(str(day.day), day))
        for name, lane in found.lanes:
            if lane.due or lane.refused:
                click.echo(_line(name, lane))
        click.echo(_line("all", found.total))
    short = at_least is not None and found.total.share is not None and found.total.share * 100 < at_least
    context.exit(1 if short else 0)


def _line(name: str, day: Day) -> str:
    share = "" if day.share is None else f"{int(day.share * 10_000) / 100:.2f}%"
    counts = ", ".join(f"{getattr(day, kind):,} {kind.replace('_', ' ')}" for kind in COLUMNS)
    return f"{name:<12} {share:>8}  {counts}"


def _flat(day: Day) -> dict[str, Any]:
    return {**{kind: getattr(day, kind) for kind in COLUMNS}, "share": day.share}
