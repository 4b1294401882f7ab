"""How the service is: store, queue, seals, rules, what is set up and what is not. Never a secret.

And how punctual it was: the service level, which may be shown to everybody because it names nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from flask import Blueprint, abort

from audit import condition, punctuality, tallies, versions
from audit.punctuality import Day
from audit.sentences import span
from model.access import Permission
from web import access, charts, shell
from web.charts import Point
from web.desk import Setting
from web.metrics import our_version

UNITS = ("B", "KB", "MB", "GB", "TB")


def register(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/status", "status", access.needs(Permission.READ, status), methods=["GET"])
    pages.add_url_rule("/service-level", "service_level", access.needs(Permission.READ, service_level), methods=["GET"])


def service_level() -> str:
    """Show the service level to people who are signed in."""
    return shell.page("service_level.html", "status", **_punctual())


def public_service_level() -> str:
    """Show the service level to anybody, where the operator publishes it."""
    if not shell.desk().entrance.public_status:
        abort(404)
    return shell.outside("service_level.html", **_punctual())


def _punctual() -> dict[str, object]:
    desk = shell.desk()
    found = punctuality.of(desk.store, desk.clock())
    points = [Point(name=f"{day.day}", value=day.share, words=_in_words(day)) for day in found.days]
    return {
        "level": found, "percent": percent, "within": int(tallies.IN_TIME.total_seconds()),
        "public": desk.entrance.public_status,
        "chart": charts.line("Share handed over in time, by day", points, low=0.9),
    }  # fmt: skip


def _in_words(day: Day) -> str:
    return f"{percent(day.share)} of {day.due:,}" if day.due else "nothing was due"


def percent(share: float | None) -> str:
    """Write a share with one digit behind the point, cut off and never rounded up: 100% is all of them."""
    return "" if share is None else f"{int(share * 1000) / 10:.1f}%"


def status() -> str:
    """Show everything once."""
    desk = shell.desk()
    found = condition.of(desk.store, desk.clock())
    with desk.store.read() as tx:
        newest = versions.newest(tx, 1)
    return shell.page(
        "status.html", "status", found=found, version=our_version(), rules=newest[0] if newest else None,
        rule_count=len(desk.book().rules), running=desk.running, parts=_parts(desk.running.settings), size=size,
        age=lambda seconds: span(timedelta(seconds=seconds)), most=condition.MOST,
        may_see=access.may(Permission.STEER),
    )  # fmt: skip


def size(count: int) -> str:
    """Write a number of bytes as people read it."""
    amount, unit = float(count), 0
    while amount >= 1000 and unit < len(UNITS) - 1:
        amount, unit = amount / 1000, unit + 1
    return f"{amount:,.0f} {UNITS[unit]}" if unit < 2 else f"{amount:,.1f} {UNITS[unit]}"


def _parts(settings: Sequence[Setting]) -> dict[str, list[Setting]]:
    parts: dict[str, list[Setting]] = {}
    for one in settings:
        parts.setdefault(one.part, []).append(one)
    return parts
