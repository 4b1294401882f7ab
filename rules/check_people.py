"""What a person would notice: two texts for one event, a text that never comes, a sender that does not arrive."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, time, timedelta
from functools import cache
from itertools import pairwise
from pathlib import Path

from model.reasons import Problem
from rules.book import Rule, Schedule
from rules.describe import span
from rules.known import World, at, warn
from rules.reader import Node, read
from rules.windows import Week, windows_of

SENDERS = Path(__file__).parent / "data" / "senders.yaml"
LONGEST_NAME = 11
NAMES = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

Occasion = tuple[str, str, tuple[str, ...], Schedule | None]
"""An event type, a field with a number, the conditions, and the time: who shares all of it is texted twice."""


def quiet_past_ttl(rule: Rule, _world: World) -> Iterator[Problem]:
    """Warn of quiet hours that outlast the life of a text which falls into them."""
    quiet = rule.quiet
    if quiet is None or quiet.then != "defer" or quiet.start == quiet.end:
        return
    length = (_clock(quiet.end) - _clock(quiet.start)) % timedelta(days=1)
    if length >= rule.ttl:
        waits = f"A text due at {quiet.start} waits {span(length)} for {quiet.end}"
        place = "quiet_hours" if "quiet_hours" in rule.places else "ttl"
        never = f"{waits}, but its ttl is {span(rule.ttl)}: it never leaves."
        yield warn(rule, place, never, "Make ttl longer, or write quiet_hours: ignore.")


def law_past_ttl(rule: Rule, _world: World) -> Iterator[Problem]:
    """Warn of closed days of the law that outlast the life of a text which falls into them."""
    if rule.legal_hours == "never" or not (rule.consent or rule.legal_hours == "always"):
        return
    for window in windows_of(rule.region.upper()):
        opens, length = _longest_closed(window.week)
        if length >= rule.ttl:
            said = f"In {window.country} a text due {opens} waits {span(length)} (open {window.shown}), but its ttl is"
            yield warn(rule, "ttl", f"{said} {span(rule.ttl)}: it never leaves.", "Make ttl longer.")


def _longest_closed(week: Week) -> tuple[str, timedelta]:
    """Return when the longest closed time of a week begins, and how long it is."""
    hours = [
        (day * timedelta(days=1) + _since_midnight(hours[0]), day * timedelta(days=1) + _since_midnight(hours[1]))
        for day, hours in enumerate((*week, *week))
        if hours is not None
    ]
    length, began = max((opens - closed, closed) for (_, closed), (opens, _) in pairwise(hours))
    hour, minute = divmod(began.seconds // 60, 60)
    return f"on {NAMES[began.days % 7]} at {hour:02}:{minute:02}", length


def _since_midnight(clock: time) -> timedelta:
    return timedelta(hours=clock.hour, minutes=clock.minute)


def campaign_consent(rule: Rule, _world: World) -> Iterator[Problem]:
    """Warn of a campaign that asks nobody for consent."""
    if rule.campaign is not None and not rule.consent:
        said = "A campaign without consent texts people who never agreed to it."
        yield warn(rule, "campaign", said, "Name the category, such as consent: marketing.")


def _clock(text: str) -> timedelta:
    found = datetime.strptime(text, "%H:%M")  # noqa: DTZ007 - a time of day has no zone
    return timedelta(hours=found.hour, minutes=found.minute)


def senders(rule: Rule, _world: World) -> Iterator[Problem]:
    """Refuse names as senders where carriers take numbers only. The country is the rule's or the default region."""
    name = rule.sender
    if not any(char.isalpha() for char in name):
        return
    if len(name) > LONGEST_NAME:
        yield at(rule, "sender", f"{name!r} has {len(name)} characters; a sender has at most {LONGEST_NAME}.")
    country = rule.region.upper()
    forbidden, register = _countries()
    if country in forbidden:
        yield at(rule, "sender", f"{name!r} cannot be the sender in {country}: {forbidden[country]}.", "Use a number.")
    elif country in register:
        yield warn(rule, "sender", f"{name!r} needs care in {country}: {register[country]}.")


@cache
def _countries() -> tuple[dict[str, str], dict[str, str]]:
    entries = read(SENDERS).entries or {}
    return _table(entries["forbidden"]), _table(entries["register"])


def _table(node: Node) -> dict[str, str]:
    return {country: child.text or "" for country, child in (node.entries or {}).items()}


def texted_twice(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Warn of two rules that text the same person at the same time for the same event, under the same conditions."""
    first: dict[Occasion, list[Rule]] = {}
    told: set[tuple[str, str]] = set()
    for rule in rules:
        for occasion in _occasions(rule) if rule.enabled and not rule.shadow else ():
            others = first.setdefault(occasion, [])
            twin = next((other for other in others if _share(other, rule, occasion[0])), None)
            if twin is None:
                others.append(rule)
            elif (twin.id, rule.id) not in told:
                told.add((twin.id, rule.id))
                text = f"{occasion[0]} would be texted twice to {occasion[1]}: also by {twin.id}, line {twin.line}."
                yield warn(rule, "event", text, "Give one of them a `when` of its own.")


def _occasions(rule: Rule) -> Iterator[Occasion]:
    when = tuple(sorted(line.condition.source for line in rule.when))
    for event_type in dict.fromkeys(pattern.type for pattern in rule.events):
        for path in rule.to:
            for step in rule.steps:
                yield event_type, path, when, step.schedule


def _share(one: Rule, other: Rule, event_type: str) -> bool:
    """Tell whether one event can make both rules speak."""
    sources = [{p.source for p in rule.events if p.type == event_type} for rule in (one, other)]
    if one is other or not ("" in sources[0] | sources[1] or sources[0] & sources[1]):
        return False
    if one.text_by and one.text_by == other.text_by:
        return bool(one.steps[0].texts.keys() & other.steps[0].texts.keys())
    return True
