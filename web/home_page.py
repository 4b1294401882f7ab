"""The first page: what needs a person, oldest first, and how today compares with a week ago."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, urlencode

from flask import Blueprint

from audit import campaigns, caps, counts, overdue, silence, source_hours, steering
from audit.counts import Figures, Pile
from audit.report import TARGET
from audit.rows import ms
from audit.silence import Silence
from audit.store import Row
from model.access import Permission
from model.steering import WAITS, Condition, Steering
from web import shell
from web.access import needs
from web.desk import Desk

WEEK = timedelta(days=7)
KINDS = {
    "unreadable": (
        "{} could not be read",
        "Genuine requests in a shape nobody expected; they are kept.",
        "/console/events?state=unreadable",
    ),
    "failed": (
        "{} could not be planned",
        "Something in the rules or in our code broke on them; nothing was sent.",
        "/console/events?state=failed",
    ),
    "unknown": (
        "{} with unknown outcome",
        "The gateway may or may not have them; they are not repeated blindly.",
        "/console/messages?state=unknown",
    ),
    "reply": (
        "{} to look after",
        "People wrote something no rule understands, or that cannot be done by itself.",
        "/console/conversations",
    ),
    "no_recipient": (
        "{} today found no phone number",
        "The rule's fields held no number that can be texted.",
        "/console/audit?reason=no_recipient",
    ),
}
NOUNS = {
    "unreadable": "event", "failed": "event", "unknown": "text", "reply": "conversation", "no_recipient": "decision",
}  # fmt: skip
PAUSED = {"all": "Sending is paused", "rule": "The rule {} is paused", "gateway": "The gateway {} is paused"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """One line of what needs a person, and the list it opens."""

    words: str
    advice: str
    link: str
    oldest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One number of today beside the same stretch of the same weekday last week."""

    name: str
    today: str
    then: str
    note: str
    link: str
    tone: str = ""


def register(pages: Blueprint) -> None:
    """Add the page."""
    pages.add_url_rule("/", "home", needs(Permission.READ, home))


def home() -> str:
    """Show the first page."""
    desk = shell.desk()
    now = desk.clock()
    begin = shell.today(now)
    here = counts.figures(desk.store, begin, now - begin)
    then = counts.figures(desk.store, begin - WEEK, now - begin)
    piles = counts.attention(desk.store, begin)
    since = begin.strftime("%Y-%m-%dT%H:%M")
    waiting = sorted([*concerns(piles, since), *_troubles(desk)], key=lambda concern: concern.oldest)
    return shell.page("home.html", "home", concerns=waiting, figures=figures(here, then, since), weekday=f"{now:%A}")


def _troubles(desk: Desk) -> list[Concern]:
    """Write what is wrong with sources and gateways, and what soon expires."""
    now = desk.clock()
    source_hours.refresh(desk.store, now)
    with desk.store.read() as tx:
        quiet = silence.silent(tx, desk.running.sources, now)
        conditions, steered = steering.conditions(tx), steering.current(tx, now)
        late, troubled = overdue.expiring(tx, now), campaigns.troubled(tx, caps.day_of(now))
    found = [_silent(one) for one in quiet]
    found += [_resting(one) for name, one in conditions.items() if one.state == "resting"]
    found += capped(steered, troubled, caps.day_of(now))
    return [*found, *_paused(steered), *([_expiring(late)] if late.count else [])]


def _silent(one: Silence) -> Concern:
    hours = f"The same hours of earlier weeks brought {one.words} events. Its hook may be switched off there."
    link = f"/console/sources/{quote(one.source)}"
    return Concern(words=f"{one.source} is silent", advice=hours, link=link, oldest=ms(one.since))


def _resting(one: Condition) -> Concern:
    advice = f"{(one.error or 'It failed').rstrip('.')}. Texts that may use another gateway take it."
    link = f"/console/gateways/{quote(one.gateway)}"
    return Concern(words=f"The gateway {one.gateway} rests", advice=advice, link=link, oldest=ms(one.since))


def _paused(steered: Steering) -> list[Concern]:
    return [
        Concern(
            words=PAUSED[pause.scope].format(pause.name), link="/console/gateways", oldest=ms(pause.since),
            advice=f"{pause.reason}, by {pause.actor}. What waits longer than it lives is not sent.",
        )
        for pause in steered.pauses
    ]  # fmt: skip


def capped(steered: Steering, troubled: list[Row], day: int) -> list[Concern]:
    """Write which caps of the day are nearly used up, and which campaigns wait or have stopped."""
    found = [
        Concern(
            words=f"{cap.words} are used", link="/console/messages?state=queued", oldest=day,
            advice="What is over the cap is kept for the next day; codes leave all the same.",
        )
        for cap in steered.caps if cap.used * 100 >= cap.most * caps.WARN
    ]  # fmt: skip
    for row in troubled:
        why = WAITS.get(row["parked"], row["reason"]) if row["state"] == "running" else row["reason"]
        words = "has stopped" if row["state"] == "stopped" else "waits" if row["parked"] else "is near a cap"
        found.append(
            Concern(
                words=f"The campaign {row['id']} {words}", advice=_sentence(why or "see its report"),
                link=f"/console/campaigns/{quote(row['id'])}", oldest=row["changed_at"],
            )
        )  # fmt: skip
    return found


def _sentence(words: str) -> str:
    """Write words as a sentence."""
    return f"{words[:1].upper()}{words[1:]}."


def _expiring(late: Pile) -> Concern:
    noun = "text expires" if late.count == 1 else "texts expire"
    return Concern(
        words=f"{late.shown} {noun} within the hour",
        advice="They are due, and wait for a pause, a gateway or its rate.",
        link="/console/messages?state=queued", oldest=late.oldest,
    )  # fmt: skip


def concerns(piles: dict[str, Pile], since: str) -> list[Concern]:
    """Write what waits for a person, oldest first."""
    found = []
    for name, pile in piles.items():
        if pile.count:
            words, advice, link = KINDS[name]
            noun = NOUNS[name] if pile.count == 1 else f"{NOUNS[name]}s"
            link += f"&{urlencode({'since': since})}" if name == "no_recipient" else ""
            found.append(
                Concern(words=words.format(f"{pile.shown} {noun}"), advice=advice, link=link, oldest=pile.oldest)
            )
    return sorted(found, key=lambda concern: concern.oldest)


def figures(here: Figures, then: Figures, since: str) -> list[Figure]:
    """Write today's figures beside last week's."""
    messages, audit = f"/console/messages?since={since}", f"/console/audit?since={since}"
    return [
        Figure(name="Sent", today=f"{here.sent:,}", then=f"{then.sent:,}", note="", link=messages),
        Figure(
            name="Delivered",
            today=share(here.delivered, here.reported),
            then=share(then.delivered, then.reported),
            note=_coverage(here),
            link=f"{messages}&state=delivered",
            tone="" if not here.reported else "good" if here.delivered >= TARGET * here.reported else "bad",
        ),
        Figure(
            name="Failed",
            today=f"{here.failed:,}",
            then=f"{then.failed:,}",
            note="refused, not delivered, too late",
            link=f"{messages}&state=any_failure",
            tone="bad" if here.failed else "",
        ),
        Figure(name="Replied", today=f"{here.replied:,}", then=f"{then.replied:,}", note="", link=""),
        Figure(
            name="Skipped",
            today=f"{here.skipped:,}",
            then=f"{then.skipped:,}",
            note="decisions without a text",
            link=f"{audit}&reason=any_skip",
        ),
    ]


def share(part: int, whole: int) -> str:
    """Write a share; of nothing there is none."""
    return f"{part / whole:.1%}" if whole else "–"


def _coverage(here: Figures) -> str:
    """Say how many texts the share of delivered ones rests on: without receipts it would be a guess."""
    if not here.sent:
        return "nothing sent yet"
    return f"{here.delivered:,} texts; final receipts for {here.reported / here.sent:.0%} of those sent"
