"""`tidings report`: what texts achieved and what they cost, for people and for spreadsheets."""

from __future__ import annotations

import csv
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from commands.shared import print_json, store_of

if TYPE_CHECKING:
    from audit.report import Line, Report

PARTS = (0.5, 0.95, 0.99)
HEADINGS = (
    "sent", "delivered", "coverage", "failed", "replied", "clicked", "no text", "segments", "cost", "p95 to gateway",
)  # fmt: skip
COUNTED = ("created", "sent", "delivered", "reported", "failed", "unknown", "waiting")


@click.command()
@click.option("--since", default="30d", show_default=True, help="How far back, such as 7d or 90d; whole days in UTC.")
@click.option(
    "--by",
    type=click.Choice(["rule", "campaign", "source", "gateway", "country", "day"]),
    default="rule",
    show_default=True,
    help="One line for each of these.",
)
@click.option("--json", "as_json", is_flag=True, help="Everything, as one JSON document.")
@click.option("--csv", "as_csv", is_flag=True, help="One line per row, for a spreadsheet.")
@click.pass_context
def report(context: click.Context, since: str, by: str, as_json: bool, as_csv: bool) -> None:  # noqa: FBT001 - click's way
    """Say what texts achieved: volume, delivery with its coverage, failures, replies, cost and speed."""
    from audit import figures  # noqa: PLC0415
    from audit.report import report as made  # noqa: PLC0415
    from settings import duration  # noqa: PLC0415

    span, now, store = duration(since), datetime.now(UTC), store_of(context)
    if span is None or span < timedelta(days=1):
        raise click.UsageError(f"--since {since!r} is no number of days; write 7d or 90d.")
    figures.refresh(store, now)
    tomorrow = now + timedelta(days=1)
    found = made(store, tomorrow - span, tomorrow, by)
    if as_json:
        print_json(as_dict(found))
    elif as_csv:
        _write_csv(found)
    else:
        _write_table(found)


def as_dict(found: Report) -> dict[str, Any]:
    """Return a report as data."""
    return {
        "since": found.since.date().isoformat(),
        "until": (found.until - timedelta(days=1)).date().isoformat(),
        "by": found.by,
        "total": _flat(found.total),
        "before": _flat(found.before),
        "lines": [{found.by: line.what, **_flat(line)} for line in found.lines],
    }


def _flat(line: Line) -> dict[str, Any]:
    return {
        **{name: line.total(name) for name in COUNTED},
        "not_sent": line.total("ended"),
        "replied": line.total("replied"),
        "opted_out": line.total("opted_out"),
        "linked": line.total("linked"),
        "clicked": line.total("clicked"),
        "segments": line.total("segments"),
        "coverage": _rounded(line.coverage),
        "delivery_rate": _rounded(line.delivery_rate),
        "failure_rate": _rounded(line.failure_rate),
        "response_rate": _rounded(line.response_rate),
        "opt_out_rate": _rounded(line.opt_out_rate),
        "click_rate": _rounded(line.click_rate),
        "cost": {currency: str(cost) for currency, cost in line.costs.items()},
        "cost_per_delivered": {currency: f"{cost:.4f}" for currency, cost in line.cost_per_delivered.items()},
        "seconds_to_gateway": {f"p{part * 100:g}": _rounded(line.seconds("to_gateway", part)) for part in PARTS},
        "seconds_to_handset": {f"p{part * 100:g}": _rounded(line.seconds("to_handset", part)) for part in PARTS},
        "failed_by_reason": dict(line.of("failed").most_common()),
        "skipped_by_reason": dict(line.of("skipped").most_common()),
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _write_csv(found: Report) -> None:
    rows = [{found.by: line.what, **_flat(line)} for line in found.lines]
    columns = list(rows[0]) if rows else [found.by]
    writer = csv.writer(sys.stdout)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([_cell(row[name]) for name in columns])


def _cell(value: Any) -> Any:
    """A dict becomes "EUR 12.40; USD 3.10"; a text that a spreadsheet would calculate gets an apostrophe."""
    if isinstance(value, dict):
        return "; ".join(f"{name} {number}" for name, number in value.items() if number not in (None, 0))
    return f"'{value}" if isinstance(value, str) and value[:1] in {"=", "+", "-", "@", "\t", "\r"} else value


def _write_table(found: Report) -> None:
    from rich.console import Console  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(found.by)
    for name in HEADINGS:
        table.add_column(name, justify="right")
    for line in [*found.lines, found.total]:
        table.add_row(line.what or ("(none)" if line is not found.total else "total"), *_shown(line))
    table.add_row("before", *_shown(found.before), style="dim")
    Console().print(table)


def _shown(line: Line) -> list[str]:
    cost = ", ".join(f"{amount:.2f} {currency}" for currency, amount in line.costs.items())
    speed = line.seconds("to_gateway", 0.95)
    return [
        f"{line.total('sent'):,}", _percent(line.delivery_rate), _percent(line.coverage), _percent(line.failure_rate),
        _percent(line.response_rate), _percent(line.click_rate), f"{line.total('skipped') + line.total('ended'):,}",
        f"{line.total('segments'):,}", cost, "" if speed is None else f"{speed:.2f} s",
    ]  # fmt: skip


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
