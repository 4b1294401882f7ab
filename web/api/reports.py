"""/reports: what texts achieved and what they cost, by rule, campaign, source, gateway, country or day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import Field, model_validator

from audit import figures
from audit.report import Line, report
from model.access import Permission
from web.api.problems import Problem, Trouble
from web.api.route import Call, Route
from web.api.shapes import Day, Given, Taken

LONGEST = timedelta(days=400)
USUAL = timedelta(days=30)
COUNTED = (
    "created", "sent", "delivered", "reported", "failed", "unknown", "waiting", "skipped", "replied", "opted_out",
    "linked", "clicked", "segments",
)  # fmt: skip
PARTS = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


class ReportAsked(Taken):
    """Which days, in UTC, and one line for each of what."""

    since: Day | None = Field(default=None, description="The first day; without it, 29 days before `until`.")
    until: Day | None = Field(default=None, description="The last day; without it, today.")
    by: Literal["rule", "campaign", "source", "gateway", "country", "day"] = Field(
        default="rule", description="One line for each of these."
    )

    @model_validator(mode="after")
    def _in_order(self) -> ReportAsked:
        if self.since is not None and self.until is not None and self.since > self.until:
            raise ValueError("since lies after until")
        return self


class Speed(Given):
    """Within how many seconds half, 95 and 99 of a hundred texts got there."""

    p50: float | None
    p95: float | None
    p99: float | None


class Figures(Given):
    """What became of texts. A rate is null where there is nothing it could rest on; costs are by currency."""

    what: str
    created: int
    sent: int
    delivered: int
    reported: int
    failed: int
    unknown: int
    waiting: int
    not_sent: int
    skipped: int
    replied: int
    opted_out: int
    linked: int
    clicked: int
    segments: int
    coverage: float | None
    delivery_rate: float | None
    failure_rate: float | None
    response_rate: float | None
    opt_out_rate: float | None
    click_rate: float | None
    cost: dict[str, str]
    cost_per_delivered: dict[str, str]
    seconds_to_gateway: Speed
    seconds_to_handset: Speed
    failed_by_reason: dict[str, int]
    skipped_by_reason: dict[str, int]


class ReportOut(Given):
    """Lines, busiest first, their sum, and the sum of the period of the same length before. Both days count."""

    since: str
    until: str
    by: str
    total: Figures
    before: Figures
    lines: list[Figures]


def get_report(call: Call, asked: ReportAsked) -> ReportOut:
    """Read what texts achieved and what they cost."""
    last = asked.until or _midnight(call.now)
    first = asked.since or last - USUAL + timedelta(days=1)
    if not timedelta() <= last - first < LONGEST:
        why = f"A report is about 1 to {LONGEST.days} days."
        raise Problem(Trouble.INVALID, why, errors=[{"field": "since", "message": why}])
    figures.refresh_soon(call.store, call.now)
    made = report(call.store, first, last + timedelta(days=1), asked.by)
    return ReportOut(
        since=first.date().isoformat(), until=last.date().isoformat(), by=asked.by, total=_told(made.total),
        before=_told(made.before), lines=[_told(line) for line in made.lines],
    )  # fmt: skip


def _told(line: Line) -> Figures:
    rates = ("coverage", "delivery_rate", "failure_rate", "response_rate", "opt_out_rate", "click_rate")
    plain: dict[str, Any] = {name: line.total(name) for name in COUNTED}
    plain |= {name: _rounded(getattr(line, name)) for name in rates}
    return Figures(
        what=line.what,
        **plain,
        not_sent=line.total("ended"),
        cost={currency: str(cost) for currency, cost in line.costs.items()},
        cost_per_delivered={currency: f"{cost:.4f}" for currency, cost in line.cost_per_delivered.items()},
        seconds_to_gateway=_speed(line, "to_gateway"),
        seconds_to_handset=_speed(line, "to_handset"),
        failed_by_reason=dict(line.of("failed").most_common()),
        skipped_by_reason=dict(line.of("skipped").most_common()),
    )


def _speed(line: Line, measure: str) -> Speed:
    return Speed(**{name: _rounded(line.seconds(measure, part)) for name, part in PARTS.items()})


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _midnight(now: datetime) -> datetime:
    return now.replace(hour=0, minute=0, second=0, microsecond=0)


ROUTES = (Route(path="/reports", view=get_report, needs=Permission.READ, takes=ReportAsked, gives=ReportOut),)
