"""What all pages share: the frame around them, and the words the templates know."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from flask import Flask, render_template, request

from audit import counts
from audit.sentences import span
from model.access import Permission
from web import access, words
from web.desk import desk

__all__ = ["desk", "outside", "page", "teach", "today", "trouble"]
NAVIGATION = (
    ("home", "/console/", "Home", "home", Permission.READ),
    ("audit", "/console/audit", "Audit log", "list", Permission.READ),
    ("events", "/console/events", "Events", "in", Permission.READ),
    ("messages", "/console/messages", "Messages", "phone", Permission.READ),
    ("conversations", "/console/conversations", "Conversations", "talk", Permission.READ),
    ("consent", "/console/consent", "Consent", "hand", Permission.READ),
    ("campaigns", "/console/campaigns", "Campaigns", "horn", Permission.READ),
    ("codes", "/console/codes", "Codes", "digits", Permission.READ),
    ("rules", "/console/rules", "Rules", "rules", Permission.READ),
    ("reports", "/console/reports", "Reports", "chart", Permission.READ),
    ("sources", "/console/sources", "Sources", "plug", Permission.READ),
    ("gateways", "/console/gateways", "Gateways", "mast", Permission.READ),
    ("status", "/console/status", "Health", "pulse", Permission.READ),
    ("people", "/console/people", "People", "key", Permission.ADMIN),
)


def today(now: datetime) -> datetime:
    """Return when the day began, in UTC like everything here."""
    return now.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def page(template: str, here: str, **values: Any) -> str:
    """Write a page inside its frame."""
    at = desk()
    now = at.clock()
    waiting = counts.attention(at.store, today(now))
    notices = at.notices()
    return render_template(
        template,
        **{**_frame(here), "badges": _badges(waiting, notices)},
        now=now,
        waiting=waiting,
        notices=notices,
        **values,
    )


def outside(template: str, **values: Any) -> str:
    """Write a page for somebody who is not signed in: it says nothing of what is inside."""
    return render_template(template, **_frame(""), now=desk().clock(), **values)


def trouble(title: str, advice: str, code: int) -> str:
    """Write a page that needs nothing but itself: the store may be down."""
    access.glimpsed()
    return render_template("trouble.html", **_frame(""), now=desk().clock(), title=title, advice=advice, code=code)


def _frame(here: str) -> dict[str, Any]:
    theme = request.cookies.get("theme", "")
    asked = request.full_path if request.query_string else request.path
    return {
        "here": here,
        "navigation": [entry for entry in NAVIGATION if access.may(entry[4])],
        "visitor": access.known(),
        "may": access.may,
        "Permission": Permission,
        "mode": words.mode(desk().mode()),
        "theme": theme if theme in {"light", "dark"} else "auto",
        "back": asked,
        "badges": {},
    }


def _badges(waiting: dict[str, counts.Pile], notices: Sequence[str]) -> dict[str, str]:
    """Numbers in the navigation, only where something needs a person."""
    stuck = waiting["unreadable"].count + waiting["failed"].count
    found = {
        "home": str(len(notices)) if notices else "",
        "events": f"{min(stuck, counts.MANY - 1)}{'+' if stuck >= counts.MANY else ''}" if stuck else "",
        "messages": waiting["unknown"].shown if waiting["unknown"].count else "",
        "conversations": waiting["reply"].shown if waiting["reply"].count else "",
    }
    return {name: shown for name, shown in found.items() if shown}


def _rule_line(place: str) -> str:
    """Return the address of a line ("rules.yaml:14") in the editor, "" where that file is not edited there."""
    editing = desk().editing
    name, _, line = place.rpartition(":")
    return f"/console/rules/edit#L{line}" if editing and name == editing.path.name and line.isdecimal() else ""


def teach(app: Flask) -> None:
    """Give the templates their words."""
    app.jinja_env.filters.update(
        mask=access.shown,
        when=words.when,
        clock=words.clock,
        because=words.because,
        state=words.state,
        event_state=words.event_state,
        skip=words.skip,
        span=span,
        moment=words.moment_of,
        exact=words.exact,
        rule_line=_rule_line,
    )
