"""Reading filters out of an address: what was typed stays in the form, what cannot be read is said beside its field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from audit import search
from audit.search import Filter
from web import numbers
from web.desk import Desk
from web.words import STATE_GROUPS

LONGEST = 200
FIELDS = ("number", "phone_of", "source", "type", "rule", "state", "reason", "since", "until", "q", "region")
MOST_CONDITIONS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What somebody wants to see: the filter, the fields as typed, and what was wrong with them."""

    filter: Filter
    typed: Mapping[str, str]
    wrong: Mapping[str, str]


def read(args: Mapping[str, str], desk: Desk) -> Asked:
    """Read the filters of a list."""
    typed = {name: args.get(name, "").strip()[:LONGEST] for name in FIELDS}
    typed = {name: value for name, value in typed.items() if value}
    wrong: dict[str, str] = {}
    number = _number(args.get("number", ""), typed, wrong, desk)
    wanted = Filter(
        number=number,
        spellings=numbers.spellings(number) if number else (),
        source=typed.get("source", ""),
        type=typed.get("type", ""),
        rule=typed.get("rule", ""),
        states=_states(typed.get("state", "")),
        reasons=_reasons(typed.get("reason", "")),
        since=time("since", typed, wrong),
        until=time("until", typed, wrong),
        words=typed.get("q", ""),
        skipped=typed.get("reason") == "any_skip",
    )
    return Asked(filter=wanted, typed=typed, wrong=wrong)


def _number(raw: str, typed: Mapping[str, str], wrong: dict[str, str], desk: Desk) -> str:
    if "number" in typed:
        number = numbers.read(raw[:LONGEST], typed.get("region", "").upper()[:2] or desk.region)
        if not number:
            wrong["number"] = "Not a phone number. Write it with + and the country code."
        return number
    if "phone_of" in typed:
        number = search.number_of(desk.store, typed["phone_of"])
        if not number:
            wrong["number"] = "The text whose phone was asked for is not stored (any more)."
        return number
    return ""


def _states(code: str) -> tuple[str, ...]:
    return STATE_GROUPS[code][1] if code in STATE_GROUPS else (code,) if code else ()


def _reasons(code: str) -> tuple[str, ...]:
    """`when` alone means any of a rule's conditions."""
    if code == "when":
        return ("when", *(f"when[{index}]" for index in range(MOST_CONDITIONS)))
    return (code,) if code and code != "any_skip" else ()


def time(name: str, typed: Mapping[str, str], wrong: dict[str, str]) -> datetime | None:
    """Read a time out of a form; what is wrong with it is written beside its field."""
    text = typed.get(name, "")
    if not text:
        return None
    try:
        value = datetime.fromisoformat(text)
        value = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (ValueError, OverflowError):
        wrong[name] = "Not a time. Write it like 2026-11-23 or 2026-11-23T08:00 (UTC)."
        return None
    whole_day = len(text) == len("2026-11-23") and name == "until" and value.year < 9999
    return value + timedelta(days=1, milliseconds=-1) if whole_day else value
