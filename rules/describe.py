"""A rule in words, as it is understood after defaults, for `tidings rules show` and the console."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from rules.book import Audience, Campaign, CampaignCaps, Pattern, Quiet, Rule, Schedule, Step, Throttle, WallTime

IF_PAST = {
    "send_now": "at once where that has passed",
    "skip": "not at all where that has passed",
    "nearest": "at the latest allowed moment where that has passed",
}
QUIET_THEN = {
    "defer": "a text due then waits for the end",
    "earlier": "a text due then leaves before",
    "drop": "a text due then is not sent",
}
LEGAL = {
    "consent": "where the law of the recipient's country sets any, for texts that need consent",
    "always": "where the law of the recipient's country sets any",
    "never": "not asked for",
}
ON_UNKNOWN = {"drop": "is never repeated", "retry": "is sent again", "ask": "waits for a person"}
UNITS = ((86400, "day"), (3600, "hour"), (60, "minute"), (1, "second"))


def describe(rule: Rule) -> Iterable[tuple[str, str]]:
    """Yield what a rule says, one (name, sentence) at a time, in the order in which it happens."""
    yield "rule", f"{rule.id}, {rule.file} line {rule.line}{_switches(rule)}"
    if rule.campaign is not None:
        yield from _campaign(rule.campaign)
    else:
        yield "listens to", _patterns(rule.events)
        yield "at most", f"{span(rule.max_age)} after it happened{', also test events' if rule.test_events else ''}"
    for when in rule.when:
        yield "only when", when.condition.source
    yield "texts", f"the first usable number of {', '.join(rule.to)}{_region(rule)}"
    yield "consent", f"opt-in to {rule.consent}" if rule.consent else "not asked; an opt-out is honoured"
    yield from _identity(rule)
    yield from _says(rule)
    yield "speaks", f"locale {rule.locale}, else {rule.default_locale}; times in {rule.zone}, else {rule.default_zone}"
    yield from _answers(rule)
    yield from _limits(rule)
    yield "leaves by", f"{_gateways(rule)}, lane {rule.lane.code}{f', as {rule.sender}' if rule.sender else ''}"
    yield "if unclear", f"a text nobody knows the fate of {ON_UNKNOWN.get(rule.on_unknown, rule.on_unknown)}"
    yield "tests", f"{len(rule.tests)} in the file"


def _switches(rule: Rule) -> str:
    switched = ["" if rule.enabled else "switched off", "in shadow: sends nothing" if rule.shadow else ""]
    return "".join(f", {word}" for word in switched if word)


def _campaign(campaign: Campaign) -> Iterator[tuple[str, str]]:
    yield "campaign", f"to the people of {_people(campaign.audience)}"
    for when in campaign.audience.when:
        yield "only those", when.condition.source
    last = f", none after {_moment(campaign.stop)}" if campaign.stop else ""
    yield "begins", f"{_begin(campaign.start)}{last}{_pace(campaign.rate)}"
    yield "approved by", f"{campaign.approve} {'person' if campaign.approve == 1 else 'people'} besides its maker"
    if campaign.variants:
        yield "texts by share", ", ".join(f"{name} {share}" for name, share in campaign.variants.items())
    if capped := _caps(campaign.caps):
        yield "on one day at most", capped
    on = campaign.stop_on
    spent = f", or {on.spent} are spent" if on.spent else ""
    yield "stops when", f"more than {on.failed:.0%} of at least {on.after} texts failed{spent}"


def _people(audience: Audience) -> str:
    if audience.source:
        return f"{audience.source}: {audience.query}"
    return audience.file or f"the list {audience.list}"


def _begin(start: datetime | WallTime | None) -> str:
    if start is None:
        return "at once"
    return (
        f"{start.day} {start.clock:%H:%M} by each recipient's clock" if isinstance(start, WallTime) else _moment(start)
    )


def _caps(caps: CampaignCaps) -> str:
    said = [f"{caps.day:,} texts"] if caps.day else []
    said += [f"{most:,} to {'each other country' if name == '*' else name}" for name, most in caps.country.items()]
    return ", ".join([*said, *([str(caps.money)] if caps.money else [])])


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC{at.isoformat()[-6:] if at.utcoffset() else ''}"


def _pace(rate: float) -> str:
    """Write a rate in the largest unit that keeps it a whole number of texts."""
    for seconds, unit in ((1, "second"), (60, "minute"), (3600, "hour")) if rate else ():
        if round(rate * seconds, 6) % 1 == 0:
            return f", at most {round(rate * seconds):,} a {unit}"
    return ""


def _identity(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.key is not None:
        yield "record", f"{rule.key.source}: one waiting text per record{' and step' if len(rule.steps) > 1 else ''}"
    if rule.cancel_on:
        yield "ends with", _patterns(rule.cancel_on)
    if rule.dedupe_key is not None:
        yield "once per", f"{rule.dedupe_key.source} in {span(rule.dedupe_for)}"
    if rule.batch is not None:
        yield "gathers", f"{span(rule.batch.wait)} long, at most {rule.batch.max}, per {rule.batch.key.source}"
    if rule.supersede is not None:
        yield "replaces", f"a waiting text of the same {rule.supersede.source}"
    if rule.recheck:
        still = " and ".join(map(str, rule.recheck["still"]))
        yield "rechecks", f"{still}, before sending; source silent: {rule.recheck['if_unreachable']}"


def _says(rule: Rule) -> Iterator[tuple[str, str]]:
    if rule.text_by:
        yield "text by", rule.text_by
    for step in rule.steps:
        yield from _step(step)


def _answers(rule: Rule) -> Iterator[tuple[str, str]]:
    for intent, words in rule.replies.words.items() if rule.replies else ():
        then = [f"{kind} {name}".strip() for kind, name in _follows(rule, intent)]
        yield f"reply {intent}", ", ".join([" or ".join(words), *then])


def _follows(rule: Rule, intent: str) -> Iterator[tuple[str, str]]:
    if rule.replies and intent in rule.replies.write_back:
        yield "writes", " and ".join(rule.replies.write_back[intent])
    if rule.replies and intent in rule.replies.answer:
        yield "is answered", ""


def _step(step: Step) -> Iterator[tuple[str, str]]:
    name = f"step {step.id}" if step.id else "leaves"
    if step.id or step.schedule:
        yield name, _schedule(step.schedule) if step.schedule else "at once"
    for value, by_locale in step.texts.items():
        for locale, text in by_locale.items():
            yield " ".join(word for word in ("text", value, locale) if word), text.source


def _schedule(schedule: Schedule) -> str:
    moved = schedule.offset
    shift = f"{span(abs(moved))} {'before' if moved < timedelta() else 'after'} " if moved else "at "
    clock = f", at {schedule.time} of that day" if schedule.time else ""
    last = schedule.not_after
    limit = f", never later than {span(abs(last))} {'before' if last < timedelta() else 'after'}" if last else ""
    return f"{shift}{schedule.at}{clock}; {IF_PAST[schedule.if_past]}{limit}"


def _limits(rule: Rule) -> Iterator[tuple[str, str]]:
    yield "quiet hours", _quiet(rule.quiet)
    yield "legal hours", LEGAL[rule.legal_hours]
    yield "throttle", _throttle(rule.throttle)
    yield "length", f"at most {rule.max_segments} segments; look-alike characters: {rule.smart}"
    yield "lives", f"{span(rule.ttl)}: not handed over by then, it expires"
    if rule.links:
        where = f"to {', '.join(rule.links.hosts)}" if rule.links.hosts else "to anywhere"
        yield "short links", f"of {rule.links.domain}, for {span(rule.links.expires)}, {where}"
    if rule.redact:
        yield "hidden", ", ".join(rule.redact)


def _quiet(quiet: Quiet | None) -> str:
    if quiet is None:
        return "none"
    zone = "the recipient's time" if quiet.zone == "recipient" else quiet.zone
    return f"{quiet.start} to {quiet.end}, {zone}; {QUIET_THEN[quiet.then]}"


def _throttle(throttle: Throttle | None) -> str:
    if throttle is None:
        return "none"
    scope = {"recipient": "person", "rule": "person and rule", "record": "person and record"}[throttle.key]
    return f"at most {throttle.max} in {span(throttle.per)} per {scope}"


def _gateways(rule: Rule) -> str:
    order = ", then ".join(rule.gateways) or "the configured gateways"
    return f"{order} (the next after {span(rule.next_after)})" if rule.next_after else order


def _region(rule: Rule) -> str:
    return f" (without +..: {rule.region})" if rule.region else ""


def _patterns(patterns: Sequence[Pattern]) -> str:
    return ", ".join(f"{pattern.source}:{pattern.type}" if pattern.source else pattern.type for pattern in patterns)


def span(length: timedelta) -> str:
    """Write a length of time with its two largest units: 1 day, 2 hours 30 minutes."""
    rest, parts = int(length.total_seconds()), []
    for seconds, unit in UNITS:
        count, rest = divmod(rest, seconds)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " ".join(parts[:2]) or "0 seconds"
