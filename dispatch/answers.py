"""Which text does a reply answer, and what does it mean? Pure; the worker and the tests inside rules.yaml both ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from dispatch import hours
from model.reasons import Needs
from model.sending import Asked
from rules.book import Book, Rule
from rules.render import Text, Voice, read_time
from rules.replies import NOTE, REPLY
from wire import keywords
from wire.keywords import fold
from wire.reading import dig

Data = Mapping[str, Any]
DataOf = Callable[[Asked], Data]
"""Gives the fields a rule can name of the event behind a text; {} when it is no longer kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Understood:
    """What a reply means and which text it answers. `needs` says why a person has to see it.

    Only a reply with a `rule` and without `needs` leads to anything by itself.
    """

    intent: str
    answers: Asked | None = None
    rule: Rule | None = None
    needs: Needs | None = None


def understand(book: Book, text: str, wish: str, asked: Sequence[Asked], data_of: DataOf, now: datetime) -> Understood:
    """Read a reply. `asked` are the texts of the last days to this phone, newest first; `wish` is what its words say.

    Stop, start and help mean the same whatever was asked. Any other text belongs to the newest text whose rule knows
    answers; where several records asked, the one that knows this answer, or whose name the text holds, is meant.
    """
    newest = asked[0] if asked else None
    if wish != keywords.OTHER:
        needs = Needs.ASKED_TO_STOP if wish == keywords.PERHAPS_STOP else None
        return Understood(intent=wish, answers=newest, needs=needs)
    open_ = _open(book, asked)
    if not open_:
        return Understood(intent=keywords.OTHER, answers=newest, needs=Needs.NOBODY_ASKED)
    meant = _meant(open_, text)
    if len(meant) > 1:
        return Understood(intent=keywords.OTHER, answers=meant[0][0], needs=Needs.SEVERAL)
    sent, rule = meant[0]
    intent, sure = rule.replies.read(text) if rule.replies else ("", False)
    needs = None if sure else Needs.NOT_SURE if intent else Needs.NOT_UNDERSTOOD
    if sure and _is_over(rule, sent, data_of(sent), now):
        needs = Needs.TOO_LATE
    return Understood(intent=intent or keywords.OTHER, answers=sent, rule=rule, needs=needs)


_Open = tuple[Asked, Rule]


def _open(book: Book, asked: Sequence[Asked]) -> list[_Open]:
    """Return the newest text of each record that expects an answer; those answered already only when all are."""
    by_record: dict[tuple[str, str], _Open] = {}
    for sent in asked:
        rule = book.get(sent.rule)
        if rule is not None and rule.replies is not None:
            by_record.setdefault((sent.rule, sent.key or sent.event_id), (sent, rule))
    found = list(by_record.values())
    waiting = [each for each in found if not each[0].answered]
    return waiting or found[:1]


def _meant(open_: list[_Open], text: str) -> list[_Open]:
    """Narrow several records down to the one the text speaks of; more than one where it does not say."""
    if len(open_) == 1:
        return open_
    words = set(fold(text).split())
    named = [each for each in open_ if each[0].key and set(fold(each[0].key).split()) <= words]
    if len(named) == 1:
        return named
    knowing = [each for each in open_ if each[1].replies and each[1].replies.read(text)[0]]
    return knowing if len(knowing) == 1 else open_


def _is_over(rule: Rule, sent: Asked, data: Data, now: datetime) -> bool:
    """Tell whether what the text announced has passed; a text that came after it (a dunning letter) asks anew."""
    step = next((step for step in rule.steps if step.id == sent.step), None)
    value = dig(data, step.schedule.at) if step and step.schedule else None
    moment = read_time(value) if isinstance(value, str) and value else None
    if not isinstance(moment, date):  # nothing, or a time of day that belongs to no day
        return False
    over = _instant(moment, hours.zone_or_none(rule.zone) or hours.zone_or_none(rule.default_zone) or UTC)
    return sent.at < over < now


def _instant(value: date | datetime, zone: tzinfo) -> datetime:
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    return datetime.combine(value, time.max, zone)


def written(texts: Mapping[str, Text], data: Data, reply: str, locale: str, zone: str = "UTC") -> str:
    """Write an automatic answer in the language of the text it follows. Raises TemplateFault."""
    text, spoken = _in_language(texts, locale)
    return text.render({**data, REPLY: reply}, Voice(locale=spoken, zone=ZoneInfo(zone)))


def _in_language(texts: Mapping[str, Text], locale: str) -> tuple[Text, str]:
    name = spoken_in(texts, locale)
    return texts[name], locale if name and locale.partition("-")[0] == name.partition("-")[0] else name or "en"


def spoken_in(texts: Mapping[str, Any], locale: str) -> str:
    """Return which of several languages to speak: the one wanted, its language alone, English, else the first."""
    order = (locale, locale.partition("-")[0], "", "en")
    return next((name for name in order if name in texts), next(iter(texts), ""))


def change_of(texts: Mapping[str, Text], data: Data, reply: str, locale: str) -> tuple[dict[str, str], str]:
    """Write the fields and the note that go back to the source. Raises TemplateFault."""
    scope, voice = {**data, REPLY: reply}, Voice(locale=locale or "en")
    found = {name: text.render(scope, voice) for name, text in texts.items()}
    return {name: value for name, value in found.items() if name != NOTE}, found.get(NOTE, "")
