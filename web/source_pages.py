"""Sources: how each does, how it is set up, and trying it without sending anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, cast

from flask import Blueprint, abort, request
from markupsafe import Markup

from audit import cursors, last_refused, silence, source_hours, subscriptions
from audit.rows import at
from audit.silence import Silence
from audit.source_hours import Lately
from audit.store import Row, Tx
from connectors.base import AskFailed, Poller
from inbound import samples
from inbound.sources import Source
from model.access import Permission
from model.event import Event
from model.reasons import Reason, Refused
from web import access, charts, forms, shell
from web.charts import Point
from web.desk import Desk
from wire.http import Client, Forbidden, NotSent, Unclear

DAY, FORTNIGHT = 24, 14 * 24
"""Hours in the small line of the list, and in the chart of one source."""

SIGNATURES = {Reason.BAD_SIGNATURE.code, Reason.NO_SIGNATURE.code, Reason.STALE_SIGNATURE.code}
REASONS = {reason.code: reason.text for reason in Reason}
POLL_SECONDS = 10.0
LONGEST = 120
"""Characters of a cursor's value on a page."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """One source as the pages show it. `lag` is how long its poll got no answer, None where it is not polled."""

    source: Source
    how: str
    last: Row | None
    last_at: datetime | None
    lately: Lately
    line: Markup
    forged: int
    refused: Sequence[tuple[str, int]]
    silence: Silence | None
    lag: timedelta | None
    poll_error: str


def register(pages: Blueprint) -> None:
    """Add the pages."""
    read, steer = Permission.READ, Permission.STEER
    pages.add_url_rule("/sources", "sources", access.needs(read, overview), methods=["GET"])
    pages.add_url_rule("/sources/<name>", "source", access.needs(read, one), methods=["GET"])
    pages.add_url_rule("/sources/<name>", "source_try", access.needs(steer, attempt), methods=["POST"])


def overview() -> str:
    """Show every source with what it did in the last 24 hours."""
    desk = shell.desk()
    now = desk.clock()
    source_hours.refresh(desk.store, now)
    with desk.store.read() as tx:
        rows = [_shown(tx, desk, source, now, DAY) for _, source in sorted(desk.running.sources.items())]
    return shell.page("sources.html", "sources", rows=rows)


def one(name: str) -> str:
    """Show one source: two weeks of events, what was refused, its poll, and how it is set up."""
    return _page(name, "")


def attempt(name: str) -> str | tuple[str, int]:
    """Try a source without storing or sending anything: read a sample with its secret, or ask its system."""
    forms.prove()
    source = shell.desk().running.sources.get(name) or abort(404)
    if request.form.get("do") == "ask":
        return _page(name, _asked(source, shell.desk().clock()))
    said = _sampled(source, request.form.get("sample", ""))
    return _page(name, said) if said else (_page(name, "", wrong="Choose one of the samples."), 422)


def sample_names(source: Source) -> list[str]:
    """Return the recorded requests of a source's connector."""
    folder = samples.ROOT / source.connector.name
    return sorted(path.name.removesuffix(".expect.yaml") for path in folder.glob("*.expect.yaml"))


def _page(name: str, said: str, wrong: str = "") -> str:
    desk = shell.desk()
    source, now = desk.running.sources.get(name) or abort(404), desk.clock()
    source_hours.refresh(desk.store, now)
    with desk.store.read() as tx:
        shown = _shown(tx, desk, source, now, FORTNIGHT)
        cursor = next((row for row in cursors.listing(tx) if row["source"] == name), None)
        refused, kept = last_refused.of(tx, name), subscriptions.of(tx, name)
    connector = source.connector
    return shell.page(
        "source.html",
        "sources",
        one=shown,
        connector=connector,
        chart=_chart(shown.lately.hours, now),
        address=f"{desk.running.address}/hooks/{name}" if connector.needs_secret else "",
        provider_texts=connector.provider_texts,
        refused=refused,
        kept=kept,
        cursor=_lines(cursor) if cursor and access.may(Permission.STEER) else [],
        asked_at=cursor["at"] if cursor else None,
        reasons=REASONS,
        samples=sample_names(source),
        can_ask=hasattr(connector, "poll"),
        can_try=access.may(Permission.STEER),
        said=said,
        wrong=wrong,
    )


def _shown(tx: Tx, desk: Desk, source: Source, now: datetime, hours: int) -> Shown:
    name = source.name
    done = source_hours.lately(tx, now, hours, name)
    refused = desk.running.refusals.since(tx, now - timedelta(hours=hours - 1)).get(name, Counter())
    last = source_hours.last_event(tx, name)
    poll = next((row for row in cursors.listing(tx) if row["source"] == name), None) if source.poll_every else None
    polled = source.poll_every is not None and hasattr(source.connector, "poll")
    day = done.hours[-DAY:]
    return Shown(
        source=source,
        how=_how(source, polled=polled),
        last=last,
        last_at=at(last["received_at"]) if last else None,
        lately=done,
        line=charts.spark(f"Events of {name} per hour, the last 24 hours: {sum(day)} in all", day),
        forged=sum(count for reason, count in refused.items() if reason in SIGNATURES),
        refused=refused.most_common(),
        silence=silence.of(tx, name, now),
        lag=now - at(poll["moved_at"]) if poll and poll["moved_at"] else None,
        poll_error=poll["error"] if poll else "",
    )


def _how(source: Source, *, polled: bool) -> str:
    asked = f"asked every {_span(source.poll_every)}" if polled and source.poll_every else ""
    return " and ".join(filter(None, ["posts" if source.connector.needs_secret else "", asked])) or "posts"


def _span(length: timedelta) -> str:
    seconds = int(length.total_seconds())
    return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds} s"


def _chart(hours: Sequence[int], now: datetime) -> Markup:
    """Draw two weeks in days: an hour each would be thinner than a line."""
    start = source_hours.hour_of(now) - timedelta(hours=len(hours) - 1)
    days: dict[str, int] = {}
    for place, count in enumerate(hours):
        day = f"{start + timedelta(hours=place):%Y-%m-%d}"
        days[day] = days.get(day, 0) + count
    return charts.bars(
        "Events per day", [Point(name=day, value=count, words=f"{count:,} events") for day, count in days.items()]
    )


def _lines(cursor: Row) -> list[tuple[str, str]]:
    return [(name, str(value)[:LONGEST]) for name, value in sorted(json.loads(cursor["cursor"]).items())]


def _sampled(source: Source, case: str) -> str:
    """Sign a recorded request as its sender would, with the secret set up here, and read it; "" for no such sample."""
    if case not in sample_names(source):
        return ""
    path = next(p for p in (samples.ROOT / source.connector.name).glob(f"{case}.*") if _is_body(p, case))
    sample = samples.read(path)
    secret = next(iter(source.secrets), "")
    try:
        incoming = source.connector.sign(sample.incoming, secret, sample.now)
        source.connector.verify(incoming, source.secrets, sample.now)
        found = source.connector.parse(incoming)
    except Refused as refusal:
        return f"Refused: {refusal.detail or refusal.reason.text}"
    except Exception as error:  # noqa: BLE001 - whatever a connector does to a sample is told, and changes nothing
        return f"The connector broke on it: {type(error).__name__}."
    return f"The signature made with this source's secret is right. {_told(found)} Nothing was stored or sent."


def _is_body(path: Path, case: str) -> bool:
    return path.stem == case and not path.name.endswith(".expect.yaml")


def _told(found: Sequence[Event]) -> str:
    if not found:
        return "It was read, and there is no event in it."
    return f"It was read as {', '.join(f'{event.type} {event.key}'.strip() for event in found[:5])}."


def _asked(source: Source, now: datetime) -> str:
    """Ask a polled system once from the start, where a poll only finds its baseline and gives no events."""
    if not hasattr(source.connector, "poll"):
        return "This system is not asked; it posts."
    http = Client(hosts=tuple(source.connector.hosts), read=POLL_SECONDS)
    try:
        page = cast("Poller", source.connector).poll({}, http, now)
    except (AskFailed, NotSent, Unclear, Forbidden) as error:
        return f"It did not tell: {error}"
    except Exception as error:  # noqa: BLE001 - a connector that breaks is told like a system that does not answer
        return f"The connector broke: {type(error).__name__}."
    places: dict[str, Any] = dict(page.cursor)
    return f"It answered. A first poll would begin at {', '.join(sorted(places)) or 'the start'}. Nothing was stored."
