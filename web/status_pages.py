"""How the service is: store, queue, seals, rules, what is set up and what is not. Never a secret."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from importlib.metadata import PackageNotFoundError, version

from flask import Blueprint

from audit import condition, versions
from audit.trace import span
from model.access import Permission
from web import access, shell
from web.desk import Setting

UNITS = ("B", "KB", "MB", "GB", "TB")


def register(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/status", "status", access.needs(Permission.READ, status), methods=["GET"])


def status() -> str:
    """Show everything once."""
    desk = shell.desk()
    found = condition.of(desk.store, desk.clock())
    with desk.store.read() as tx:
        newest = versions.newest(tx, 1)
    return shell.page(
        "status.html", "status", found=found, version=_version(), rules=newest[0] if newest else None,
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


def _version() -> str:
    try:
        return version("tidings")
    except PackageNotFoundError:  # run from a folder that was never installed
        return "not installed"


def _parts(settings: Sequence[Setting]) -> dict[str, list[Setting]]:
    parts: dict[str, list[Setting]] = {}
    for one in settings:
        parts.setdefault(one.part, []).append(one)
    return parts
