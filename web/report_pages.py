"""Reports: what texts achieved, by rule, campaign, source, gateway or country, beside the period before."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from flask import Blueprint, Response, request

from audit import figures
from audit.report import BY, TARGET, Line, Report, daily, report
from model.access import Permission
from web import charts, shell
from web.access import needs
from web.charts import Point
from wire.table import safe

DAYS = (7, 30, 90, 365)
COLUMNS = ("rule", "campaign", "source", "gateway", "country")
COUNTED = ("sent", "delivered", "reported", "failed", "replied", "opted_out", "linked", "clicked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One figure beside the same figure of the period before."""

    name: str
    now: str
    before: str
    note: str = ""
    tone: str = ""


def register(pages: Blueprint) -> None:
    """Add the pages."""
    pages.add_url_rule("/reports", "reports", needs(Permission.READ, reports))
    pages.add_url_rule("/reports.csv", "reports_csv", needs(Permission.READ, as_csv))


def reports() -> str:
    """Show figures, two charts and one line for each rule (or what else was asked for)."""
    desk = shell.desk()
    now = desk.clock()
    days, by = _asked()
    figures.refresh_soon(desk.store, now)
    found = _made(days, by, now)
    by_day = daily(desk.store, found.since, found.until)
    return shell.page(
        "reports.html",
        "reports",
        report=found,
        shown=_shown(found),
        by=by,
        days=days,
        choices=COLUMNS,
        spans=DAYS,
        charts=_charts(found.since, by_day, days),
        daily=by_day,
        percent=percent,
        money=money,
        seconds=seconds,
    )


def as_csv() -> Response:
    """Give the lines as a spreadsheet reads them."""
    desk = shell.desk()
    days, by = _asked()
    figures.refresh_soon(desk.store, desk.clock())
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([by, *COUNTED, "no_text", "segments", "cost"])
    for line in _made(days, by, desk.clock(), compared=False).lines:
        counts = [line.total(name) for name in COUNTED]
        unsent = line.total("skipped") + line.total("ended")
        writer.writerow([safe(line.what), *counts, unsent, line.total("segments"), money(line)])
    headers = {"Content-Disposition": f"attachment; filename=tidings-{by}-{days}d.csv"}
    return Response(text.getvalue(), mimetype="text/csv", headers=headers)


def percent(share: float | None) -> str:
    """Write a share; of nothing there is none."""
    return "–" if share is None else f"{share:.1%}"


def money(line: Line) -> str:
    """Write what texts cost, currency by currency."""
    return ", ".join(f"{amount:.2f} {currency}" for currency, amount in line.costs.items())


def seconds(line: Line, measure: str, share: float) -> str:
    """Write the time within which a share of texts got there."""
    found = line.seconds(measure, share)
    return "–" if found is None else f"{found:.2f} s" if found < 10 else f"{timedelta(seconds=round(found))}"


def _asked() -> tuple[int, str]:
    days, by = request.args.get("days", ""), request.args.get("by", "rule")
    return int(days) if days.isdecimal() and int(days) in DAYS else 30, by if by in COLUMNS else BY[0]


def _made(days: int, by: str, now: datetime, *, compared: bool = True) -> Report:
    tomorrow = now + timedelta(days=1)
    return report(shell.desk().store, tomorrow - timedelta(days=days), tomorrow, by, compared=compared)


def _shown(found: Report) -> list[Shown]:
    here, then = found.total, found.before
    rate = here.delivery_rate
    return [
        Shown(name="Sent", now=f"{here.total('sent'):,}", before=f"{then.total('sent'):,}"),
        Shown(
            name="Delivered",
            now=percent(rate),
            before=percent(then.delivery_rate),
            note=f"final receipts for {percent(here.coverage)} of those sent; the target is {TARGET:.0%}",
            tone="" if rate is None else "good" if rate >= TARGET else "bad",
        ),
        Shown(name="Failed", now=percent(here.failure_rate), before=percent(then.failure_rate)),
        Shown(name="Replied", now=percent(here.response_rate), before=percent(then.response_rate)),
        Shown(name="Opted out", now=percent(here.opt_out_rate), before=percent(then.opt_out_rate)),
        *_followed(here, then),
        Shown(name="Cost", now=money(here) or "–", before=money(then) or "–", note=_per_delivered(here)),
        Shown(
            name="To the gateway",
            now=seconds(here, "to_gateway", 0.95),
            before=seconds(then, "to_gateway", 0.95),
            note="95 of 100 texts are handed over within this time",
        ),
        Shown(
            name="To the phone",
            now=seconds(here, "to_handset", 0.95),
            before=seconds(then, "to_handset", 0.95),
            note="95 of 100 delivered texts arrive within this time after that",
        ),
    ]


def _followed(here: Line, then: Line) -> list[Shown]:
    """Show how many links were followed, where there were any."""
    if not (here.total("linked") or then.total("linked")):
        return []
    note = f"{here.total('clicked'):,} of {here.total('linked'):,} texts with a short link; previews do not count"
    return [Shown(name="Link followed", now=percent(here.click_rate), before=percent(then.click_rate), note=note)]


def _per_delivered(line: Line) -> str:
    each = ", ".join(f"{cost:.4f} {currency}" for currency, cost in line.cost_per_delivered.items())
    return f"{each} for each delivered text" if each else "as far as providers tell what they charge"


def _charts(since: datetime, counted: Sequence[Line], days: int) -> Sequence[object]:
    by_day = {line.what: line for line in counted}
    names = [(since + timedelta(days=day)).date().isoformat() for day in range(days)]
    lines = [by_day.get(name, Line(what=name)) for name in names]
    sent = [Point(name=one.what, value=one.total("sent"), words=f"{one.total('sent'):,} sent") for one in lines]
    rates = [Point(name=one.what, value=one.delivery_rate, words=percent(one.delivery_rate)) for one in lines]
    return charts.bars("Texts sent per day", sent), charts.line("Share delivered per day", rates, TARGET, low=0.9)
