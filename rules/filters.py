"""The filters of texts: amounts, dates and times in the recipient's words, zone and locale; each bounded."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel.core import Locale, UnknownLocaleError
from babel.dates import format_date, format_skeleton, format_time
from babel.numbers import format_currency
from jinja2 import pass_context
from jinja2.runtime import Context

MAX_OUTPUT = 2_000
UTC_ZONE = ZoneInfo("UTC")
MOST_DIGITS = 15


class TemplateFault(Exception):  # noqa: N818 - names the outcome
    """The text cannot be written (when loading: `line` counts from 1 within the template)."""

    def __init__(self, text: str, line: int = 1) -> None:
        super().__init__(text)
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a text speaks: the recipient's locale and zone; `naive` is the zone of times that name none, if not that.
    `shorten` makes links short, where the text has such.
    """

    locale: str = "en"
    zone: tzinfo = UTC_ZONE
    naive: tzinfo | None = None
    shorten: Callable[[str], str] | None = None


def printable(value: Any) -> Any:
    """Return what may be printed: no list and no group of fields."""
    if isinstance(value, Mapping | list | tuple):
        raise TemplateFault("A list or group of fields cannot be printed; name one field of it.")
    return value


def locale_of(value: Any, fallback: str) -> str:
    """Return a language tag such as "de-DE" from whatever a source calls a locale; `fallback` when it is none."""
    return _locale(str(value)) or fallback if isinstance(value, str) and value else fallback


@lru_cache(maxsize=1_000)
def _locale(value: str) -> str:
    try:
        return str(Locale.parse(value.replace("-", "_"))).replace("_", "-")
    except (ValueError, UnknownLocaleError, TypeError):
        return ""


@pass_context
def _money(context: Context, value: Any, currency: Any = "") -> str:
    code = str(currency).strip().upper()
    if len(code) != 3 or not code.isalpha() or not code.isascii():
        raise TemplateFault(f"money needs a currency code of three letters, not {code[:20]!r}.")
    try:
        amount = Decimal(str(value).strip())
    except InvalidOperation:
        amount = Decimal("nan")
    if not amount.is_finite() or (amount and not -MOST_DIGITS < amount.adjusted() < MOST_DIGITS):
        raise TemplateFault(f"{str(value)[:40]!r} is not an amount.")
    return str(format_currency(amount or Decimal(0), code, locale=_babel(context)))


@pass_context
def _date(context: Context, value: Any, style: str = "medium") -> str:
    if style not in {"short", "medium", "long", "full"}:
        raise TemplateFault("date takes 'short', 'medium', 'long' or 'full'.")
    return str(format_date(_day_of(context, value), style, locale=_babel(context)))


@pass_context
def _day(context: Context, value: Any) -> str:
    return str(format_skeleton("MMMEd", _day_of(context, value), locale=_babel(context)))


@pass_context
def _time(context: Context, value: Any) -> str:
    found = read_time(value)
    if not isinstance(found, datetime):
        raise TemplateFault(f"{str(value)[:40]!r} has no time of day.")
    return str(format_time(_local(context, found).time(), "short", locale=_babel(context)))


def _truncate_name(value: Any, length: Any = 15) -> str:
    if not isinstance(length, int) or not 1 <= length <= 60:
        raise TemplateFault("truncate_name takes a number of characters from 1 to 60.")
    return next(iter(str(value).split()), "")[:length]


def _join(value: Any, between: Any = "") -> str:
    if not isinstance(value, list | tuple):
        raise TemplateFault("join needs a list.")
    parts, glue = [str(printable(part)) for part in value], str(between)
    if sum(map(len, parts)) + len(glue) * len(parts) > MAX_OUTPUT:
        raise TemplateFault(f"The text is longer than {MAX_OUTPUT:,} characters.")
    return glue.join(parts)


@pass_context
def _short(context: Context, value: Any) -> str:
    address, shorten = str(printable(value)).strip(), _voice(context).shorten
    if shorten is None:
        raise TemplateFault("No short links here: they need links: {domain: https://...}, and codes have none.")
    return shorten(address)


def read_time(value: Any) -> datetime | date | time | None:
    """Read an ISO 8601 date or date-time; None when it is neither."""
    if isinstance(value, datetime | date):
        return value
    try:
        text = str(value).strip()
        return date.fromisoformat(text) if len(text) == 10 else datetime.fromisoformat(text)
    except ValueError:
        return None


def _day_of(context: Context, value: Any) -> date:
    found = read_time(value)
    if isinstance(found, datetime):
        return _local(context, found).date()
    if isinstance(found, date):
        return found
    raise TemplateFault(f"{str(value)[:40]!r} is not a date.")


def _local(context: Context, value: datetime) -> datetime:
    voice = _voice(context)
    aware = value.replace(tzinfo=voice.naive or voice.zone) if value.tzinfo is None else value
    return aware.astimezone(voice.zone)


def _voice(context: Context) -> Voice:
    voice: Voice = context["_voice"]
    return voice


def _babel(context: Context) -> Locale:
    return _parsed(_voice(context).locale)


@lru_cache(maxsize=200)
def _parsed(tag: str) -> Locale:
    return Locale.parse(tag.replace("-", "_"))


OWN: dict[str, Callable[..., str]] = {
    "join": _join,
    "money": _money,
    "date": _date,
    "day": _day,
    "time": _time,
    "truncate_name": _truncate_name,
    "short": _short,
}
SENTENCES = {
    "money": "An amount with its currency: {{ total|money(currency) }}.",
    "date": "A date in the recipient's words: {{ due_date|date }}; also date('short'), date('long').",
    "day": "Weekday, day and month: {{ starts_at|day }}.",
    "time": "Time of day in the recipient's zone: {{ starts_at|time }}.",
    "default": "What to say when the field is empty: {{ name|default('there') }}.",
    "upper": "CAPITALS.",
    "lower": "Small letters.",
    "title": "First Letters Large.",
    "trim": "Without spaces at the ends.",
    "truncate_name": "The first word, at most 15 characters: {{ name|truncate_name }}.",
    "length": "How many.",
    "first": "The first of a list.",
    "last": "The last of a list.",
    "short": "A short link of your own domain, counted when followed: {{ pay_url|short }}.",
    "join": "A list as one text: {{ items|join(', ') }}.",
}
"""What each filter does, for docs/rules.md and editors."""
