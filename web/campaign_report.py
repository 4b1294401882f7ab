"""What came of a campaign, as a spreadsheet reads it."""

from __future__ import annotations

import csv
import io
from decimal import Decimal

from flask import Blueprint, Response

from dispatch.campaigning import CampaignReport
from dispatch.campaigns.reporting import Line
from model.access import Permission
from web import access, shell
from web.campaign_pages import office, shown
from wire.table import safe

COUNTED = (
    "planned", "sent", "delivered", "coverage", "delivery_rate", "cancelled", "waiting", "unknown", "replied",
    "opted_out", "linked", "clicked", "segments",
)  # fmt: skip


def register(pages: Blueprint) -> None:
    """Add the address."""
    view = access.needs(Permission.READ, as_csv)
    pages.add_url_rule("/campaigns/<campaign_id>/report.csv", "campaign_csv", view, methods=["GET"])


def as_csv(campaign_id: str) -> Response:
    """Give the report, a line for all texts and one for each variant."""
    shown(campaign_id)
    text = io.StringIO()
    csv.writer(text).writerows(_rows(office().report(campaign_id, shell.desk().clock())))
    answer = Response(text.getvalue(), mimetype="text/csv")
    answer.headers["Content-Disposition"] = f'attachment; filename="{campaign_id}.csv"'
    return answer


def _rows(found: CampaignReport) -> list[list[object]]:
    lines = [found.total, *found.variants]
    failed = sorted({reason for line in lines for reason in line.failed})
    skipped = sorted({reason for line in lines for reason in line.skipped})
    money = sorted({currency for line in lines for currency in line.costs} | set(found.estimated))
    heading = [
        "variant", *COUNTED, *(f"failed: {reason}" for reason in failed), *(f"no text: {reason}" for reason in skipped),
        *(f"charged {currency}" for currency in money), *(f"by the price table {currency}" for currency in money),
    ]  # fmt: skip
    return [[safe(name) for name in heading]] + [_row(line, found, failed, skipped, money) for line in lines]


def _row(line: Line, found: CampaignReport, failed: list[str], skipped: list[str], money: list[str]) -> list[object]:
    estimated = found.estimated if line is found.total else dict[str, Decimal]()
    return [
        safe(line.variant or "all"), *(_rounded(getattr(line, name)) for name in COUNTED),
        *(line.failed.get(reason, 0) for reason in failed), *(line.skipped.get(reason, 0) for reason in skipped),
        *(line.costs.get(currency, "") for currency in money), *(estimated.get(currency, "") for currency in money),
    ]  # fmt: skip


def _rounded(value: float | int | None) -> object:
    return round(value, 4) if isinstance(value, float) else "" if value is None else value
