"""The gates a text goes through, in the order in which dispatch.plan calls them. Each leaves what it saw. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, cast

from dispatch import content, timing
from dispatch.draft import Draft, Moment, key_or_stop, rendered
from dispatch.facts import Facts
from dispatch.recipient import Candidate, NoRecipient, mask, resolve
from dispatch.segments import Level, Measure, lookalikes, measure
from dispatch.timing import NotDue
from model.message import Recipient
from model.reasons import Because
from rules.book import Naming
from rules.check_links import CODES
from rules.condition import ConditionFault
from rules.links import Shortening
from rules.naming import place_of, renamed
from rules.render import TemplateFault, Text, Voice, locale_of
from rules.words import opt_out_in
from wire.reading import dig


def before_text(draft: Draft, facts: Facts, moment: Moment) -> None:
    """What a rule asks once, whatever number of texts it has."""
    rule, event = draft.rule, draft.event
    draft.passed("event", f"{event.source}:{event.type}")
    if draft.naming is not None and draft.naming.fields:
        _names(draft, draft.naming)
    if not rule.enabled:
        raise draft.stop("enabled", Because.DISABLED, "The rule is switched off.")
    age = moment.now - event.occurred_at
    if age > rule.max_age:
        raise draft.stop("max_age", Because.STALE, f"happened {age} ago, max_age is {rule.max_age}")
    draft.passed("max_age")
    if event.test and not rule.test_events:
        raise draft.stop("test_events", Because.TEST_EVENT, "The sender marked it as a test.")
    draft.passed("test_events", "a test event, which this rule takes" if event.test else "")
    draft.key = key_or_stop(draft)
    _newest(draft, facts, draft.key)
    for index, when in enumerate(rule.when):
        try:
            verdict = when.condition.check(draft.data, moment.now)
        except ConditionFault as fault:
            raise draft.stop(f"when[{index}]", Because.RULE_ERROR, str(fault), line=when.line) from None
        if not verdict.passed:
            raise draft.stop(f"when[{index}]", Because.WHEN, verdict.saw, reason=f"when[{index}]", line=when.line)
        draft.passed(f"when[{index}]", verdict.saw, when.line)


def _names(draft: Draft, naming: Naming) -> None:
    """Say which of the names that this rule reads stand for another field of the source."""
    read = draft.rule.reads
    used = [
        name
        for name in sorted(naming.fields)
        if any(path == name or path.startswith(f"{name}.") or name.startswith(f"{path}.") for path in read)
    ]
    if used:
        shown = ", ".join(f"{name} is {naming.fields[name]}" for name in used)
        draft.passed("sources", f"at {draft.event.source}, {shown}")


def texts_of(draft: Draft) -> Mapping[str, Text]:
    """Return the text of each locale, of the variant that `text_by` picks."""
    rule = draft.rule
    if not rule.text_by:
        return draft.step.texts[""]
    value = str(dig(draft.data, rule.text_by) or "")
    if value not in draft.step.texts:
        saw = f"{rule.text_by} is {value!r}" if value else f"missing: {rule.text_by}"
        raise draft.stop("text_by", Because.TEXT_BY, saw)
    draft.passed("text_by", value)
    return draft.step.texts[value]


def recipient_of(draft: Draft) -> Recipient:
    """Find the phone in the fields the rule names."""
    rule, data = draft.rule, draft.data
    places = {path: place_of(path, draft.naming) for path in rule.to}
    candidates = [
        Candidate(field=place, value=dig(data, path), region=_country(data, place)) for path, place in places.items()
    ]
    region = rule.region if len(rule.region) == 2 else str(dig(data, rule.region) or "") if rule.region else ""
    found = resolve(candidates, region)
    if isinstance(found, NoRecipient):
        raise draft.stop("to", Because.NO_RECIPIENT, found.why)
    draft.passed("to", f"{found.field}: {mask(found.number)}{f' ({found.warning})' if found.warning else ''}")
    return found


def _country(data: Mapping[str, Any], path: str) -> str:
    """Return the country that belongs to a phone: the one beside it, else the record's."""
    beside = path.rpartition(".")[0]
    for place in ([f"{beside}.country", f"{beside}.country_code"] if beside else []) + ["country"]:
        value = dig(data, place)
        if isinstance(value, str) and len(value) == 2:
            return value.upper()
    return ""


def consent(draft: Draft, recipient: Recipient, facts: Facts) -> None:
    """See that the person wants texts of this kind."""
    category = draft.rule.consent
    stopped = facts.opted_out(recipient.number, category)
    if stopped:
        raise draft.stop("consent", Because.OPTED_OUT, stopped)
    if category and not facts.consented(recipient.number, category):
        raise draft.stop("consent", Because.NO_CONSENT, f"no opt-in to {category}")
    draft.passed("consent", f"opted in to {category}" if category else "transactional, no opt-out")
    if category and (often := facts.too_often(recipient.number)):
        raise draft.stop("marketing_per_person", Because.TOO_OFTEN, often)


def dedupe_of(draft: Draft, due: str, facts: Facts) -> str:
    """Return the dedupe value: the rule's own key, else record and time of a reminder, else the event itself."""
    rule, event = draft.rule, draft.event
    if rule.dedupe_key is not None:
        value = rendered(draft, rule.dedupe_key, "dedupe")
    elif draft.key and due:
        value = f"{draft.key}@{due}"
    else:
        value = event.id
    dedupe = "\x1f".join((event.source, rule.id, draft.step.id, value))
    before = facts.seen(dedupe, rule.id, draft.key)
    if before:
        raise draft.stop("dedupe", Because.DUPLICATE, f"{value} was texted by {before}")
    draft.passed("dedupe", value)
    return dedupe


def batch_of(draft: Draft, facts: Facts, now: datetime) -> tuple[str, tuple[Mapping[str, Any], ...], datetime]:
    """Join the event to those that wait for the same person; the text then tells them all."""
    batch = draft.rule.batch
    if batch is None:
        return "", (), now
    name = "batch:" + rendered(draft, batch.key, "batch")
    before, leaves = facts.gathered(draft.rule.id, name) or ((), now + batch.wait)
    items = (*before, renamed(draft.event.data, draft.naming))
    draft.data = {**draft.data, "items": list(items), "count": len(items)}
    draft.passed("batch", f"{len(items)} of at most {batch.max}, leaves {leaves:%H:%M:%S} UTC")
    return name, items, now if len(items) >= batch.max else leaves


def throttle_of(draft: Draft, recipient: Recipient, facts: Facts, moment: Moment) -> str:
    """See that the person did not get too many already; return what they are counted by."""
    throttle = draft.rule.throttle
    if throttle is None:
        return ""
    scope = {"recipient": "", "rule": draft.rule.id, "record": f"{draft.rule.id}/{draft.key or draft.event.key}"}
    key = f"{recipient.number}|{scope[throttle.key]}"
    count = facts.sent_since(key, moment.now - throttle.per)
    if count >= throttle.max:
        raise draft.stop("throttle", Because.THROTTLED, f"{count} texts in {throttle.per}, at most {throttle.max}")
    draft.passed("throttle", f"{count} of {throttle.max} in {throttle.per}")
    return key


def shortening_of(draft: Draft, moment: Moment) -> Shortening | None:
    """Return what makes the links of the text short; None where it has none."""
    rule = draft.rule
    if rule.links is None or draft.event.type == CODES:
        return None
    hidden = [dig(draft.data, path) for path in rule.redact]
    kept_out = [str(one) for one in hidden if isinstance(one, str | int) and not isinstance(one, bool) and str(one)]
    return Shortening(rule.links, moment.new_code, kept_out)


def written(draft: Draft, texts: Mapping[str, Text], voice: Voice, *, past: bool) -> tuple[str, str, Measure]:
    """Write the text in the person's language; return the language, the words and their size. `past`: see Moment."""
    rule = draft.rule
    wanted = locale_of(dig(draft.data, rule.locale), "") or locale_of(rule.locale, "") or rule.default_locale
    order = (wanted, wanted.partition("-")[0], rule.default_locale, rule.default_locale.partition("-")[0], "")
    locale = next((name for name in order if name in texts), next(iter(texts), ""))
    spoken = wanted if wanted.partition("-")[0] == locale.partition("-")[0] else locale or wanted
    try:
        way_out = {} if "opt_out" in draft.data else {"opt_out": opt_out_in(spoken)}
        text = lookalikes(
            texts[locale].render({**draft.data, **way_out}, replace(voice, locale=spoken or "en")),
            cast("Level", rule.smart),
        )
    except (TemplateFault, KeyError) as fault:
        raise draft.stop(
            "text", Because.RENDER_ERROR, str(fault), line=draft.step.line if draft.step.id else 0
        ) from None
    if not text:
        raise draft.stop("text", Because.RENDER_ERROR, "The text is empty.")
    size = measure(text)
    if size.segments > rule.max_segments:
        saw = f"{size.segments} segments, at most {rule.max_segments}"
        raise draft.stop("max_segments", Because.TOO_LONG, saw)
    blocked = content.blocked(text, past=past)
    if blocked:
        raise draft.stop("content", Because.BLOCKED_CONTENT, blocked)
    return spoken, text, size


def open_hours(draft: Draft, recipient: Recipient, when: datetime, moment: Moment) -> datetime:
    """Move the text out of the hours in which the person is left alone."""
    limits = timing.limits_of(draft.rule, draft.data, recipient)
    if not limits:
        draft.passed("quiet_hours", "none")
        return when
    opens = timing.allowed(limits, draft.rule.quiet.then if draft.rule.quiet else "defer", when, moment.now)
    if isinstance(opens, NotDue):
        raise draft.stop("quiet_hours", opens.because, opens.note)
    draft.passed("quiet_hours", opens.note)
    return opens.at


def supersede_of(draft: Draft, facts: Facts) -> str:
    """Return what a newer text replaces this one by."""
    if draft.rule.supersede is None:
        return ""
    value = "supersede:" + rendered(draft, draft.rule.supersede, "supersede")
    _newest(draft, facts, value)
    return value


def _newest(draft: Draft, facts: Facts, key: str) -> None:
    """Let an event that was overtaken by a newer one about the same record change nothing."""
    newest = facts.newest(draft.rule.id, key) if key else None
    if newest is None:
        return
    last_word, closed = newest
    if closed and last_word >= draft.event.occurred_at:
        raise draft.stop("key", Because.CANCELLED, f"{key} was cancelled at {last_word:%Y-%m-%d %H:%M:%S} UTC")
    if last_word > draft.event.occurred_at:
        raise draft.stop("key", Because.SUPERSEDED, f"a newer event about {key} was here first")
