"""Where and in what language a rule speaks: locale, time zone, country; each may also be a field that holds it."""

from __future__ import annotations

from functools import lru_cache
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

import phonenumbers

from rules.fields import FIELD_PATH, Problems, did_you_mean, text
from rules.reader import Node
from rules.render import locale_of

LONGEST = 64
"""No zone has a longer name; whoever looks for the file of one would split it into its folders."""

COUNTRIES = frozenset(phonenumbers.SUPPORTED_REGIONS)
"""ISO codes of the countries that have phone numbers: a name from CLDR would load a whole language, 4 MB of it."""


def locale(node: Node, problems: Problems) -> str:
    """Read a locale, or the field that holds it."""
    value = text(node, problems)
    if value and not locale_of(value, "") and not FIELD_PATH.fullmatch(value):
        problems.add(node, f"{value[:40]!r} is neither a locale nor a field.", "Write de, de-AT or customer.locale.")
    return value


def zone(node: Node, problems: Problems) -> str:
    """Read a time zone, or the field that holds it."""
    value = text(node, problems)
    return value if FIELD_PATH.fullmatch(value) else _known_zone(node, value, problems)


def zone_or_recipient(node: Node, problems: Problems) -> str:
    """Read whose clock counts: the recipient's, or that of a zone."""
    value = text(node, problems)
    return value if value == "recipient" else _known_zone(node, value, problems)


def _known_zone(node: Node, value: str, problems: Problems) -> str:
    if value and not is_zone(value):
        hint = did_you_mean(value[:60], available_timezones()) or "Write it as Europe/Berlin."
        problems.add(node, f"{value[:40]!r} is not a time zone.", hint)
    return value


@lru_cache(maxsize=1_000)
def is_zone(value: str) -> bool:
    """Tell whether a text names a time zone."""
    if len(value) > LONGEST:
        return False
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def region(node: Node, problems: Problems) -> str:
    """Read a country, or the field that holds it."""
    value = text(node, problems)
    if len(value) == 2 and value.upper() not in COUNTRIES:
        problems.add(node, f"{value!r} is not a country.", "Write its ISO 3166 code: DE, GB, US.")
    elif value and not FIELD_PATH.fullmatch(value):
        problems.add(node, f"{value[:40]!r} is neither a country nor a field.", "Write DE, or customer.country.")
    return value
